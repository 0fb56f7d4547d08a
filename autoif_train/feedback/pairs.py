"""Judged answers → preference pairs, and test cases → preference pairs (paper §3.4)."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from autoif_train.execution.reward import score
from autoif_train.feedback.judge import grouped, outcomes_of
from autoif_train.feedback.quality import QualitySettings, good_quality, poor_quality
from autoif_train.setting import setting
from autoif_train.synthesis.cross_validation import INSTRUCTIONS_PER_FRAME, Runs
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Judged,
    Kept,
    PreferencePair,
    Query,
    QueryFunction,
    derived_seed,
)

Side = TypeVar("Side")


@dataclasses.dataclass(frozen=True)
class PairsSettings:
    """Which answers are set against each other."""

    chosen_above: float = setting(0.5, least=0, below=1)
    """A chosen answer's score, 0 to 1, must exceed this (paper §3.4: 0.5)."""
    rejected_at_or_below: float = setting(0.0, least=0, most="chosen_above")
    """A rejected answer's score must not exceed this (paper §3.4: 0)."""
    max_per_query: int = setting(2, least=1)
    """Most pairs per query (released code: 2 chosen × 2 rejected; ours: 2)."""
    match_length: bool = True
    """Prefer pairs whose answers are of similar length, so that length itself is not what is learnt (ours)."""
    pass_rate_above: float = setting(0.0, least=0, below="pass_rate_at_most")
    """A query gives pairs only if more than this share of its judged answers passed, 0 to 1 (ours; 0 = no limit)."""
    pass_rate_at_most: float = setting(1.0, least=0, most=1)
    """A query gives pairs only if at most this share of its judged answers passed, 0 to 1: 0.5 leaves out what the
    policy mostly follows already (ours; 1 = no limit)."""
    instruction_level: bool = False
    """Add pairs made from test cases: a text on which an instruction's functions say True against one on which they say
    False (our reading of paper §3.4)."""
    share: float = setting(1.0, above=0, most=1)
    """Share of the offline pairs that DPO is trained on, above 0 to 1; a smaller share is a part of a larger one (paper
    Figure 4)."""


def pairs_by_score(
    queries: Iterable[Query],
    judged: Iterable[Judged],
    settings: PairsSettings,
    quality: QualitySettings,
    *seed: object,
) -> Iterator[PreferencePair | Kept | Dropped]:
    """Pairs of answers to one query: what followed against what was violated (`possible_pairs`)."""
    for query, rows in grouped(queries, judged):
        pairs, reason = possible_pairs(query, rows, settings, quality)
        reason = reason or outside_band(
            rows, settings.chosen_above, settings.pass_rate_above, settings.pass_rate_at_most
        )
        if reason:
            yield Dropped("query", reason, query.prompt)
            continue
        yield Kept("query")
        chance = random.Random(derived_seed(*seed, "pairs", query.id))
        for good, bad in _draw(pairs, lambda row: len(row.response.text), settings, chance):
            yield PreferencePair(
                query.messages,
                [{"role": "assistant", "content": good.response.text}],
                [{"role": "assistant", "content": bad.response.text}],
                good.verdict.score,
                bad.verdict.score,
                query.id,
            )


def possible_pairs(
    query: Query, rows: Sequence[Judged], settings: PairsSettings, quality: QualitySettings
) -> tuple[list[tuple[Judged, Judged]], str | None]:
    """Every (chosen, rejected) that the answers to one query make, or none and the reason why.

    An answer that nobody could judge, or that was cut, is neither; one with which some function failed is never
    rejected. Equal texts are one answer.
    """
    answers = list({row.response.text: row for row in rows if row.response.finished}.values())
    chosen = [row for row in answers if _chosen(row, settings, quality)]
    rejected = [row for row in answers if row not in chosen and _rejected(query, row, settings, quality)]
    pairs = [(good, bad) for good in chosen for bad in rejected if _better(good, bad, quality)]
    return pairs, None if pairs else _no_pair(chosen, rejected, answers, quality)


