"""The grid of runs behind the paper's tables: which points there are, with which settings, and what they share."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from autoif_train.config import CONFIGS, CacheSettings, Settings, differing_keys, parse
from autoif_train.evaluation.way import is_as_asked
from autoif_train.report.folder import json_of, settings_of
from autoif_train.run import undecided
from autoif_train.types import UserError

FILE = CONFIGS / "reproduce.yaml"
TABLES = ("1", "2", "3", "4", "5", "figure4")
STAGES = ("sft", "offline_dpo", "online_dpo")
AROUND = "strong_to_weak"  # the point whose settings stand around those that Figure 4 varies


@dataclasses.dataclass(frozen=True)
class Panel:
    """One panel of Figure 4: a setting, its values, and the stage that is measured after each.

    `amount` names what the threshold or share leaves, a field of `measured.DataSize`; `settings` stay the same.
    """

    name: str
    title: str
    key: str
    values: tuple[float, ...]
    stage: str
    amount: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_share(self) -> bool:
        """Whether the setting is a share of the data, for which nothing at all is a point as well."""
        return self.key.endswith(".share")


@dataclasses.dataclass(frozen=True)
class Point:
    """One way of running the pipeline. `missing` says which flag it waits for; such a point is shown as not run."""

    name: str
    tables: tuple[str, ...]
    stages: tuple[str, ...]
    flags: tuple[str, ...]
    missing: str | None = None


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A point with a seed: a run folder, the settings it belongs to, and what is trained there."""

    point: str
    seed: int
    stages: tuple[str, ...]
    settings: Settings

    @property
    def folder(self) -> Path:
        return Path(self.settings.output_dir)

    @property
    def name(self) -> str:
        return f"{self.point}, seed {self.seed}"

    def finished(self) -> bool:
        """Whether every stage was trained and every benchmark that is asked for now was scored.

        Raises `UserError` where the folder belongs to other settings: its figures are not those of this run.
        """
        self._check_folder()
        scores = (json_of(self.folder, "results") or {"scores": []})["scores"]
        stages = {score["stage"] for score in scores}
        evaluation = self.settings.evaluation
        benchmarks = {score["benchmark"] for score in scores if is_as_asked(score, evaluation)}
        return stages >= {"base", *self.stages} and benchmarks >= set(evaluation.benchmarks)

    def _check_folder(self) -> None:
        made_with = settings_of(self.folder)
        if made_with and (differing := differing_keys(made_with, self.settings, undecided(self.folder))):
            raise UserError(
                f"{self.folder} belongs to another configuration, which differs in {'; '.join(differing)}; give the "
                "same settings, remove the folder, or name another --output_dir"
            )


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """What recipes/reproduce.py was asked for: the tables, the runs behind them, and where everything lies."""

    tables: tuple[str, ...]
    seeds: tuple[int, ...]
    dry_run: bool
    tables_only: bool
    folder: Path
    settings: Settings
    points: tuple[Point, ...]
    panels: tuple[Panel, ...]
    runs: tuple[PlannedRun, ...]
    folder_of: dict[tuple[str, int], PlannedRun]
    seconds: dict[str, float]

    @property
    def engine(self) -> str | None:
        """What training must be started on, as every recipe has it; nothing where nothing is trained."""
        return None if self.dry_run or self.tables_only else self.settings.engine

    def runs_of(self, point: str) -> list[PlannedRun]:
        """The runs of a point, one a seed; none where the paper has no such row for this model."""
        return [self.folder_of[point, seed] for seed in self.seeds if (point, seed) in self.folder_of]


def read_arguments(recipe: str, description: str, arguments: Sequence[str] | None = None) -> Reproduction:
    """The command line of recipes/reproduce.py: its own flags, and every setting of the other recipes."""
    usage = f"{recipe} [--table T] [--dry_run] [--model NAME] [--section.key VALUE] ..."
    own = argparse.ArgumentParser(recipe, usage, add_help=False, allow_abbrev=False, exit_on_error=False)
    own.add_argument("--table", default="all", help=f"one of {', '.join(TABLES)}, or all")
    own.add_argument("--points", help="comma-separated names of the runs to make; the default is all of the table")
    own.add_argument("--seeds", help="comma-separated; the default is five, three on tiny")
    own.add_argument("--dry_run", action="store_true", help="print what would run and what it costs, then stop")
    own.add_argument("--tables_only", action="store_true", help="run nothing, write the tables of what is there")
    own.add_argument("--conversations", help="ShareGPT conversations for the SFT baseline of Table 1")
    own.add_argument("--other_supervisor", help="settings file that names another supervisor, for Table 2")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in arguments or "-h" in arguments:
        own.print_help()
    try:
        chosen, flags = own.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UserError(f"{error}; --help lists the flags") from error
    settings = parse(recipe, description, flags)
    if chosen.table not in (*TABLES, "all"):
        raise UserError(f"--table {chosen.table}: choose one of {', '.join(TABLES)}, or all")
    grid = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return plan(grid, settings, flags, chosen)


