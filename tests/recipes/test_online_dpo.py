"""Online DPO as a user runs it: what each round leaves, its settings together, and mistakes."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows, write_rows
from tests.conftest import ROOT, SMALL, run_recipe

ROUNDS = (
    "--online_dpo.rounds", "4",
    "--online_dpo.queries_per_round", "24",
    "--online_dpo.resample_budget", "0.5",
    "--online_dpo.park_after", "1",
    "--online_dpo.validation_queries", "12",
    "--online_dpo.keep_best", "true",
    "--online_dpo.stop_when_flat", "1",
    "--online_dpo.replay", "0.5",
    "--online_dpo.drift_queries", "4",
    "--pairs.pass_rate_at_most", "0.75",
    "--dpo.learning_rate", "1e-9",
)  # fmt: skip


@pytest.fixture
def prepared(tiny_run, tmp_path):
    """A run folder with data and the SFT model, before its first round."""
    folder = tmp_path / "run"
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


def test_each_round_leaves_a_summary(tiny_run):
    for number in (1, 2):
        folder = tiny_run.folder / f"online_dpo/round_{number}"
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["answers"]["answers"] == len(Rows(folder / "responses.jsonl"))
        assert summary["pairs"]["pairs"] == len(Rows(folder / "pairs.jsonl"))
        assert summary["drift"].keys() == {"round_start", "sft"}
        assert 0 <= summary["validation"]["after_low"] <= summary["validation"]["after"]
        assert summary["tokens"].keys() == {"sampling", "training", "validation", "drift"}
        assert f"online_dpo/round_{number}  validation " in tiny_run.ran.out
        assert f"({summary['tokens']['training']:,} tokens)" in tiny_run.ran.out


def test_the_best_round_is_named(tiny_run):
    best = json.loads((tiny_run.folder / "online_dpo/best.json").read_text())
    assert (tiny_run.folder / best["policy"] / "model.safetensors").exists()


def test_the_settings_of_the_rounds_work_together(prepared):
    """A learning rate at which nothing is learnt: the first policy stays the best, and the rounds end early."""
    ran = run_recipe("online_dpo", "--output_dir", str(prepared), *SMALL, *ROUNDS)
    assert ran.code == 0, ran.err
    assert "best on validation after 1 rounds: sft" in ran.out
    assert not (prepared / "online_dpo/round_2").exists()
    assert json.loads((prepared / "online_dpo/best.json").read_text())["policy"] == "sft"
    held_back = {row["query_id"] for row in Rows(prepared / "online_dpo/round_1/held_back.jsonl")}
    asked = {row["query_id"] for row in Rows(prepared / "online_dpo/round_1/asked.jsonl")}
    assert len(held_back) == 12
    assert not held_back & asked
    again = {row["query_id"] for row in Rows(prepared / "online_dpo/round_1/resampled.jsonl")}
    assert again
    assert again <= asked
    judged, scored = (Rows(prepared / f"online_dpo/round_1/resampled{step}.jsonl") for step in ("_judged", "_scored"))
    assert len(judged) == len(scored) == len(Rows(prepared / "online_dpo/round_1/resampled.jsonl"))


def test_what_a_kill_after_the_last_policy_left_undone_is_made_up(tiny_run, tmp_path):
    """The evaluation that meets a whole last policy still waits for what its round is to say of it."""
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    undone = [folder / f"online_dpo/{name}" for name in ("round_2/drift.jsonl", "round_2/summary.json", "best.json")]
    before = [file.read_bytes() for file in undone]
    for file in undone:
        file.unlink()
    ran = run_recipe("evaluate", "--output_dir", str(folder), *SMALL)
    assert ran.code == 0, ran.err
    assert undone[0].read_bytes() == before[0]
    assert json.loads(undone[2].read_text()) == json.loads(before[2])
    for key in ("drift", "validation", "answers", "pairs"):
        assert json.loads(undone[1].read_text())[key] == json.loads(before[1])[key]


def refused(prepared, *flags):
    ran = run_recipe("online_dpo", "--output_dir", str(prepared), *SMALL, *flags)
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    last = ran.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    return last


def test_a_query_without_functions_is_named_by_file_and_line(prepared):
    rows = list(Rows(prepared / "data/queries.jsonl"))
    rows[1]["functions"] = []
    write_rows(prepared / "data/queries.jsonl", rows)
    said = refused(prepared)
    assert "queries.jsonl, line 2" in said
    assert "function" in said


def test_a_checkpoint_that_is_none_is_named(prepared):
    (prepared / "sft/model.safetensors").write_bytes(b"no weights")
    assert str(prepared / "sft") in refused(prepared)


def test_a_missing_sft_stage_is_told_with_its_command(prepared):
    shutil.rmtree(prepared / "sft")
    model = ROOT / "autoif_train/tiny/data/base"
    ran = run_recipe("online_dpo", "--model", str(model), "--output_dir", str(prepared))
    assert ran.code == 2, ran.err
    assert "accelerate launch recipes/sft.py --model" in ran.err


def test_choosing_by_validation_without_any_is_refused(prepared):
    said = refused(prepared, "--evaluation.benchmarks", "[ifeval]", "--online_dpo.keep_best", "true")
    assert "online_dpo.validation_queries" in said


def test_a_round_without_a_pair_keeps_its_work(prepared):
    said = refused(prepared, "--pairs.pass_rate_above", "0.99", "--online_dpo.drift_queries", "0")
    assert "round_1/pairs.jsonl holds no rows" in said
    assert (prepared / "online_dpo/round_1/judged.jsonl").exists()
