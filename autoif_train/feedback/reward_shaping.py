"""Answers → rewards for training by reinforcement: what the functions pay, and what is worth nothing whatever they say.

A reward of verification functions alone can be earned without answering: the guards are a floor that needs no judge, a
gate of relevance, and the audit functions, whose verdicts are logged beside the reward and never paid.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.execution.reward import Weights, shares
from autoif_train.feedback.judge import grouped, verdicts
from autoif_train.feedback.pairs import outside_band
from autoif_train.feedback.quality import QualitySettings, good_quality, score_quality
from autoif_train.setting import setting
from autoif_train.synthesis.cross_validation import Runs
from autoif_train.synthesis.reading import without_thinking
from autoif_train.types import CheckedInstruction, Dropped, Judged, Query, Response, Verdict, VerificationFunction

RUN_OF_WORDS = 4
_DEMAND = r"(constraint|requirement|instruction|condition|criteri)\w*"
_MET = r"(satisf|meets?\b|met\b|fulfil|follow|obey|respect|compl(y|ied)|adher)\w*"
_ALL = rf"\b(all|every|each)\b[^.\n]{{0,40}}\b{_DEMAND}"
_SELF_PRAISE = re.compile(rf"{_ALL}[^.\n]{{0,40}}\b{_MET}|\b{_MET}[^.\n]{{0,20}}{_ALL}", re.IGNORECASE)
FLOORS = ("empty", "unfinished", "too long", "repeats itself", "praises itself")

Paid = tuple["list[float | None]", dict[str, float]]
Reward = Callable[[Sequence[str], Sequence[str], Sequence[bool]], Paid]


@dataclasses.dataclass(frozen=True)
class GrpoSettings:
    """Group-relative policy optimisation with the verification functions as the reward."""

    rounds: int = setting(1, least=1, free=True)
    """Rounds of measuring the prompts' difficulty and training; each is held to the policy it starts from
    (DeepSeekMath, arXiv 2402.03300, Algorithm 1; ours: 1)."""
    pilot_responses: int = setting(8, least=0)
    """Answers to each query that measure how hard it is for the policy before a round; 0 = every query is trained on
    (ours: 8)."""
    pass_rate_above: float = setting(0.0, least=0, below="pass_rate_at_most")
    """A query is trained on only if more than this share of its pilot answers passed, 0 to 1."""
    pass_rate_at_most: float = setting(0.5, least=0, most=1)
    """A query is trained on only if at most this share of its pilot answers passed, 0 to 1."""
    weigh_functions: bool = True
    """Let a function count by how far its cases and the other functions bear it out; false = all the same (ours)."""
    gate: bool = True
    """Pay only answers that the judge of `quality` finds relevant: `quality.accept_at_least` (ours)."""
    max_words: int | None = setting(None, least=1)
    """An answer of more words is worth 0; null = no limit (ours)."""
    max_repetition: float = setting(0.5, least=0, most=1)
    """An answer is worth 0 if more than this share of its runs of four words occurred in it before, 0 to 1 (ours)."""
    refuse_self_praise: bool = True
    """An answer that says of itself that it follows its instructions is worth 0 (ours)."""
    trainer: dict[str, Any] = setting(default_factory=dict, trainer="grpo")
    """`global_batch_size` (answers per update over all devices) and every argument of TRL's GRPOConfig under its own
    name, e.g. --grpo.trainer.num_generations 16."""


def in_band(
    queries: Iterable[Query], judged: Iterable[Judged], settings: GrpoSettings, passes_above: float
) -> Iterator[Query | Dropped]:
    """The queries that the policy follows now and then: where all answers fail, or all pass, a group teaches nothing.

    An answer passes when its score is above `passes_above`. Both inputs are in the same order of queries.
    """
    for query, rows in grouped(queries, judged):
        reason = outside_band(rows, passes_above, settings.pass_rate_above, settings.pass_rate_at_most)
        yield Dropped("query", reason, query.prompt) if reason else query


def reliability(function: VerificationFunction) -> float:
    """How far a function is borne out, 0 to 1: its accuracy on cases of either label, times how often the instruction's
    other functions say the same; what was not measured counts as 1."""
    evidence = function.evidence
    sides = (evidence.true_accuracy, evidence.false_accuracy) if evidence else (None, None)
    accuracy = function.accuracy if None in sides else fmean(sides)
    agreement = evidence.agreement if evidence else None
    return (1.0 if accuracy is None else accuracy) * (1.0 if agreement is None else agreement)


def reliabilities(checked: Iterable[CheckedInstruction]) -> Weights:
    """The reliability of every function by its instruction's id and its source: two instructions may share a source."""
    return {
        (row.instruction.id, function.source): reliability(function) for row in checked for function in row.functions
    }


