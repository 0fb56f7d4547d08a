"""Who is right where functions disagree: a posterior over their behaviours, and the text worth asking about next.

A hypothesis is one behaviour: what it says of each text. Evidence is a label, right with a known probability: of a case
the supervisor wrote, or of a text it was asked about. One more hypothesis holds that nobody is right; it gives every
label an even chance. Questions are chosen to be the most informative, as in a game of twenty questions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from autoif_train.types import Outcome, TestCase

Label = bool | None
Arbiter = Callable[[list[tuple[str, str]]], list[Label]]
"""(instruction, text) pairs → whether the text follows, None where no answer could be read."""
Answers = dict[str, Label]
LEAST_INFORMATION = 1e-3  # nats


@dataclasses.dataclass(frozen=True)
class Trust:
    """How often labels are right, 0.5 to 1, and when a question more is not worth it.

    What is less likely than `odds` times the likeliest hypothesis counts as refuted.
    """

    cases: float
    answers: float
    sure_above: float
    odds: float


@dataclasses.dataclass(frozen=True)
class Dispute:
    """The behaviours about one instruction.

    `rows[h][t]` is what hypothesis `h` says of `texts[t]`, None where it has no opinion. `weights` are prior odds, that
    of nobody being right beside them in `nobody`.
    """

    texts: tuple[str, ...]
    rows: tuple[tuple[Label, ...], ...]
    weights: tuple[float, ...]
    cases: tuple[TestCase, ...]
    nobody: float = 1.0


def verdict(outcome: Outcome) -> Label:
    """An outcome as a label; None for whatever is no opinion."""
    return True if outcome is Outcome.FOLLOWED else False if outcome is Outcome.VIOLATED else None


def posterior(dispute: Dispute, answers: Mapping[str, Label], trust: Trust) -> list[float]:
    """The probability of each hypothesis, and behind them that of nobody being right."""
    place = {text: number for number, text in enumerate(dispute.texts)}
    evidence = [(place[case.text], case.expected, trust.cases) for case in dispute.cases if case.text not in answers]
    evidence += [(place[text], said, trust.answers) for text, said in answers.items() if said is not None]
    scores = [
        math.log(weight) + sum(math.log(right if row[at] is label else 1 - right) for at, label, right in evidence)
        for row, weight in zip(dispute.rows, dispute.weights, strict=True)
    ]
    scores.append(math.log(dispute.nobody) + len(evidence) * math.log(0.5))
    top = max(scores)
    shares = [math.exp(score - top) for score in scores]
    return [share / sum(shares) for share in shares]


def question(dispute: Dispute, answers: Mapping[str, Label], trust: Trust) -> str | None:
    """The text whose label would tell most; None when all is clear or nothing would tell anything."""
    chances = posterior(dispute, answers, trust)
    if max(chances) >= trust.sure_above:
        return None
    best, text = LEAST_INFORMATION, None
    for column, candidate in _columns(dispute, answers):
        gained = _information(column, chances, trust.answers)
        if gained > best + 1e-9:
            best, text = gained, candidate
    return text


def _columns(dispute: Dispute, answers: Mapping[str, Label]) -> Iterator[tuple[tuple[Label, ...], str]]:
    """Each different way in which the hypotheses judge a text, with the first such text not asked about yet."""
    seen = set()
    for number, column in enumerate(zip(*dispute.rows, strict=True)):
        if column not in seen and dispute.texts[number] not in answers:
            seen.add(column)
            yield column, dispute.texts[number]


def _information(column: Sequence[Label], chances: Sequence[float], right: float) -> float:
    """What one answer is expected to tell of the hypotheses, in nats."""
    says_yes = [0.5 if said is None else right if said else 1 - right for said in column] + [0.5]
    yes = sum(chance * share for chance, share in zip(chances, says_yes, strict=True))
    noise = sum(chance * _entropy(share) for chance, share in zip(chances, says_yes, strict=True))
    return _entropy(yes) - noise


def _entropy(share: float) -> float:
    return 0.0 if share in (0.0, 1.0) else -share * math.log(share) - (1 - share) * math.log(1 - share)


def settle(
    disputes: Sequence[Dispute], instructions: Sequence[str], arbiter: Arbiter, budget: int, trust: Trust
) -> list[Answers]:
    """Ask until each dispute is clear or its budget is spent; the answers to each.

    The disputes take turns, so that one batch of questions holds one of each.
    """
    answers: list[Answers] = [{} for _ in disputes]
    open_ones = list(range(len(disputes))) if budget > 0 else []
    while open_ones:
        chosen = [(number, question(disputes[number], answers[number], trust)) for number in open_ones]
        asked = [(number, text) for number, text in chosen if text is not None]
        for (number, text), said in zip(asked, arbiter([(instructions[n], t) for n, t in asked]), strict=True):
            answers[number][text] = said
        open_ones = [number for number, _ in asked if len(answers[number]) < budget]
    return answers
