"""The funnel: counts made from the same events that decide what is written."""

from __future__ import annotations

import json
import random

import pytest

from autoif_train.funnel import (
    EXAMPLE_CHARACTERS,
    EXAMPLES_PER_REASON,
    Tally,
    funnel_lines,
    gate_lines,
    hint_lines,
    plural,
    read_funnel,
    update_funnel,
)
from autoif_train.types import Dropped, Instruction, Kept


def tally_of(*events):
    tally = Tally("stage")
    rows = list(tally.passing(events))
    return tally, rows


def test_only_rows_are_passed_on():
    _, rows = tally_of(Instruction("a"), Kept("case", 3), Dropped("case", "why"), Instruction("b"))
    assert [row.text for row in rows] == ["a", "b"]


def test_events_are_counted_while_they_stream():
    tally = Tally("stage")
    passing = tally.passing([Instruction("a"), Instruction("b")])
    next(passing)
    assert tally.rows["instruction"] == 1


def test_a_step_that_drops_nothing_made_its_rows():
    tally, _ = tally_of(Instruction("a"), Instruction("b"))
    assert tally.entries() == [{"stage": "stage", "unit": "instruction", "made": 2}]


def test_rows_of_the_unit_that_is_filtered_count_as_kept():
    tally, _ = tally_of(Instruction("a"), Dropped("instruction", "why"))
    (entry,) = tally.entries()
    assert (entry["rows_in"], entry["rows_out"], entry["dropped"]) == (2, 1, {"why": 1})


def test_units_are_kept_apart():
    tally, _ = tally_of(Kept("function", 2), Dropped("function", "why"), Kept("case", 5))
    assert {entry["unit"]: entry["rows_in"] for entry in tally.entries()} == {"function": 3, "case": 5}


def test_a_step_that_yields_nothing_still_shows_in_the_funnel():
    tally, _ = tally_of()
    assert tally.entries(), "an empty stage is what a person looks for in a funnel"


def test_reasons_stand_by_weight():
    tally, _ = tally_of(*[Dropped("case", "rare")], *[Dropped("case", "often")] * 3)
    assert list(tally.entries()[0]["dropped"]) == ["often", "rare"]


def test_examples_are_few_and_short():
    tally, _ = tally_of(*[Dropped("case", "why", "x" * 10_000) for _ in range(50)])
    examples = tally.entries()[0]["examples"]["why"]
    assert len(examples) == EXAMPLES_PER_REASON
    assert {len(example) for example in examples} == {EXAMPLE_CHARACTERS}


def test_a_drop_without_an_example_shows_none():
    tally, _ = tally_of(Dropped("case", "why"))
    assert tally.entries()[0]["examples"] == {"why": []}


@pytest.mark.parametrize("seed", range(20))
def test_what_goes_in_comes_out_or_is_dropped(seed):
    chance = random.Random(seed)
    units = ("case", "function", "instruction")
    events = [
        chance.choice(
            [
                Kept(chance.choice(units), chance.randrange(4)),
                Dropped(chance.choice(units), chance.choice("ab"), count=chance.randrange(1, 4)),
            ]
        )
        for _ in range(60)
    ]
    tally, _ = tally_of(*events)
    for entry in tally.entries():
        counted = sum(event.count for event in events if event.unit == entry["unit"])
        assert entry["rows_in"] == counted == entry["rows_out"] + sum(entry["dropped"].values())


def test_a_missing_funnel_is_empty(tmp_path):
    assert read_funnel(tmp_path / "funnel.json") == []


def entry(stage, made=1, unit="case"):
    return {"stage": stage, "unit": unit, "made": made}


def test_stages_stand_in_order(tmp_path):
    file = tmp_path / "funnel.json"
    for stage in ("first", "second", "third"):
        update_funnel(file, [entry(stage)])
    assert [row["stage"] for row in read_funnel(file)] == ["first", "second", "third"]


