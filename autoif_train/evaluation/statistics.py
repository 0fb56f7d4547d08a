"""Noise made visible: intervals for shares, and paired tests between models on the same prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959964


def wilson_interval(passed: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share; (0, 1) where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, square = passed / count, Z_95 * Z_95
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


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
