"""Pairs: what followed against what was violated, and nothing else."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

import pytest

from autoif_train.config import resolve
from autoif_train.feedback.pairs import PairsSettings, pairs_by_score, pairs_from_cases
from autoif_train.feedback.quality import QualitySettings
from autoif_train.funnel import Tally
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Instruction,
    Judged,
    Outcome,
    PreferencePair,
    Query,
    QueryFunction,
    Response,
    Selection,
    TestCase,
    Verdict,
    VerificationFunction,
)

QUERY = Query("prompt", ("i",), (QueryFunction("s", "i"), QueryFunction("t", "i")), id="q")
OFF = QualitySettings(enabled=False)
ON = QualitySettings()


def answer(text, score, quality=None, outcomes=(Outcome.FOLLOWED, Outcome.VIOLATED), finished=True, query="q"):
    return Judged(Response(query, text, "a", finished=finished), Verdict(tuple(outcomes), score), quality)


def pairs(*answers, quality=OFF, seed=0, settings=None, **changes):
    settings = dataclasses.replace(settings or PairsSettings(), **changes)
    selection = Selection.of(pairs_by_score([QUERY], answers, settings, quality, seed))
    return [(pair.chosen[0]["content"], pair.rejected[0]["content"]) for pair in selection.rows]


def reasons(*answers, quality=OFF, **changes):
    settings = dataclasses.replace(PairsSettings(), **changes)
    events = pairs_by_score([QUERY], answers, settings, quality, 0)
    return [event.reason for event in events if isinstance(event, Dropped)]


def test_what_followed_is_chosen_over_what_was_violated():
    assert pairs(answer("good", 1.0), answer("bad", 0.0)) == [("good", "bad")]


@pytest.mark.parametrize(("chosen", "made"), [(0.5, 0), (0.51, 1), (1.0, 1), (0.0, 0), (None, 0)])
def test_a_chosen_score_is_above_one_half(chosen, made):
    assert len(pairs(answer("good", chosen), answer("bad", 0.0))) == made


@pytest.mark.parametrize(("rejected", "made"), [(0.0, 1), (0.01, 0), (0.5, 0), (None, 0)])
def test_a_rejected_score_is_zero(rejected, made):
    assert len(pairs(answer("good", 1.0), answer("bad", rejected))) == made


@pytest.mark.parametrize("error", [Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.INVALID])
def test_an_answer_that_nobody_could_judge_is_neither(error):
    broken = answer("broken", None, outcomes=[error, error])
    assert pairs(answer("good", 1.0), broken) == []
    assert pairs(broken, answer("bad", 0.0)) == []


@pytest.mark.parametrize("error", [Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.INVALID])
def test_an_answer_with_an_error_beside_a_violation_is_not_rejected(error):
    broken = answer("broken", 0.0, outcomes=[Outcome.VIOLATED, error])
    assert pairs(answer("good", 1.0, outcomes=[Outcome.FOLLOWED] * 2), broken) == []


def test_a_cut_answer_is_neither():
    assert pairs(answer("good", 1.0, finished=False), answer("bad", 0.0)) == []
    assert pairs(answer("good", 1.0), answer("bad", 0.0, finished=False)) == []


def test_equal_texts_are_one_answer():
    found = pairs(answer("good", 1.0), answer("good", 1.0), answer("bad", 0.0), answer("bad", 0.0), max_per_query=9)
    assert found == [("good", "bad")]


def test_one_text_is_never_paired_with_itself():
    assert pairs(answer("same", 1.0), answer("same", 0.0), max_per_query=9) == []


@pytest.mark.parametrize("score", [0.3, 0.5, 0.7])
def test_one_answer_is_never_both_whatever_the_thresholds(score):
    found = pairs(answer("a", score), answer("b", score), chosen_above=0.2, rejected_at_or_below=0.8, max_per_query=9)
    assert all(chosen != rejected for chosen, rejected in found)


def test_the_chosen_answer_never_scores_below_the_rejected():
    rows = [answer("low", 0.3), answer("high", 0.5)]
    found = pairs(*rows, chosen_above=0.2, rejected_at_or_below=0.5, max_per_query=9)
    assert ("low", "high") not in found


@pytest.mark.parametrize(("quality", "made"), [(8.0, 1), (10.0, 1), (7.9, 0), (None, 0)])
def test_a_chosen_answer_is_of_good_quality(quality, made):
    assert len(pairs(answer("good", 1.0, quality), answer("bad", 0.0), quality=ON)) == made


def test_quality_is_not_asked_of_the_rejected():
    assert pairs(answer("good", 1.0, 9.0), answer("bad", 0.0, None), quality=ON) == [("good", "bad")]


def test_a_poor_answer_that_follows_may_be_rejected():
    poor = dataclasses.replace(ON, reject_at_or_below=2.0)
    assert pairs(answer("good", 1.0, 9.0), answer("empty talk", 1.0, 1.0), quality=poor) == [("good", "empty talk")]


def test_a_poor_answer_is_not_rejected_unless_asked_for():
    assert pairs(answer("good", 1.0, 9.0), answer("empty talk", 1.0, 1.0), quality=ON) == []


@pytest.mark.parametrize("most", [0, 1, 2, 3, 9])
def test_pairs_per_query_are_limited(most):
    rows = [answer(f"good {n}", 1.0) for n in range(3)] + [answer(f"bad {n}", 0.0) for n in range(3)]
    assert len(pairs(*rows, max_per_query=most)) == most


def test_lengths_are_matched_where_possible():
    rows = [answer("g" * 10, 1.0), answer("g" * 100, 1.0), answer("b" * 12, 0.0), answer("b" * 95, 0.0)]
    assert set(pairs(*rows)) == {("g" * 10, "b" * 12), ("g" * 100, "b" * 95)}


def test_without_matching_the_draw_is_seeded():
    rows = [answer(f"good {'x' * n}", 1.0) for n in range(4)] + [answer(f"bad {'x' * n}", 0.0) for n in range(4)]
    first, again = (pairs(*rows, match_length=False, seed=3) for _ in range(2))
    others = [pairs(*rows, match_length=False, seed=seed) for seed in range(9)]
    assert first == again
    assert any(other != first for other in others)


def test_no_pair_is_drawn_twice():
    rows = [answer(f"good {n}", 1.0) for n in range(4)] + [answer(f"bad {n}", 0.0) for n in range(4)]
    found = pairs(*rows, max_per_query=16)
    assert len(set(found)) == len(found) == 16


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([answer("a", None)], "nobody could judge"),
        ([answer("a", 1.0)], "no rejected answer"),
        ([answer("a", 0.0)], "no chosen answer"),
        ([answer("a", 0.5)], "neither chosen nor rejected"),
    ],
)
def test_a_query_without_a_pair_says_why(answers, reason):
    assert reasons(*answers) == [reason]


def test_a_query_lost_to_quality_says_so():
    assert reasons(answer("a", 1.0, 3.0), answer("b", 0.0), quality=ON) == ["no chosen answer of good quality"]


def test_a_query_whose_answers_were_all_cut_does_not_blame_the_functions():
    assert reasons(answer("a", 1.0, finished=False), answer("b", 0.0, finished=False)) != ["nobody could judge"]


def test_a_pair_carries_its_scores_and_its_query():
    (pair,) = Selection.of(
        pairs_by_score([QUERY], [answer("good", 0.75), answer("bad", 0.0)], PairsSettings(), OFF, 0)
    ).rows
    assert (pair.chosen_score, pair.rejected_score, pair.query_id) == (0.75, 0.0, "q")
    assert pair.prompt == [{"role": "user", "content": "prompt"}]
    assert pair.chosen == [{"role": "assistant", "content": "good"}]


def test_half_is_chosen_under_the_released_rule():
    released = resolve(preset="reference", model="qwen2-7b").pairs
    assert pairs(answer("good", 0.5), answer("bad", 0.0), settings=released) == [("good", "bad")]


def test_all_two_by_two_under_the_papers_rule():
    paper = resolve(preset="paper", model="qwen2-7b").pairs
    rows = [answer(f"good {n}", 1.0) for n in range(2)] + [answer(f"bad {n}", 0.0) for n in range(2)]
    assert len(pairs(*rows, settings=paper)) == 4


@pytest.mark.parametrize("seed", range(10))
def test_every_query_is_paired_or_has_a_reason(seed):
    chance = random.Random(seed)
    queries = [dataclasses.replace(QUERY, id=str(number)) for number in range(50)]
    judged = [
        answer(
            chance.choice("abcdef"),
            chance.choice([None, 0.0, 0.4, 0.6, 1.0]),
            chance.choice([None, 1.0, 9.0]),
            finished=chance.random() < 0.9,
            query=query.id,
        )
        for query in queries
        for _ in range(6)
    ]
    tally = Tally("pairs")
    rows = list(tally.passing(pairs_by_score(queries, judged, PairsSettings(), ON, seed)))
    entries = {entry["unit"]: entry for entry in tally.entries()}
    assert entries["query"]["rows_in"] == 50
    assert entries["query"]["rows_out"] == len({row.query_id for row in rows})
    assert all(isinstance(row, PreferencePair) and row.chosen != row.rejected for row in rows)


@pytest.mark.parametrize(("at_most", "made"), [(0.5, 0), (0.75, 1), (1.0, 1)])
def test_a_query_that_the_policy_mostly_follows_is_left_out_by_the_band(at_most, made):
    answers = [*(answer(f"good {n}", 1.0) for n in range(3)), answer("bad", 0.0), answer("nobody knows", None)]
    assert bool(pairs(*answers, pass_rate_at_most=at_most)) == made
    assert reasons(*answers, pass_rate_at_most=at_most) == ([] if made else ["pass rate too high"])


def test_a_query_that_the_policy_hardly_follows_is_left_out_by_the_band():
    answers = [answer("good", 1.0), *(answer(f"bad {n}", 0.0) for n in range(3))]
    assert pairs(*answers, pass_rate_above=0.2)
    assert reasons(*answers, pass_rate_above=0.25) == ["pass rate too low"]


class Upper:
    """An executor whose every function asks for capital letters."""

    reasons: ClassVar = {}

    def run(self, jobs, doubt=True):
        return [[Outcome.FOLLOWED if text.isupper() else Outcome.VIOLATED for text in texts] for _, texts in jobs]


def case_pairs(*texts, **changes):
    cases = tuple(TestCase(text, text.isupper()) for text in texts)
    checked = CheckedInstruction(Instruction("Shout."), (VerificationFunction("s"),), cases)
    found = Selection.of(pairs_from_cases([checked], Upper(), dataclasses.replace(PairsSettings(), **changes), 0))
    return [(pair.chosen[0]["content"], pair.rejected[0]["content"]) for pair in found.rows], found.dropped


def test_what_functions_call_followed_is_chosen_over_what_they_call_violated():
    assert case_pairs("LOUD", "quiet") == ([("LOUD", "quiet")], {})


def test_the_lengths_of_cases_are_matched_where_possible():
    found, _ = case_pairs("A" * 10, "A" * 500, "b" * 12, "b" * 490, match_length=True)
    assert set(found) == {("A" * 10, "b" * 12), ("A" * 500, "b" * 490)}


@pytest.mark.parametrize(("text", "reason"), [("LOUD", "no rejected case"), ("quiet", "no chosen case")])
def test_an_instruction_without_a_pair_says_why(text, reason):
    assert case_pairs(text) == ([], {"instruction": {reason: 1}})
