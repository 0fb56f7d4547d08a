"""The page is whole, holds nothing foreign, and stays small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autoif_train.report.page import write_report
from autoif_train.rows import write_rows
from autoif_train.types import UserError

SECTIONS = ("stages", "curves", "funnel", "functions", "pairs", "answers", "rounds", "costs", "settings")
VOID = {"meta", "br", "img", "link", "input", "hr"}
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """Elements, ids and references of a page, and tags that close nothing that is open."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.ids, self.references, self.open, self.unbalanced = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("src", "href", "xlink:href", "srcset", "data", "poster", "action"):
                self.references.append(value)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    """The page of the whole run, made once for all that only read it."""
    from conftest import write_whole_run

    return write_report(write_whole_run(tmp_path_factory.mktemp("run"))).read_text(encoding="utf-8")
