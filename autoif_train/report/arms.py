"""Runs side by side: in which settings they differ, what each scored, and whether the differences are more than noise.

Runs that differ in nothing but their seed make one arm.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autoif_train.config import FREE_KEYS, flat
from autoif_train.evaluation.results import Values, comparable, item_values
from autoif_train.evaluation.statistics import compare, mean_interval
from autoif_train.evaluation.way import ASKED
from autoif_train.report.folder import json_of, settings_of
from autoif_train.report.stages import PairedTest, paired_test, scale_of, stage_name
from autoif_train.types import UserError

UNSET = "–"
# What runs of one arm may differ in beside their seed; how they were asked for, and of which engine, is no such thing.
SAME_ARM = FREE_KEYS - {"policy.sampling_engine", *(f"evaluation.{key}" for key in ASKED)}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One configuration with its run folders, in the order of their seeds."""

    name: str
    settings: dict[str, Any]
    folders: tuple[Path, ...]
    seeds: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Score:
    """What an arm's policy of one stage scored on one set; `scale` turns it into what is shown (`scale_of`).

    `spread` is the sample standard deviation over seeds; the interval is over prompts where there is one seed only.
    """

    rate: float
    spread: float | None
    interval: tuple[float, float] | None
    scale: float = 100.0

    @property
    def text(self) -> str:
        """In percent, or in marks, on one line."""
        if self.spread is not None:
            return f"{self._shown(self.rate)} ± {self._shown(self.spread)}"
        return f"{self._shown(self.rate)} [{'–'.join(map(self._shown, self.interval))}]"

    def _shown(self, value: float) -> str:
        return f"{self.scale * value:.{1 if self.scale > 1 else 2}f}"


@dataclasses.dataclass(frozen=True)
class Line:
    """One stage on one set, graded in one way: a score per arm, and each later arm tested against the first.

    None = not to be had.
    """

    stage: str
    set: str
    scores: tuple[Score | None, ...]
    tests: tuple[PairedTest | None, ...]


@dataclasses.dataclass(frozen=True)
class Sides:
    """The whole comparison. `differences` maps a key to its value in every arm."""

    arms: tuple[Arm, ...]
    differences: dict[str, tuple[str, ...]]
    lines: tuple[Line, ...]

    @property
    def compared(self) -> str:
        """What is tested, or why nothing is."""
        if len(self.arms) == 1:
            return "The runs differ in their seed alone and are pooled; runs that differ in a setting are tested."
        return (
            f"Points against {self.arms[0].name}: paired test on the same prompts, pooled over the seeds; exact "
            "McNemar where a prompt is passed or not, else by random signs."
        )

    @property
    def unit(self) -> str:
        """What the scores are given in."""
        noise = {
            "mean ± standard deviation over seeds" if score.spread is not None else "95 % interval over prompts"
            for line in self.lines
            for score in line.scores
            if score
        }
        return "; ".join(["Percent or marks", *sorted(noise)]) + "."


def sides(folders: Sequence[Path]) -> Sides:
    """Compare run folders. Raises `UserError` where one of them is named twice."""
    if twice := {str(folder) for folder in folders if list(folders).count(folder) > 1}:
        raise UserError(f"{sorted(twice)[0]}: named twice; name each run folder once")
    arms = _arms(folders)
    tables = [_values(arm) for arm in arms]
    places = list(dict.fromkeys(place for table in tables for place in table))
    lines = [
        Line(
            place.stage,
            place.set,
            tuple(_score(table.get(place), scale_of(place.benchmark)) for table in tables),
            tuple(
                _test(arms[0].name, arm.name, place, tables[0].get(place), table.get(place))
                for arm, table in zip(arms[1:], tables[1:], strict=True)
            ),
        )
        for place in places
    ]
    return Sides(tuple(arms), _differences(arms), tuple(lines))


def _arms(folders: Iterable[Path]) -> list[Arm]:
    gathered: dict[str, list[tuple[int, Path, dict[str, Any]]]] = {}
    for folder in folders:
        settings = {key: value for key, value in flat(settings_of(folder)).items() if key not in SAME_ARM}
        seed = settings.pop("seed", 0)
        gathered.setdefault(json.dumps(settings, sort_keys=True), []).append((seed, folder, settings))
    arms = []
    for number, runs in enumerate(gathered.values()):
        runs.sort(key=lambda run: run[:2])
        seeds, paths, settings = zip(*runs, strict=True)
        name = chr(ord("A") + number) if number < 26 else f"arm {number + 1}"
        arms.append(Arm(name, settings[0], paths, seeds))
    return arms


def _differences(arms: Sequence[Arm]) -> dict[str, tuple[str, ...]]:
    keys = dict.fromkeys(key for arm in arms for key in arm.settings)
    values = {key: tuple(_text(arm.settings.get(key, UNSET)) for arm in arms) for key in keys}
    return {key: each for key, each in values.items() if len(set(each)) > 1}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where something was measured, and how (`comparable`): what is graded in two ways stands on two lines."""

    stage: str
    benchmark: str
    set: str
    graded: str


BySeed = dict[int, Values]


def _values(arm: Arm) -> dict[Place, BySeed]:
    """For every place: what each seed's policy is compared on."""
    table: dict[Place, BySeed] = {}
    for folder, seed in zip(arm.folders, arm.seeds, strict=True):
        for score in (json_of(folder, "results") or {}).get("scores", []):
            place = Place(stage_name(score), score["benchmark"], score["set"], comparable(score))
            table.setdefault(place, {})[seed] = item_values(folder, score)
    return table


def _score(measured: BySeed | None, scale: float) -> Score | None:
    known = [[value for value in values.values() if value is not None] for values in (measured or {}).values()]
    if not known or not all(known):
        return None
    rates = [statistics.fmean(values) for values in known]
    if len(rates) > 1:
        return Score(statistics.mean(rates), statistics.stdev(rates), None, scale)
    return Score(rates[0], None, mean_interval(known[0]), scale)


def _test(first: str, second: str, place: Place, before: BySeed | None, after: BySeed | None) -> PairedTest | None:
    """The paired test pooled over the seeds that both arms ran, or over their runs in order where they share none."""
    if not before or not after:
        return None
    common = [seed for seed in before if seed in after]
    matched = [(before[seed], after[seed]) for seed in common] or list(
        zip(before.values(), after.values(), strict=False)
    )
    if any(one.keys() != other.keys() for one, other in matched):
        return None  # other prompts: nothing to pair
    values = [(one[prompt], other[prompt]) for one, other in matched for prompt in one]
    if not values:
        return None
    found = compare(*map(list, zip(*values, strict=True)))
    return paired_test(first, second, place.set, found, scale_of(place.benchmark))


def lines_of(compared: Sides) -> list[str]:
    """The comparison as plain text."""
    said = [f"{arm.name}: {', '.join(map(str, arm.folders))}" for arm in compared.arms]
    if compared.differences:
        said += ["", "settings that differ"]
        said += [f"  {key}: {'  |  '.join(values)}" for key, values in compared.differences.items()]
    said += ["", f"{'stage':<22}{'set':<10}" + "".join(f"{arm.name:>22}" for arm in compared.arms)]
    for line in compared.lines:
        scores = "".join(f"{score.text if score else UNSET:>22}" for score in line.scores)
        said.append(f"{line.stage:<22}{line.set:<10}{scores}")
    said += ["", compared.unit, compared.compared, ""]
    for line in compared.lines:
        said += [f"{line.stage}: {test.sentence}" for test in line.tests if test and test.gained + test.lost]
    return said