def test_a_stage_that_ran_again_takes_its_own_place(tmp_path):
    file = tmp_path / "funnel.json"
    for stage in ("first", "second", "third"):
        update_funnel(file, [entry(stage), entry(stage, unit="function")])
    update_funnel(file, [entry("second", 9)])
    assert [(row["stage"], row["made"]) for row in read_funnel(file)] == [
        ("first", 1),
        ("first", 1),
        ("second", 9),
        ("third", 1),
        ("third", 1),
    ]


def test_the_file_is_a_json_list_that_keeps_unicode(tmp_path):
    file = tmp_path / "funnel.json"
    update_funnel(file, [entry("é")])
    assert json.loads(file.read_text(encoding="utf-8"))[0]["stage"] == "é"


def test_an_example_with_a_lone_surrogate_can_be_written(tmp_path):
    tally, _ = tally_of(Dropped("case", "why", "\ud83d"))
    update_funnel(tmp_path / "funnel.json", tally.entries())
    assert read_funnel(tmp_path / "funnel.json")[0]["dropped"] == {"why": 1}


def test_lines_name_counts_and_reasons():
    tally, _ = tally_of(Kept("query", 3), Dropped("query", "too long", count=2))
    (line,) = funnel_lines(tally.entries())
    assert all(part in line for part in ("stage", "5 →", "3", "queries", "2 too long"))


@pytest.mark.parametrize(
    ("unit", "count", "text"), [("query", 2, "queries"), ("query", 1, "query"), ("case", 0, "cases")]
)
def test_plural(unit, count, text):
    assert plural(unit, count) == text


def gate(rows_in, **dropped):
    examples = {reason: [f"{reason} {number}" for number in range(3)] for reason in dropped}
    rows_out = rows_in - sum(dropped.values())
    shared = {"stage": "data/functions", "unit": "function", "rows_in": rows_in, "rows_out": rows_out}
    return {**shared, "dropped": dropped, "examples": examples}


def test_a_gate_that_drops_nearly_all_has_a_hint():
    (line,) = hint_lines([gate(100, violated=82)])
    assert "82%" in line
    assert "respondent" in line


@pytest.mark.parametrize("entry", [gate(100, violated=80), gate(9, violated=9), {"stage": "x", "unit": "y", "made": 1}])
def test_a_gate_that_drops_less_or_little_has_none(entry):
    assert hint_lines([entry]) == []


@pytest.mark.parametrize("reason", ["beyond max_per_query", "outside the share", "duplicate"])
def test_what_goes_by_design_is_no_reason_for_a_hint(reason):
    assert hint_lines([gate(100, violated=50) | {"dropped": {"violated": 50, reason: 45}}]) == []


def test_instructions_that_come_again_are_a_reason():
    assert hint_lines([gate(100, duplicate=85) | {"unit": "instruction"}])


def test_the_reason_named_is_the_heaviest_that_is_no_cap():
    dropped = {"beyond max_functions": 190, "violated": 180, **dict.fromkeys("abcde", 130)}
    (line,) = hint_lines([gate(1000) | {"dropped": dropped}])
    assert "'violated'" in line


def test_a_round_has_nobody_stronger_to_ask():
    lost = gate(100, **{"no chosen answer": 90})
    offline, online = (hint_lines([lost | {"stage": f"{where}/pairs"}])[0] for where in ("data", "online_dpo/round_1"))
    assert "stronger respondent" in offline
    assert "respondent" not in online


def test_a_gate_shows_three_examples_and_each_reason_once():
    lines = gate_lines([gate(100, a=4, b=3, c=2, d=1)])
    assert [line.strip() for line in lines if line.startswith("    ")] == ["a: a 0", "b: b 0", "c: c 0"]


def test_a_gate_with_one_reason_shows_three_of_it():
    lines = gate_lines([gate(100, a=4)])
    assert len([line for line in lines if line.startswith("    ")]) == 3


def test_an_example_is_one_line():
    entry = gate(100, a=1) | {"examples": {"a": ["two\nlines " + "x" * 500]}}
    (line,) = [line for line in gate_lines([entry]) if line.startswith("    ")]
    assert "two lines x" in line
    assert len(line) < 200


def test_a_gate_that_drops_nothing_is_passed_over():
    assert gate_lines([gate(3)]) == []
