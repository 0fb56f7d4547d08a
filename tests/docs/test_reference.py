"""The reference pages against what is there: every file of a run has its row, every name exists."""

from __future__ import annotations

import importlib
import json
import re

import pytest

from tests.conftest import ROOT

PAGES = ROOT / "docs/reference"
PATTERNS = {
    re.escape("{"): "(?:",
    re.escape("}"): ")",
    ",": "|",
    re.escape("["): "(?:",
    re.escape("]"): ")?",
    "N": r"\d+",
    "ID": "[0-9a-f]{12}",
    "STAGE": r"\w+(?:/round_\d+)?",
    "SET": r"\w+?",
}


def rows():
    """Every (pattern of a file's name, description) of the page."""
    for line in (PAGES / "files.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            names, told = line.strip("| ").split(" | ", 1)
            for name in re.findall(r"`([^`]+)`", names):
                yield re.compile(pattern(name)), name, told


def pattern(name):
    tokens = re.split(r"([{}\[\],]|STAGE|SET|ID|N)", name)
    found = "".join(PATTERNS.get(re.escape(token), PATTERNS.get(token, re.escape(token))) for token in tokens)
    return f"{found}.*" if name.endswith("/") else found


def described(file):
    """What the page says of a file of the run; empty where it has no row."""
    return [told for known, _, told in rows() if known.fullmatch(file)]


def keys(told):
    """The keys that a description names, with those of the rows that it refers to."""
    found = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", told))))
    for other in re.findall(r"`(data/[\w.]+)`", told):
        for inner in described(other):
            found |= keys(inner)
    return found


def test_every_file_of_a_run_has_a_row(tiny_run):
    files = [path for path in tiny_run.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    names = [path.relative_to(tiny_run.folder).as_posix() for path in files]
    assert len(names) > 50
    assert [name for name in names if not described(name)] == []


def test_every_key_of_a_data_file_is_told(tiny_run):
    untold = {}
    for file in tiny_run.folder.rglob("*.jsonl"):
        name = file.relative_to(tiny_run.folder).as_posix()
        told = " ".join(described(name))
        first = json.loads(file.open(encoding="utf-8").readline() or "{}")
        if not name.endswith("metrics.jsonl") and (missing := first.keys() - keys(told)):
            untold[name] = missing
    assert untold == {}


@pytest.mark.parametrize(
    "name",
    [
        "evaluation/online_dpo/round_2/ifeval-0123456789ab-ba9876543210_seed_3.jsonl",
        "evaluation/sft/mt_bench-0123456789ab_graded_0123456789ab.jsonl",
        "online_dpo/round_1/held_back_responses.jsonl",
        "online_dpo/round_1/resampled_scored.jsonl",
        "data/pilot_policy_judged.jsonl",
        "spar/round_3/refiner/config.json",
        "cache_1.sqlite",
    ],
)
def test_a_file_that_some_settings_leave_has_a_row(name):
    assert described(name)


def test_a_file_of_another_name_has_none():
    assert not described("data/judgements.jsonl")


def listed():
    """Every module of the page with the names that are listed of it."""
    text = (PAGES / "python.md").read_text(encoding="utf-8")
    for kind, name, options in re.findall(r"\.\. auto(module|class):: (\S+)\n((?:   :.*\n)*)", text):
        members = re.search(r":members: (.+)", options)
        yield pytest.param(kind, name, members[1].split(", ") if members else [], id=name)


@pytest.mark.parametrize(("kind", "name", "members"), [*listed()])
def test_every_name_of_the_python_reference_is_there(kind, name, members):
    module, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(module), last) if kind == "class" else importlib.import_module(name)
    assert [member for member in members if not getattr(found, member, None).__doc__] == []


def test_the_python_reference_has_every_way_to_train():
    training = importlib.import_module("autoif_train.training.train")
    page = (PAGES / "python.md").read_text(encoding="utf-8")
    assert all(name in page for name in vars(training) if name.startswith("train_"))
