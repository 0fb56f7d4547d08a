"""A run's stages beside the paper's rows of the same model and mode."""

from __future__ import annotations

import json

import pytest

from autoif_train.report.beside import beside
from autoif_train.report.reproduction.tables import NOT_RUN

SETTINGS = {"model": "qwen2-7b", "mode": "strong_to_weak", "preset": "recommended", "seed": 1}


def results(folder, *scores, benchmark="ifeval"):
    of_benchmark = {"seed": 1, "benchmark": benchmark, "set": "H" if benchmark == "tiny" else benchmark}
    rows = [{"stage": stage, "round": number, **of_benchmark, "metrics": metrics} for stage, number, metrics in scores]
    (folder / "results.json").write_text(json.dumps({"scores": rows}))
    return folder


@pytest.fixture
def table(tmp_path):
    scores = [("base", 0, 0.3), ("sft", 0, 0.4), ("online_dpo", 1, 0.1), ("online_dpo", 2, 0.5)]
    return beside(results(tmp_path, *((*place, {"prompt_strict": rate}) for *place, rate in scores)), SETTINGS)


def test_the_columns_are_the_benchmarks_that_were_run(table):
    assert [column.heading for column in table.columns] == ["IFEval prompt strict, paper", "IFEval prompt strict, ours"]


def test_each_stage_stands_beside_its_row_with_the_difference_to_its_own_base(table):
    cells = dict(table.rows)
    paper, ours = cells["Qwen2-7B, SFT (72B supervises)"]
    assert (paper.mean, round(paper.difference, 1)) == (40.7, 3.0)
    assert (ours.mean, round(ours.difference, 1)) == (40.0, 10.0)
    assert cells["Qwen2-7B, + online DPO"][1].mean == 50.0
    assert cells["Qwen2-7B, + offline DPO"][1] == NOT_RUN
    assert "LLaMA3-8B" not in cells


@pytest.mark.parametrize("other", [{"model": "someone/else"}, {"model": None}, {"mode": "self_alignment"}])
def test_a_run_that_the_paper_has_not_gets_no_table(tmp_path, other):
    assert beside(results(tmp_path, ("base", 0, {"prompt_strict": 0.3})), SETTINGS | other) is None


def test_a_folder_without_results_gets_no_table(tmp_path):
    assert beside(tmp_path, SETTINGS) is None


def test_the_tiny_world_stands_beside_ifeval(tmp_path):
    folder = results(tmp_path, ("sft", 0, {"pass_rate": 0.6}), benchmark="tiny")
    headings = [column.heading for column in beside(folder, SETTINGS | {"model": "tiny"}).columns]
    assert headings[-3:] == ["tiny H, ours", "tiny Q, ours", "tiny H relevant, ours"]
    assert sum(heading.startswith("IFEval") for heading in headings) == 4
