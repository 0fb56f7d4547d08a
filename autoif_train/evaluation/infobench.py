"""InfoBench (arXiv 2401.03601): 500 instructions, each taken apart into questions that a judge answers YES or NO.

DRFR is the share of questions answered YES over all questions of all instructions. Every question is asked by itself:
in the released scorer one unreadable answer drops the instruction's remaining questions, and the denominator shrinks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.answers import Answered, paired
from autoif_train.evaluation.judging import Graded, Question, asking_metrics, fill, graded
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import bootstrap_interval
from autoif_train.rows import Rows
from autoif_train.synthesis.labels import yes_or_no
from autoif_train.types import Row, UserError

SETS = ("infobench",)


@dataclasses.dataclass(frozen=True)
class Item:
    """An instruction with its input and the questions it was taken apart into."""

    key: str
    turns: tuple[str, ...]
    instruction: str
    input: str
    questions: tuple[str, ...]
    subset: str

    @classmethod
    def from_row(cls, row: Row) -> Item:
        instruction, given = row["instruction"], row["input"]
        prompt = f"{instruction}\n{given}" if given else instruction
        if not row["decomposed_questions"]:
            raise ValueError("`decomposed_questions` is empty")
        return cls(
            str(row["id"]), (prompt,), instruction, given, tuple(row["decomposed_questions"]), row.get("subset", "")
        )


def load_items(prompts: str | Path | None) -> list[Item]:
    """The instructions of the official file; raises `UserError` where none is named or a row cannot be used."""
    if not prompts:
        raise UserError("evaluation.infobench_prompts: not set; name InfoBench's questions as JSON Lines")
    return list(Rows(prompts, Item.from_row))


def grade(answered: Iterable[Answered], judge: ChatModel, settings: EvaluationSettings) -> Iterator[Graded]:
    """Each answer with one verdict per question."""
    items = load_items(settings.infobench_prompts)[: settings.max_prompts]

    def rows() -> Iterator[tuple[Row, list[Question]]]:
        for item, row in paired(items, answered, "evaluation/infobench"):
            text = row.texts(settings)[0]
            known = {"key": item.key, "tags": {"subset": item.subset}}
            known |= {"words": len(text.split()), "finished": row.finished}
            yield known, [_question(item, question, text) for question in item.questions]

    return graded("infobench", rows(), judge, settings.judge)


def _question(item: Item, question: str, response: str) -> Question:
    given = item.input or "(none)"
    message = fill("infobench", instruction=item.instruction, input=given, response=response, question=question)
    return Question(message, lambda text: float(yes_or_no(text)))


def value(row: Graded) -> float | None:
    """The share of an instruction's readable verdicts that are YES; None where none is readable."""
    known = [verdict for verdict in row.verdicts if verdict is not None]
    return sum(known) / len(known) if known else None


def metrics(rows: Iterable[Graded]) -> dict[str, float]:
    """DRFR over the questions with a readable verdict, whole and per subset, with a bootstrap interval over prompts."""
    rows = list(rows)
    found: dict[str, float] = {"drfr": _drfr(rows)}
    found["drfr_low"], found["drfr_high"] = bootstrap_interval(*_sums(rows))
    for subset in dict.fromkeys(row.tags["subset"] for row in rows):
        found[f"drfr_{subset}"] = _drfr([row for row in rows if row.tags["subset"] == subset])
    return found | {"questions": sum(len(row.verdicts) for row in rows)} | asking_metrics(rows)


def _sums(rows: list[Graded]) -> tuple[list[float], list[float]]:
    known = [[verdict for verdict in row.verdicts if verdict is not None] for row in rows]
    return [float(sum(each)) for each in known], [float(len(each)) for each in known]


def _drfr(rows: list[Graded]) -> float:
    met, asked = _sums(rows)
    return sum(met) / max(sum(asked), 1.0)
