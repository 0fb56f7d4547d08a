"""Which policies answer which benchmarks, and where their answers and verdicts are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.chat.policy import base_model
from autoif_train.config import Settings
from autoif_train.evaluation.answers import Answered, read_responses
from autoif_train.evaluation.benchmarks import BENCHMARKS, Benchmark, Grading
from autoif_train.evaluation.files import digests
from autoif_train.evaluation.search import searched
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.stages import Stage, trained_stages
from autoif_train.evaluation.way import answering, other_way, way
from autoif_train.rows import Rows, write_rows
from autoif_train.run import Run
from autoif_train.types import Row, UserError, content_id, derived_seed
from autoif_train.versions import versions


def stages(run: Run, settings: Settings) -> Iterator[Stage]:
    """Every policy that the run folder holds, the untouched base model first."""
    _check_names(run, settings)
    yield Stage("base", 0, base_model(settings.policy))
    yield from trained_stages(run.folder)


def check_benchmarks(run: Run, settings: Settings) -> None:
    """Refuse benchmarks, files and graders that nobody has, before anything is trained or answered for them.

    `run` need not be open.
    """
    _check_names(run, settings)
    _wanted(run, settings, Stage("base", 0, settings.policy.model))


def _check_names(run: Run, settings: Settings) -> None:
    known = ", ".join(BENCHMARKS)
    if not settings.evaluation.benchmarks:
        raise UserError(f"evaluation.benchmarks: none named; name some of: {known}")
    for name in settings.evaluation.benchmarks:
        if name not in BENCHMARKS:
            raise UserError(f"evaluation.benchmarks: {name} is unknown; choose from: {known}")
    checked = [name for name, benchmark in BENCHMARKS.items() if benchmark.violated]
    if settings.evaluation.search and not set(checked) & set(settings.evaluation.benchmarks):
        raise UserError(f"evaluation.search: no checks to search by; evaluate one of {', '.join(checked)}")
    if settings.evaluation.search not in (None, "best_of_n"):
        run.check_refiner(settings.spar.refiner)


def _benchmarks(run: Run, settings: Settings) -> Iterator[tuple[str, Benchmark]]:
    """Every benchmark as published and, under `evaluation.search`, those that have checks once more with a search."""
    for name in settings.evaluation.benchmarks:
        yield name, BENCHMARKS[name]
        if settings.evaluation.search and BENCHMARKS[name].violated:
            yield name, searched(BENCHMARKS[name], run)


@dataclasses.dataclass(frozen=True)
class KeptSet:
    """One set of a benchmark as one policy answers it: the names of its answers and of its graded items in the folder.

    There is one of each for every sampling, in step; where answers are graded at once, they are the items.
    """

    bench: str
    benchmark: Benchmark
    set: str
    answers: tuple[str, ...]
    items: tuple[str, ...]


def kept_sets(run: Run, settings: Settings, stage: Stage) -> Iterator[KeptSet]:
    """Every set that is asked for. What was read from files of another content, asked for in another way, or graded by
    others, lies elsewhere."""
    for bench, benchmark in _benchmarks(run, settings):
        read, grading = digests(settings.evaluation, benchmark.files), benchmark.grading
        version = f"-{content_id(read)}" if read else ""
        answered = "_answers" if grading else ""
        verdicts = f"_graded_{content_id(grading.facts(settings))}" if grading else ""
        for name in benchmark.sets:
            samples, first = _samples(benchmark, settings.evaluation), f"evaluation/{stage.name}/{name}{version}"
            # The way of asking that came first has the plain name.
            other = other_way(run, f"{first}{samples[0]}{answered}", benchmark, settings.evaluation)
            asked = f"-{content_id(way(benchmark, settings.evaluation))}" if other else ""
            places = [f"{first}{asked}{sample}" for sample in samples]
            answers = tuple(f"{place}{answered}" for place in places)
            yield KeptSet(bench, benchmark, name, answers, tuple(f"{place}{verdicts}" for place in places))


def _samples(benchmark: Benchmark, settings: EvaluationSettings) -> tuple[str, ...]:
    """What is added to the name of each answering of a set: one where it is greedy, `seeds` where it is sampled."""
    sampled = settings.temperature and not benchmark.greedy
    return tuple(f"_seed_{number}" for number in range(settings.seeds)) if sampled else ("",)


def _wanted(run: Run, settings: Settings, stage: Stage) -> list[KeptSet]:
    """Every set; who grades is found wanting before the answers that wait for it are sampled."""
    wanted = list(kept_sets(run, settings, stage))
    for kept in wanted:
        if kept.benchmark.grading and not all(run.has(items) for items in kept.items):
            kept.benchmark.grading.check(settings)
    return wanted


def evaluate_stage(run: Run, settings: Settings, stage: Stage) -> None:
    """Answer every set of every benchmark with one policy, then grade the answers, each kept in `evaluation/`."""
    wanted = _wanted(run, settings, stage)
    missing = [(kept, sample) for kept in wanted for sample in enumerate(kept.answers) if not run.has(sample[1])]
    if missing:
        with run.open_policy(stage.model, stage.name) as chat:
            for kept, (number, answers) in missing:
                seed = derived_seed(settings.seed, "evaluation", number)
                # Noted first: a kill between the two must not leave answers of which nobody knows how they were made.
                if run.rank == 0:
                    run.remember("evaluation", answers, _noted(settings, chat, kept.benchmark))
                asked = answering(kept.benchmark, settings.evaluation)
                _answer(run, answers, kept.benchmark, kept.set, chat, asked, seed)
    for kept in wanted:
        for answers, items in zip(kept.answers, kept.items, strict=True):
            if not run.has(items):
                _grade(run, settings, kept.benchmark.grading, answers, items)


def _answer(run: Run, name: str, benchmark: Benchmark, of_set: str, chat: ChatModel, *inputs: Any) -> None:
    if benchmark.shared:
        run.keep_shared(name, lambda chat: benchmark.answer(of_set, chat, *inputs), chat)
    else:
        run.keep(name, benchmark.answer, of_set, chat, *inputs)


def _grade(run: Run, settings: Settings, grading: Grading, answers: str, items: str) -> None:
    answered = run.rows(answers, Answered.from_row)
    with run.alone(lambda: grading.open(settings, run.cache_path())) as grader:
        run.keep(items, grading.grade, answered, grader, settings.evaluation)
        if usage := getattr(grader, "usage", None):
            run.remember("calls", f"grading {items}", {step: dataclasses.asdict(each) for step, each in usage.items()})


def _noted(settings: Settings, chat: ChatModel, benchmark: Benchmark) -> Row:
    """What the answers of a set hang on besides the policy; the template by its hash."""
    template = getattr(getattr(chat, "tokenizer", None), "chat_template", None)
    return {
        **_asked(settings, benchmark),
        "chat_template": content_id(template) if template else None,
        "scorer": benchmark.scorer(),
        "files": digests(settings.evaluation, benchmark.files),
        "commit": versions()["commit"],
    }


def _asked(settings: Settings, benchmark: Benchmark) -> Row:
    return {**way(benchmark, settings.evaluation), "engine": settings.policy.sampling_engine}


def validate(run: Run, settings: Settings, folder: str, model: str) -> list[bool]:
    """Which prompts of a validation set a policy passes, kept beside the round's data in `folder`.

    The set is that of the first benchmark that has one; empty where none has. Raises `UserError` where the folder was
    validated in another way: policies are chosen by these answers, so one experiment has one way of validating.
    """
    for bench in settings.evaluation.benchmarks:
        benchmark = BENCHMARKS.get(bench)
        if benchmark and benchmark.validation:
            path = f"{folder}/validation"
            if other := other_way(run, path, benchmark, settings.evaluation):
                mend = "give the same settings to go on with these rounds, others to recipes/evaluate.py alone"
                raise UserError(f"{run.path(path)}.jsonl was answered in another way, {'; '.join(other)}; {mend}")
            if not run.has(path):
                run.remember("evaluation", path, _asked(settings, benchmark))
                with run.open_policy(model) as chat:
                    _answer(run, path, benchmark, benchmark.validation, chat, settings.evaluation)
            return [row.passed for row in run.rows(path, benchmark.read)]
    return []


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
