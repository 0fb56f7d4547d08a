"""Stages that the folder holds, benchmarks that exist, and `results.json`."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest

from autoif_train.chat.base import Answer
from autoif_train.config import resolve
from autoif_train.evaluation.choice import (
    BENCHMARKS,
    Stage,
    _graded_path,
    _paths,
    drops,
    evaluate_stage,
    item_values,
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


class Silent:
    """Says nothing to whatever it is asked."""

    name = "silent"

    def answer(self, prompts, settings):
        return [[Answer("")] for _ in prompts]


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
    monkeypatch.setattr(Run, "open_policy", None)
    evaluate_stage(run, SETTINGS, Stage("base", 0, "nowhere"))


def test_answers_are_never_there_without_what_they_were_made_with(run, monkeypatch):
    """As after a kill in the moment in which a set's answers are finished."""
    monkeypatch.setattr(Run, "open_policy", lambda *_: nullcontext(Silent()))
    keep = run.keep

    def kept_and_killed(*inputs):
        keep(*inputs)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "keep", kept_and_killed)
    for _ in BENCHMARKS["tiny"].sets:
        with pytest.raises(KeyboardInterrupt):
            evaluate_stage(run, SETTINGS, Stage("base", 0, "nowhere"))
    assert all(row["decoding"]["max_new_tokens"] for row in write_results(run, SETTINGS)["scores"])


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


def test_items_that_only_one_stage_has_are_not_compared(run):
    lay_model(run, "sft")
    lay_scores(run, "base", [True, False, True])
    lay_scores(run, "sft", [False, True])
    comparison = write_results(run, SETTINGS)["comparisons"][0]
    assert (comparison["n"], comparison["gained"], comparison["lost"]) == (2, 1, 1)


def test_a_score_names_the_files_of_its_items(run):
    lay_scores(run, "base", [True, False])
    score = write_results(run, SETTINGS)["scores"][0]
    assert score["items"] == ["evaluation/base/H"]
    assert item_values(run.folder, score) == {"0": 1.0, "1": 0.0}
    assert item_values(run.folder, score, "relevance") == {"0": 1.0, "1": 1.0}
    assert item_values(run.folder, score, "mean_words") == {}


@pytest.mark.parametrize("bench", BENCHMARKS)
def test_verdicts_on_other_files_lie_elsewhere(bench, tmp_path):
    """Whichever of its files changes, no verdict is taken for one on other prompts, references or baselines."""
    benchmark = BENCHMARKS[bench]
    for key in (*benchmark.files, *(benchmark.grading.files if benchmark.grading else ())):
        places = set()
        for text in ("one", "two"):
            (tmp_path / text).write_text(text)
            named = EvaluationSettings([bench], **{key: str(tmp_path / text)})
            settings = dataclasses.replace(SETTINGS, evaluation=named)
            (path,) = _paths(benchmark, benchmark.sets[0], Stage("base", 0, ""), named)
            places.add(_graded_path(benchmark, path, settings))
        assert len(places) == 2


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


def test_the_gate_says_what_fell():
    assert drops(moved(-0.05, "worse"), 0.02)[0].startswith("gsm8k: sft is 5.0 points below base")
