"""What the runs of a grid measured: figures over seeds, and differences with their noise."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoif_train.evaluation import statistics as item_statistics
from autoif_train.evaluation.results import Values, comparable, item_values
from autoif_train.report.folder import json_of, rows_of
from autoif_train.report.reproduction.grid import PlannedRun, Reproduction

RESAMPLES = 2000
MIXED = "scored differently"


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure over seeds in percent; `difference` is against a baseline that was measured by the same scorer.

    `low` and `high` bound the difference: a 95 % bootstrap interval over seeds and prompts, None where the metric is no
    mean over prompts. `planned` is how many seeds were asked for.
    """

    mean: float
    sd: float | None = None
    seeds: int = 1
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    planned: int = 1


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in the grid something is measured."""

    point: str
    stage: str


def figure(grid: Reproduction, place: Place, column: str, baseline: Place | None = None) -> Figure | str | None:
    """The mean of one column (`benchmark/set/metric`) over the seeds that were run; None where none was.

    The difference is taken over the seeds that both have. Scores of different graders or decodings are never averaged
    or subtracted: the cell says so instead.
    """
    found = _by_seed(grid, place, column)
    if not found:
        return None
    if len(_graders(grid, (place, baseline or place), column)) > 1:
        return MIXED
    values = list(found.values())
    sd = statistics.stdev(values) if len(values) > 1 else None
    shown = Figure(statistics.mean(values), sd, len(values), planned=len(grid.seeds))
    before = _by_seed(grid, baseline, column) if baseline and baseline != place else {}
    both = [seed for seed in found if seed in before]
    if not both:
        return shown
    difference = statistics.mean(found[seed] - before[seed] for seed in both)
    low, high = _interval(grid, place, baseline, column, both) or (None, None)
    return dataclasses.replace(shown, difference=difference, low=low, high=high)


def _by_seed(grid: Reproduction, place: Place, column: str) -> dict[int, float]:
    metric = column.rpartition("/")[2]
    return {seed: 100 * score["metrics"][metric] for seed, score in _scores(grid, place, column).items()}


def _graders(grid: Reproduction, places: Sequence[Place], column: str) -> set[str]:
    return {comparable(score) for place in places for score in _scores(grid, place, column).values()}


def _scores(grid: Reproduction, place: Place, column: str) -> dict[int, dict[str, Any]]:
    """By seed, the row of `results.json` that holds a column."""
    benchmark, name, metric = column.split("/")
    found = {}
    for seed in grid.seeds:
        run = grid.folder_of.get((place.point, seed))
        for score in _last_round(run, place.stage) if run else []:
            if (score["benchmark"], score["set"]) == (benchmark, name) and metric in score["metrics"]:
                found[seed] = score
    return found


def _last_round(run: PlannedRun, stage: str) -> list[dict[str, Any]]:
    scores = (json_of(run.folder, "results") or {}).get("scores", [])
    of_stage = [score for score in scores if score["stage"] == stage]
    last = max((score["round"] for score in of_stage), default=0)
    return [score for score in of_stage if score["round"] == last]


def _interval(
    grid: Reproduction, place: Place, baseline: Place, column: str, seeds: Sequence[int]
) -> tuple[float, float] | None:
    ours, theirs = ([_items(grid, where, column, seed) for seed in seeds] for where in (place, baseline))
    prompts = list(ours[0])
    if not prompts or any(items.keys() != ours[0].keys() for items in (*ours, *theirs)):
        return None
    ours, theirs = (np.asarray([[items[prompt] for prompt in prompts] for items in side]) for side in (ours, theirs))
    differences = ours - theirs
    if len(seeds) > 1:
        return bootstrap_interval(differences)
    # The same draw as that of the run's own tests, so that one difference has one interval on the page.
    low, high = item_statistics.bootstrap_interval(differences[0], [1.0] * len(prompts), seeds[0])
    return 100 * low, 100 * high


def bootstrap_interval(differences: np.ndarray) -> tuple[float, float]:
    """The 95 % interval, in percent, of the mean of a (seeds × prompts) table, both drawn anew with replacement.

    Prompts are drawn together for all seeds, since every seed answers the same ones.
    """
    chance = np.random.default_rng(0)
    seeds, prompts = differences.shape
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        by_prompt = differences[chance.integers(seeds, size=seeds)].mean(axis=0)
        means[number] = by_prompt[chance.integers(prompts, size=prompts)].mean()
    low, high = np.percentile(100 * means, [2.5, 97.5])
    return float(low), float(high)


def _items(grid: Reproduction, place: Place, column: str, seed: int) -> Values:
    folder = grid.folder_of[place.point, seed].folder
    return item_values(folder, _scores(grid, place, column)[seed], column.rpartition("/")[2])


@dataclasses.dataclass(frozen=True)
class DataSize:
    """How much data one run made."""

    responses: int
    demonstrations: int
    pairs: int
    pass_rate: float


def data_size(folder: Path, above: float) -> DataSize | None:
    """Sizes of the data of a run folder, and the percent of the judged answers that score above `above`."""
    judged, pairs = rows_of(folder, "data/judged"), rows_of(folder, "data/pairs_share", "data/pairs")
    if judged is None or pairs is None:
        return None
    scores = [row["score"] for row in judged]
    known = [score for score in scores if score is not None]
    passed = sum(score > above for score in known)
    demonstrations = rows_of(folder, "data/demonstrations_share", "data/demonstrations")
    return DataSize(len(scores), len(demonstrations or []), len(pairs), 100 * passed / max(len(known), 1))


def over_seeds(values: Sequence[float], planned: int) -> Figure | None:
    """Plain figures as a mean with its standard deviation; None of none. `planned` is how many seeds were asked for."""
    if not values:
        return None
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Figure(statistics.mean(values), sd, len(values), planned=planned)
