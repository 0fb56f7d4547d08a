"""Reads the hand-written functions of the recorded supervisor, `sources/*.txt`.

Each file holds sections `## NAME OF THE KIND`, and in each of them functions: right ones below `### right`, wrong ones
below `### FLAW | LABEL | what it really checks`, LABEL being how that description relates to the instruction. Names in
capitals such as COUNT are the kind's slots.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "sources"


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A function with a mistake of its own kind, and what it really checks."""

    flaw: str
    label: str
    says: str
    source: str


@dataclasses.dataclass(frozen=True)
class Functions:
    """All functions for one kind of instruction."""

    right: tuple[str, ...]
    wrong: tuple[Wrong, ...]


@functools.cache
def functions() -> dict[str, Functions]:
    """The functions of every kind, by the kind's name."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for section in _blocks("## ", path.read_text(encoding="utf-8")):
            name, _, body = section.partition("\n")
            found[name] = _read(body)
    return found


def _blocks(mark: str, text: str) -> list[str]:
    return re.split(rf"^{mark}", text, flags=re.MULTILINE)[1:]


def _read(section: str) -> Functions:
    right, wrong = [], []
    for block in _blocks("### ", section):
        head, _, source = block.partition("\n")
        if head == "right":
            right.append(source.strip("\n"))
        else:
            wrong.append(Wrong(*head.split(" | "), source.strip("\n")))
    return Functions(tuple(right), tuple(wrong))
