"""Verdicts: the mean per instruction, the minimum over instructions, and nobody's opinion is no opinion."""

from __future__ import annotations

import random
from typing import ClassVar

import pytest

from autoif_train.feedback.judge import grouped, judge, outcomes_of, verdict
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, UserError, Verdict

NAMES = {
    "+": Outcome.FOLLOWED,
    "-": Outcome.VIOLATED,
    "c": Outcome.CRASHED,
    "t": Outcome.TIMED_OUT,
    "i": Outcome.INVALID,
}


def score(**letters):
    """The score of one answer: an instruction per keyword, a function per letter, `audit…` for audit functions."""
    functions, outcomes = [], []
    for name, row in letters.items():
        for letter in row:
            functions.append(QueryFunction("source", name.removeprefix("audit_"), audit=name.startswith("audit_")))
            outcomes.append(NAMES[letter])
    return verdict(functions, outcomes).score


@pytest.mark.parametrize(
    ("letters", "expected"),
    [("+", 1.0), ("-", 0.0), ("+-", 0.5), ("++-", 2 / 3), ("+c", 1.0), ("-t", 0.0), ("+-i", 0.5), ("+-cti", 0.5)],
)
def test_one_instruction_scores_the_mean_of_its_opinions(letters, expected):
    assert score(one=letters) == pytest.approx(expected)


@pytest.mark.parametrize("letters", ["c", "t", "i", "cti", "ccc", ""])
def test_nobody_could_judge(letters):
    assert score(one=letters) is None


def test_no_function_at_all_is_nobody():
    assert verdict([], []) == Verdict((), None)


def test_many_passing_functions_do_not_hide_a_violated_instruction():
    assert score(one="+++++", two="---") == 0.0


def test_the_weakest_instruction_decides():
    assert score(one="++++", two="+-", three="++-") == 0.5


def test_one_instruction_that_nobody_could_judge_leaves_no_score():
    assert score(one="+++", two="cc") is None


def test_interleaved_functions_count_for_their_instructions():
    functions = [QueryFunction("s", name) for name in ("one", "two", "one", "two")]
    assert verdict(functions, [NAMES[letter] for letter in "+-+-"]).score == 0.0


@pytest.mark.parametrize(("judged", "audit"), [("+", "-"), ("-", "+"), ("+-", "++++"), ("+", "c")])
def test_audit_functions_never_count(judged, audit):
    assert score(one=judged, audit_one=audit) == score(one=judged)


def test_audit_functions_alone_give_no_score():
    assert score(audit_one="+++") is None


def test_an_audit_of_another_instruction_does_not_decide():
    assert score(one="+", audit_two="-") == 1.0


def test_audit_outcomes_are_recorded():
    functions = [QueryFunction("s", "one"), QueryFunction("s", "one", audit=True)]
    assert verdict(functions, [Outcome.FOLLOWED, Outcome.VIOLATED]).outcomes == (Outcome.FOLLOWED, Outcome.VIOLATED)


def test_a_missing_outcome_is_a_bug():
    with pytest.raises(ValueError, match="zip"):
        verdict([QueryFunction("s", "one")], [])


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_functions_decides_nothing(seed):
    chance = random.Random(seed)
    pairs = [(QueryFunction("s", chance.choice("ab")), chance.choice(list(Outcome))) for _ in range(8)]
    before = verdict(*zip(*pairs, strict=True)).score
    chance.shuffle(pairs)
    assert verdict(*zip(*pairs, strict=True)).score == before


class InProcess:
    """A fake executor for trusted sources, which are the word that a text must hold."""

    reasons: ClassVar[dict] = {}

    def __init__(self):
        self.jobs = []

    def run(self, jobs, doubt=True):
        self.jobs.append(jobs)
        return [[Outcome.FOLLOWED if word in text else Outcome.VIOLATED for text in texts] for word, texts in jobs]


def query(name, *words):
    return Query(name, ("i",), tuple(QueryFunction(word, "i") for word in words), id=name)


def test_answers_are_judged_in_their_order():
    queries = [query("q1", "a"), query("q2", "b")]
    responses = [Response("q1", "a", "x"), Response("q1", "b", "x", 1), Response("q2", "b", "x")]
    found = list(judge(queries, responses, InProcess()))
    assert [row.response for row in found] == responses
    assert [row.verdict.score for row in found] == [1.0, 0.0, 1.0]


def test_a_query_without_an_answer_is_passed_over():
    found = list(judge([query("q1", "a"), query("q2", "b")], [Response("q2", "b", "x")], InProcess()))
    assert len(found) == 1


def test_answers_to_another_runs_query_are_refused():
    with pytest.raises(UserError, match="q9"):
        list(judge([query("q1", "a")], [Response("q9", "b", "x")], InProcess()))


def test_answers_in_another_order_are_refused_not_mixed_up():
    queries = [query("q1", "a"), query("q2", "b")]
    with pytest.raises(UserError, match="unknown query q1"):
        list(judge(queries, [Response("q2", "b", "x"), Response("q1", "a", "x")], InProcess()))


def test_functions_do_not_see_the_reasoning():
    (found,) = judge([query("q", "secret")], [Response("q", "<think>secret</think>public", "x")], InProcess())
    assert found.verdict.score == 0.0


def test_the_reasoning_stays_in_the_answer():
    (found,) = judge([query("q", "a")], [Response("q", "<think>b</think>a", "x")], InProcess())
    assert found.response.text == "<think>b</think>a"


def test_a_source_that_many_share_is_one_job():
    executor = InProcess()
    outcomes_of([(["a", "b"], "a"), (["a"], "b"), (["a"], "a")], executor)
    assert executor.jobs == [[("a", ["a", "b"]), ("b", ["a"])]]


def test_a_source_listed_twice_speaks_twice():
    assert outcomes_of([(["a", "a"], "a")], InProcess()) == [[Outcome.FOLLOWED, Outcome.FOLLOWED]]


def test_nothing_to_judge_is_nothing():
    assert list(judge([query("q", "a")], [], InProcess())) == []


def test_more_answers_than_a_frame_keep_their_order():
    queries = [query(f"q{number}", "a") for number in range(600)]
    responses = [Response(f"q{number}", "a", "x", index) for number in range(600) for index in range(2)]
    assert [row.response for row in judge(queries, responses, InProcess())] == responses


def test_groups_stream():
    def endless():
        number = 0
        while True:
            yield Response(f"q{number}", "a", "x")
            number += 1

    queries = (query(f"q{number}", "a") for number in range(10**9))
    assert next(grouped(queries, endless()))[0].id == "q0"


def test_judged_answers_are_grouped_like_answers():
    judged = Judged(Response("q", "a", "x"), Verdict((), None))
    assert [group for _, group in grouped([query("q", "a")], [judged, judged])] == [[judged, judged]]
