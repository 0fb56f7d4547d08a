"""What the stages answer to the same held-out prompts, side by side."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

from autoif_train.evaluation.tiny import Scored
from autoif_train.report.folder import clip, rounds_of, rows_of
from autoif_train.report.stages import title

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
    """The answers of the base model and of the stages after it to prompts drawn once, the same ones on every call."""
    stages = {name: rows for name in _stages(folder) if (rows := rows_of(folder, f"evaluation/{name}/{SET}"))}
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


def _stages(folder: Path) -> Iterator[str]:
    """The base model, SFT, offline DPO and the newest online policy: a column each."""
    yield from ("base", "sft", "offline_dpo")
    rounds = [f"online_dpo/round_{number}" for number in rounds_of(folder)]
    yield from [name for name in rounds if rows_of(folder, f"evaluation/{name}/{SET}")][-1:]


def _reply(name: str, scored: Scored) -> Reply:
    return Reply(title(name), clip(scored.text, TEXT_CHARACTERS), scored.followed, scored.relevant)
