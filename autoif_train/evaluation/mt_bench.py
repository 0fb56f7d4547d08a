"""MT-Bench (arXiv 2306.05685): 80 conversations of two turns, each answer graded from 1 to 10 by a judge.

The second answer is graded within the whole conversation. Where there is a reference answer, the judge sees it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.answers import Answered, paired
from autoif_train.evaluation.judging import Graded, Question, asking_metrics, fill, graded
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import bootstrap_interval
from autoif_train.rows import Rows
from autoif_train.synthesis.reading import Unreadable, without_thinking
from autoif_train.types import Row, UserError

SETS = ("mt_bench",)
TURNS = ("first", "second")
BEST = 10

_MARK = re.compile(r"\[\[\s*(\d+(?:\.\d+)?)\s*(?:/\s*10)?\s*\]\]")
_BARE_MARK = re.compile(r"rating\W*\[\s*(\d+(?:\.\d+)?)\s*(?:/\s*10)?\s*\]", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Item:
    """A conversation's user turns."""

    key: str
    turns: tuple[str, ...]
    category: str

    @classmethod
    def from_row(cls, row: Row) -> Item:
        if len(row["turns"]) != len(TURNS):
            raise ValueError(f"`turns` holds {len(row['turns'])} turns, not {len(TURNS)}")
        return cls(str(row["question_id"]), tuple(row["turns"]), row["category"])


def load_items(prompts: str | Path | None) -> list[Item]:
    """The conversations of the official file."""
    if not prompts:
        raise UserError("evaluation.mt_bench_prompts: not set; name MT-Bench's question.jsonl")
    return list(Rows(prompts, Item.from_row))


def _references(file: str | None) -> dict[str, tuple[str, ...]]:
    if not file:
        return {}
    return dict(Rows(file, lambda row: (str(row["question_id"]), tuple(row["choices"][0]["turns"]))))


def grade(answered: Iterable[Answered], judge: ChatModel, settings: EvaluationSettings) -> Iterator[Graded]:
    """Each conversation with a mark per turn."""
    items = load_items(settings.mt_bench_prompts)[: settings.max_prompts]
    references = _references(settings.mt_bench_references)

    def rows() -> Iterator[tuple[Row, list[Question]]]:
        for item, row in paired(items, answered, "evaluation/mt_bench"):
            texts = row.texts(settings)
            known = {"key": item.key, "tags": {"category": item.category}}
            known |= {"words": sum(len(text.split()) for text in texts), "finished": row.finished}
            yield known, [_question(item, texts, references.get(item.key, ()), turn) for turn in range(len(TURNS))]

    return graded("mt_bench", rows(), judge, settings.judge)


def _question(item: Item, texts: tuple[str, ...], reference: tuple[str, ...], turn: int) -> Question:
    shown = range(turn + 1)
    conversation = "\n\n".join(f"[User]\n{item.turns[n]}\n\n[Assistant]\n{texts[n]}" for n in shown)
    known = "\n\n".join(f"[User]\n{item.turns[n]}\n\n[Reference answer]\n{reference[n]}" for n in shown if reference)
    heading = "Hold the answer against this reference, and name the mistakes that you find.\n\n"
    message = fill(
        "mt_bench",
        which=f"the {TURNS[turn]} question",
        reference=f"{heading}{known}\n\nThe conversation to grade:\n\n" if known else "",
        conversation=conversation,
    )
    return Question(message, read_mark)


def read_mark(text: str) -> float:
    """The last mark in double square brackets, from 1 to 10; single ones are taken after the word rating."""
    text = without_thinking(text)
    found = _MARK.findall(text) or _BARE_MARK.findall(text)
    if not found:
        raise Unreadable("no mark")
    if not 1 <= float(found[-1]) <= BEST:
        raise Unreadable("mark out of range")
    return float(found[-1])


def value(row: Graded) -> float | None:
    """The mean mark of a conversation as a share of the best; None where a mark could not be read."""
    return None if None in row.verdicts else sum(row.verdicts) / len(row.verdicts) / BEST


def metrics(rows: Iterable[Graded]) -> dict[str, float]:
    """The mean over all readable marks with a bootstrap interval over conversations, per turn and per category."""
    rows = list(rows)
    known = [[mark for mark in row.verdicts if mark is not None] for row in rows]
    low, high = bootstrap_interval([sum(each) for each in known], [float(len(each)) for each in known])
    found = {"score": _mean(rows), "score_low": low, "score_high": high} if any(known) else {}
    for turn, name in enumerate(TURNS):
        found[f"score_{name}_turn"] = _mean(rows, turn)
    for category in dict.fromkeys(row.tags["category"] for row in rows):
        found[f"score_{category}"] = _mean([row for row in rows if row.tags["category"] == category])
    return {name: mean for name, mean in found.items() if mean is not None} | asking_metrics(rows)


def _mean(rows: list[Graded], turn: int | None = None) -> float | None:
    marks = [mark for row in rows for mark in (row.verdicts if turn is None else row.verdicts[turn : turn + 1])]
    known = [mark for mark in marks if mark is not None]
    return sum(known) / len(known) if known else None
