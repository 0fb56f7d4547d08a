"""What the stages answer to the same held-out prompts, side by side."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

from autoif_train.evaluation.answers import Shown
from autoif_train.evaluation.results import shown_items
from autoif_train.evaluation.stages import newest, title
from autoif_train.report.folder import clip
from autoif_train.report.stages import stage_name
from autoif_train.types import Row

PROMPTS = 10
TEXT_CHARACTERS = 1_200


@dataclasses.dataclass(frozen=True)
class Reply:
    """One stage's answer: a mark for every instruction of the prompt that code checked, and whether the question is
    answered where somebody judged that."""

    stage: str
    text: str
    followed: tuple[bool, ...]
    relevant: bool | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One prompt of a set and what every stage said to it."""

    set: str
    prompt: str
    replies: tuple[Reply, ...]


def comparisons(folder: Path, results: dict[str, Any]) -> list[Comparison]:
    """The answers of the base model and of each stage's newest policy to prompts drawn once, the same on every call.

    They are of the first set of `results.json` whose answers are kept as texts.
    """
    by_set: dict[str, dict[str, Row]] = {}
    for score in results.get("scores", []):
        by_set.setdefault(score["set"], {})[stage_name(score)] = score
    return next((found for name, scores in by_set.items() if (found := _of_set(folder, name, scores))), [])


def _of_set(folder: Path, name: str, scores: dict[str, Row]) -> list[Comparison]:
    answered = {stage: items for stage in newest(scores) if (items := shown_items(folder, scores[stage])) is not None}
    if not answered:
        return []
    count = min(len(items) for items in answered.values())
    places = set(random.Random(name).sample(range(count), min(PROMPTS, count)))
    drawn = [[item for place, item in enumerate(items) if place in places] for items in answered.values()]
    return [
        Comparison(
            name,
            clip(together[0].prompt, TEXT_CHARACTERS),
            tuple(_reply(stage, item) for stage, item in zip(answered, together, strict=True)),
        )
        for together in zip(*drawn, strict=True)
    ]


def _reply(stage: str, item: Shown) -> Reply:
    return Reply(title(stage), clip("\n\n".join(item.texts), TEXT_CHARACTERS), item.followed, item.relevant)
