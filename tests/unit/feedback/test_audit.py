"""The audit split: two pass rates of the same answers."""

from __future__ import annotations

import pytest

from autoif_train.feedback.audit import audit_rates
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, Verdict

LETTERS = {"+": Outcome.FOLLOWED, "-": Outcome.VIOLATED, "c": Outcome.CRASHED}
TRAINING, AUDIT = QueryFunction("t", "one"), QueryFunction("a", "one", audit=True)
OTHER = QueryFunction("o", "two")


def rates(functions, *answers):
    query = Query("prompt", ("one", "two"), tuple(functions))
    judged = [
        Judged(Response(query.id, str(number), "policy"), Verdict(tuple(LETTERS[letter] for letter in outcomes), None))
        for number, outcomes in enumerate(answers)
    ]
    return audit_rates([query], judged)


def test_both_rates_are_of_the_same_answers():
    found = rates([TRAINING, AUDIT], "++", "+-", "+-", "--")
    assert (found.answers, found.training, found.audit, found.gap) == (4, 0.75, 0.25, 0.5)


def test_an_answer_without_an_opinion_on_either_side_takes_no_part():
    assert rates([TRAINING, AUDIT], "+c", "c+", "++").answers == 1


def test_instructions_without_an_audit_function_take_no_part():
    found = rates([TRAINING, OTHER, AUDIT], "+-+")
    assert found.training == 1.0


@pytest.mark.parametrize("functions", [[TRAINING], [TRAINING, OTHER]])
def test_without_audit_functions_there_is_no_rate(functions):
    assert rates(functions, "+" * len(functions)) is None
