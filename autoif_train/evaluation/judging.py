"""Asking a judge: one verdict per question, asked again where it cannot be read, never a number where there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.chat.choice import Engines, check_chat, open_chat
from autoif_train.chat.policy import PolicySettings
from autoif_train.evaluation.settings import JudgeSettings
from autoif_train.synthesis.asking import whole
from autoif_train.synthesis.prompt import fill_file
from autoif_train.synthesis.reading import Unreadable
from autoif_train.types import Row, UserError, content_id, derived_seed

PROMPTS = Path(__file__).parent / "prompts"
QUESTIONS_PER_FRAME = 256
SECTION = "evaluation.judge"
# A judge at temperature 0 would say the same again.
TEMPERATURE, TEMPERATURE_AGAIN = 0.0, 0.7
SHOWN_CHARACTERS = 400  # of a verdict that could not be read


@dataclasses.dataclass(frozen=True)
class Question:
    """What a judge is asked about an answer, and how its verdict is read: `read` raises `Unreadable`."""

    message: str
    read: Callable[[str], Any]


@dataclasses.dataclass(frozen=True)
class JudgeSaid:
    """What the judge decided; `value` None: it never said so readably. `text` is then the last it said."""

    value: Any
    text: str
    asked: int


@dataclasses.dataclass(frozen=True)
class Graded:
    """An answer and the verdicts on it, in the order of what was asked about it; None where one could not be read.

    A verdict is 0 or 1 for a constraint or question, a mark, or a game's outcome; the benchmark says which. `tags` are
    what figures are broken down by.
    """

    unit: ClassVar[str] = "answer"
    key: str
    tags: dict[str, Any]
    verdicts: tuple[float | None, ...]
    asked: int = 0
    words: int = 0
    finished: bool = True
    unread: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Row) -> Graded:
        fields = {field.name: row[field.name] for field in dataclasses.fields(cls)}
        return cls(**fields | {"verdicts": tuple(row["verdicts"]), "unread": tuple(row["unread"])})


def ask(name: str, questions: Iterable[Question], judge: ChatModel, settings: JudgeSettings) -> Iterator[JudgeSaid]:
    """A verdict on each question, in order; one that is unreadable or cut off is asked for up to `attempts` times.

    A question that the judge's server refuses is asked once.
    """
    questions = iter(questions)
    while frame := list(islice(questions, QUESTIONS_PER_FRAME)):
        verdicts: dict[int, JudgeSaid] = {}
        open_ = list(range(len(frame)))
        for attempt in range(settings.attempts):
            if not open_:
                break
            prompts = [_prompt(name, frame[index], attempt) for index in open_]
            temperature = TEMPERATURE_AGAIN if attempt else TEMPERATURE
            sampling = SamplingSettings(1, temperature, 1.0, settings.max_new_tokens)
            asked, open_ = open_, []
            for index, answers in zip(asked, judge.answer(prompts, sampling), strict=True):
                answer = answers[0] if answers else Answer("")
                verdicts[index] = JudgeSaid(_read(frame[index], answer), answer.text, attempt + 1)
                if verdicts[index].value is None and not answer.refused:
                    open_.append(index)
        yield from (verdicts[index] for index in range(len(frame)))


def _prompt(name: str, question: Question, attempt: int) -> Prompt:
    seed = derived_seed("judge", name, question.message, attempt)
    return Prompt([{"role": "user", "content": question.message}], f"judge {name}", question.message, seed)


def _read(question: Question, answer: Answer) -> Any:
    try:
        return question.read(whole(answer))
    except Unreadable:
        return None


def graded(
    name: str, rows: Iterable[tuple[Row, list[Question]]], judge: ChatModel, settings: JudgeSettings
) -> Iterator[Graded]:
    """Rows (what is known of an answer, the questions about it) → graded answers with a verdict each, in order."""
    rows = list(rows)
    verdicts = ask(name, (question for _, questions in rows for question in questions), judge, settings)
    for known, questions in rows:
        said = list(islice(verdicts, len(questions)))
        values = tuple(verdict.value for verdict in said)
        yield Graded(**known, verdicts=values, asked=sum(verdict.asked for verdict in said), unread=unread(said))


def unread(verdicts: Iterable[JudgeSaid]) -> tuple[str, ...]:
    """The ends of what the judge said where it stayed unreadable."""
    return tuple(verdict.text[-SHOWN_CHARACTERS:] for verdict in verdicts if verdict.value is None)


def fill(name: str, **values: object) -> str:
    """The judge's prompt of that name with its placeholders filled."""
    return fill_file(PROMPTS / f"{name}.txt", **values)


def open_judge(
    settings: JudgeSettings, policy: PolicySettings, engines: Engines, cache: Path
) -> AbstractContextManager[ChatModel]:
    """The judge of `evaluation.judge`, whose verdicts are kept in `cache`."""
    check_judge(settings, policy)
    return open_chat(settings, policy, SECTION, cache, engines)


def check_judge(settings: JudgeSettings, policy: PolicySettings) -> None:
    """Raise `UserError` where the settings name nobody who could judge, without loading anybody."""
    if settings.kind == "recorded":
        raise UserError("evaluation.judge.kind: a recording cannot judge new answers; name api or transformers")
    check_chat(settings, policy, SECTION)


def judge_facts(settings: JudgeSettings, policy: PolicySettings, name: str) -> Row:
    """Who judges and how: results of judges that differ in any of this are never set side by side."""
    return {
        "kind": settings.kind,
        "model": policy.model if settings.kind == "policy" else settings.model,
        "temperature": TEMPERATURE,
        "temperature_again": TEMPERATURE_AGAIN,
        "max_new_tokens": settings.max_new_tokens,
        "attempts": settings.attempts,
        "prompt": content_id((PROMPTS / f"{name}.txt").read_text(encoding="utf-8")),
    }


def asking_metrics(rows: Iterable[Graded]) -> dict[str, float]:
    """What befell the asking: verdicts that stayed unreadable, how often the judge was asked, cut answers, length."""
    rows = list(rows)
    count = max(len(rows), 1)
    return {
        "unread": sum(len(row.unread) for row in rows),
        "asked": sum(row.asked for row in rows),
        "cut": sum(not row.finished for row in rows) / count,
        "mean_words": sum(row.words for row in rows) / count,
    }
