"""Arena-Hard (arXiv 2406.11939): 500 hard prompts, each answer set against a baseline's by a judge, twice.

In the second game the sides are swapped. Verdicts become battles, a clear one three of them, and Bradley–Terry turns
battles into a win rate against the baseline. Between two models its likelihood is greatest where the modelled win rate
is the mean outcome of the battles, so that mean is the fit; the bootstrap draws whole prompts.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.answers import Answered, paired, read_responses
from autoif_train.evaluation.judging import Graded, Question, asking_metrics, fill, graded
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import bootstrap_interval
from autoif_train.rows import Rows
from autoif_train.synthesis.reading import Unreadable, without_thinking
from autoif_train.types import Row, UserError

SETS = ("arena_hard",)
# How far A is ahead: 2 clearly, 1 slightly.
LEAD = {"A>>B": 2, "A>B": 1, "A=B": 0, "B=A": 0, "B>A": -1, "B>>A": -2, "A<B": -1, "A<<B": -2, "B<A": 1, "B<<A": 2}
BATTLES = {0: 1, 1: 1, 2: 3}  # per game by the size of the lead, as published

_VERDICT = re.compile(r"\[\[\s*([AB])\s*(>>|>|=|<<|<)\s*([AB])\s*\]\]")
_BARE_VERDICT = re.compile(r"\[\s*([AB])\s*(>>|>|=|<<|<)\s*([AB])\s*\]")


@dataclasses.dataclass(frozen=True)
class Item:
    """One prompt; `cluster` is the topic it was drawn from."""

    key: str
    turns: tuple[str, ...]
    cluster: str

    @classmethod
    def from_row(cls, row: Row) -> Item:
        return cls(row["uid"], (row["prompt"],), row.get("cluster", ""))


def load_items(prompts: str | Path | None) -> list[Item]:
    """The prompts of the official file."""
    if not prompts:
        raise UserError("evaluation.arena_hard_prompts: not set; name Arena-Hard's question.jsonl")
    return list(Rows(prompts, Item.from_row))


def grade(answered: Iterable[Answered], judge: ChatModel, settings: EvaluationSettings) -> Iterator[Graded]:
    """Each answer with two verdicts: its lead over the baseline as assistant B, then as assistant A."""
    items = load_items(settings.arena_hard_prompts)[: settings.max_prompts]
    if not settings.arena_hard_baseline:
        raise UserError("evaluation.arena_hard_baseline: not set; name the baseline's answers, rows {prompt, response}")
    asked = {item.turns[0] for item in items}
    theirs = (row for row in read_responses(Path(settings.arena_hard_baseline)) if row.prompt in asked)
    baseline = {item.key: row.responses[0] for item, row in paired(items, theirs, settings.arena_hard_baseline)}

    def rows() -> Iterator[tuple[Row, list[Question]]]:
        for item, row in paired(items, answered, "evaluation/arena_hard"):
            text = row.texts(settings)[0]
            known = {"key": item.key, "tags": {"cluster": item.cluster}}
            known |= {"words": len(text.split()), "finished": row.finished}
            yield known, [_game(item, baseline[item.key], text, -1), _game(item, text, baseline[item.key], 1)]

    return graded("arena_hard", rows(), judge, settings.judge)


def _game(item: Item, first: str, second: str, sign: int) -> Question:
    """A game whose verdict counts for A (`sign` 1) or for B (−1)."""
    message = fill("arena_hard", prompt=item.turns[0], first=first, second=second)
    return Question(message, lambda text: float(sign * read_lead(text)))


def read_lead(text: str) -> int:
    """How far A is ahead of B by the last verdict in double square brackets, else in single ones: −2 to 2."""
    text = without_thinking(text).upper()
    found = _VERDICT.findall(text) or _BARE_VERDICT.findall(text)
    if not found or "".join(found[-1]) not in LEAD:
        raise Unreadable("no verdict")
    return LEAD["".join(found[-1])]


def battles(row: Graded) -> list[float]:
    """Outcomes for the answer, 1 won, 0.5 tied, 0 lost; none unless both games were read, so that sides stay even."""
    if None in row.verdicts:
        return []
    outcomes = ((0.5 + (lead > 0) / 2 - (lead < 0) / 2, BATTLES[abs(int(lead))]) for lead in row.verdicts)
    return [outcome for outcome, count in outcomes for _ in range(count)]


def value(row: Graded) -> float | None:
    """The mean outcome of a prompt's battles; None where a game could not be read."""
    fought = battles(row)
    return sum(fought) / len(fought) if fought else None


def metrics(rows: Iterable[Graded]) -> dict[str, float]:
    """The win rate against the baseline with its bootstrap interval, and the Bradley–Terry strength it stands for.

    `strength` is the difference of log strengths, on Elo's scale; it is left out where every battle went one way.
    """
    rows = list(rows)
    fought = [battles(row) for row in rows]
    count = sum(map(len, fought))
    found: dict[str, float] = {"battles": count, "games_left_out": 2 * sum(not each for each in fought)}
    if count:
        rate = sum(map(sum, fought)) / count
        low, high = bootstrap_interval([sum(each) for each in fought], [float(len(each)) for each in fought])
        found |= {"win_rate": rate, "win_rate_low": low, "win_rate_high": high}
        if 0 < rate < 1:
            found["strength"] = 400 * math.log10(rate / (1 - rate))
    return found | asking_metrics(rows)
