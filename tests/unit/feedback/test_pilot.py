"""The pilot: what nobody follows and what the policy always follows is left out, with a reason."""

from __future__ import annotations

import pytest

from autoif_train.feedback.pilot import pass_rates, worth_teaching
from autoif_train.funnel import Tally
from autoif_train.types import CheckedInstruction, Instruction, Judged, Query, QueryFunction, Response, Verdict

CHECKED = [CheckedInstruction(Instruction(name, id=name), (), ()) for name in "abc"]
QUERIES = [Query(name, (name,), (QueryFunction("s", name),), id=f"q{name}") for name in "abc"]


def rates(scores):
    judged = [
        Judged(Response(f"q{name}", "text", "x", index), Verdict((), score))
        for name, row in scores.items()
        for index, score in enumerate(row)
    ]
    return pass_rates(QUERIES, judged, 0.5)


def survivors(respondent, policy, checked=CHECKED):
    tally = Tally("pilot")
    rows = list(tally.passing(worth_teaching(checked, respondent, policy)))
    return [row.instruction.id for row in rows], tally.entries()


def test_a_rate_is_the_share_of_answers_that_pass():
    assert rates({"a": [0.0, 1.0, 0.6, 0.5], "b": [1.0]}) == {"a": 0.5, "b": 1.0}


def test_an_answer_that_nobody_could_judge_does_not_pass():
    assert rates({"a": [None, 1.0]}) == {"a": 0.5}


def test_one_passing_answer_is_enough():
    assert survivors({"a": 0.1, "b": 0.0, "c": 1.0}, {})[0] == ["a", "c"]


def test_what_the_policy_always_follows_is_not_taught():
    assert survivors({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 0.9})[0] == ["b", "c"]


def test_an_instruction_that_was_not_asked_is_dropped():
    assert survivors({"b": 1.0}, {})[0] == ["b"]


def test_the_funnel_holds_all():
    _, (entry,) = survivors({"a": 1.0, "b": 0.0, "c": 1.0}, {"c": 1.0})
    assert (entry["rows_in"], entry["rows_out"]) == (3, 1)
    assert entry["dropped"] == {"no passing answer": 1, "already followed by the policy": 1}


@pytest.mark.parametrize("checked", [[]])
def test_nothing_checked_is_nothing(checked):
    assert survivors({}, {}, checked)[0] == []
