"""The grid: which runs the tables need, with which settings, and mistakes on its command line."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml

from autoif_train.config import dump
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.way import way
from autoif_train.report.reproduction.grid import FILE, TABLES
from autoif_train.types import UserError


def points_of(grid):
    return [point.name for point in grid.points]


def test_every_table_has_points():
    points = yaml.safe_load(FILE.read_text())["points"].values()
    assert {table for point in points for table in point["tables"]} == set(TABLES)


def test_three_seeds_on_tiny_and_five_on_other_models(grid):
    assert grid("--table", "1").seeds == (1, 2, 3)
    assert len(grid("--table", "1", "--model", "qwen2-7b", "--dry_run").seeds) == 5


def test_a_value_that_is_the_models_own_is_no_run_of_its_own(grid):
    named = ("strong_to_weak", "queries_0.5", "sft_share_1", "dpo_share_1", "queries_0")
    asked = grid("--table", "figure4", "--seeds", "1", "--points", ",".join(named))
    assert len({asked.folder_of[name, 1].folder for name in named[:-1]}) == 1
    assert len(asked.runs) == 2


def test_a_panels_own_settings_stay_the_same_at_all_its_values(grid):
    asked = grid("--table", "figure4", "--seeds", "1", "--points", "functions_0.2,functions_0.8")
    assert [run.settings.back_translation.max_functions for run in asked.runs] == [None, None]
    assert [run.settings.cross_validation.function_accept_at_least for run in asked.runs] == [0.2, 0.8]


def test_runs_of_one_point_train_the_stages_of_all_that_share_it(grid):
    asked = grid("--table", "figure4", "--seeds", "1", "--points", "sft_share_1,dpo_share_1")
    (run,) = asked.runs
    assert run.stages == ("sft", "offline_dpo")


def test_ablations_switch_off_what_they_say(grid):
    (run,) = grid("--table", "3", "--seeds", "1", "--points", "without_all").runs
    assert run.settings.back_translation.kind == "none"
    assert not run.settings.quality.enabled
    assert not run.settings.cross_validation.enabled


def test_flags_of_the_user_hold_for_every_run_and_the_points_own_go_before_them(grid):
    asked = grid("--table", "3", "--seeds", "4", "--sampling.temperature", "0.5", "--quality.enabled", "true")
    assert {run.settings.sampling.temperature for run in asked.runs} == {0.5}
    assert {run.settings.seed for run in asked.runs} == {4}
    assert not asked.folder_of["without_quality", 4].settings.quality.enabled


def test_the_papers_rows_decide_what_a_model_is_run_for(grid):
    assert "self_alignment" not in points_of(grid("--table", "1", "--model", "qwen2-7b", "--dry_run"))
    assert points_of(grid("--table", "1", "--model", "qwen2-72b", "--dry_run")) == ["self_alignment"]


def test_a_point_that_lacks_its_flag_says_which(grid, tmp_path):
    asked = grid("--table", "1", "--model", "qwen2-7b", "--dry_run")
    (waiting,) = [point for point in asked.points if point.missing]
    assert (waiting.name, waiting.missing) == ("conversations", "--conversations")
    chats = tmp_path / "chats.jsonl"
    asked = grid("--table", "1", "--model", "qwen2-7b", "--dry_run", "--conversations", str(chats), "--seeds", "1")
    assert asked.folder_of["conversations", 1].settings.demonstrations.conversations == str(chats)


def test_another_supervisor_is_named_by_a_settings_file(grid, tmp_path):
    file = tmp_path / "gpt4.yaml"
    file.write_text("supervisor: {kind: api, model: gpt-4}")
    asked = grid("--table", "2", "--model", "qwen2-7b", "--dry_run", "--other_supervisor", str(file), "--seeds", "1")
    assert asked.folder_of["other_supervisor", 1].settings.supervisor.model == "gpt-4"
    assert asked.folder_of["strong_to_weak", 1].settings.supervisor.model != "gpt-4"


def test_runs_share_what_the_supervisor_was_paid_for(grid):
    runs = grid("--table", "3", "--points", "without_all,without_quality").runs
    assert len({run.settings.cache.path for run in runs}) == 1


def test_a_folder_of_other_settings_is_refused_and_one_younger_than_it_stands_as_shipped(grid):
    (run,) = grid("--table", "3", "--points", "strong_to_weak", "--seeds", "1").runs
    run.folder.mkdir(parents=True)
    made_with = dataclasses.asdict(run.settings)
    del made_with["pairs"]["share"]
    (run.folder / "config.yaml").write_text(yaml.safe_dump(made_with))
    assert not run.finished()
    half = dataclasses.replace(run.settings, pairs=dataclasses.replace(run.settings.pairs, share=0.5))
    with pytest.raises(UserError, match=r"pairs\.share: 1\.0 → 0\.5"):
        dataclasses.replace(run, settings=half).finished()
    made_with["quality"]["enabled"] = False
    (run.folder / "config.yaml").write_text(yaml.safe_dump(made_with))
    with pytest.raises(UserError, match=r"quality\.enabled"):
        run.finished()


def test_a_run_is_finished_where_it_was_scored_as_is_asked_now(grid):
    (run,) = grid("--table", "3", "--points", "strong_to_weak", "--seeds", "1").runs
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(dump(run.settings))
    asked = way(BENCHMARKS["tiny"], run.settings.evaluation)
    scores = [{"stage": stage, "benchmark": "tiny", **asked} for stage in ("base", *run.stages)]
    (run.folder / "results.json").write_text(json.dumps({"scores": scores}))
    assert run.finished()
    longer = dataclasses.replace(run.settings.evaluation, max_new_tokens=7)
    assert not dataclasses.replace(run, settings=dataclasses.replace(run.settings, evaluation=longer)).finished()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--table", "6"), "--table 6"),
        (("--table",), "--table"),
        (("--seeds", "one"), "--seeds one"),
        (("--points", "nowhere"), "strong_to_weak"),
        (("--sampling.temprature", "1"), "sampling.temperature"),
    ],
)
def test_a_mistake_is_named(grid, flags, said):
    with pytest.raises(UserError, match=said):
        grid(*flags)
