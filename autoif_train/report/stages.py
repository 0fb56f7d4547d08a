"""The tables of stages and the paired tests between them, as the terminal and the page show them."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

from autoif_train.evaluation.benchmarks import BENCHMARKS, Figure
from autoif_train.evaluation.results import comparable
from autoif_train.evaluation.stages import newest, round_number, title
from autoif_train.evaluation.statistics import SIGNIFICANT_BELOW
from autoif_train.types import Row


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one stage scored, with its 95 % interval where it has one; shares are fractions."""

    value: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Column:
    """One figure of one set."""

    set: str
    figure: Figure

    def shown(self, cell: Cell | None, digits: int = 1) -> str:
        """The value of a cell in this column's unit, e.g. `57.3`; a dash for an empty one."""
        return "–" if cell is None else self.number(cell.value, digits)

    def interval(self, cell: Cell | None) -> str:
        """`52.1–62.3`; empty where there is none."""
        return "" if cell is None or cell.low is None else f"{self.number(cell.low)}–{self.number(cell.high)}"

    def number(self, value: float, digits: int = 1) -> str:
        """A value in this column's unit."""
        return f"{100 * value:.{digits}f}" if self.figure.percent else f"{value:.{digits}f}"


@dataclasses.dataclass(frozen=True)
class StageRow:
    """One row of a table: a policy with its cell for every column, None where there is no such figure."""

    name: str
    cells: tuple[Cell | None, ...]
    last: bool

    @property
    def title(self) -> str:
        return title(self.name)


@dataclasses.dataclass(frozen=True)
class StageTable:
    """What every stage scored on one benchmark in one way; `counts` are the prompts of each set.

    `about` says what the figures mean; it is empty for benchmarks that people know.
    """

    name: str
    about: str
    counts: dict[str, int]
    columns: tuple[Column, ...]
    stages: tuple[StageRow, ...]

    @property
    def main(self) -> list[tuple[int, str]]:
        """The place of each column of a main figure, with its title: the set, the figure or both, as is needed."""
        main = [(place, column) for place, column in enumerate(self.columns) if column.figure.main]
        figures = {column.figure for _, column in main}
        return [(place, self._title(column, len(figures))) for place, column in main]

    def _title(self, column: Column, figures: int) -> str:
        parts = [column.set] if len(self.counts) > 1 else []
        parts += [column.figure.label] if figures > 1 or not parts else []
        return " ".join(parts) + (" %" if column.figure.percent else "")

    @property
    def shared(self) -> list[tuple[Figure, list[int]]]:
        """The other figures, each with its places, one a set."""
        figures = dict.fromkeys(column.figure for column in self.columns if not column.figure.main)
        return [
            (figure, [place for place, column in enumerate(self.columns) if column.figure == figure])
            for figure in figures
        ]

    @property
    def prompts(self) -> str:
        """`H 400, Q 400`: how many prompts each set has."""
        return ", ".join(f"{name} {count:,}" for name, count in self.counts.items())


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """Two stages on the same prompts of one set, with the mean change per prompt and its 95 % interval.

    `p` is two-sided. `scale` turns a difference into what is shown: 100 for shares, 1 for marks on a scale.
    """

    before: str
    after: str
    set: str
    gained: int
    lost: int
    difference: float
    difference_low: float
    difference_high: float
    p: float
    scale: float = 100.0

    @property
    def noise(self) -> bool:
        return self.p >= SIGNIFICANT_BELOW

    @property
    def sentence(self) -> str:
        """The test on one line of plain text."""
        said = f"{self.after} against {self.before} on {self.set}: {self.points} points {self.interval} ({self.chance})"
        return f"{said}, inside the noise" if self.noise else said

    @property
    def points(self) -> str:
        return self._shown(self.difference)

    @property
    def interval(self) -> str:
        return f"[{self._shown(self.difference_low)}, {self._shown(self.difference_high)}]"

    def _shown(self, difference: float) -> str:
        return f"{self.scale * difference:+.{1 if self.scale > 1 else 2}f}"

    @property
    def chance(self) -> str:
        return "p<0.0001" if self.p < 0.0001 else f"p={self.p:.2f}" if self.p >= 0.1 else f"p={self.p:.2g}"


def stage_name(score: Row) -> str:
    """The folder name of the stage that a score of `results.json` belongs to."""
    return f"{score['stage']}/round_{score['round']}" if score.get("round") else score["stage"]


def stage_tables(results: dict[str, Any]) -> list[StageTable]:
    """A table for each benchmark of `results.json` in its order; the last round of each stage is marked.

    Where a set was asked, decoded or graded in several ways (`comparable`), each way has a table of its own.
    """
    groups: dict[tuple[str, int], list[Row]] = {}
    ways: dict[str, dict[str, int]] = {}
    for score in results.get("scores", []):
        of_set = ways.setdefault(score["set"], {})
        way = of_set.setdefault(comparable(score), len(of_set))
        groups.setdefault((score["benchmark"], way), []).append(score)
    return [
        _table(name, f"{name}, in another way" if way else name, scores)
        for (name, way), scores in groups.items()
        if name in BENCHMARKS
    ]


def _table(benchmark: str, name: str, scores: list[Row]) -> StageTable:
    counts = {score["set"]: score["n"] for score in scores}
    known = {key for score in scores for key in score["metrics"]}
    figures = [figure for figure in BENCHMARKS[benchmark].figures if figure.key in known]
    columns = tuple(Column(name, figure) for figure in figures for name in counts)
    rows: dict[str, dict[str, Row]] = {}
    for score in scores:
        rows.setdefault(stage_name(score), {})[score["set"]] = score["metrics"]
    last = last_rounds(list(rows))
    stages = (
        StageRow(name, tuple(_cell(row.get(column.set, {}), column.figure.key) for column in columns), name in last)
        for name, row in rows.items()
    )
    return StageTable(name, BENCHMARKS[benchmark].about, counts, columns, tuple(stages))


def _cell(metrics: Row, key: str) -> Cell | None:
    return Cell(metrics[key], metrics.get(f"{key}_low"), metrics.get(f"{key}_high")) if key in metrics else None


def last_rounds(names: list[str]) -> list[str]:
    """The newest policy of each stage that goes in rounds, among the names of stages."""
    return [name for name in newest(names) if round_number(name)]


def paired_tests(results: dict[str, Any]) -> list[PairedTest]:
    """Every paired test of `results.json`."""
    return [
        paired_test(row["before"], row["after"], row["set"], row, scale_of(row["benchmark"]))
        for row in results.get("comparisons", [])
    ]


def paired_test(before: str, after: str, name: str, found: Row, scale: float) -> PairedTest:
    """The test of two policies on one set, of what `compare` found."""
    keys = ("gained", "lost", "difference", "difference_low", "difference_high", "p")
    return PairedTest(before, after, name, **{key: found[key] for key in keys}, scale=scale)


def scale_of(benchmark: str) -> float:
    """What a value that stages are compared on is multiplied by to be shown: 100 for shares, 1 for marks."""
    return 100.0 if benchmark not in BENCHMARKS or BENCHMARKS[benchmark].figures[0].percent else 1.0


def relevant_tests(results: dict[str, Any]) -> list[PairedTest]:
    """What a reader asks first: how far is each last policy from the base model, and which of them is better?"""
    tests = paired_tests(results)
    wanted = combinations(["base", *newest(test.after for test in tests)], 2)
    return [
        test
        for pair in wanted
        for test in sorted(tests, key=lambda test: test.set)
        if (test.before, test.after) == pair
    ]
