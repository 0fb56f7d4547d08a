"""Intervals and paired tests against numbers worked out elsewhere."""

from __future__ import annotations

import random

import pytest

from autoif_train.evaluation.statistics import bootstrap_interval, compare, mcnemar, wilson_interval


@pytest.mark.parametrize(
    ("passed", "count", "low", "high"),
    [
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_the_interval_is_wilsons(passed, count, low, high):
    assert wilson_interval(passed, count) == pytest.approx((low, high), abs=1e-3)


def test_nothing_counted_could_be_anything():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_an_interval_that_begins_or_ends_at_the_end_does_so_exactly():
    assert [(wilson_interval(0, n)[0], wilson_interval(n, n)[1]) for n in (1, 41, 164)] == [(0.0, 1.0)] * 3


@pytest.mark.parametrize("count", [1, 7, 541, 10**9])
def test_the_interval_holds_the_share_and_stays_a_share(count):
    for passed in {0, 1, count // 3, count - 1, count}:
        low, high = wilson_interval(passed, count)
        assert 0.0 <= low <= high <= 1.0
        assert low <= passed / count + 1e-9
        assert passed / count <= high + 1e-9


def test_more_prompts_make_it_narrower():
    widths = [high - low for low, high in (wilson_interval(n // 2, n) for n in (10, 100, 1000))]
    assert widths == sorted(widths, reverse=True)


def paired(gained, lost, both=0):
    first = [False] * gained + [True] * lost + [True] * both
    second = [True] * gained + [False] * lost + [True] * both
    return mcnemar(first, second)


@pytest.mark.parametrize(
    ("gained", "lost", "p"), [(10, 2, 0.038574), (5, 0, 0.0625), (1, 1, 1.0), (0, 0, 1.0), (3, 3, 1.0)]
)
def test_p_is_the_exact_two_sided_one(gained, lost, p):
    assert paired(gained, lost)["p"] == pytest.approx(p, abs=1e-6)


def test_gained_lost_and_difference():
    assert paired(6, 2, both=12) | {"p": 0} == {"gained": 6, "lost": 2, "difference": 0.2, "p": 0}


def test_what_both_pass_decides_nothing():
    assert paired(6, 2)["p"] == paired(6, 2, both=1000)["p"]


def test_swapping_the_models_swaps_the_sign():
    chance = random.Random(0)
    first, second = ([chance.random() < 0.5 for _ in range(50)] for _ in range(2))
    one, other = mcnemar(first, second), mcnemar(second, first)
    assert one["difference"] == -other["difference"]
    assert one["p"] == other["p"]


def test_thousands_of_prompts_are_no_overflow():
    assert 0.0 <= paired(3000, 1000)["p"] < 1e-100


def test_no_prompt_at_all():
    assert mcnemar([], []) == {"gained": 0, "lost": 0, "difference": 0.0, "p": 1.0}


def test_other_prompts_cannot_be_compared():
    with pytest.raises(ValueError, match="zip"):
        mcnemar([True], [True, False])


def test_the_bootstrap_of_independent_items_is_close_to_wilsons():
    low, high = bootstrap_interval([1.0] * 60 + [0.0] * 40, [1.0] * 100)
    assert (low, high) == pytest.approx(wilson_interval(60, 100), abs=0.02)


def test_what_belongs_to_one_prompt_stands_or_falls_together():
    apart = bootstrap_interval([1.0, 0.0] * 50, [1.0] * 100)
    together = bootstrap_interval([10.0, 0.0] * 5, [10.0] * 10)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_the_bootstrap_repeats_itself():
    assert bootstrap_interval([1.0, 0.0, 1.0], [1.0] * 3, 7) == bootstrap_interval([1.0, 0.0, 1.0], [1.0] * 3, 7)


def test_nothing_counted_says_nothing():
    assert bootstrap_interval([0.0], [0.0]) == (0.0, 1.0)


def test_a_difference_inside_the_noise_is_called_so():
    row = compare([1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1])
    assert (row["verdict"], row["difference"], row["gained"], row["lost"]) == ("within noise", 0.0, 1, 1)


@pytest.mark.parametrize(("gain", "verdict"), [(1, "better"), (-1, "worse")])
def test_a_difference_beyond_the_noise_has_a_direction(gain, verdict):
    first, second = ([0.0] * 20, [1.0] * 20)[::gain]
    row = compare(first, second)
    assert (row["verdict"], row["difference"]) == (verdict, gain)
    assert row["difference_low"] <= gain <= row["difference_high"]


def test_binary_values_are_compared_by_mcnemars_test():
    first, second = [1, 0, 0, 0, 0, 1], [1, 1, 1, 1, 0, 0]
    assert compare(first, second)["p"] == mcnemar([bool(x) for x in first], [bool(x) for x in second])["p"]


def test_marks_are_compared_by_random_signs():
    first = [5.0, 6.0, 7.0, 5.0, 4.0, 6.0, 7.0, 8.0, 5.0, 6.0]
    # All ten rise: of 2^10 sign patterns two are as extreme.
    assert compare(first, [mark + 0.5 for mark in first])["p"] == pytest.approx(2 / 1024, abs=0.003)


def test_items_without_a_value_are_left_out_of_a_comparison():
    row = compare([1.0, None, 0.0], [1.0, 1.0, None])
    assert (row["n"], row["difference"], row["verdict"]) == (1, 0.0, "within noise")


def test_nothing_in_common_is_no_difference():
    assert compare([None], [1.0])["verdict"] == "within noise"
