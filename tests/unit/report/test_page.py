"""The page is whole, holds nothing foreign, and stays small."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from autoif_train.report.page import write_report
from autoif_train.rows import write_rows
from autoif_train.types import UserError

SECTIONS = (
    "stages", "curves", "paper", "kinds", "funnel", "functions", "pairs", "answers", "rounds", "costs", "settings",
)  # fmt: skip
VOID = {"meta"}  # elements of the page that have no end
REFERENCES = ("src", "href", "xlink:href", "srcset", "data", "poster", "action")
LARGEST_BYTES = 5_000_000


class Parsed(HTMLParser):
    """Tags, ids and references of a page, and end tags that close something else than what is open."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.open: list[str] = []
        self.misplaced: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.references += [value for name, value in attrs if name in REFERENCES]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misplaced.append(tag)


@pytest.fixture(scope="module")
def parsed(page: str) -> Parsed:
    return Parsed(page)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_there(parsed, section):
    assert section in parsed.ids


def test_nothing_is_missing_in_the_page_of_a_whole_run(page):
    assert 'class="none"' not in page


def test_every_element_is_closed_where_it_was_opened(parsed):
    assert not parsed.misplaced
    assert not parsed.open


def test_the_page_refers_to_nothing_outside_itself(parsed):
    assert all(reference.startswith("#") for reference in parsed.references)


def test_styles_refer_to_nothing_outside_the_page(page):
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_every_reference_has_its_target_in_the_page(page, parsed):
    wanted = {reference[1:] for reference in parsed.references} | set(re.findall(r"url\(#([^)]*)\)", page))
    assert wanted <= set(parsed.ids)


def test_ids_are_unique(parsed):
    assert len(parsed.ids) == len(set(parsed.ids))


def test_the_page_runs_no_script(parsed):
    assert "script" not in parsed.tags


def test_generated_text_is_escaped(page):
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_no_colour_of_the_plots_is_left_out_of_the_schemes(page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert not re.search(r"(fill|stroke): #(?!f{6})", drawings)


def test_the_same_folder_gives_the_same_page(run_folder):
    first, second = (write_report(run_folder).read_bytes() for _ in range(2))
    assert first == second


def test_the_path_of_the_page_is_returned(tmp_path):
    assert write_report(tmp_path) == tmp_path / "report.html"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        write_report(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "missing",
    ["data", "sft", "online_dpo", "evaluation", "results.json", "funnel.json", "manifest.json", "config.yaml"],
)
def test_what_the_run_has_not_made_yet_is_left_out(run_folder, missing):
    path = run_folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert SECTIONS[-1] in Parsed(write_report(run_folder).read_text(encoding="utf-8")).ids


def test_an_empty_folder_gives_a_sentence_for_every_section_without_content(tmp_path):
    assert write_report(tmp_path).read_text(encoding="utf-8").count('class="none"') >= len(SECTIONS)


def test_results_that_are_not_json_are_named(run_folder):
    (run_folder / "results.json").write_text("{")
    with pytest.raises(UserError, match=r"results\.json: not JSON"):
        write_report(run_folder)


def test_many_long_rows_give_a_small_page(run_folder):
    long = "word " * 2_000
    function = {"source": f"def evaluate(response):\n    return {long!r}", "accuracy": 1.0}
    cases = [{"text": long, "expected": True}] * 40
    checked = {"instruction": {"text": long}, "functions": [function] * 8, "cases": cases}
    message = [{"role": "user", "content": long}]
    pair = {"prompt": message, "chosen": message, "rejected": message, "query_id": "q"}
    scores = {"chosen_score": 1.0, "rejected_score": 0.0}
    answer = {"prompt": long, "text": long, "followed": [True], "relevant": True}
    write_rows(run_folder / "data/checked.jsonl", [checked] * 30)
    write_rows(run_folder / "data/pairs.jsonl", [{**pair, **scores}] * 500)
    write_rows(run_folder / "sft/metrics.jsonl", [{"step": step, "loss": 1.0} for step in range(5_000)])
    for stage in ("base", "sft", "offline_dpo"):
        write_rows(run_folder / f"evaluation/{stage}/H.jsonl", [answer] * 500)
    assert write_report(run_folder).stat().st_size < LARGEST_BYTES / 5


def test_every_step_is_linked_from_the_top_in_the_order_of_the_page(page):
    places = [page.index(f'id="{section}"') for section in SECTIONS]
    assert all(before < after for before, after in pairwise(places))
