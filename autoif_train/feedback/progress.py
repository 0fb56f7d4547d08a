"""Are the rounds still worth it? What the validation answers of one policy after the other say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from autoif_train.evaluation.statistics import SIGNIFICANT_BELOW, mcnemar, wilson_interval


@dataclasses.dataclass(frozen=True)
class Change:
    """Two policies on the same validation prompts: pass rates (the later one with its 95 % interval), what only one of
    them passed, and the exact McNemar test's p."""

    before: float
    after: float
    after_low: float
    after_high: float
    gained: int
    lost: int
    p: float

    @property
    def harmed(self) -> bool:
        """Whether the later policy is worse beyond noise."""
        return self.after < self.before and self.p < SIGNIFICANT_BELOW


def change(before: Sequence[bool], after: Sequence[bool]) -> Change:
    """What became of the validation prompts from one policy to the next; both in the same order."""
    test = mcnemar(before, after)
    low, high = wilson_interval(sum(after), len(after))
    return Change(rate(before), rate(after), low, high, test["gained"], test["lost"], test["p"])


def rate(passed: Sequence[bool]) -> float:
    """Share of the prompts that were passed."""
    return sum(passed) / max(len(passed), 1)


def best(history: Sequence[Sequence[bool]]) -> int:
    """Number of the policy that passed most, counted from the start of the rounds (0); the earliest of equals."""
    return max(range(len(history)), key=lambda number: (rate(history[number]), -number))


def is_flat(history: Sequence[Sequence[bool]], patience: int | None) -> bool:
    """Whether none of the last `patience` policies passed more than every earlier one."""
    return patience is not None and len(history) - 1 - best(history) >= patience