def pairs_from_cases(
    checked: Iterable[CheckedInstruction], executor: Runs, settings: PairsSettings, *seed: object
) -> Iterator[PreferencePair | Kept | Dropped]:
    """Pairs of test-case texts under the bare instruction: what its functions call followed against violated.

    A text's score is the share of the functions with an opinion that say True (our reading of paper §3.4).
    """
    checked = iter(checked)
    while frame := list(islice(checked, INSTRUCTIONS_PER_FRAME)):
        texts = [list(dict.fromkeys(case.text for case in row.cases)) for row in frame]
        calls = [
            ([function.source for function in row.functions], text)
            for row, of_row in zip(frame, texts, strict=True)
            for text in of_row
        ]
        found = iter(outcomes_of(calls, executor))
        for row, of_row in zip(frame, texts, strict=True):
            functions = [QueryFunction(function.source, row.instruction.id) for function in row.functions]
            scores = {text: score(functions, next(found)) for text in of_row}
            yield from _case_pairs(row, scores, settings, random.Random(derived_seed(*seed, row.instruction.id)))


def _case_pairs(
    row: CheckedInstruction, scores: dict[str, float | None], settings: PairsSettings, chance: random.Random
) -> Iterator[PreferencePair | Kept | Dropped]:
    judged = {text: found for text, found in scores.items() if found is not None}
    chosen = [text for text, found in judged.items() if found > settings.chosen_above]
    rejected = [text for text, found in judged.items() if found <= settings.rejected_at_or_below]
    pairs = [(good, bad) for good in chosen for bad in rejected if judged[good] > judged[bad]]
    if not pairs:
        yield Dropped("instruction", "no rejected case" if chosen else "no chosen case", row.instruction.text)
        return
    yield Kept("instruction")
    prompt = [{"role": "user", "content": row.instruction.text}]
    for good, bad in _draw(pairs, len, settings, chance):
        answers = [[{"role": "assistant", "content": text}] for text in (good, bad)]
        yield PreferencePair(prompt, *answers, scores[good], scores[bad], row.instruction.id)


def _chosen(row: Judged, settings: PairsSettings, quality: QualitySettings) -> bool:
    score = row.verdict.score
    return score is not None and score > settings.chosen_above and good_quality(row, quality)


def _rejected(query: Query, row: Judged, settings: PairsSettings, quality: QualitySettings) -> bool:
    return fails(query, row, settings.rejected_at_or_below) or (
        row.verdict.score is not None and poor_quality(row, quality)
    )


def fails(query: Query, row: Judged, at_or_below: float) -> bool:
    """Whether the answer scores low enough to be rejected, every function that counts having judged it."""
    score = row.verdict.score
    if score is None:
        return False
    # A judge without functions leaves no outcomes.
    counted = zip(query.functions, row.verdict.outcomes, strict=True) if row.verdict.outcomes else ()
    return score <= at_or_below and all(outcome.judged for function, outcome in counted if not function.audit)


def _better(good: Judged, bad: Judged, quality: QualitySettings) -> bool:
    """Thresholds that overlap must not turn a pair around; a bad answer may score as high only for its poor quality."""
    return good.verdict.score > bad.verdict.score or poor_quality(bad, quality)


def _no_pair(chosen: list[Judged], rejected: list[Judged], answers: list[Judged], quality: QualitySettings) -> str:
    if not answers:
        return "every answer refused, filtered or cut"
    if not any(row.verdict.score is not None for row in answers):
        return "nobody could judge"
    if chosen:
        return "no rejected answer"
    if rejected and quality.enabled and any(row.verdict.score for row in answers):
        return "no chosen answer of good quality"
    return "no chosen answer" if rejected else "neither chosen nor rejected"


def outside_band(rows: Sequence[Judged], passes_above: float, above: float, at_most: float) -> str | None:
    """Why a query of these answers is none to learn from, None where it is one.

    More than the share `above` of the answers that somebody judged must pass, and at most the share `at_most`.
    """
    scores = [row.verdict.score for row in rows if row.verdict.score is not None]
    if not scores:
        return "nobody could judge"
    rate = sum(score > passes_above for score in scores) / len(scores)
    return "pass rate too low" if rate <= above else "pass rate too high" if rate > at_most else None


def _draw(
    pairs: list[tuple[Side, Side]], length: Callable[[Side], int], settings: PairsSettings, chance: random.Random
) -> list[tuple[Side, Side]]:
    chance.shuffle(pairs)
    if settings.match_length:
        pairs.sort(key=lambda pair: abs(length(pair[0]) - length(pair[1])))
    return pairs[: settings.max_per_query]
