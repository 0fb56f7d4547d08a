"""Which stages and benchmarks are evaluated, and what comes of them: answers per stage and `results.json`."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import base_model
from autoif_train.config import Settings
from autoif_train.evaluation import (
    abilities,
    arena_hard,
    followbench,
    ifbench,
    ifeval,
    infobench,
    mt_bench,
    programs,
    tiny,
)
from autoif_train.evaluation.answers import Answered, answer_items, decoding, read_responses
from autoif_train.evaluation.judging import Graded, judge_facts, open_judge
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.stages import Stage, trained_stages
from autoif_train.evaluation.statistics import compare
from autoif_train.rows import Rows, write_rows
from autoif_train.run import Run
from autoif_train.training.card import write_scores
from autoif_train.types import Row, UserError, content_id, derived_seed
from autoif_train.versions import versions


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One benchmark: what is asked, how answers are graded, and what the grades amount to.

    `answer(set, chat, settings, seed)` yields a policy's answers, graded at once unless there is a `grading`; `read`
    turns graded rows back, `metrics` sums them up, and `value(row)` is what stages are compared on: a number per item,
    None where there is none. Sets of different benchmarks have different names, since each names a file. `validation`
    is the set that may choose between policies; `score(prompts, responses, output, settings)` grades files of responses
    and returns the figures. `scorer` says in a few words who grades: results of two scorers never share a column.
    `greedy`: it is always answered so, as published, whatever the settings of sampling.
    """

    sets: tuple[str, ...]
    answer: Callable[..., Iterator[Any]]
    read: Callable[[Row], Any]
    metrics: Callable[[list[Any]], dict[str, float]]
    value: Callable[[Any], float | None] = lambda row: float(row.passed)
    grading: Grading | None = None
    validation: str | None = None
    score: Callable[[Path, Path, Path, EvaluationSettings], Row] | None = None
    scorer: Callable[[], str] = lambda: "autoif_train"
    greedy: bool = False


@dataclasses.dataclass(frozen=True)
class Grading:
    """The second half of a benchmark whose answers are graded by somebody who must be opened first.

    `open(settings, cache)` opens the grader, `grade(answers, grader, settings)` yields graded rows. `facts(settings)`
    is everything about the grader that decides a verdict; its hash is part of the file's name.
    """

    open: Callable[[Settings, Path], AbstractContextManager[Any]]
    grade: Callable[..., Iterator[Any]]
    facts: Callable[[Settings], Row]

    def path(self, answers: str, settings: Settings) -> str:
        """Where the verdicts on kept answers lie: those of another grader lie elsewhere."""
        return f"{answers}_graded_{content_id(self.facts(settings))}"


def _judged(module: Any) -> Benchmark:
    """A benchmark whose answers a chat model judges."""
    (name,) = module.SETS

    def answer(_: str, chat: ChatModel, settings: EvaluationSettings, seed: int) -> Iterator[Answered]:
        yield from answer_items(name, module.load_items(getattr(settings, f"{name}_prompts")), chat, settings, seed)

    grading = Grading(
        lambda settings, cache: open_judge(settings.evaluation.judge, settings.policy, cache),
        module.grade,
        lambda settings: judge_facts(settings.evaluation.judge, settings.policy, name),
    )
    return Benchmark(module.SETS, answer, Graded.from_row, module.metrics, module.value, grading)


def _programs(name: str) -> Benchmark:
    """A benchmark whose answers are programs that the executor runs."""
    grading = Grading(
        lambda settings, cache: programs.open_executor(settings.execution),
        partial(programs.grade, name),
        lambda settings: programs.executor_facts(settings.execution),
    )
    read = programs.Solved.from_row
    return Benchmark((name,), partial(programs.answer, name), read, programs.metrics, grading=grading, greedy=True)


def _ability(name: str) -> Benchmark:
    """A benchmark that lm-eval asks and scores."""
    scorer, read = (lambda: abilities.ABILITIES[name].scorer), abilities.Measured.from_row
    return Benchmark((name,), abilities.answer, read, abilities.metrics, scorer=scorer, greedy=True)


BENCHMARKS = {
    "tiny": Benchmark(("H", "Q"), tiny.answer_set, tiny.Scored.from_row, tiny.metrics, validation="validation"),
    "ifeval": Benchmark(
        ifeval.SETS,
        ifeval.answer_set,
        ifeval.Graded.from_row,
        ifeval.metrics,
        score=ifeval.score_files,
        scorer=lambda: f"lm_eval {importlib.metadata.version('lm_eval')}",
    ),
    "ifbench": Benchmark(
        ifbench.SETS,
        ifbench.answer_set,
        ifeval.Graded.from_row,
        ifeval.metrics,
        score=ifbench.score_files,
        scorer=ifbench.scorer,
    ),
    "followbench": _judged(followbench),
    "infobench": _judged(infobench),
    "mt_bench": _judged(mt_bench),
    "arena_hard": _judged(arena_hard),
    **{name: _programs(name) for name in programs.SUITES},
    **{name: _ability(name) for name in abilities.ABILITIES},
}


