"""IFBench's checkers come from its package or a checkout; a stand-in shows that they are asked in the right way."""

from __future__ import annotations

import json
import sys

import pytest

from autoif_train.evaluation import ifbench
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.rows import write_rows
from autoif_train.types import UserError

STAND_IN = """
class Starts:
    def __init__(self, kind):
        self.word = self.prompt = None
    def build_description(self, *, word=None, prompt=None):
        import random
        self.word = word or random.choice("ab")
    def get_instruction_args(self):
        return {"word": self.word}
    def check_following(self, text):
        return text.startswith(self.word)

class Repeats(Starts):
    def build_description(self, *, prompt=None):
        self.prompt = prompt
    def get_instruction_args(self):
        return {"prompt": self.prompt}
    def check_following(self, text):
        return self.prompt in text

INSTRUCTION_DICT = {"words:starts": Starts, "words:repeats": Repeats}
"""
ROWS = [
    {"key": "0", "prompt": "Say a.", "instruction_id_list": ["words:starts"], "kwargs": [{"word": "a", "n": None}]},
    {"key": "1", "prompt": "Say b.", "instruction_id_list": ["words:repeats"], "kwargs": [{}]},
]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository that looks like IFBench's, and no other one in sight."""
    pytest.importorskip("langdetect", reason="the extra `eval` is not installed")
    package = tmp_path / "checkout" / "ifbench"
    package.mkdir(parents=True)
    (package / "instructions_registry.py").write_text(STAND_IN)
    write_rows(package / "test.jsonl", ROWS)
    (package / "__init__.py").write_text(
        "from pathlib import Path\nfrom ifbench import instructions_registry\n"
        "def data_path():\n    return Path(__file__).parent / 'test.jsonl'\n"
    )
    monkeypatch.setattr(ifbench, "NLTK_DATA", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield str(tmp_path / "checkout")
    for name in [name for name in sys.modules if name.split(".")[0] == "ifbench"]:
        del sys.modules[name]
    ifbench._package.cache_clear()


def test_responses_are_graded_by_the_checkouts_checkers(checkout, tmp_path):
    write_rows(
        tmp_path / "responses.jsonl", [{"prompt": "Say a.", "response": "a"}, {"prompt": "Say b.", "response": "b"}]
    )
    settings = EvaluationSettings(ifbench_checkout=checkout)
    prompts = tmp_path / "checkout" / "ifbench" / "test.jsonl"
    figures = ifbench.score_files(prompts, tmp_path / "responses.jsonl", tmp_path / "out.jsonl", settings)
    assert figures["prompt_loose"] == {"count": 1, "total": 2, "percent": 50.0}
    rows = [json.loads(each) for each in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["strict"] for row in rows] == [[True], [False]]


def test_a_constraint_about_the_prompt_is_given_the_prompt(checkout):
    _, item = ifbench.load_items(None, checkout)
    (check,) = item.checks()
    assert check("You said: Say b.")
    assert not check("b")


def test_an_argument_that_would_be_drawn_is_refused_with_its_line(checkout, tmp_path):
    write_rows(tmp_path / "prompts.jsonl", [{**ROWS[0], "kwargs": [{}]}])
    with pytest.raises(UserError, match=r"prompts\.jsonl, line 1: words:starts needs a usable value of word"):
        ifbench.load_items(tmp_path / "prompts.jsonl", checkout)


def test_an_unknown_kind_is_refused_with_its_line(checkout, tmp_path):
    write_rows(tmp_path / "prompts.jsonl", [{**ROWS[0], "instruction_id_list": ["words:sings"]}])
    with pytest.raises(UserError, match=r"line 1: the kind of instruction 'words:sings' is unknown"):
        ifbench.load_items(tmp_path / "prompts.jsonl", checkout)


def test_missing_checkers_come_with_the_command(checkout, monkeypatch):
    found = ifbench.importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "ifbench" else found(name, *rest)
    )
    with pytest.raises(UserError, match="pip install ifbench, or name a checkout"):
        ifbench.load_items(None, None)


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"evaluation\.ifbench_checkout: .* holds no ifbench/instructions_registry"):
        ifbench.load_items(None, str(tmp_path))


def test_missing_sentence_data_come_with_the_command(checkout, monkeypatch):
    monkeypatch.setattr(ifbench, "NLTK_DATA", {"nowhere": "corpora/nowhere"})
    with pytest.raises(UserError, match=r"nowhere are missing.*nltk\.downloader nowhere"):
        ifbench.load_items(None, checkout)
