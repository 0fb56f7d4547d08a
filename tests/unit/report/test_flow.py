"""The funnel as the page shows it."""

from __future__ import annotations

import dataclasses
import json
import re

from autoif_train.config import Settings
from autoif_train.report.flow import EXAMPLES, NOT_DATA, REASONS, STEPS, flows
from tests.conftest import ROOT

KEPT = re.compile(r'(?:keep|keep_split)\(\s*f?"(?:data|\{name\})/(\w+)"')


def entry(**changed):
    filtered = {"unit": "function", "rows_in": 10, "rows_out": 2, "dropped": {"crashed": 8}, "examples": {}}
    return {"stage": "data/cross_validated", **filtered, **changed}


def write(folder, *entries):
    (folder / "funnel.json").write_text(json.dumps(entries))
    return flows(folder)


def test_the_data_and_every_round_have_a_flow(run_folder):
    assert [flow.title for flow in flows(run_folder)] == ["Data", "Online DPO, round 1"]


def test_units_of_one_step_stand_together(tmp_path):
    [flow] = write(tmp_path, entry(), entry(unit="case"), entry(stage="data/checked"))
    assert [len(step.lines) for step in flow.steps] == [2, 1]


def test_what_a_step_makes_stands_after_what_it_filters(tmp_path):
    [flow] = write(
        tmp_path, {"stage": "data/pairs", "unit": "pair", "made": 5}, entry(stage="data/pairs", unit="query")
    )
    assert [line.unit for line in flow.steps[0].lines] == ["query", "pair"]


def test_a_gate_that_drops_more_than_four_fifths_is_worth_a_hint(tmp_path):
    [flow] = write(tmp_path, entry(), entry(unit="case", rows_out=1, dropped={"one label": 9}))
    assert [bool(line.hint) for line in flow.steps[0].lines] == [False, True]


def test_reasons_are_ordered_by_weight(tmp_path):
    [flow] = write(tmp_path, entry(dropped={"few": 1, "many": 7}))
    assert [reason.text for reason in flow.steps[0].lines[0].reasons] == ["many", "few"]


def test_reasons_are_bounded_and_the_rest_is_counted(tmp_path):
    [flow] = write(tmp_path, entry(dropped={f"reason {number}": 1 for number in range(REASONS + 4)}))
    assert (len(flow.steps[0].lines[0].reasons), flow.steps[0].lines[0].more_reasons) == (REASONS, 4)


def test_examples_are_bounded(tmp_path):
    [flow] = write(tmp_path, entry(examples={"crashed": ["x"] * 50}))
    assert len(flow.steps[0].lines[0].reasons[0].examples) == EXAMPLES


def test_a_step_without_rows_is_shown(tmp_path):
    [flow] = write(tmp_path, entry(rows_in=0, rows_out=0, dropped={}))
    assert not flow.steps[0].lines[0].hint


def test_one_row_lost_of_one_is_no_hint(tmp_path):
    [flow] = write(tmp_path, entry(rows_in=1, rows_out=0, dropped={"crashed": 1}))
    assert not flow.steps[0].lines[0].hint


def test_every_step_of_the_recipes_has_a_title():
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "recipes").glob("*.py"))
    kept = set(KEPT.findall(text))
    assert kept >= {"sharp", "roots"}
    assert kept <= {*STEPS, *NOT_DATA}


def test_every_step_leads_to_a_section_of_the_settings():
    assert {section for _, section in STEPS.values()} <= {field.name for field in dataclasses.fields(Settings)}