def stages(run: Run, settings: Settings) -> Iterator[Stage]:
    """Every policy that the run folder holds, the untouched base model first."""
    _check_benchmarks(settings)
    yield Stage("base", 0, base_model(settings.policy))
    yield from trained_stages(run.folder)


def _check_benchmarks(settings: Settings) -> None:
    known = ", ".join(BENCHMARKS)
    if not settings.evaluation.benchmarks:
        raise UserError(f"evaluation.benchmarks: none named; name some of: {known}")
    for name in settings.evaluation.benchmarks:
        if name not in BENCHMARKS:
            raise UserError(f"evaluation.benchmarks: {name} is unknown; choose from: {known}")


def _samples(benchmark: Benchmark, settings: EvaluationSettings) -> tuple[str, ...]:
    """What is added to the name of each answering of a set: one where it is greedy, `seeds` where it is sampled."""
    sampled = settings.temperature and not benchmark.greedy
    return tuple(f"_seed_{number}" for number in range(settings.seeds)) if sampled else ("",)


def evaluate_stage(run: Run, settings: Settings, stage: Stage) -> None:
    """Answer every set of every benchmark with one policy, then grade the answers, each kept in `evaluation/`."""
    wanted = [
        (BENCHMARKS[bench], name, number, f"evaluation/{stage.name}/{name}{sample}")
        for bench in settings.evaluation.benchmarks
        for name in BENCHMARKS[bench].sets
        for number, sample in enumerate(_samples(BENCHMARKS[bench], settings.evaluation))
    ]
    missing = [each for each in wanted if not run.has(_answers_path(each[0], each[3]))]
    if missing:
        with open_model(stage.model, settings.policy, stage.name, settings.vllm) as chat:
            for benchmark, name, number, path in missing:
                seed = derived_seed(settings.seed, "evaluation", number)
                answering = _answering(benchmark, settings.evaluation)
                run.keep(_answers_path(benchmark, path), benchmark.answer, name, chat, answering, seed)
                run.remember("evaluation", path, _made_with(answering, chat, benchmark))
    for benchmark, _, _, path in wanted:
        if benchmark.grading and not run.has(_graded_path(benchmark, path, settings)):
            _grade(run, settings, benchmark, path)


def _answering(benchmark: Benchmark, settings: EvaluationSettings) -> EvaluationSettings:
    return dataclasses.replace(settings, temperature=0.0, top_p=1.0) if benchmark.greedy else settings


def _answers_path(benchmark: Benchmark, path: str) -> str:
    return f"{path}_answers" if benchmark.grading else path


def _graded_path(benchmark: Benchmark, path: str, settings: Settings) -> str:
    return benchmark.grading.path(path, settings) if benchmark.grading else path


def _grade(run: Run, settings: Settings, benchmark: Benchmark, path: str) -> None:
    answers = run.rows(_answers_path(benchmark, path), Answered.from_row)
    with benchmark.grading.open(settings, run.cache_path()) as grader:
        run.keep(_graded_path(benchmark, path, settings), benchmark.grading.grade, answers, grader, settings.evaluation)
        if usage := getattr(grader, "usage", None):
            run.remember("calls", f"grading {path}", {step: dataclasses.asdict(each) for step, each in usage.items()})


def _made_with(settings: EvaluationSettings, chat: ChatModel, benchmark: Benchmark) -> Row:
    """What the answers of a set hang on besides the policy; the template by its hash."""
    sampling = decoding(settings)
    template = getattr(getattr(chat, "tokenizer", None), "chat_template", None)
    return {
        "decoding": {name: getattr(sampling, name) for name in ("temperature", "top_p", "max_new_tokens")},
        "chat_template": content_id(template) if template else None,
        "scorer": benchmark.scorer(),
    }


def validate(run: Run, settings: Settings, folder: str, model: str) -> list[bool]:
    """Which prompts of a validation set a policy passes, kept beside the round's data in `folder`.

    The set is that of the first benchmark that has one; empty where none has.
    """
    for bench in settings.evaluation.benchmarks:
        benchmark = BENCHMARKS.get(bench)
        if benchmark and benchmark.validation:
            path = f"{folder}/validation"
            if not run.has(path):
                with open_model(model, settings.policy, run.signature(model), settings.vllm) as chat:
                    run.keep(path, benchmark.answer, benchmark.validation, chat, settings.evaluation)
            return [row.passed for row in run.rows(path, benchmark.read)]
    return []


