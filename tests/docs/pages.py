"""The pages that a reader follows, taken apart: code blocks, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the line where it starts."""

    page: Path
    language: str
    text: str
    line: int

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block in one of the languages, in the order of the pages."""
    return [
        Block(page, found[1], found[2], text[: found.start()].count("\n") + 2)
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for found in BLOCK.finditer(text)
        if found[1] in languages
    ]


def commands(text: str) -> str:
    """The commands of a console block as a script: lines after `$ `, with their continuations; comments go."""
    script, going_on = [], False
    for line in text.splitlines():
        if line.startswith("$ ") or going_on:
            script.append(line.removeprefix("$ "))
            going_on = line.rstrip().endswith("\\")
    return "\n".join(script) + "\n"


def anchor(heading: str) -> str:
    """The anchor that GitHub and MyST give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
