"""Every benchmark: what is asked, who grades, and what the grades amount to."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
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
from autoif_train.evaluation.answers import Answered, Shown, answer_items
from autoif_train.evaluation.files import digests
from autoif_train.evaluation.judging import Graded, check_judge, judge_facts, open_judge
from autoif_train.evaluation.search import Violated
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.types import Row


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
    makes first; `shown(row)` is what people are shown of a graded row: without it the figures alone, or plain answers
    where there is a `grading`. Sets of different benchmarks have different names, since each names a file. `files` are
    the settings that name what is read: answers to another content are other answers. `validation` is the set that may
    choose between policies; `score(prompts, responses, output, settings)` grades files of responses and returns the
    figures. `scorer` says in a few words who grades: results of two scorers never share a column. `greedy`: it is
    always answered so, as published, whatever the settings of sampling. `shared`: `answer` asks its chat model and
    nobody else, so that several processes may share the prompts out. `strips`: it heeds `evaluation.strip_thinking`.
    `violated(settings)` gives the checks that a search may go by, `search` says how this one searches. `about` tells a
    newcomer what the figures mean.
    """

    sets: tuple[str, ...]
    answer: Callable[..., Iterator[Any]]
    read: Callable[[Row], Any]
    metrics: Callable[[list[Any]], dict[str, float]]
    figures: tuple[Figure, ...]
    value: Callable[[Any], float | None] = lambda row: _passed(row)
    shares: dict[str, Callable[[Any], float]] = dataclasses.field(default_factory=dict)
    shown: Callable[[Any], Shown] | None = None
    files: tuple[str, ...] = ()
    grading: Grading | None = None
    validation: str | None = None
    score: Callable[[Path, Path, Path, EvaluationSettings], Row] | None = None
    scorer: Callable[[], str] = lambda: "autoif_train"
    greedy: bool = False
    shared: bool = True
    strips: bool = True
    violated: Callable[[EvaluationSettings], Violated] | None = None
    search: Row | None = None
    about: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The settings that name what is read to ask or to grade."""
        return (*self.files, *(self.grading.files if self.grading else ()))


@dataclasses.dataclass(frozen=True)
class Grading:
    """The second half of a benchmark whose answers are graded by somebody who must be opened first.

    `open(settings, cache)` opens the grader, `grade(answers, grader, settings)` yields graded rows. `grader(settings)`
    is who grades and how; `files` are the settings that name what is read besides. `check(settings)` raises `UserError`
    where the grader could not be opened, without opening it.
    """

    open: Callable[[Settings, Path], AbstractContextManager[Any]]
    grade: Callable[..., Iterator[Any]]
    grader: Callable[[Settings], Row]
    files: tuple[str, ...] = ()
    check: Callable[[Settings], None] = lambda settings: None

    def facts(self, settings: Settings) -> Row:
        """Everything that decides a verdict."""
        whole = {} if settings.evaluation.strip_thinking else {"strip_thinking": False}
        return {**self.grader(settings), **digests(settings.evaluation, self.files), **whole}


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


def _strictly(row: ifeval.Graded) -> Shown:
    return Shown(row.prompt, (row.response,), row.strict, row.kinds)


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
        lambda settings: check_judge(settings.evaluation.judge, settings.policy),
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
        shared=False,
        strips=False,
    )


BENCHMARKS = {
    "tiny": Benchmark(
        ("H", "Q"),
        tiny.answer_set,
        tiny.Scored.from_row,
        tiny.metrics,
        (Figure("pass_rate", "pass rate"), Figure("relevance", "relevant", main=False), WORDS),
        shares={"pass_rate": _passed, "relevance": lambda row: float(row.relevant)},
        shown=lambda row: Shown(
            row.prompt, (row.text,), row.followed, tuple(map(tiny.in_words, row.kinds)), row.relevant
        ),
        validation="validation",
        about="Share of prompts whose answer follows every instruction: H asks about new facts with constraints of new "
        "parameters, Q about new facts with those of training. Relevant: the answer states the right fact.",
        violated=tiny.violated,
    ),
    "ifeval": Benchmark(
        ifeval.SETS,
        ifeval.answer_set,
        ifeval.Graded.from_row,
        ifeval.metrics,
        FOUR_FIGURES,
        shares=PROMPT_LEVEL,
        shown=_strictly,
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
        shown=_strictly,
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