def write_cards(run: Run, settings: Settings, results: dict[str, Any]) -> None:
    """The scores on the card of each model that the run has trained."""
    for stage in stages(run, settings):
        if stage.stage != "base":
            of_stage = [row for row in results["scores"] if (row["stage"], row["round"]) == (stage.stage, stage.round)]
            write_scores(Path(stage.model), of_stage)


def write_results(run: Run, settings: Settings) -> dict[str, Any]:
    """`results.json`: the scores of every stage, and paired tests between the stages on the same prompts.

    Where answers are sampled, a figure is the mean over the seeds, bounds of intervals included (so an interval is that
    of one seed), and `spread` holds the standard deviations over the seeds.
    """
    made_with = run.recorded("evaluation")
    scores: list[Row] = []
    values: dict[tuple[str, str], dict[str, list[float | None]]] = {}
    for stage in stages(run, settings):
        for bench in settings.evaluation.benchmarks:
            benchmark = BENCHMARKS[bench]
            for name in benchmark.sets:
                paths = [
                    f"evaluation/{stage.name}/{name}{sample}" for sample in _samples(benchmark, settings.evaluation)
                ]
                samples = [list(run.rows(_graded_path(benchmark, path, settings), benchmark.read)) for path in paths]
                values.setdefault((bench, name), {})[stage.name] = _mean_values(benchmark, samples)
                place = {"stage": stage.stage, "round": stage.round, "seed": settings.seed}
                where = {"benchmark": bench, "set": name, "n": len(samples[0])}
                figures = _mean_metrics([benchmark.metrics(rows) for rows in samples])
                grader = {"grader": benchmark.grading.facts(settings)} if benchmark.grading else {}
                scores.append({**place, **where, **made_with.get(paths[0], {}), **grader, **figures})
    comparisons = [
        {"benchmark": bench, "set": name, "before": before, "after": after}
        | compare(table[before], table[after], settings.seed)
        for (bench, name), table in values.items()
        for before, after in combinations(table, 2)
    ]
    return run.write_json("results", {"versions": versions(), "scores": scores, "comparisons": comparisons})


def _mean_values(benchmark: Benchmark, samples: list[list[Any]]) -> list[float | None]:
    """One number per item: the mean over the seeds that have one."""
    means = []
    for rows in zip(*samples, strict=True):
        known = [value for value in map(benchmark.value, rows) if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means


def _mean_metrics(samples: list[dict[str, float]]) -> Row:
    """`metrics`, and where there are several seeds how many and how far they lie apart."""
    if len(samples) == 1:
        return {"metrics": samples[0]}
    columns = {key: [each[key] for each in samples if key in each] for key in samples[0]}
    means = {key: statistics.fmean(column) for key, column in columns.items()}
    spread = {key: statistics.stdev(column) if len(column) > 1 else 0.0 for key, column in columns.items()}
    return {"metrics": means, "seeds": len(samples), "spread": spread}


def comparison_lines(results: dict[str, Any]) -> list[str]:
    """How far every stage moved against the base model, with its interval, on the sets that no table of stages shows.

    A difference inside the noise is called so.
    """
    tabled = {score["set"] for score in results["scores"] if "pass_rate" in score["metrics"]}
    lines = []
    for row in results["comparisons"]:
        if row["before"] == "base" and row["set"] not in tabled:
            low, high = 100 * row["difference_low"], 100 * row["difference_high"]
            lines.append(
                f"{row['set']}: {row['after']} against base {100 * row['difference']:+.1f} points "
                f"[{low:+.1f}, {high:+.1f}], p = {row['p']:.2g}: {row['verdict']}"
            )
    return lines


def drops(results: dict[str, Any], largest: float | None) -> list[str]:
    """The gate: what fell against the base model, beyond noise, by more than `largest`; nothing where that is None."""
    return [
        f"{row['set']}: {row['after']} is {-100 * row['difference']:.1f} points below base, more than "
        f"evaluation.largest_drop = {largest:g} allows"
        for row in results["comparisons"]
        if largest is not None
        and row["before"] == "base"
        and row["verdict"] == "worse"
        and -row["difference"] > largest
    ]


def score_files(bench: str, prompts: Path, responses: Path, output: Path, settings: Settings) -> Row:
    """Grade a file of responses to the prompts into `output`; returns the figures. See `autoif score`."""
    benchmark = BENCHMARKS[bench]
    if benchmark.score:
        return benchmark.score(prompts, responses, output, settings.evaluation)
    named = dataclasses.replace(settings.evaluation, **{f"{bench}_prompts": str(prompts)})
    cache = Path(settings.cache.path) if settings.cache.path else output.with_suffix(".cache.sqlite")
    with benchmark.grading.open(settings, cache) as grader:
        write_rows(output, benchmark.grading.grade(read_responses(responses), grader, named))
    figures = benchmark.metrics(list(Rows(output, benchmark.read)))
    return figures | {"grader": benchmark.grading.facts(settings)}
