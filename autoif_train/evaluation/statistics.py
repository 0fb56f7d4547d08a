"""Noise made visible: intervals for shares, and paired tests between models on the same prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959964
RESAMPLES = 2000
SIGNIFICANT_BELOW = 0.05  # p-values from here on are called noise


def wilson_interval(passed: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share; (0, 1) where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, square = passed / count, Z_95 * Z_95
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    # At the ends the sum leaves a hair.
    return middle - half if passed else 0.0, middle + half if passed < count else 1.0


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict[str, float | int]:
    """Exact McNemar test of two models on the same items: `gained` and `lost` count what only one of them passed.

    `p` is two-sided: the chance of so uneven a split if neither were better.
    """
    gained = sum(after and not before for before, after in zip(first, second, strict=True))
    lost = sum(before and not after for before, after in zip(first, second, strict=True))
    discordant = gained + lost
    tail = sum(math.comb(discordant, k) for k in range(min(gained, lost) + 1)) / 2**discordant
    difference = (gained - lost) / len(first) if first else 0.0
    return {"gained": gained, "lost": lost, "difference": difference, "p": min(1.0, 2 * tail)}


def bootstrap_interval(sums: Sequence[float], counts: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of `sum(sums) / sum(counts)`, whole items drawn with replacement.

    One entry per item: what it contributes and how much of it was counted (instructions, questions, turns), so that
    what belongs to one prompt stands or falls together. (0, 1) where nothing was counted.
    """
    import numpy

    if not sum(counts):
        return 0.0, 1.0
    drawn = numpy.random.default_rng(seed).multinomial(len(counts), [1 / len(counts)] * len(counts), size=RESAMPLES)
    totals = drawn @ numpy.asarray(counts, float)
    shares = (drawn @ numpy.asarray(sums, float))[totals > 0] / totals[totals > 0]
    low, high = numpy.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of a value per item: Wilson's where each is 0 or 1, else a bootstrap."""
    if {*values} <= {0.0, 1.0}:
        return wilson_interval(int(sum(values)), len(values))
    return bootstrap_interval(values, [1.0] * len(values))


def compare(
    first: Sequence[float | None], second: Sequence[float | None], seed: int = 0
) -> dict[str, float | int | str]:
    """Two models on the same items, each with a value per item; items that either lacks (None) are left out.

    `gained` and `lost` count the items that became better and worse, `difference` is the mean change with its 95 %
    bootstrap interval. `p` is two-sided: the exact McNemar test where every value is 0 or 1, else a test by random
    signs of the differences. `verdict` is `better` or `worse` only where p < 0.05, else `within noise`.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    changes = [float(after) - float(before) for before, after in pairs]
    before, after = ([float(value) for value in side] for side in zip(*pairs, strict=True)) if pairs else ([], [])
    binary = {*before, *after} <= {0.0, 1.0}
    p = mcnemar([bool(x) for x in before], [bool(x) for x in after])["p"] if binary else _random_signs(changes, seed)
    low, high = bootstrap_interval(changes, [1.0] * len(changes), seed) if changes else (0.0, 0.0)
    difference = sum(changes) / len(changes) if changes else 0.0
    return {
        "n": len(changes),
        "gained": sum(change > 0 for change in changes),
        "lost": sum(change < 0 for change in changes),
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "p": p,
        "verdict": "within noise" if p >= SIGNIFICANT_BELOW else "better" if difference > 0 else "worse",
    }


def _random_signs(changes: Sequence[float], seed: int) -> float:
    """How often a mean change as large comes about when each item's change has a random sign."""
    import numpy

    if not any(changes):
        return 1.0
    moved = numpy.asarray([change for change in changes if change])
    signs = numpy.random.default_rng(seed).choice([-1.0, 1.0], size=(RESAMPLES, len(moved)))
    # A hair of tolerance: the same sum in another order must not count as smaller.
    as_large = int((numpy.abs(signs @ moved) >= abs(moved.sum()) - 1e-9).sum())
    return (as_large + 1) / (RESAMPLES + 1)
