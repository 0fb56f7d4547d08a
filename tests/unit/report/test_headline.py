"""What the first screen says, and what it warns of."""

from __future__ import annotations

from pathlib import Path

from autoif_train.report.flow import flows
from autoif_train.report.folder import settings_of
from autoif_train.report.headline import Headline, headline
from autoif_train.report.stages import stage_tables


def headline_of(folder: Path, results: dict, **changed: object) -> Headline:
    return headline(folder, {**settings_of(folder), **changed}, {}, stage_tables(results), flows(folder))


def test_the_sentence_names_what_was_trained(run_folder, example_results):
    sentence = headline_of(run_folder, example_results).sentence
    assert "SFT, offline DPO and 2 rounds of online DPO" in sentence


def test_the_tiles_show_the_pass_rate_before_and_after(run_folder, example_results):
    assert headline_of(run_folder, example_results).tiles[0].figure == "20.0 → 80.0 %"


def test_a_recorded_supervisor_is_said(run_folder, example_results):
    assert any("recorded" in caveat for caveat in headline_of(run_folder, example_results).caveats)


def test_another_supervisor_is_not_called_recorded(run_folder, example_results):
    caveats = headline_of(run_folder, example_results, supervisor={"kind": "api"}).caveats
    assert not any("recorded" in caveat for caveat in caveats)


def test_a_script_as_judge_of_relevance_is_said(run_folder, example_results):
    assert any("by a script" in caveat for caveat in headline_of(run_folder, example_results).caveats)


def test_a_shortened_evaluation_is_said(run_folder, example_results):
    caveats = headline_of(run_folder, example_results, evaluation={"max_prompts": 20}).caveats
    assert any("first 20 prompts" in caveat for caveat in caveats)


def test_the_tiles_speak_of_any_benchmark(run_folder):
    place = {"round": 0, "seed": 0, "benchmark": "infobench", "set": "infobench", "n": 9}
    scores = [{**place, "stage": stage, "metrics": {"drfr": share}} for stage, share in (("base", 0.4), ("sft", 0.6))]
    tile = headline_of(run_folder, {"scores": scores}).tiles[0]
    assert (tile.figure, tile.label) == ("40.0 → 60.0 %", "DRFR on infobench, Base → SFT")
