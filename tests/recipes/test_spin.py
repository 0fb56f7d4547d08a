"""SPIN as a user runs it: what each round answers and trains on, and mistakes."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows
from tests.conftest import SMALL, run_recipe

ROUNDS = ("--spin.rounds", "2")


@pytest.fixture(scope="module")
def spin_run(tiny_run, tmp_path_factory):
    """Two rounds at small sizes, in a folder that holds the other stages."""
    folder = shutil.copytree(tiny_run.folder, tmp_path_factory.mktemp("spin") / "run")
    ran = run_recipe("spin", "--output_dir", str(folder), *SMALL, *ROUNDS)
    assert ran.code == 0, ran.err
    return folder


def test_each_round_plays_against_the_policy_before_it(spin_run):
    authors = [{row["author"] for row in Rows(spin_run / f"spin/round_{number}/responses.jsonl")} for number in (1, 2)]
    assert authors == [{"sft"}, {"spin/round_1/policy"}]


def test_every_pair_is_a_demonstration_and_an_answer_of_these_two_rounds(spin_run):
    data = [row["completion"][0]["content"] for row in Rows(spin_run / "data/demonstrations.jsonl")]
    rounds = [[row["text"] for row in Rows(spin_run / f"spin/round_{n}/responses.jsonl")] for n in (1, 2)]
    found = [
        (row["chosen"][0]["content"], row["rejected"][0]["content"])
        for row in Rows(spin_run / "spin/round_2/pairs.jsonl")
    ]
    played = [(text, own) for text, *owns in zip(data, *rounds, strict=True) for own in owns if own.strip() != text]
    assert found == played


def test_the_funnel_counts_answers_that_are_the_datas(spin_run):
    entries = [
        row for row in json.loads((spin_run / "funnel.json").read_text()) if row["stage"] == "spin/round_1/pairs"
    ]
    (entry,) = [row for row in entries if "rows_in" in row]
    assert entry["rows_in"] == len(Rows(spin_run / "data/demonstrations.jsonl"))
    assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values())


def test_the_policies_are_scored_beside_the_others(spin_run):
    ran = run_recipe("evaluate", "--output_dir", str(spin_run), *SMALL, *ROUNDS)
    assert ran.code == 0, ran.err
    scores = json.loads((spin_run / "results.json").read_text())["scores"]
    assert {(row["stage"], row["round"]) for row in scores} >= {("sft", 0), ("spin", 1), ("spin", 2)}


def test_the_same_command_again_makes_nothing_anew(spin_run):
    before = {path: path.stat().st_mtime_ns for path in (spin_run / "spin").rglob("*") if path.is_file()}
    assert run_recipe("spin", "--output_dir", str(spin_run), *SMALL, *ROUNDS).code == 0
    assert {path: path.stat().st_mtime_ns for path in (spin_run / "spin").rglob("*") if path.is_file()} == before


def test_an_empty_list_of_rates_is_refused(tiny_run, tmp_path):
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, tmp_path / "run" / name)
    ran = run_recipe("spin", "--output_dir", str(tmp_path / "run"), *SMALL, "--spin.learning_rates", "[]")
    assert ran.code == 2, ran.err
    assert "spin.learning_rates" in ran.err
