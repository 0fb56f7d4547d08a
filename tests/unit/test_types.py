"""The nouns: ids from content, reading and writing rows, and what may count as an opinion."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Instruction,
    Judged,
    Kept,
    Outcome,
    Query,
    QueryFunction,
    Response,
    Selection,
    TestCase,
    Verdict,
    VerificationFunction,
    content_id,
    derived_seed,
)


def test_equal_content_has_an_equal_id():
    assert content_id("a", {"x": 1, "y": 2}) == content_id("a", {"y": 2, "x": 1})


def test_parts_are_not_run_together():
    assert content_id("ab", "c") != content_id("a", "bc")


def test_an_id_does_not_depend_on_the_hash_seed():
    code = "from autoif_train.types import content_id; print(content_id('é', [1, None], {'b': 1, 'a': 2}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(found) == 1


def test_a_lone_surrogate_that_a_model_wrote_has_an_id():
    source = json.loads(r'"def evaluate(response):\n    return \"\ud83d\" in response"')
    assert len(VerificationFunction(source).id) == 12


@pytest.mark.parametrize("parts", [(0,), (0, "x", 10**30), ("",), (None, [1, 2])])
def test_a_derived_seed_fits_31_bits(parts):
    assert 0 <= derived_seed(*parts) < 2**31


def test_seeds_of_different_rounds_differ():
    assert len({derived_seed(0, "online", number, "q") for number in range(100)}) == 100


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_true_and_false_are_opinions(outcome):
    assert outcome.judged == (outcome.value in ("followed", "violated"))


def test_an_instruction_keeps_the_id_it_is_given():
    assert Instruction("text", id="given").id == "given"


def test_an_instructions_id_ignores_its_parent():
    assert Instruction("text", "a").id == Instruction("text", "b").id


@pytest.mark.parametrize("expected", ["true", 1, 0, None, "False", []])
def test_a_case_whose_label_is_not_a_bool_is_refused(expected):
    with pytest.raises(ValueError, match="boolean"):
        TestCase.from_row({"text": "x", "expected": expected})


@pytest.mark.parametrize("text", [None, 3, ["x"], {}])
def test_a_case_whose_text_is_not_a_string_is_refused(text):
    with pytest.raises(ValueError, match="string"):
        TestCase.from_row({"text": text, "expected": True})


def test_a_bare_source_reads_as_a_function():
    assert VerificationFunction.from_row("source") == VerificationFunction.from_row({"source": "source"})


def test_a_query_without_functions_is_refused():
    with pytest.raises(ValueError, match="at least one verification function"):
        Query.from_row({"prompt": "p", "instruction_ids": ["i"], "functions": []})


def test_instruction_ids_given_as_one_string_are_not_taken_apart():
    row = {"prompt": "p", "instruction_ids": "abc", "functions": [{"source": "s", "instruction_id": "abc"}]}
    try:
        ids = Query.from_row(row).instruction_ids
    except (TypeError, ValueError):
        return
    assert ids != ("a", "b", "c")


def test_a_query_survives_the_way_through_json():
    query = Query("prompt é \u2028", ("i",), (QueryFunction("source", "i", audit=True),), "prompt", "reference")
    assert Query.from_row(json.loads(json.dumps(dataclasses.asdict(query)))) == query


def test_a_checked_instruction_survives_the_way_through_json():
    checked = CheckedInstruction(
        Instruction("text", "parent"), (VerificationFunction("s", 0.75),), (TestCase("x", False),)
    )
    assert CheckedInstruction.from_row(json.loads(json.dumps(dataclasses.asdict(checked)))) == checked


@pytest.mark.parametrize("score", [None, 0.0, 1 / 3, 1.0])
def test_a_judged_answer_survives_the_way_through_json(score):
    response = Response("q", "text", "author", 3, finished=False, parent_id="p")
    judged = Judged(response, Verdict((Outcome.CRASHED, Outcome.FOLLOWED), score), 8.5)
    assert Judged.from_row(json.loads(json.dumps(judged.to_row()))) == judged


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="maybe"):
        Judged.from_row({"query_id": "q", "text": "t", "author": "a", "outcomes": ["maybe"], "score": 1.0})


@pytest.mark.parametrize("noun", [Instruction("x"), Verdict((), None), Response("q", "t", "a"), Dropped("unit", "why")])
def test_nouns_are_frozen(noun):
    name = dataclasses.fields(noun)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(noun, name, "other")


def test_a_selection_counts_reasons_per_unit():
    events = ["row", Dropped("case", "why", count=2), Dropped("case", "why"), Dropped("function", "why"), Kept("case")]
    selection = Selection.of(events)
    assert selection.rows == ["row"]
    assert selection.dropped == {"case": {"why": 3}, "function": {"why": 1}}