def plan(grid: dict[str, Any], settings: Settings, flags: list[str], chosen: argparse.Namespace) -> Reproduction:
    """The points of the chosen tables with a run for each seed; equal settings are one run."""
    folder = Path(settings.output_dir or f"runs/reproduce-{Path(settings.model).name}")
    tables = TABLES if chosen.table == "all" else (chosen.table,)
    panels = tuple(Panel(name, **{**panel, "values": tuple(panel["values"])}) for name, panel in grid["panels"].items())
    points = [point for point in _points(grid, panels, settings, chosen) if set(point.tables) & set(tables)]
    points = _chosen_points(points, chosen.points)
    seeds = _seeds(grid, settings, chosen)
    # What a supervisor was paid for once serves every run.
    cache = settings.cache.path or str(folder / "cache.sqlite")
    runs: dict[str, PlannedRun] = {}
    folder_of = {}
    for point in points:
        if point.missing:
            continue
        of_point = parse("reproduce.py", "", [*flags, *point.flags])
        for seed in seeds:
            # Two points may turn out as the same settings, wherever they would lie.
            resolved = dataclasses.replace(of_point, seed=seed, output_dir=None, cache=CacheSettings(cache))
            key = repr(resolved)
            before = runs.get(key)
            if before is None:
                placed = dataclasses.replace(resolved, output_dir=str(folder / "runs" / point.name / f"seed_{seed}"))
                runs[key] = PlannedRun(point.name, seed, point.stages, placed)
            else:
                stages = tuple(stage for stage in STAGES if stage in {*before.stages, *point.stages})
                runs[key] = dataclasses.replace(before, stages=stages)
            folder_of[point.name, seed] = key
    return Reproduction(
        tables, seeds, chosen.dry_run, chosen.tables_only, folder, settings, tuple(points), panels,
        tuple(runs.values()), {where: runs[key] for where, key in folder_of.items()},
        grid["seconds"].get(settings.model, {}),
    )  # fmt: skip


def _chosen_points(points: list[Point], names: str | None) -> list[Point]:
    if names is None:
        return points
    wanted, known = names.split(","), [point.name for point in points]
    for name in wanted:
        if name not in known:
            raise UserError(f"--points {name}: unknown here; choose from {', '.join(known)}")
    return [point for point in points if point.name in wanted]


def _seeds(grid: dict[str, Any], settings: Settings, chosen: argparse.Namespace) -> tuple[int, ...]:
    if chosen.seeds is None:
        return tuple(grid["seeds"].get(settings.model, grid["seeds"]["others"]))
    try:
        seeds = tuple(dict.fromkeys(int(seed) for seed in chosen.seeds.split(",")))
    except ValueError as error:
        raise UserError(f"--seeds {chosen.seeds}: give whole numbers with commas between, e.g. 1,2,3") from error
    return seeds


def panel_point(panel: Panel, value: float) -> str:
    """The name of the point at one value of a panel."""
    return f"{panel.name}_{value:g}"


def _points(
    grid: dict[str, Any], panels: Sequence[Panel], settings: Settings, chosen: argparse.Namespace
) -> list[Point]:
    given = grid["given"].get(settings.model, {})
    points = []
    for name, row in grid["points"].items():
        if settings.model in row["not_for"]:
            continue
        flags, missing = _flags(row["settings"]), None
        if needs := row.get("needs"):
            own = getattr(chosen, needs)
            if own and needs == "conversations":
                flags += _flags({"demonstrations.conversations": own})
            elif own:
                flags += ("--config", own)
            elif needs in given:
                flags += _flags(given[needs])
            else:
                missing = f"--{needs}"
        points.append(Point(name, tuple(row["tables"]), tuple(row["stages"]), flags, missing))
    around = next((point for point in points if point.name == AROUND), None)
    for panel in panels if around else ():
        stages = STAGES[: STAGES.index(panel.stage) + 1]
        for value in panel.values:
            flags = (*around.flags, *_flags({**panel.settings, panel.key: value}))
            points.append(Point(panel_point(panel, value), ("figure4",), stages, flags))
    return points


def _flags(settings: dict[str, Any]) -> tuple[str, ...]:
    """Settings as the words of a command line."""
    return tuple(
        word
        for key, value in settings.items()
        for word in (f"--{key}", json.dumps(value) if value is None or isinstance(value, bool) else str(value))
    )
