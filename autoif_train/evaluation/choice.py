"""Which stages and benchmarks are evaluated, and what comes of them: answers per stage and `results.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import combinations, count
from pathlib import Path
from typing import Any

from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import base_model
from autoif_train.config import Settings
from autoif_train.evaluation import ifeval, tiny
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import mcnemar
from autoif_train.run import Run
from autoif_train.types import Row, UserError


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One benchmark: what is asked, how answers are graded, and what the grades amount to.

    `answer(set, chat, settings)` yields a policy's graded answers; stages and runs are compared on the `prompt` and
    `passed` of each. `read` turns their rows back. Sets of different benchmarks have different names, since each names
    a file.
    `validation` is the set that may choose between policies; `score` grades files of responses and returns the figures.
    """

    sets: tuple[str, ...]
    answer: Callable[..., Iterator[Any]]
    read: Callable[[Row], Any]
    metrics: Callable[[list[Any]], dict[str, float]]
    validation: str | None = None
    score: Callable[[Path, Path, Path, EvaluationSettings], Row] | None = None


BENCHMARKS = {
    "tiny": Benchmark(("H", "Q"), tiny.answer_set, tiny.Scored.from_row, tiny.metrics, validation="validation"),
    "ifeval": Benchmark(
        ifeval.SETS, ifeval.answer_set, ifeval.Graded.from_row, ifeval.metrics, score=ifeval.score_files
    ),
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """A policy of the experiment: `round` counts online DPO's rounds from 1 and is 0 elsewhere."""

    stage: str
    round: int
    model: str

    @property
    def name(self) -> str:
        return f"{self.stage}/round_{self.round}" if self.round else self.stage


def stages(run: Run, settings: Settings) -> Iterator[Stage]:
    """Every policy that the run folder holds, the untouched base model first."""
    _check_benchmarks(settings)
    yield Stage("base", 0, base_model(settings.policy))
    for stage in ("sft", "offline_dpo"):
        if run.has(stage):
            yield Stage(stage, 0, str(run.path(stage)))
    for number in count(1):
        name = f"online_dpo/round_{number}/policy"
        if not run.has(name):
            break
        yield Stage("online_dpo", number, str(run.path(name)))


def _check_benchmarks(settings: Settings) -> None:
    known = ", ".join(BENCHMARKS)
    if not settings.evaluation.benchmarks:
        raise UserError(f"evaluation.benchmarks: none named; name some of: {known}")
    for name in settings.evaluation.benchmarks:
        if name not in BENCHMARKS:
            raise UserError(f"evaluation.benchmarks: {name} is unknown; choose from: {known}")


def evaluate_stage(run: Run, settings: Settings, stage: Stage) -> None:
    """Answer and score every set of every benchmark with one policy, each kept in `evaluation/`."""
    missing = [
        (BENCHMARKS[bench], name, path)
        for bench in settings.evaluation.benchmarks
        for name in BENCHMARKS[bench].sets
        if not run.has(path := f"evaluation/{stage.name}/{name}")
    ]
    if not missing:
        return
    with open_model(stage.model, settings.policy, stage.name) as chat:
        for benchmark, name, path in missing:
            run.keep(path, benchmark.answer, name, chat, settings.evaluation)


def validate(run: Run, settings: Settings, folder: str, model: str) -> None:
    """Score one round's policy on the validation set of each benchmark that has one, beside the round's data."""
    for bench, benchmark in BENCHMARKS.items():
        path = f"{folder}/{benchmark.validation}"
        if benchmark.validation and bench in settings.evaluation.benchmarks and not run.has(path):
            with open_model(model, settings.policy, run.signature(model)) as chat:
                run.keep(path, benchmark.answer, benchmark.validation, chat, settings.evaluation)


def write_results(run: Run, settings: Settings) -> dict[str, Any]:
    """`results.json`: the scores of every stage, and paired tests between the stages on the same prompts."""
    scores: list[Row] = []
    passed: dict[tuple[str, str], dict[str, list[bool]]] = {}
    for stage in stages(run, settings):
        for bench in settings.evaluation.benchmarks:
            benchmark = BENCHMARKS[bench]
            for name in benchmark.sets:
                rows = list(run.rows(f"evaluation/{stage.name}/{name}", benchmark.read))
                passed.setdefault((bench, name), {})[stage.name] = [row.passed for row in rows]
                place = {"stage": stage.stage, "round": stage.round, "seed": settings.seed}
                where = {"benchmark": bench, "set": name, "n": len(rows)}
                scores.append({**place, **where, "metrics": benchmark.metrics(rows)})
    comparisons = [
        {"benchmark": bench, "set": name, "before": before, "after": after, **mcnemar(table[before], table[after])}
        for (bench, name), table in passed.items()
        for before, after in combinations(table, 2)
    ]
    return run.write_json("results", {"scores": scores, "comparisons": comparisons})
