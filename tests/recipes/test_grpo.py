"""GRPO as a user runs it: which prompts it trains on, what it logs, and mistakes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autoif_train.rows import Rows
from autoif_train.types import Judged
from tests.conftest import SMALL, run_recipe

TWO_STEPS = (
    "--grpo.pilot_responses", "4", "--grpo.pass_rate_at_most", "0.9", "--grpo.trainer.max_steps", "2",
    "--grpo.trainer.global_batch_size", "16", "--grpo.trainer.per_device_train_batch_size", "8",
)  # fmt: skip


def prepared(tiny_run, folder):
    """A run folder with data and the SFT model, before its first round."""
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def grpo_run(tiny_run, tmp_path_factory):
    """A round of two steps."""
    folder = prepared(tiny_run, tmp_path_factory.mktemp("grpo") / "run")
    ran = run_recipe("grpo", "--output_dir", str(folder), *SMALL, *TWO_STEPS)
    assert ran.code == 0, ran.err
    return folder


def test_the_prompts_are_those_in_the_band(grpo_run):
    name = grpo_run / "grpo/round_1"
    scores = {}
    for row in Rows(name / "judged.jsonl", Judged.from_row):
        scores.setdefault(row.response.query_id, []).append(row.verdict.score)
    rates = {
        each: sum(score > 0.5 for score in found) / len(found) for each, found in scores.items() if None not in found
    }
    chosen = {row["query_id"] for row in Rows(name / "prompts.jsonl")}
    assert chosen
    assert chosen == {each for each, rate in rates.items() if 0 < rate <= 0.9}


def test_every_step_logs_reward_guards_and_audit_gap(grpo_run):
    rows = list(Rows(grpo_run / "grpo/round_1/metrics.jsonl"))
    assert [row["step"] for row in rows] == [1, 2]
    for row in rows:
        assert row.keys() >= {"loss", "kl", "reward", "constraints", "floor/unfinished", "gate/shut", "audit/gap"}
        assert 0 <= row["reward"] <= row["constraints"] <= 1


def test_the_policy_was_trained(grpo_run):
    from safetensors.torch import load_file

    start, policy = (load_file(grpo_run / f"{name}/model.safetensors") for name in ("sft", "grpo/round_1/policy"))
    assert any((start[name] != policy[name]).any() for name in start)


def test_the_same_command_again_makes_nothing_anew(grpo_run):
    before = {path: path.stat().st_mtime_ns for path in (grpo_run / "grpo").rglob("*") if path.is_file()}
    assert run_recipe("grpo", "--output_dir", str(grpo_run), *SMALL, *TWO_STEPS).code == 0
    assert {path: path.stat().st_mtime_ns for path in (grpo_run / "grpo").rglob("*") if path.is_file()} == before


def test_a_finished_round_opens_nothing_behind_its_reward(grpo_run, tmp_path):
    folder = Path(shutil.copytree(grpo_run, tmp_path / "run"))
    (folder / "data/checked.jsonl").write_text("the reward would read this\n")
    ran = run_recipe("grpo", "--output_dir", str(folder), *SMALL, *TWO_STEPS)
    assert ran.code == 0, ran.err


def test_too_few_prompts_for_an_update_are_told_with_the_mend(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    sizes = ("--grpo.pilot_responses", "0", "--grpo.trainer.global_batch_size", "1024")
    ran = run_recipe("grpo", "--output_dir", str(folder), *SMALL, *sizes)
    assert ran.code == 2, ran.err
    assert "grpo.trainer.global_batch_size" in ran.err
    assert "Traceback" not in ran.err


def test_a_batch_that_splits_groups_is_refused(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    sizes = ("--grpo.pilot_responses", "0", "--grpo.trainer.global_batch_size", "12")
    ran = run_recipe(
        "grpo", "--output_dir", str(folder), *SMALL, *sizes, "--grpo.trainer.per_device_train_batch_size", "4"
    )
    assert ran.code == 2, ran.err
    assert "num_generations" in ran.err
