"""Progress over the rounds: which policy was best, whether they still rise, whether one did harm."""

from __future__ import annotations

import pytest

from autoif_train.feedback.progress import best, change, is_flat


def passing(*counts):
    """Validation answers of several policies, of which so many of ten pass."""
    return [[place < count for place in range(10)] for count in counts]


@pytest.mark.parametrize(("counts", "number"), [((3,), 0), ((3, 5, 4), 1), ((3, 5, 5), 1), ((3, 2, 1), 0)])
def test_the_best_policy_is_the_earliest_that_passed_most(counts, number):
    assert best(passing(*counts)) == number


@pytest.mark.parametrize(
    ("counts", "patience", "flat"),
    [
        ((3, 5, 4), 1, True),
        ((3, 5, 4), 2, False),
        ((3, 5, 5, 5), 2, True),
        ((3, 4, 5), 1, False),
        ((3,), 1, False),
        ((5, 1, 1, 1), None, False),
    ],
)
def test_rounds_are_flat_when_none_of_the_last_ones_beat_all_before(counts, patience, flat):
    assert is_flat(passing(*counts), patience) == flat


def test_a_policy_that_is_worse_beyond_noise_did_harm():
    assert change([True] * 20, [True] * 10 + [False] * 10).harmed


def test_a_loss_within_the_noise_is_no_harm():
    assert not change([True] * 20, [True] * 18 + [False] * 2).harmed


def test_a_gain_is_no_harm_however_sure():
    moved = change([False] * 20, [True] * 20)
    assert not moved.harmed
    assert (moved.before, moved.after, moved.gained, moved.lost) == (0.0, 1.0, 20, 0)
