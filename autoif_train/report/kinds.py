"""Pass rate per kind of constraint, from the untouched model to the newest policy."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

from autoif_train.evaluation.results import shown_items
from autoif_train.evaluation.stages import newest, title
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.report.stages import stage_name
from autoif_train.types import Row


@dataclasses.dataclass(frozen=True)
class Share:
    """How many instructions of a kind one stage followed."""

    followed: int
    count: int

    @property
    def rate(self) -> float:
        return self.followed / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate."""
        return wilson_interval(self.followed, self.count)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of constraint with each stage's share, in the order of the table's stages."""

    name: str
    shares: tuple[Share, ...]

    @property
    def gain(self) -> float:
        """By how much the last stage's rate exceeds the first's."""
        return self.shares[-1].rate - self.shares[0].rate


@dataclasses.dataclass(frozen=True)
class KindTable:
    """The kinds of one set, the greatest gain first."""

    set: str
    stages: tuple[str, ...]
    kinds: tuple[Kind, ...]


def kind_tables(folder: Path, results: dict[str, Any]) -> list[KindTable]:
    """A table for every set of `results.json` whose answers name the kinds of their instructions."""
    by_set: dict[str, dict[str, Row]] = {}
    for score in results.get("scores", []):
        by_set.setdefault(score["set"], {})[stage_name(score)] = score
    tables = (_table(folder, name, scores) for name, scores in by_set.items())
    return [table for table in tables if table]


def _table(folder: Path, set_name: str, scores: dict[str, Row]) -> KindTable | None:
    counted = {stage: found for stage in newest(scores) if (found := _shares(folder, scores[stage]))}
    if not counted:
        return None
    common = set.intersection(*(set(shares) for shares in counted.values()))
    kinds = [Kind(name, tuple(shares[name] for shares in counted.values())) for name in sorted(common)]
    kinds.sort(key=lambda kind: -kind.gain)
    return KindTable(set_name, tuple(map(title, counted)), tuple(kinds))


def _shares(folder: Path, score: Row) -> dict[str, Share]:
    followed: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for item in shown_items(folder, score) or ():
        for kind, mark in zip(item.kinds, item.followed, strict=False):
            followed[kind] += mark
            count[kind] += 1
    return {kind: Share(followed[kind], total) for kind, total in count.items()}
