"""What the stages answer to the same held-out prompts, side by side."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

from autoif_train.evaluation.stages import newest, title
from autoif_train.report.folder import clip, rows_of
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
    places: dict[str, dict[str, str]] = {}
    for score in results.get("scores", []):
        name = stage_name(score)
        # Results that name no files are from before they did.
        files = score.get("answers") or [f"evaluation/{name}/{score['set']}"]
        places.setdefault(score["set"], {})[name] = files[0]
    return next((found for name, files in places.items() if (found := _of_set(folder, name, files))), [])


def _of_set(folder: Path, name: str, files: dict[str, str]) -> list[Comparison]:
    answered = {stage: rows for stage in newest(files) if (rows := rows_of(folder, files[stage])) is not None}
    if not answered or any("prompt" not in next(iter(rows), {}) for rows in answered.values()):
        return []
    count = min(len(rows) for rows in answered.values())
    places = set(random.Random(name).sample(range(count), min(PROMPTS, count)))
    drawn = [[row for place, row in enumerate(rows) if place in places] for rows in answered.values()]
    return [
        Comparison(
            name,
            clip(together[0]["prompt"], TEXT_CHARACTERS),
            tuple(_reply(stage, row) for stage, row in zip(answered, together, strict=True)),
        )
        for together in zip(*drawn, strict=True)
    ]


def _reply(stage: str, row: Row) -> Reply:
    """An answer as any benchmark keeps it: of one turn or several, graded by code or not."""
    texts = row["responses"] if "responses" in row else [row["response"] if "response" in row else row["text"]]
    marks = row.get("followed", row.get("strict", ()))
    return Reply(title(stage), clip("\n\n".join(texts), TEXT_CHARACTERS), tuple(marks), row.get("relevant"))
