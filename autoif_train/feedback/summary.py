"""What one round came to, counted from its files in a pass each: answers, pairs, and what training made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from autoif_train.feedback.judge import grouped
from autoif_train.feedback.pairs import PairsSettings, possible_pairs
from autoif_train.feedback.quality import QualitySettings
from autoif_train.types import Judged, Query, Row

ENDS = 0.1  # share of the logged steps whose mean stands for the beginning, or the end, of a training
TRAINING_FIGURES = {
    "loss": "loss",
    "chosen_log_prob": "logps/chosen",
    "rejected_log_prob": "logps/rejected",
    "margin": "rewards/margins",
    "accuracy": "rewards/accuracies",
}


@dataclasses.dataclass(frozen=True)
class AnswerCounts:
    """The judged answers of one draw, in counts; `words` is the mean length.

    A query has signal when some answer of it can be chosen and another rejected. `distinct` counts the different texts
    of each query.
    """

    queries: int = 0
    with_signal: int = 0
    answers: int = 0
    followed: int = 0
    unjudged: int = 0
    cut: int = 0
    distinct: int = 0
    words: float = 0.0


@dataclasses.dataclass(frozen=True)
class PairCounts:
    """The pairs of one round, with the mean length of each side in words."""

    pairs: int = 0
    chosen_words: float = 0.0
    rejected_words: float = 0.0


def answered(
    queries: Iterable[Query], judged: Iterable[Judged], settings: PairsSettings, quality: QualitySettings
) -> AnswerCounts:
    """Counts over the judged answers to some of `queries`, both in the same order."""
    asked = with_signal = answers = followed = unjudged = cut = distinct = words = 0
    for query, rows in grouped(queries, judged):
        known = [row.verdict.score for row in rows if row.verdict.score is not None]
        pairs, _ = possible_pairs(query, rows, settings, quality)
        asked += 1
        with_signal += bool(pairs)
        answers += len(rows)
        followed += sum(score > settings.chosen_above for score in known)
        unjudged += len(rows) - len(known)
        cut += sum(not row.response.finished for row in rows)
        distinct += len({row.response.text for row in rows})
        words += sum(len(row.response.text.split()) for row in rows)
    return AnswerCounts(asked, with_signal, answers, followed, unjudged, cut, distinct, words / max(answers, 1))


def contrasted(pairs: Iterable[Row]) -> PairCounts:
    """Counts over the rows of a `pairs.jsonl`."""
    count = chosen = rejected = 0
    for pair in pairs:
        count += 1
        chosen += _words(pair["chosen"])
        rejected += _words(pair["rejected"])
    return PairCounts(count, chosen / max(count, 1), rejected / max(count, 1))


def _words(messages: list[dict[str, str]]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def relevant_share(scored: Iterable[Row], accept_at_least: float) -> float | None:
    """Share of the answers with a quality, those that follow, whose quality is accepted; None without any."""
    qualities = [row["quality"] for row in scored if row["quality"] is not None]
    return sum(quality >= accept_at_least for quality in qualities) / len(qualities) if qualities else None


def training_ends(metrics: Iterable[Row]) -> dict[str, tuple[float, float]]:
    """For each figure that the trainer logged, its mean over the first and over the last tenth of the steps.

    Log-probabilities are those of whole answers, in nats. A chosen log-probability that falls while the margin grows
    says that the policy moves away from both answers.
    """
    rows = list(metrics)
    size = max(1, round(ENDS * len(rows)))
    ends = {}
    for figure, logged in TRAINING_FIGURES.items():
        values = [row[logged] for row in rows if logged in row]
        if values:
            first, last = values[:size], values[-size:]
            ends[figure] = (sum(first) / len(first), sum(last) / len(last))
    return ends
