"""Training curves: what the trainers logged, thinned to what a small plot can show."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

from autoif_train.report.folder import rounds_of, rows_of

POINTS = 120

Curve = list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Training:
    """The curves of one training by the name of what was logged, each a list of (step, value)."""

    title: str
    online: bool
    curves: dict[str, Curve]


def trainings(folder: Path, figures: tuple[str, ...]) -> list[Training]:
    """SFT, offline DPO and every online round that logged any of `figures`."""
    names = [("SFT", "sft", False), ("offline", "offline_dpo", False)]
    names += [(f"round {number}", f"online_dpo/round_{number}", True) for number in rounds_of(folder)]
    found = []
    for shown, name, online in names:
        curves: dict[str, Curve] = {}
        for row in rows_of(folder, f"{name}/metrics") or []:
            for figure in figures:
                if figure in row:
                    curves.setdefault(figure, []).append((row["step"], row[figure]))
        if curves:
            found.append(Training(shown, online, {figure: thinned(curve) for figure, curve in curves.items()}))
    return found


def thinned(curve: Curve, points: int = POINTS) -> Curve:
    """At most `points` points, each the mean of neighbours: a million logged steps look the same as a hundred."""
    if len(curve) <= points:
        return curve
    edges = [place * len(curve) // points for place in range(points + 1)]
    buckets = [curve[start:end] for start, end in pairwise(edges)]
    return [tuple(sum(column) / len(bucket) for column in zip(*bucket, strict=True)) for bucket in buckets]
