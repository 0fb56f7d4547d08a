"""A second draw: only where the first one makes no pair, within the budget, numbered after it."""

from __future__ import annotations

import pytest

from autoif_train.feedback.pairs import PairsSettings, pairs_by_score
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.resample import joined, without_signal
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, Selection, Verdict

OFF = QualitySettings(enabled=False)
QUERIES = [Query(name, ("i",), (QueryFunction("s", "i"),), id=name) for name in "abcdefgh"]


def judged(scores):
    return [
        Judged(Response(name, f"{name}{index}", "policy", index), Verdict((), score))
        for name, of_query in scores.items()
        for index, score in enumerate(of_query)
    ]


def again(scores, budget, seed=0):
    found = without_signal(QUERIES, judged(scores), PairsSettings(), OFF, budget, seed)
    return "".join(query.id for query in found)


@pytest.mark.parametrize(
    ("scores", "flat"),
    [((1.0, 1.0), True), ((0.0, 0.0), True), ((1.0, 0.0), False), ((1.0, 0.5), True), ((None, 0.0), True)],
)
def test_a_query_is_asked_again_when_its_answers_hold_no_pair(scores, flat):
    assert again({"a": scores, "b": (1.0, 0.0)}, 1.0) == ("a" if flat else "")


def answer(text, score, quality=9.0, finished=True, outcome=Outcome.VIOLATED):
    return Judged(Response("a", text, "policy", finished=finished), Verdict((outcome,), score), quality)


@pytest.mark.parametrize(
    "answers",
    [
        (answer("good", 1.0, finished=False), answer("bad", 0.0)),
        (answer("good", 1.0), answer("bad", 0.0, outcome=Outcome.CRASHED)),
        (answer("same", 1.0), answer("same", 0.0)),
        (answer("good", 1.0, quality=2.0), answer("bad", 0.0)),
    ],
    ids=["cut", "crashed", "equal", "irrelevant"],
)
def test_what_pairs_by_score_makes_nothing_of_is_asked_again(answers):
    asked = (QUERIES[:1], answers, PairsSettings(), QualitySettings())
    assert Selection.of(pairs_by_score(*asked, 0)).rows == []
    assert without_signal(*asked, 1.0, 0) == QUERIES[:1]


def test_what_nobody_could_judge_is_not_asked_again():
    assert again({"a": (None, None)}, 1.0) == ""


@pytest.mark.parametrize(("budget", "count"), [(0.0, 0), (0.25, 2), (0.5, 4), (9.0, 8)])
def test_the_budget_is_a_share_of_the_first_draw(budget, count):
    assert len(again(dict.fromkeys("abcdefgh", (0.0, 0.0)), budget)) == count


def test_the_draw_is_seeded_and_in_the_order_of_the_queries():
    scores = dict.fromkeys("abcdefgh", (0.0,))
    drawn = {again(scores, 0.5, seed) for seed in range(8)}
    assert len(drawn) > 1
    assert all(list(each) == sorted(each) for each in drawn)
    assert again(scores, 0.5, 3) == again(scores, 0.5, 3)


def test_both_draws_stand_together_under_numbers_of_their_own():
    both = joined(QUERIES, judged({"a": (1.0, 0.0), "b": (0.0, 0.0), "c": (1.0,)}), judged({"b": (1.0, 0.0)}))
    found = [(row.response.query_id, row.response.index, row.verdict.score) for row in both]
    assert found == [
        ("a", 0, 1.0),
        ("a", 1, 0.0),
        ("b", 0, 0.0),
        ("b", 1, 0.0),
        ("b", 2, 1.0),
        ("b", 3, 0.0),
        ("c", 0, 1.0),
    ]


def test_without_a_second_draw_the_first_one_stays():
    first = judged({"a": (1.0, 0.0)})
    assert list(joined(QUERIES, first, [])) == first
