"""What a step sees depends on the rows, the seed and the epoch, and on nothing else."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
from autoif_train.training.epochs import WholeBatches


def epoch(rows, size, seed=3, number=0, **options):
    return list(WholeBatches(rows, size, seed, lambda: number, **options))


@pytest.mark.parametrize(("rows", "size", "length"), [(13, 4, 16), (12, 4, 12), (3, 8, 8), (1, 1, 1), (8, 8, 8)])
def test_an_epoch_is_whole_batches(rows, size, length):
    assert len(epoch(rows, size)) == len(WholeBatches(rows, size, 0, lambda: 0)) == length


def test_every_row_comes_and_the_last_batch_goes_on_from_the_beginning():
    order = epoch(13, 4)
    assert sorted(order[:13]) == list(range(13))
    assert order[13:] == order[:3]


def test_the_last_batch_can_be_left_out():
    order = epoch(13, 4, drop_last=True)
    assert order == epoch(13, 4)[:12]


def test_fewer_rows_than_a_batch_come_again():
    order = epoch(3, 8)
    assert order == (order[:3] * 3)[:8]


def test_epochs_and_seeds_have_orders_of_their_own():
    assert len({tuple(epoch(50, 5, seed, number)) for seed in (0, 10) for number in (0, 1)}) == 4


def test_the_epoch_is_asked_when_a_pass_begins():
    now = [0]
    batches = WholeBatches(20, 4, 3, lambda: now[0])
    first = list(batches)
    now[0] = 1
    assert list(batches) == epoch(20, 4, number=1) != first


def test_the_order_is_that_of_the_library_where_batches_are_whole_anyway():
    from accelerate.data_loader import SeedableRandomSampler

    library = SeedableRandomSampler(range(20), data_seed=3)
    library.set_epoch(1)
    assert epoch(20, 4, number=1) == list(library)
