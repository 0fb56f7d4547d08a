"""A share of a file of training rows (paper Figure 4: 1/64 to all of them)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autoif_train.rows import Rows
from autoif_train.types import Dropped, derived_seed


def share_of(rows: Rows, noun: type, share: float, seed: int) -> Iterator[Any]:
    """About `share` (0 to 1) of the rows and at least one, as `noun`, in order; a smaller share lies in a larger one.

    Each row has a place of its own, drawn from `seed`; those with the lowest places stay.
    """
    places = [derived_seed(seed, "share", number) for number, _ in enumerate(rows)]
    last = sorted(places)[max(1, round(share * len(places))) - 1] if places else 0
    for place, row in zip(places, rows, strict=True):
        yield noun(**row) if place <= last else Dropped(noun.unit, "outside the share")
