"""A finished run is evaluated in another way: its first answers stay, and no figure mixes the two."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows
from tests.conftest import run_recipe

SHORT = ("--evaluation.max_new_tokens", "24", "--evaluation.max_prompts", "12")


def answers(folder):
    places = (*folder.glob("evaluation/**/*.jsonl"), *folder.glob("online_dpo/*/validation.jsonl"))
    return {path: path.stat().st_mtime_ns for path in places}


def scores(folder):
    return json.loads((folder / "results.json").read_text())["scores"]


@pytest.fixture(scope="module")
def finished(tiny_run, tmp_path_factory):
    """A copy of the shared run, and its flags."""
    folder = tmp_path_factory.mktemp("decoding") / "run"
    shutil.copytree(tiny_run.folder, folder)
    return folder, ["--output_dir", str(folder), *tiny_run.flags[2:]]


@pytest.fixture(scope="module")
def shortened(finished):
    """The copy with shorter answers of fewer prompts beside those of the run, which are given."""
    folder, flags = finished
    first = answers(folder)
    ran = run_recipe("evaluate", *flags, *SHORT)
    assert ran.code == 0, ran.err
    return folder, flags, first


def test_another_decoding_answers_anew_and_earlier_answers_stay(shortened):
    folder, _, first = shortened
    now = answers(folder)
    assert first.items() < now.items()
    assert len(now) == len(first) + len(scores(folder))
    assert {row["decoding"]["max_new_tokens"] for row in scores(folder)} == {24}
    for row in scores(folder):
        (items,) = row["items"]
        assert folder / f"{items}.jsonl" in now.keys() - first.keys()
        assert len(list(Rows(folder / f"{items}.jsonl"))) == row["n"] == 12


def test_the_first_decoding_finds_its_answers_again(shortened, tiny_run):
    folder, flags, _ = shortened
    before = answers(folder)
    ran = run_recipe("evaluate", *flags)
    assert ran.code == 0, ran.err
    assert "every step was done before" in ran.out
    assert answers(folder) == before
    assert scores(folder) == scores(tiny_run.folder)


def test_rounds_are_not_validated_in_two_ways(shortened):
    folder, flags, _ = shortened
    ran = run_recipe("online_dpo", *flags, *SHORT, "--online_dpo.rounds", "3")
    assert ran.code == 2
    said = ran.err.strip().splitlines()[-1]
    assert "online_dpo/start/validation.jsonl was answered in another way" in said
    assert "evaluation.max_new_tokens: 96 → 24; evaluation.max_prompts: 40 → 12" in said
    assert not (folder / "online_dpo/round_3/policy").exists()


def test_answers_of_which_an_earlier_version_noted_less_are_told_apart_as_well(tiny_run, tmp_path):
    """Such a version refused to change how answers are asked for: the settings of the folder say it."""
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    flags = ["--output_dir", str(folder), *tiny_run.flags[2:]]
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("before", None)
    manifest["evaluation"] = {
        name: {key: value for key, value in noted.items() if key not in ("max_prompts", "strip_thinking")}
        for name, noted in manifest["evaluation"].items()
        if not name.endswith("validation")
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    first = answers(folder)
    assert run_recipe("online_dpo", *flags, *SHORT, "--online_dpo.rounds", "3").code == 2
    assert run_recipe("evaluate", *flags, *SHORT).code == 0
    assert {row["n"] for row in scores(folder)} == {12}
    assert run_recipe("evaluate", *flags).code == 0
    assert {row["n"] for row in scores(folder)} == {40}
    assert first.items() < answers(folder).items()
