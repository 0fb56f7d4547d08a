"""Training curves: what the trainers logged, smoothed and thinned to what a small plot can show."""

from __future__ import annotations

import dataclasses
import statistics
from itertools import pairwise
from pathlib import Path

from autoif_train.evaluation.stages import TITLES, round_number, stage_names
from autoif_train.report.folder import rows_of

POINTS = 120
SMOOTHED_OVER = 5  # a point is the mean of this part of its curve: one logged step is one batch, and mostly noise
FAMILIES = {"offline_dpo": "DPO", "online_dpo": "DPO"}  # drawn together; every other stage by itself

Curve = list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Training:
    """The curves of one training by the name of what was logged, each a list of (step, value).

    `online`: one of several rounds; `family`: the title of the drawing that it shares.
    """

    title: str
    online: bool
    family: str
    curves: dict[str, Curve]


def trainings(folder: Path, figures: tuple[str, ...]) -> list[Training]:
    """Every training, one a round, that logged any of `figures`."""
    found = []
    for name in stage_names(folder):
        stage, number = name.partition("/")[0], round_number(name)
        shown = f"round {number}" if number else "offline" if stage == "offline_dpo" else TITLES[stage]
        curves: dict[str, Curve] = {}
        for row in rows_of(folder, f"{name}/metrics") or []:
            for figure in figures:
                if figure in row:
                    curves.setdefault(figure, []).append((row["step"], row[figure]))
        if curves:
            family = FAMILIES.get(stage, TITLES[stage])
            found.append(
                Training(
                    shown,
                    bool(number),
                    family,
                    {figure: smoothed(thinned(curve)) for figure, curve in curves.items()},
                )
            )
    return found


def thinned(curve: Curve, points: int = POINTS) -> Curve:
    """At most `points` points, each the mean of neighbours: a million logged steps look the same as a hundred."""
    if len(curve) <= points:
        return curve
    edges = [place * len(curve) // points for place in range(points + 1)]
    buckets = [curve[start:end] for start, end in pairwise(edges)]
    return [tuple(sum(column) / len(bucket) for column in zip(*bucket, strict=True)) for bucket in buckets]


def smoothed(curve: Curve) -> Curve:
    """Each value as the mean of those around it, a fifth of the curve in all; fewer at its ends."""
    reach, values = len(curve) // (2 * SMOOTHED_OVER), [value for _, value in curve]
    around = (values[max(place - reach, 0) : place + reach + 1] for place in range(len(values)))
    return [(step, statistics.fmean(near)) for (step, _), near in zip(curve, around, strict=True)]
