"""Stages that the folder holds, benchmarks that exist, and `results.json`."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.config import resolve
from autoif_train.evaluation.choice import (
    BENCHMARKS,
    Stage,
    comparison_lines,
    drops,
    evaluate_stage,
    stages,
    write_results,
)
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.tiny import Scored
from autoif_train.rows import write_rows
from autoif_train.run import Run
from autoif_train.types import UserError

SETTINGS = resolve()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr("autoif_train.evaluation.choice.base_model", lambda policy: policy.model)
    with Run(dataclasses.replace(SETTINGS, output_dir=str(tmp_path)), "evaluate") as opened:
        yield opened


def lay_model(run, name):
    run.path(name).mkdir(parents=True)
    (run.path(name) / "config.json").write_text("{}")


def lay_scores(run, stage, passed):
    for name in BENCHMARKS["tiny"].sets:
        rows = [Scored(str(number), "text", (each,), True) for number, each in enumerate(passed)]
        write_rows(run.path(f"evaluation/{stage}/{name}.jsonl"), rows)


def names(run, settings=SETTINGS):
    return [stage.name for stage in stages(run, settings)]


def test_an_untrained_folder_holds_the_base(run):
    assert names(run) == ["base"]


def test_stages_stand_in_the_order_of_training(run):
    for name in ("online_dpo/round_2/policy", "offline_dpo", "online_dpo/round_1/policy", "sft"):
        lay_model(run, name)
    assert names(run) == ["base", "sft", "offline_dpo", "online_dpo/round_1", "online_dpo/round_2"]


def test_rounds_beyond_the_settings_are_left_out(run):
    lay_model(run, "online_dpo/round_9/policy")
    assert names(run) == ["base"]


def test_a_half_trained_model_is_no_stage(run):
    run.path("sft").mkdir()
    assert names(run) == ["base"]


@pytest.mark.parametrize("benchmarks", [[], ["typo"], ["tiny", "typo"]])
def test_an_unknown_benchmark_is_refused_with_the_known(run, benchmarks):
    settings = dataclasses.replace(SETTINGS, evaluation=EvaluationSettings(benchmarks))
    with pytest.raises(UserError, match=r"evaluation\.benchmarks.*tiny"):
        names(run, settings)


def test_what_is_scored_is_not_answered_again(run, monkeypatch):
    lay_scores(run, "base", [True])
    monkeypatch.setattr("autoif_train.evaluation.choice.open_model", None)
    evaluate_stage(run, SETTINGS, Stage("base", 0, "nowhere"))


def test_results_hold_each_stage_and_set(run):
    lay_model(run, "sft")
    lay_scores(run, "base", [True, False, False, False])
    lay_scores(run, "sft", [True, True, True, False])
    results = write_results(run, SETTINGS)
    assert [(row["stage"], row["set"], row["metrics"]["pass_rate"]) for row in results["scores"]] == [
        ("base", "H", 0.25),
        ("base", "Q", 0.25),
        ("sft", "H", 0.75),
        ("sft", "Q", 0.75),
    ]
    assert all(
        {"stage", "round", "seed", "benchmark", "set", "n", "metrics"} <= row.keys() for row in results["scores"]
    )


def test_stages_are_compared_on_the_same_prompts(run):
    lay_model(run, "sft")
    lay_scores(run, "base", [True, False, False, False])
    lay_scores(run, "sft", [False, True, True, False])
    comparison = write_results(run, SETTINGS)["comparisons"][0]
    assert (comparison["before"], comparison["after"]) == ("base", "sft")
    assert (comparison["gained"], comparison["lost"]) == (2, 1)


def test_results_are_written_anew_each_time(run):
    lay_scores(run, "base", [True])
    write_results(run, SETTINGS)
    lay_scores(run, "base", [False])
    write_results(run, SETTINGS)
    assert '"pass_rate": 0.0' in (run.folder / "results.json").read_text()


# The gate.


def moved(difference, verdict, set_name="gsm8k", before="base"):
    """Results in which SFT moved against the base by `difference`."""
    row = {"set": set_name, "before": before, "after": "sft", "difference": difference, "p": 0.01, "verdict": verdict}
    comparison = {**row, "difference_low": difference - 0.02, "difference_high": difference + 0.02}
    return {"scores": [{"set": "H", "metrics": {"pass_rate": 0.5}}], "comparisons": [comparison]}


def test_a_difference_is_printed_with_its_interval_and_noise_is_called_noise():
    assert comparison_lines(moved(-0.012, "within noise")) == [
        "gsm8k: sft against base -1.2 points [-3.2, +0.8], p = 0.01: within noise"
    ]


def test_what_the_table_of_stages_shows_is_not_said_twice():
    assert comparison_lines(moved(0.1, "better", "H")) == []


@pytest.mark.parametrize(
    ("results", "largest", "dropped"),
    [
        (moved(-0.05, "worse"), 0.02, 1),
        (moved(-0.05, "worse"), 0.06, 0),
        (moved(-0.05, "within noise"), 0.02, 0),
        (moved(0.05, "better"), 0.02, 0),
        (moved(-0.05, "worse"), None, 0),
        (moved(-0.05, "worse", before="sft"), 0.02, 0),
    ],
)
def test_the_gate_closes_on_what_fell_beyond_noise_by_more_than_allowed(results, largest, dropped):
    assert len(drops(results, largest)) == dropped


def test_the_gate_says_what_fell():
    assert drops(moved(-0.05, "worse"), 0.02)[0].startswith("gsm8k: sft is 5.0 points below base")
