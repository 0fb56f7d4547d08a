"""Which policies a run folder holds, and what they are called."""

from __future__ import annotations

import pytest

from autoif_train.evaluation.stages import newest, rounds_of, stage_names, title, trained_stages


@pytest.fixture
def folder(tmp_path):
    for name in ("offline_dpo", "sft", "spin/round_2/policy", "spin/round_1/policy", "online_dpo/round_1/policy"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "spin/round_3").mkdir()
    return tmp_path


def test_every_trained_policy_is_a_stage_in_the_order_of_the_table(folder):
    found = [(stage.stage, stage.round) for stage in trained_stages(folder)]
    assert found == [("sft", 0), ("offline_dpo", 0), ("online_dpo", 1), ("spin", 1), ("spin", 2)]


def test_a_round_without_a_finished_policy_is_begun_but_no_stage(folder):
    assert "spin/round_3" in stage_names(folder)
    assert "spin/round_3" not in [stage.name for stage in trained_stages(folder)]


def test_a_policy_of_rounds_lies_in_its_round(folder):
    models = {stage.name: stage.model for stage in trained_stages(folder)}
    assert models["spin/round_1"] == str(folder / "spin/round_1/policy")
    assert models["offline_dpo"] == str(folder / "offline_dpo")


def test_rounds_are_ordered_by_number(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / f"online_dpo/round_{number}").mkdir(parents=True)
    assert rounds_of(tmp_path, "online_dpo") == [f"online_dpo/round_{number}" for number in (1, 2, 10)]


def test_only_the_newest_round_of_each_stage_stays():
    names = ["base", "online_dpo/round_9", "online_dpo/round_10", "spin/round_2", "spin/round_1", "grpo"]
    assert newest(names) == ["base", "online_dpo/round_10", "spin/round_2", "grpo"]


@pytest.mark.parametrize(("name", "said"), [("online_dpo/round_3", "Online DPO, round 3"), ("grpo", "GRPO")])
def test_a_stage_has_a_readable_title(name, said):
    assert title(name) == said
