"""What a round came to, counted from the rows of its files."""

from __future__ import annotations

import pytest

from autoif_train.feedback.summary import Answered, answered, contrasted, relevant_share, training_ends


def rows(query, *scores, **changes):
    return [{"query_id": query, "text": f"text {score}", "score": score, **changes} for score in scores]


def counted(*judged):
    return answered([row for group in judged for row in group], 0.5, 0.0)


@pytest.mark.parametrize(
    ("scores", "signal"), [((1.0, 0.0), 1), ((1.0, 1.0), 0), ((0.0, 0.0), 0), ((1.0, 0.5), 0), ((1.0, None), 0)]
)
def test_signal_is_a_passed_answer_beside_a_failed_one(scores, signal):
    assert counted(rows("q", *scores)).with_signal == signal


def test_answers_are_counted_by_query_and_by_what_became_of_them():
    found = counted(rows("p", 1.0, None), rows("q", 0.0, 0.0, finished=False))
    assert found == Answered(2, 0, 4, followed=1, unjudged=1, cut=2, distinct=3, words=2.0)


def test_no_answers_are_no_error():
    assert counted() == Answered()


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
