"""What a run folder holds so far, read without holding any of its files in memory."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from autoif_train.config import load_dump
from autoif_train.rows import Rows
from autoif_train.types import Row, UserError

Drawn = TypeVar("Drawn")
Section = TypeVar("Section")


def rows_of(folder: Path, *names: str, read: Callable[[Row], Any] | None = None) -> Rows | None:
    """The rows of the first of `names` that is finished, as the nouns that `read` makes of them; None where none is."""
    found = next((path for name in names if (path := folder / f"{name}.jsonl").exists()), None)
    return Rows(found, read) if found else None


def json_of(folder: Path, name: str) -> Any:
    """The content of `name.json`; None where it is not written yet."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); remove it and run the recipe that writes it again") from error


def settings_of(folder: Path) -> dict[str, Any]:
    """The resolved settings of the run; empty where `config.yaml` is missing."""
    path = folder / "config.yaml"
    return load_dump(path) if path.exists() else {}


def section(settings: dict[str, Any], name: str, of: type[Section]) -> Section:
    """A section of a run's settings as the dataclass `of` it; younger settings are at their defaults."""
    known = {field.name for field in dataclasses.fields(of)}
    return of(**{key: value for key, value in settings.get(name, {}).items() if key in known})


def draw(rows: Iterable[Drawn], count: int, *seed: object) -> list[Drawn]:
    """`count` of the rows drawn evenly in one pass (reservoir sampling), in the order of the file."""
    chance = random.Random(repr(seed))
    drawn: list[tuple[int, Drawn]] = []
    for place, row in enumerate(rows):
        if place < count:
            drawn.append((place, row))
        elif (slot := chance.randrange(place + 1)) < count:
            drawn[slot] = (place, row)
    return [row for _, row in sorted(drawn, key=lambda entry: entry[0])]


def clip(text: str, characters: int) -> str:
    """The text, cut at `characters` with a note of how much is missing."""
    if len(text) <= characters:
        return text
    return f"{text[:characters].rstrip()} … (+{len(text) - characters:,} characters)"
