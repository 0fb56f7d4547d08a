"""What a round came to, counted from the rows of its files."""

from __future__ import annotations

import pytest

from autoif_train.feedback.pairs import PairsSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.summary import AnswerCounts, answered, contrasted, relevant_share, training_ends
from autoif_train.types import Judged, Query, QueryFunction, Response, Verdict

QUERIES = [Query(name, ("i",), (QueryFunction("s", "i"),), id=name) for name in "pq"]
OFF = QualitySettings(enabled=False)


def rows(query, *scores, quality=None, **changes):
    return [
        Judged(Response(query, f"text {score}", "policy", **changes), Verdict((), score), quality) for score in scores
    ]


def counted(*judged, quality=OFF):
    return answered(QUERIES, [row for group in judged for row in group], PairsSettings(), quality)


@pytest.mark.parametrize(
    ("scores", "signal"), [((1.0, 0.0), 1), ((1.0, 1.0), 0), ((0.0, 0.0), 0), ((1.0, 0.5), 0), ((1.0, None), 0)]
)
def test_signal_is_a_passed_answer_beside_a_failed_one(scores, signal):
    assert counted(rows("q", *scores)).with_signal == signal


def test_an_answer_that_was_cut_or_is_irrelevant_is_no_signal():
    assert counted(rows("q", 1.0, finished=False), rows("q", 0.0)).with_signal == 0
    assert counted(rows("q", 1.0, quality=2.0), rows("q", 0.0), quality=QualitySettings()).with_signal == 0
    assert counted(rows("q", 1.0, quality=9.0), rows("q", 0.0), quality=QualitySettings()).with_signal == 1


def test_answers_are_counted_by_query_and_by_what_became_of_them():
    found = counted(rows("p", 1.0, None), rows("q", 0.0, 0.0, finished=False))
    assert found == AnswerCounts(2, 0, 4, followed=1, unjudged=1, cut=2, distinct=3, words=2.0)


def test_no_answers_are_no_error():
    assert counted() == AnswerCounts()


def test_pairs_are_counted_with_the_mean_words_of_each_side():
    pair = {"chosen": [{"content": "a b c"}], "rejected": [{"content": "a"}]}
    found = contrasted([pair, pair])
    assert (found.pairs, found.chosen_words, found.rejected_words) == (2, 3.0, 1.0)


def test_relevance_is_a_share_of_the_answers_that_were_scored():
    assert relevant_share([{"quality": 9}, {"quality": 2}, {"quality": None}], 8) == 0.5
    assert relevant_share([{"quality": None}], 8) is None


def test_a_training_is_told_by_its_first_and_its_last_steps():
    metrics = [{"loss": float(step), "logps/chosen": -float(step)} for step in range(20)]
    assert training_ends(metrics) == {"loss": (0.5, 18.5), "chosen_log_prob": (-0.5, -18.5)}
