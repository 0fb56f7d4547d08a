"""The table of stages and the paired tests between them, as the terminal and the page show them."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

from autoif_train.evaluation.stages import newest, round_number, title
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.types import Row

NOISE_ABOVE = 0.05  # p-values from here on are called noise


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one stage scored on one set; shares are fractions."""

    set: str
    rate: float
    low: float
    high: float
    relevance: float
    words: float
    count: int

    @property
    def relevance_interval(self) -> tuple[float, float]:
        """The 95 % interval of the relevance."""
        return wilson_interval(round(self.relevance * self.count), self.count)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One row of the table: a policy with its cell for every set, None where the set was not answered."""

    name: str
    cells: tuple[Cell | None, ...]
    last: bool

    @property
    def title(self) -> str:
        return title(self.name)


@dataclasses.dataclass(frozen=True)
class StageTable:
    """Every stage on every set that has a pass rate."""

    sets: tuple[str, ...]
    stages: tuple[Stage, ...]


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """Two stages on the same prompts of one set; `difference` is a fraction, `p` the exact McNemar test's."""

    before: str
    after: str
    set: str
    gained: int
    lost: int
    difference: float
    p: float

    @property
    def noise(self) -> bool:
        return self.p >= NOISE_ABOVE

    @property
    def sentence(self) -> str:
        """The test on one line of plain text."""
        said = f"{self.after} against {self.before} on {self.set}: {self.points} points ({self.chance})"
        return f"{said}, inside the noise" if self.noise else said

    @property
    def points(self) -> str:
        return f"{100 * self.difference:+.1f}"

    @property
    def chance(self) -> str:
        return "p<0.0001" if self.p < 0.0001 else f"p={self.p:.2f}" if self.p >= 0.1 else f"p={self.p:.2g}"


def stage_name(score: Row) -> str:
    """The folder name of the stage that a score of `results.json` belongs to."""
    return f"{score['stage']}/round_{score['round']}" if score.get("round") else score["stage"]


def stage_table(results: dict[str, Any]) -> StageTable:
    """The stages of `results.json` in its order, with their cells; the last round of each stage is marked."""
    scores = [score for score in results.get("scores", []) if "pass_rate" in score["metrics"]]
    sets = tuple(dict.fromkeys(score["set"] for score in scores))
    cells: dict[str, dict[str, Cell]] = {}
    for score in scores:
        cells.setdefault(stage_name(score), {})[score["set"]] = _cell(score)
    last = last_rounds(list(cells))
    stages = (Stage(name, tuple(row.get(each) for each in sets), name in last) for name, row in cells.items())
    return StageTable(sets, tuple(stages))


def _cell(score: Row) -> Cell:
    metrics = score["metrics"]
    low, high = metrics["pass_rate_low"], metrics["pass_rate_high"]
    relevance, words = metrics["relevance"], metrics["mean_words"]
    return Cell(score["set"], metrics["pass_rate"], low, high, relevance, words, score["n"])


def last_rounds(names: list[str]) -> list[str]:
    """The newest policy of each stage that goes in rounds, among the names of stages."""
    return [name for name in newest(names) if round_number(name)]


def paired_tests(results: dict[str, Any]) -> list[PairedTest]:
    """Every paired test of `results.json`."""
    names = [field.name for field in dataclasses.fields(PairedTest)]
    return [PairedTest(**{name: row[name] for name in names}) for row in results.get("comparisons", [])]


def relevant_tests(results: dict[str, Any]) -> list[PairedTest]:
    """The tests that answer what a reader asks first: did each step help, and which of the last policies is better?"""
    tests = paired_tests(results)
    last = newest(test.after for test in tests)
    wanted = [("base", "sft"), *combinations(last, 2)]
    return [
        test
        for pair in wanted
        for test in sorted(tests, key=lambda test: test.set)
        if (test.before, test.after) == pair
    ]
