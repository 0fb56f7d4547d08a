"""Which stages and benchmarks are evaluated, and what comes of them: answers per stage and `results.json`."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
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
from autoif_train.evaluation.files import digests
from autoif_train.evaluation.judging import Graded, judge_facts, open_judge
from autoif_train.evaluation.search import Violated, searched
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.stages import Stage, trained_stages
from autoif_train.evaluation.statistics import compare
from autoif_train.rows import Rows, write_rows
from autoif_train.run import Run
from autoif_train.training.card import write_scores
from autoif_train.types import Row, UserError, content_id, derived_seed
from autoif_train.versions import versions

Values = dict[int | str, float | None]
"""What stages are compared on: a number for each item by the item's key, None where there is none."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric as people are shown it; its interval is in the metrics `KEY_low` and `KEY_high`, where it has one.

    A `percent` is a share, anything else is on a scale of its own. `main` figures have a column for each set of the
    benchmark, the others share one.
    """

    key: str
    label: str
    percent: bool = True
    main: bool = True


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One benchmark: what is asked, how answers are graded, and what the grades amount to.

    `answer(set, chat, settings, seed)` yields a policy's answers, graded at once unless there is a `grading`;
    `read` turns graded rows back, whose `key` tells one item from another. `metrics` sums them up, and `value(row)`
    is what stages are compared on: a number per item, None where there is none; `shares` are the metrics that are
    plain means of a number per item. `figures` are those of the metrics that a table shows, the one that `value`
    makes first. Sets of different benchmarks have different names, since each names a file. `files` are the
    settings that name what is read: answers to another content are other answers. `validation` is the set that may
    choose between policies; `score(prompts, responses, output, settings)` grades files of responses and returns the
    figures. `scorer` says in a few words who grades: results of two scorers never share a column. `greedy`: it is
    always answered so, as published, whatever the settings of sampling. `violated(settings)` gives the checks that a
    search may go by, `search` says how this one searches.
    """

    sets: tuple[str, ...]
    answer: Callable[..., Iterator[Any]]
    read: Callable[[Row], Any]
    metrics: Callable[[list[Any]], dict[str, float]]
    figures: tuple[Figure, ...]
    value: Callable[[Any], float | None] = lambda row: _passed(row)
    shares: dict[str, Callable[[Any], float]] = dataclasses.field(default_factory=dict)
    files: tuple[str, ...] = ()
    grading: Grading | None = None
    validation: str | None = None
    score: Callable[[Path, Path, Path, EvaluationSettings], Row] | None = None
    scorer: Callable[[], str] = lambda: "autoif_train"
    greedy: bool = False
    violated: Callable[[EvaluationSettings], Violated] | None = None
    search: Row | None = None


@dataclasses.dataclass(frozen=True)
class Grading:
    """The second half of a benchmark whose answers are graded by somebody who must be opened first.

    `open(settings, cache)` opens the grader, `grade(answers, grader, settings)` yields graded rows. `grader(settings)`
    is who grades and how; `files` are the settings that name what is read besides.
    """

    open: Callable[[Settings, Path], AbstractContextManager[Any]]
    grade: Callable[..., Iterator[Any]]
    grader: Callable[[Settings], Row]
    files: tuple[str, ...] = ()

    def facts(self, settings: Settings) -> Row:
        """Everything that decides a verdict; its hash is part of the file's name."""
        return {**self.grader(settings), **digests(settings.evaluation, self.files)}

    def path(self, answers: str, settings: Settings) -> str:
        """Where the verdicts on kept answers lie: those of another grader lie elsewhere."""
        return f"{answers}_graded_{content_id(self.facts(settings))}"


def _passed(row: Any) -> float:
    return float(row.passed)


WORDS = Figure("mean_words", "words", percent=False, main=False)
CUT = Figure("cut", "cut", main=False)
FOUR_FIGURES = (
    Figure("prompt_strict", "prompt strict"),
    Figure("instruction_strict", "instruction strict"),
    Figure("prompt_loose", "prompt loose"),
    Figure("instruction_loose", "instruction loose"),
    CUT,
    WORDS,
)
PROMPT_LEVEL = {"prompt_strict": _passed, "prompt_loose": lambda row: float(all(row.loose))}


def _judged(module: Any, *figures: Figure, shown: tuple[str, ...] = ()) -> Benchmark:
    """A benchmark whose answers a chat model judges, who is shown what the settings `shown` name."""
    (name,) = module.SETS

    def answer(_: str, chat: ChatModel, settings: EvaluationSettings, seed: int) -> Iterator[Answered]:
        yield from answer_items(name, module.load_items(getattr(settings, f"{name}_prompts")), chat, settings, seed)

    grading = Grading(
        lambda settings, cache: open_judge(settings.evaluation.judge, settings.policy, settings.engines, cache),
        module.grade,
        lambda settings: judge_facts(settings.evaluation.judge, settings.policy, name),
        shown,
    )
    return Benchmark(
        module.SETS,
        answer,
        Graded.from_row,
        module.metrics,
        (*figures, CUT, WORDS),
        module.value,
        files=(f"{name}_prompts",),
        grading=grading,
    )


