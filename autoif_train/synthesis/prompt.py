"""Prompts are text files named for their purpose; this fills them."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

FOLDER = Path(__file__).parent / "prompts"


def placeholders(template: str) -> set[str]:
    """The names in braces that `template` leaves open."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def fill(name: str, **values: object) -> str:
    """The prompt `prompts/<name>.txt` with every placeholder filled.

    A value that the file has no place for is as much a mistake as one that it misses: either raises ValueError.
    """
    return fill_file(FOLDER / f"{name}.txt", **values)


def fill_file(file: Path, /, **values: object) -> str:
    """`fill` for a prompt that lies elsewhere."""
    name, template = file.stem, file.read_text(encoding="utf-8").rstrip()
    wanted = placeholders(template)
    if missing := wanted - values.keys():
        raise ValueError(f"prompt {name}: no value for {', '.join(sorted(missing))}")
    if unknown := values.keys() - wanted:
        raise ValueError(f"prompt {name}: no place for {', '.join(sorted(unknown))}")
    return template.format(**values)