def constraint_share(query: Query, row: Judged, weights: Weights, audit: bool = False) -> float | None:
    """Mean over an answer's instructions of the weighted share of their functions that say yes, 0 to 1.

    Unlike a verdict's minimum it credits the instructions that are followed beside one that is not. None where no
    function of some instruction has an opinion. With `audit` the functions held back count, and only they.
    """
    found = shares(query.functions, row.verdict.outcomes, weights, audit)
    return fmean(found) if found else None


def floor(text: str, finished: bool, settings: GrpoSettings) -> str | None:
    """Why an answer, its reasoning block apart, is worth 0 whatever it follows: one of `FLOORS`, or None."""
    words = text.split()
    if not words:
        return "empty"
    if not finished:
        return "unfinished"
    if settings.max_words is not None and len(words) > settings.max_words:
        return "too long"
    if repetition(words) > settings.max_repetition:
        return "repeats itself"
    return "praises itself" if settings.refuse_self_praise and _SELF_PRAISE.search(text) else None


def repetition(words: Sequence[str]) -> float:
    """Share of a text's runs of four words that occurred in it before, 0 to 1."""
    runs = [tuple(words[start : start + RUN_OF_WORDS]) for start in range(len(words) - RUN_OF_WORDS + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def shaped_reward(
    queries: Iterable[Query],
    weights: Weights,
    executor: Runs,
    settings: GrpoSettings,
    quality: QualitySettings,
    judge: ChatModel | None,
    *seed: object,
) -> Reward:
    """`(query ids, texts, whether each ended) -> (rewards, figures)`, for a trainer.

    A reward is the share of constraints followed, 0 for what meets the floor or fails the gate of `judge` (None = no
    gate), and None where nobody can judge. The figures are shares of the answers; `audit/gap` is what the functions of
    training say of them minus what those held back say, absent where there are none: a trainer averages over its
    processes, and one that has no figure must not spoil the others'.
    """
    known = {query.id: query for query in queries}

    def reward(query_ids: Sequence[str], texts: Sequence[str], finished: Sequence[bool]) -> Paid:
        asked = [known[query_id] for query_id in query_ids]
        answers = [
            Response(query_id, without_thinking(text), "policy", place, done)
            for place, (query_id, text, done) in enumerate(zip(query_ids, texts, finished, strict=True))
        ]
        judged = verdicts(list(zip(asked, answers, strict=True)), executor)
        followed, audited = (
            [constraint_share(query, row, weights, audit) for query, row in zip(asked, judged, strict=True)]
            for audit in (False, True)
        )
        floors = [floor(answer.text, answer.finished, settings) for answer in answers]
        earned = [0.0 if reason else share for reason, share in zip(floors, followed, strict=True)]
        rewards = earned
        if judge:
            rows = [Judged(answer, Verdict((), worth)) for answer, worth in zip(answers, earned, strict=True)]
            # A trainer may mix its queries: `asked` names that of each answer.
            scored = score_quality(asked, rows, judge, quality, 0.0, *seed)
            rewards = [_through_gate(row, quality) for row in scored if isinstance(row, Judged)]
        gaps = [a - b for a, b in zip(followed, audited, strict=True) if a is not None and b is not None]
        reasons, count = Counter(floors), len(texts)
        return rewards, {
            **{f"floor/{reason.replace(' ', '_')}": reasons[reason] / count for reason in FLOORS},
            "gate/shut": sum(before != after for before, after in zip(earned, rewards, strict=True)) / count,
            "unjudged": rewards.count(None) / count,
            "constraints": fmean(share or 0.0 for share in followed),
            **({"audit/gap": fmean(gaps)} if gaps else {}),
        }

    return reward


def _through_gate(row: Judged, quality: QualitySettings) -> float | None:
    """What is left of the score: 0 for an irrelevant answer, None where the judge could not be read."""
    if not row.verdict.score or good_quality(row, quality):
        return row.verdict.score
    return None if row.quality is None else 0.0