def _programs(name: str) -> Benchmark:
    """A benchmark whose answers are programs that the executor runs."""
    grading = Grading(
        lambda settings, cache: programs.open_executor(settings.execution),
        partial(programs.grade, name),
        lambda settings: programs.executor_facts(settings.execution),
    )
    return Benchmark(
        (name,),
        partial(programs.answer, name),
        programs.Solved.from_row,
        programs.metrics,
        (Figure("pass_at_1", "pass@1"), CUT),
        shares={"pass_at_1": _passed},
        files=(f"{name}_prompts",),
        grading=grading,
        greedy=True,
    )


def _ability(name: str) -> Benchmark:
    """A benchmark that lm-eval asks and scores."""
    return Benchmark(
        (name,),
        abilities.answer,
        abilities.Measured.from_row,
        abilities.metrics,
        (Figure(abilities.ABILITIES[name].metric, "right"),),
        shares={abilities.ABILITIES[name].metric: _passed},
        files=(f"{name}_data",),
        scorer=lambda: abilities.ABILITIES[name].scorer,
        greedy=True,
    )


BENCHMARKS = {
    "tiny": Benchmark(
        ("H", "Q"),
        tiny.answer_set,
        tiny.Scored.from_row,
        tiny.metrics,
        (Figure("pass_rate", "pass rate"), Figure("relevance", "relevant", main=False), WORDS),
        shares={"pass_rate": _passed, "relevance": lambda row: float(row.relevant)},
        validation="validation",
        violated=tiny.violated,
    ),
    "ifeval": Benchmark(
        ifeval.SETS,
        ifeval.answer_set,
        ifeval.Graded.from_row,
        ifeval.metrics,
        FOUR_FIGURES,
        shares=PROMPT_LEVEL,
        files=("ifeval_prompts",),
        score=ifeval.score_files,
        violated=ifeval.violated,
        scorer=lambda: f"lm_eval {importlib.metadata.version('lm_eval')}",
    ),
    "ifbench": Benchmark(
        ifbench.SETS,
        ifbench.answer_set,
        ifeval.Graded.from_row,
        ifeval.metrics,
        FOUR_FIGURES,
        shares=PROMPT_LEVEL,
        files=("ifbench_prompts", "ifbench_checkout"),
        score=ifbench.score_files,
        scorer=ifbench.scorer,
    ),
    "followbench": _judged(
        followbench, Figure("hsr", "HSR"), Figure("ssr", "SSR"), Figure("csl", "CSL", percent=False)
    ),
    "infobench": _judged(infobench, Figure("drfr", "DRFR")),
    "mt_bench": _judged(mt_bench, Figure("score", "score", percent=False), shown=("mt_bench_references",)),
    "arena_hard": _judged(arena_hard, Figure("win_rate", "win rate"), shown=("arena_hard_baseline",)),
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
    checked = [name for name, benchmark in BENCHMARKS.items() if benchmark.violated]
    if settings.evaluation.search and not set(checked) & set(settings.evaluation.benchmarks):
        raise UserError(f"evaluation.search: no checks to search by; evaluate one of {', '.join(checked)}")


def _benchmarks(run: Run, settings: Settings) -> Iterator[tuple[str, Benchmark]]:
    """Every benchmark as published and, under `evaluation.search`, those that have checks once more with a search."""
    for name in settings.evaluation.benchmarks:
        yield name, BENCHMARKS[name]
        if settings.evaluation.search and BENCHMARKS[name].violated:
            yield name, searched(BENCHMARKS[name], settings, run.cache_path())


def _samples(benchmark: Benchmark, settings: EvaluationSettings) -> tuple[str, ...]:
    """What is added to the name of each answering of a set: one where it is greedy, `seeds` where it is sampled."""
    sampled = settings.temperature and not benchmark.greedy
    return tuple(f"_seed_{number}" for number in range(settings.seeds)) if sampled else ("",)


def _paths(benchmark: Benchmark, name: str, stage: Stage, settings: EvaluationSettings) -> list[str]:
    """Where each answering of a set is kept: what is read from files of another content lies elsewhere."""
    read = digests(settings, benchmark.files)
    version = f"-{content_id(read)}" if read else ""
    return [f"evaluation/{stage.name}/{name}{version}{sample}" for sample in _samples(benchmark, settings)]


def evaluate_stage(run: Run, settings: Settings, stage: Stage) -> None:
    """Answer every set of every benchmark with one policy, then grade the answers, each kept in `evaluation/`."""
    wanted = [
        (benchmark, name, number, path)
        for _, benchmark in _benchmarks(run, settings)
        for name in benchmark.sets
        for number, path in enumerate(_paths(benchmark, name, stage, settings.evaluation))
    ]
    missing = [each for each in wanted if not run.has(_answers_path(each[0], each[3]))]
    if missing:
        with run.open_policy(stage.model, stage.name) as chat:
            for benchmark, name, number, path in missing:
                seed = derived_seed(settings.seed, "evaluation", number)
                answering = _answering(benchmark, settings.evaluation)
                # Noted first: a kill between the two must not leave answers of which nobody knows how they were made.
                run.remember("evaluation", path, _made_with(answering, chat, benchmark))
                run.keep(_answers_path(benchmark, path), benchmark.answer, name, chat, answering, seed)
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
    drawn = {name: getattr(sampling, name) for name in ("temperature", "top_p", "max_new_tokens")}
    return {
        "decoding": {**drawn, "search": benchmark.search} if benchmark.search else drawn,
        "chat_template": content_id(template) if template else None,
        "scorer": benchmark.scorer(),
        "files": digests(settings, benchmark.files),
        "commit": versions()["commit"],
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
                with run.open_policy(model) as chat:
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
    values: dict[tuple[str, str], dict[str, Values]] = {}
    for stage in stages(run, settings):
        for bench, benchmark in _benchmarks(run, settings):
            for name in benchmark.sets:
                paths = _paths(benchmark, name, stage, settings.evaluation)
                graded = [_graded_path(benchmark, path, settings) for path in paths]
                samples = [list(run.rows(path, benchmark.read)) for path in graded]
                values.setdefault((bench, name), {})[stage.name] = _mean_values(samples, benchmark.value)
                place = {"stage": stage.stage, "round": stage.round, "seed": settings.seed}
                where = {"benchmark": bench, "set": name, "n": len(samples[0]), "items": graded}
                where |= {"answers": [_answers_path(benchmark, path) for path in paths]}
                figures = _mean_metrics([benchmark.metrics(rows) for rows in samples])
                grader = {"grader": benchmark.grading.facts(settings)} if benchmark.grading else {}
                scores.append({**place, **where, **made_with.get(paths[0], {}), **grader, **figures})
    comparisons = [
        {"benchmark": bench, "set": name, "before": before, "after": after}
        | compare(*common_values(table[before], table[after]), settings.seed)
        for (bench, name), table in values.items()
        for before, after in combinations(table, 2)
    ]
    return run.write_json("results", {"versions": versions(), "scores": scores, "comparisons": comparisons})


def item_values(folder: Path, score: Row, metric: str | None = None) -> Values:
    """What a score of `results.json` in `folder` is made of: a number for each item, by the item's key.

    It is what stages are compared on, or one of the benchmark's `shares`; the mean over the samples where there are
    several. Empty where the items are gone, or the benchmark has no such share.
    """
    benchmark = BENCHMARKS.get(score["benchmark"])
    value = benchmark and (benchmark.shares.get(metric) if metric else benchmark.value)
    # Results that name no files are from before they did.
    names = score.get("items") or [f"evaluation/{Stage(score['stage'], score['round'], '').name}/{score['set']}"]
    paths = [folder / f"{name}.jsonl" for name in names]
    if value is None or not all(path.exists() for path in paths):
        return {}
    return _mean_values([Rows(path, benchmark.read) for path in paths], value)


def comparable(score: Row) -> str:
    """What two scores of one set must have in common to be set side by side: what was asked, how, and who graded."""
    return json.dumps([score.get(key) or None for key in ("files", "decoding", "scorer", "grader")], sort_keys=True)


def _mean_values(samples: Iterable[Iterable[Any]], value: Callable[[Any], float | None]) -> Values:
    """One number per item: the mean over the samples that have one."""
    found: dict[int | str, list[float | None]] = {}
    for rows in samples:
        for row in rows:
            found.setdefault(row.key, []).append(value(row))
    known = {key: [each for each in values if each is not None] for key, values in found.items()}
    return {key: statistics.fmean(values) if values else None for key, values in known.items()}


def common_values(before: Values, after: Values) -> tuple[list[float | None], list[float | None]]:
    """The values of the items that both have, side by side."""
    both = [key for key in before if key in after]
    return [before[key] for key in both], [after[key] for key in both]


def _mean_metrics(samples: list[dict[str, float]]) -> Row:
    """`metrics`, and where there are several seeds how many and how far they lie apart."""
    if len(samples) == 1:
        return {"metrics": samples[0]}
    columns = {key: [each[key] for each in samples if key in each] for key in samples[0]}
    means = {key: statistics.fmean(column) for key, column in columns.items()}
    spread = {key: statistics.stdev(column) if len(column) > 1 else 0.0 for key, column in columns.items()}
    return {"metrics": means, "seeds": len(samples), "spread": spread}


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
