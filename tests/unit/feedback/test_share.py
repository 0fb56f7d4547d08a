"""Shares of training rows: their size, and that a smaller one lies inside a larger one."""

from __future__ import annotations

import itertools

import pytest

from autoif_train.feedback.share import share_of
from autoif_train.funnel import Tally
from autoif_train.rows import Rows, write_rows
from autoif_train.types import Demonstration

SHARES = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_rows(path, (Demonstration([], [], str(number), 1.0) for number in range(130)))
    return Rows(path)


def taken(rows, share, seed=1):
    return [row.query_id for row in Tally("share").passing(share_of(rows, Demonstration, share, seed))]


@pytest.mark.parametrize("share", SHARES)
def test_a_share_has_the_size_that_was_asked_for(rows, share):
    assert len(taken(rows, share)) == max(1, round(130 * share))


def test_a_smaller_share_is_a_part_of_a_larger_one_in_the_same_order(rows):
    for smaller, larger in itertools.pairwise(SHARES):
        within = set(taken(rows, smaller))
        assert [each for each in taken(rows, larger) if each in within] == taken(rows, smaller)


def test_at_least_one_row_stays(rows):
    assert len(taken(rows, 1e-6)) == 1


def test_another_seed_takes_other_rows(rows):
    assert taken(rows, 1 / 4) != taken(rows, 1 / 4, seed=2)


def test_the_rest_is_counted(rows):
    tally = Tally("share")
    list(tally.passing(share_of(rows, Demonstration, 1 / 4, 1)))
    (entry,) = tally.entries()
    assert (entry["rows_in"], entry["rows_out"], entry["dropped"]) == (130, 32, {"outside the share": 98})


def test_an_empty_file_stays_empty(tmp_path):
    write_rows(tmp_path / "none.jsonl", [])
    assert taken(Rows(tmp_path / "none.jsonl"), 0.5) == []
