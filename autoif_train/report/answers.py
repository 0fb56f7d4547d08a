"""What the stages answer to the same held-out prompts, side by side."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

from autoif_train.evaluation.stages import newest, stage_names, title
from autoif_train.evaluation.tiny import Scored
from autoif_train.report.folder import clip, rows_of

SET = "H"
PROMPTS = 10
TEXT_CHARACTERS = 1_200


@dataclasses.dataclass(frozen=True)
class Reply:
    """One stage's answer: a mark for every instruction of the prompt, and whether the question is answered."""

    stage: str
    text: str
    followed: tuple[bool, ...]
    relevant: bool


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One prompt and what every stage said to it."""

    prompt: str
    replies: tuple[Reply, ...]


def comparisons(folder: Path) -> list[Comparison]:
    """The answers of the base model and of each stage's newest policy to prompts drawn once, the same on every call."""
    found = {name: rows for name in stage_names(folder) if (rows := rows_of(folder, f"evaluation/{name}/{SET}"))}
    stages = {name: found[name] for name in newest(found)}
    if not stages:
        return []
    count = min(len(rows) for rows in stages.values())
    places = set(random.Random(SET).sample(range(count), min(PROMPTS, count)))
    drawn = {
        name: [Scored.from_row(row) for place, row in enumerate(rows) if place in places]
        for name, rows in stages.items()
    }
    return [
        Comparison(
            clip(together[0].prompt, TEXT_CHARACTERS),
            tuple(_reply(name, scored) for name, scored in zip(drawn, together, strict=True)),
        )
        for together in zip(*drawn.values(), strict=True)
    ]


def _reply(name: str, scored: Scored) -> Reply:
    return Reply(title(name), clip(scored.text, TEXT_CHARACTERS), scored.followed, scored.relevant)
