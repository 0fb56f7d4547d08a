"""Chosen and rejected answers with their difference, word by word."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoif_train.evaluation.stages import newest, stage_names, title
from autoif_train.report.folder import clip, draw, rows_of
from autoif_train.report.rule import rule_of
from autoif_train.types import PreferencePair

PAIRS = 4
TEXT_CHARACTERS = 1_500
PIECES = re.compile(r"\s+|\w+|[^\w\s]")

Marked = tuple[tuple[str, bool], ...]  # pieces of a text, and whether the other text lacks them


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One preference pair as the page shows it."""

    prompt: str
    chosen: Marked
    rejected: Marked
    chosen_score: float
    rejected_score: float
    for_quality: bool


def contrasts(folder: Path, settings: dict[str, Any]) -> dict[str, list[Contrast]]:
    """A sample of the offline pairs and of each stage's newest round, by the title of where they were made.

    An answer whose score its stage does not reject, and that is rejected all the same, was rejected for its quality.
    """
    last = newest(name for name in stage_names(folder) if rows_of(folder, f"{name}/pairs"))
    found = {}
    for name, heading in [("data", "Offline pairs"), *((name, title(name)) for name in last)]:
        rows = draw(rows_of(folder, f"{name}/pairs") or [], PAIRS, "pairs")
        if rows:
            rule, _ = rule_of(name, settings)
            found[heading] = [_contrast(PreferencePair(**row), rule.rejected_at_or_below) for row in rows]
    return found


def _contrast(pair: PreferencePair, rejected_at_or_below: float) -> Contrast:
    prompt, chosen, rejected = (
        clip("\n".join(message["content"] for message in messages), TEXT_CHARACTERS)
        for messages in (pair.prompt, pair.chosen, pair.rejected)
    )
    marked = word_difference(chosen, rejected)
    for_quality = pair.rejected_score > rejected_at_or_below
    return Contrast(prompt, *marked, pair.chosen_score, pair.rejected_score, for_quality)


def word_difference(first: str, second: str) -> tuple[Marked, Marked]:
    """Both texts in pieces that are marked where the other one lacks them."""
    ours, theirs = PIECES.findall(first), PIECES.findall(second)
    matched = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    left = tuple(_pieces((ours[start:end], tag != "equal") for tag, start, end, _, _ in matched))
    right = tuple(_pieces((theirs[start:end], tag != "equal") for tag, _, _, start, end in matched))
    return left, right


def _pieces(runs: Iterator[tuple[list[str], bool]]) -> Iterator[tuple[str, bool]]:
    return (("".join(words), differs) for words, differs in runs if words)
