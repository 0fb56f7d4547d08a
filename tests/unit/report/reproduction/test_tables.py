"""Tables from hand-made results: ours beside the paper's, missing cells, differences and their noise."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from autoif_train.config import CONFIGS
from autoif_train.evaluation.statistics import compare
from autoif_train.report.reproduction.files import write_tables
from autoif_train.report.reproduction.markup import comma_separated, latex, markdown
from autoif_train.report.reproduction.measured import MIXED, Figure, Place, bootstrap_interval, figure
from autoif_train.report.reproduction.tables import NOT_RUN, NOTHING, compared, paper, tables
from autoif_train.rows import write_rows
from tests.unit.report.reproduction.conftest import passing, write_run

STAGES = {"base": 8, "sft": 20, "offline_dpo": 24, "online_dpo": 28}


@pytest.fixture
def table1(grid):
    """Table 1 with two of three seeds of one point, and nothing of the others."""
    asked = grid("--table", "1", "--points", "strong_to_weak,self_alignment,conversations")
    for seed, more in ((1, 0), (2, 4)):
        write_run(asked.folder_of["strong_to_weak", seed], {stage: n + more for stage, n in STAGES.items()}, rounds=2)
    return next(iter(tables(asked)))


def row(table, label):
    (cells,) = [cells for name, cells in table.rows if name == label]
    return dict(zip([column.heading for column in table.columns], cells, strict=True))


def test_our_figure_stands_beside_the_papers(table1):
    cells = row(table1, "Qwen2-7B, + online DPO")
    assert cells["IFEval prompt loose, paper"].mean == 46.6
    assert cells["tiny H, ours"].mean == pytest.approx(100 * 30 / 40)


def test_differences_are_against_the_own_baseline_on_both_sides(table1):
    cells = row(table1, "Qwen2-7B, + online DPO")
    assert cells["IFEval prompt loose, paper"].difference == pytest.approx(3.0)
    assert cells["tiny H, ours"].difference == pytest.approx(50.0)


def test_spread_and_missing_seeds_are_shown(table1):
    cell = row(table1, "Qwen2-7B, SFT (72B supervises)")["tiny H, ours"]
    assert cell.sd == pytest.approx(10 / 2**0.5)
    assert (cell.seeds, cell.planned) == (2, 3)
    assert "2 of 3 seeds" in markdown(table1)


def test_what_nobody_ran_is_marked_and_never_invented(table1):
    assert row(table1, "Qwen2-72B-Instruct, self, + online DPO")["tiny H, ours"] == NOT_RUN
    assert row(table1, "Qwen2-7B (ShareGPT)")["tiny Q, ours"] == NOT_RUN


def test_a_row_of_another_model_has_no_figure_of_ours(table1):
    assert row(table1, "Mistral-7B")["tiny H, ours"] == NOTHING
    assert row(table1, "LLaMA3-8B")["tiny H, ours"] == NOTHING


def test_stages_that_the_paper_lacks_have_rows_of_their_own(table1):
    assert row(table1, "self-alignment, SFT (not in the paper)")["IFEval prompt strict, paper"] == NOTHING


def test_each_step_is_set_against_the_stage_before_it(grid):
    asked = grid("--table", "1", "--points", "strong_to_weak,self_alignment")
    for point in ("strong_to_weak", "self_alignment"):
        write_run(asked.folder_of[point, 1], STAGES)
    _, steps, *_ = tables(asked)
    for label in ("Qwen2-7B, + online DPO", "Qwen2-72B-Instruct, self, + online DPO"):
        assert row(steps, label)["tiny H, ours"].difference == pytest.approx(10.0)
    assert row(steps, "Qwen2-7B, + online DPO")["IFEval prompt strict, paper"].difference == pytest.approx(2.8)
    assert row(steps, "Qwen2-7B, SFT (72B supervises)")["tiny H, ours"].difference is None


def test_a_column_is_the_papers_or_ours_and_of_one_scorer(grid):
    for table in tables(grid("--table", "all", "--seeds", "1", "--points", "strong_to_weak")):
        for column, cells in zip(table.columns, zip(*(cells for _, cells in table.rows), strict=True), strict=True):
            ours = [isinstance(cell, Figure) and label.startswith("ours") for label, cell in labelled(table, cells)]
            if not column.ours:
                assert not any(ours), f"{table.name}: {column.heading}"


def labelled(table, cells):
    return zip((label for label, _ in table.rows), cells, strict=True)


def test_a_known_model_fills_its_own_rows_and_no_others(grid):
    asked = grid("--table", "1", "--model", "llama3-8b", "--dry_run")
    found = compared(asked, paper(), "table1")
    assert row(found, "LLaMA3-8B")["IFEval prompt strict, ours"] == NOT_RUN
    assert row(found, "Qwen2-7B")["IFEval prompt strict, ours"] == NOTHING


def test_every_row_has_as_many_figures_as_columns_and_a_base_that_exists():
    data = paper()
    for name in ("table1", "followbench", "table2", "table3"):
        labels = [each["label"] for each in data[name]["rows"]]
        assert len(set(labels)) == len(labels)
        for each in data[name]["rows"]:
            assert len(each["values"]) == len(data[name]["columns"])
            assert each.get("base", labels[0]) in labels
            if "model" in each:
                assert (CONFIGS / "models" / f"{each['model']}.yaml").exists()
        assert set(data[name]["columns"]) <= data["columns"].keys()


def test_the_levels_of_followbench_are_those_of_table_1s_rows_and_have_its_mean():
    """A slip of the pen in one figure would show."""
    data = paper()
    main = {each["label"]: each["values"] for each in data["table1"]["rows"]}
    place = data["table1"]["columns"].index("followbench/followbench/ssr")
    levels = {each["label"]: each["values"] for each in data["followbench"]["rows"]}
    assert levels.keys() == main.keys()
    for label, (*by_level, mean) in levels.items():
        assert mean == main[label][place]
        assert sum(by_level) / 5 == pytest.approx(mean, abs=0.06)


def test_the_ablation_differences_are_the_printed_ones():
    rows = paper()["table3"]["rows"]
    differences = [
        [round(value - whole, 1) for value, whole in zip(each["values"], rows[0]["values"], strict=True)]
        for each in rows[1:]
    ]
    printed = [[-0.8, -1.7, -0.7], [-1.4, -2.4, -1.3], [-1.6, -3.0, -1.5], [-2.2, -3.8, -2.6]]
    assert differences == printed


def test_an_interval_holds_its_mean_and_is_empty_only_without_noise():
    chance = np.random.default_rng(1)
    noisy = chance.choice([-1.0, 0.0, 1.0], size=(3, 200))
    low, high = bootstrap_interval(noisy)
    assert low < 100 * noisy.mean() < high
    assert bootstrap_interval(np.ones((2, 50))) == (100.0, 100.0)


def test_one_differing_seed_widens_the_interval():
    steady = np.tile(np.array([1.0, 0.0] * 50), (3, 1))
    unsteady = steady.copy()
    unsteady[0] -= 1
    (low, high), (lowest, highest) = bootstrap_interval(steady), bootstrap_interval(unsteady)
    assert highest - lowest > high - low


def test_seeds_that_only_one_side_has_are_left_out_of_the_difference(grid):
    asked = grid("--table", "3")
    write_run(asked.folder_of["strong_to_weak", 1], STAGES)
    for seed in (1, 2):
        write_run(asked.folder_of["without_quality", seed], {**STAGES, "online_dpo": 20 + 8 * seed})
    found = figure(
        asked, Place("without_quality", "online_dpo"), "tiny/H/pass_rate", Place("strong_to_weak", "online_dpo")
    )
    assert (found.seeds, found.difference) == (2, 0.0)


def test_the_interval_of_one_seed_is_that_of_the_runs_own_test(grid):
    asked = grid("--table", "1", "--seeds", "3")
    write_run(asked.folder_of["strong_to_weak", 3], STAGES)
    sft, base = (Place("strong_to_weak", stage) for stage in ("sft", "base"))
    found = figure(asked, sft, "tiny/H/pass_rate", base)
    tested = compare(passing(STAGES["base"]), passing(STAGES["sft"]), seed=3)
    assert (found.low, found.high) == (100 * tested["difference_low"], 100 * tested["difference_high"])


def test_scores_of_different_scorers_are_not_put_together(grid):
    asked = grid("--table", "3", "--points", "strong_to_weak")
    for seed, scorer in ((1, "lm_eval 1"), (2, "lm_eval 2")):
        run = asked.folder_of["strong_to_weak", seed]
        write_run(run, STAGES)
        results = json.loads((run.folder / "results.json").read_text())
        scores = [{**score, "scorer": scorer} for score in results["scores"]]
        (run.folder / "results.json").write_text(json.dumps({"scores": scores}))
    assert figure(asked, Place("strong_to_weak", "sft"), "tiny/H/pass_rate") == MIXED


def test_data_sizes_and_contamination_come_from_the_files(grid):
    asked = grid("--table", "5", "--seeds", "1")
    run = asked.folder_of["strong_to_weak", 1]
    write_run(run, STAGES)
    message = [{"role": "user", "content": "p 3"}]
    write_rows(run.folder / "data/judged.jsonl", [{"score": score} for score in (1.0, 0.0, None, 0.4, 0.6)])
    write_rows(run.folder / "data/demonstrations.jsonl", [{"prompt": message, "completion": message}] * 3)
    write_rows(run.folder / "data/pairs.jsonl", [{}] * 2)
    (table,) = tables(asked)
    cells = row(table, "ours, first supervisor")
    assert [cells[key].mean for key in ("total", "SFT rows", "DPO pairs")] == [5, 3, 2]
    assert cells["pass rate %, ours"].mean == 50.0
    (table,) = tables(grid("--table", "4", "--seeds", "1"))
    assert row(table, "ours, strong-to-weak → H")["13-grams shared %, ours"].mean == pytest.approx(100 / 40)


def test_the_supervisors_mbpp_is_ours_where_it_is_the_policy_itself(grid):
    asked = grid("--table", "5", "--seeds", "1")
    run = asked.folder_of["self_alignment", 1]
    write_run(run, STAGES)
    results = json.loads((run.folder / "results.json").read_text())
    place = {"stage": "base", "round": 0, "seed": 1, "benchmark": "mbpp", "set": "mbpp", "n": 500}
    results["scores"].append({**place, "metrics": {"pass_at_1": 0.75}})
    (run.folder / "results.json").write_text(json.dumps(results))
    (table,) = tables(asked)
    assert row(table, "ours, the policy itself")["MBPP (supervisor), ours"].mean == 75
    assert row(table, "ours, first supervisor")["MBPP (supervisor), ours"] == NOTHING


def test_every_markup_holds_the_same_figures(table1):
    shown = f"{Figure(46.6).mean:.1f} (+3.0)"
    assert shown in markdown(table1)
    assert shown in latex(table1)
    rows = list(csv.DictReader(io.StringIO(comma_separated(table1))))
    (cell,) = [
        each
        for each in rows
        if each["row"] == "Qwen2-7B, + online DPO" and each["column"] == "IFEval prompt loose, paper"
    ]
    assert (cell["value"], cell["difference"], cell["side"]) == ("46.6", "3.0", "paper")
    assert {each["note"] for each in rows} == {"", NOT_RUN, NOTHING}


def test_latex_has_balanced_rows_and_no_bare_special_character(table1):
    lines = latex(table1).splitlines()
    body = lines[lines.index("\\toprule") + 1 : lines.index("\\bottomrule")]
    ends = {line.count(" & ") for line in body if line != "\\midrule"}
    assert ends == {len(table1.columns)}
    assert not any("%" in line.replace("\\%", "") for line in body)


def test_files_are_written_for_what_was_asked_and_are_the_same_again(grid):
    asked = grid("--table", "figure4", "--seeds", "1", "--points", "strong_to_weak,sft_share_0.5,dpo_share_0.25")
    for run in asked.runs:
        write_run(run, {stage: STAGES[stage] for stage in ("base", *run.stages)})
    write_tables(asked)
    folder = asked.folder / "tables"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {f"figure4.{ending}" for ending in ("md", "tex", "csv", "svg", "png")} | {"tables.html"}
    write_tables(asked)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_the_page_holds_every_table_and_the_picture_and_asks_nobody(grid):
    asked = grid("--table", "all", "--seeds", "1", "--points", "strong_to_weak")
    write_run(asked.folder_of["strong_to_weak", 1], STAGES)
    write_tables(asked)
    page = (asked.folder / "tables/tables.html").read_text(encoding="utf-8")
    names = ("table1", "steps", "followbench", "table2", "table3", "table4", "table5", "figure4")
    assert [name for name in names if f'id="{name}"' not in page] == []
    assert "data:image/svg+xml;base64," in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert f"1 of {len(asked.runs)} runs" in page
