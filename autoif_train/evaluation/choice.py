"""Which stages and benchmarks are evaluated, and what comes of them: answers per stage and `results.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import base_model
from autoif_train.config import Settings
from autoif_train.evaluation import tiny
from autoif_train.evaluation.statistics import mcnemar
from autoif_train.run import Run
from autoif_train.types import Row, UserError

BENCHMARKS = {"tiny": ("H", "Q")}
"""Benchmarks and their sets."""


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
    for number in range(1, settings.online_dpo.rounds + 1):
        name = f"online_dpo/round_{number}/policy"
        if run.has(name):
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
    names = [
        (name, f"evaluation/{stage.name}/{name}")
        for bench in settings.evaluation.benchmarks
        for name in BENCHMARKS[bench]
    ]
    if all(run.has(path) for _, path in names):
        return
    with open_model(stage.model, settings.policy, stage.name) as chat:
        for name, path in names:
            run.keep(path, tiny.answer_set, name, chat, settings.evaluation, read=tiny.Scored.from_row)


def validate(run: Run, settings: Settings, folder: str, model: str) -> None:
    """Score one round's policy on the validation set of the embedded world, beside the round's data."""
    if "tiny" not in settings.evaluation.benchmarks or run.has(f"{folder}/validation"):
        return
    with open_model(model, settings.policy, run.signature(model)) as chat:
        run.keep(f"{folder}/validation", tiny.answer_set, "validation", chat, settings.evaluation)


def write_results(run: Run, settings: Settings) -> dict[str, Any]:
    """`results.json`: the scores of every stage, and paired tests between the stages on the same prompts."""
    scores: list[Row] = []
    passed: dict[tuple[str, str], dict[str, list[bool]]] = {}
    for stage in stages(run, settings):
        for bench in settings.evaluation.benchmarks:
            for name in BENCHMARKS[bench]:
                rows = list(run.rows(f"evaluation/{stage.name}/{name}", tiny.Scored.from_row))
                passed.setdefault((bench, name), {})[stage.name] = [row.passed for row in rows]
                place = {"stage": stage.stage, "round": stage.round, "seed": settings.seed}
                where = {"benchmark": bench, "set": name, "n": len(rows)}
                scores.append({**place, **where, "metrics": tiny.metrics(rows)})
    comparisons = [
        {"benchmark": bench, "set": name, "before": before, "after": after, **mcnemar(table[before], table[after])}
        for (bench, name), table in passed.items()
        for before, after in combinations(table, 2)
    ]
    return run.write_json("results", {"scores": scores, "comparisons": comparisons})
