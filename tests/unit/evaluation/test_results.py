"""`results.json`: scores of each stage, comparisons between them, and the gate."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.evaluation.results import comparable, drops, item_values, write_results
from autoif_train.evaluation.way import is_as_asked
from tests.unit.evaluation.conftest import SETTINGS, lay_model, lay_scores


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


@pytest.mark.parametrize("key", ["scorer", "engine"])
def test_stages_that_different_scorers_graded_or_engines_answered_are_not_compared(run, key):
    for stage in ("sft", "offline_dpo"):
        lay_model(run, stage)
    for stage, value in (("base", "one"), ("sft", "one"), ("offline_dpo", "other")):
        lay_scores(run, stage, [True, False])
        run.remember("evaluation", f"evaluation/{stage}/H", {key: value})
    compared = [row for row in write_results(run, SETTINGS)["comparisons"] if row["set"] == "H"]
    assert [(row["before"], row["after"]) for row in compared] == [("base", "sft")]


def test_results_are_written_anew_each_time(run):
    lay_scores(run, "base", [True])
    write_results(run, SETTINGS)
    lay_scores(run, "base", [False])
    write_results(run, SETTINGS)
    assert '"pass_rate": 0.0' in (run.folder / "results.json").read_text()


def test_items_that_only_one_stage_has_are_not_compared(run):
    lay_model(run, "sft")
    lay_scores(run, "base", [True, False, True])
    lay_scores(run, "sft", [True, False, True], first=1)
    comparison = write_results(run, SETTINGS)["comparisons"][0]
    assert (comparison["n"], comparison["gained"], comparison["lost"]) == (2, 1, 1)


def test_a_score_over_fewer_prompts_is_not_comparable():
    score = {"decoding": {"temperature": 0.0}, "max_prompts": None, "n": 541}
    assert comparable({**score, "max_prompts": 600}) == comparable(score)
    assert comparable({**score, "max_prompts": 100, "n": 100}) != comparable(score)


def test_a_score_says_how_it_was_asked_for_where_an_earlier_version_noted_less(run):
    lay_scores(run, "base", [True])
    run.remember("evaluation", "evaluation/base/H", {"scorer": "older"})
    scores = write_results(run, SETTINGS)["scores"]
    assert all(is_as_asked(score, SETTINGS.evaluation) for score in scores)
    longer = dataclasses.replace(SETTINGS.evaluation, max_prompts=7)
    assert not any(is_as_asked(score, longer) for score in scores)


def test_a_score_that_does_not_say_how_it_was_asked_for_is_not_as_asked(run):
    lay_scores(run, "base", [True])
    score = write_results(run, SETTINGS)["scores"][0]
    assert SETTINGS.evaluation.max_prompts is None
    del score["max_prompts"]
    assert not is_as_asked(score, SETTINGS.evaluation)


def test_a_score_names_the_files_of_its_items(run):
    lay_scores(run, "base", [True, False])
    score = write_results(run, SETTINGS)["scores"][0]
    assert score["items"] == ["evaluation/base/H"]
    assert item_values(run.folder, score) == {"0": 1.0, "1": 0.0}
    assert item_values(run.folder, score, "relevance") == {"0": 1.0, "1": 1.0}
    assert item_values(run.folder, score, "mean_words") == {}


# The gate.


def moved(difference, verdict, set_name="gsm8k", before="base"):
    """Results in which SFT moved against the base by `difference`."""
    row = {"set": set_name, "before": before, "after": "sft", "difference": difference, "p": 0.01, "verdict": verdict}
    comparison = {**row, "difference_low": difference - 0.02, "difference_high": difference + 0.02}
    return {"scores": [], "comparisons": [comparison]}


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


def test_the_gate_stays_shut_where_nothing_can_be_compared():
    scores = [{"stage": stage, "round": 0, "set": "gsm8k"} for stage in ("base", "sft")]
    (said,) = drops({"scores": scores, "comparisons": []}, 0.02)
    assert said.startswith("gsm8k: sft and base were not scored in the same way")


def test_the_gate_says_what_fell():
    assert drops(moved(-0.05, "worse"), 0.02)[0].startswith("gsm8k: sft is 5.0 points below base")
