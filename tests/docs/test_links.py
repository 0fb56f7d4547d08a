"""Links lead somewhere: files and headings of this repository; addresses are well formed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.docs.pages import BLOCK, LINK, PAGES, anchor

LINKS = [
    (page, link) for page in PAGES for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
]  # fmt: skip


def headings(page):
    lines = BLOCK.sub("", page.read_text(encoding="utf-8")).splitlines()
    return {anchor(line.lstrip("#")) for line in lines if line.startswith("#")}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.relative_to(ROOT)}→{link}" for page, link in LINKS])
def test_a_link_leads_somewhere(page, link):
    address = urlsplit(link)
    if address.scheme:
        assert address.scheme == "https"
        assert "." in address.netloc
        return
    target = (page.parent / address.path).resolve() if address.path else page
    assert target.exists(), f"{link} leads nowhere"
    if address.fragment:
        assert address.fragment in headings(target)


def test_every_page_of_the_docs_is_reached_from_the_index():
    docs = ROOT / "docs"
    listed = [line for line in (docs / "index.md").read_text(encoding="utf-8").splitlines() if line]
    reached = {page for line in listed if not line.startswith((" ", "#", "`", ":")) for page in docs.glob(f"{line}.md")}
    assert {page for page in PAGES if docs in page.parents} == reached | {docs / "index.md"}
