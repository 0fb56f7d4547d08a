"""Pass rate per kind of constraint, from the untouched model to the newest policy."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from autoif_train.evaluation.stages import newest, stage_names, title
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.report.folder import rows_of


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


def kind_tables(folder: Path) -> list[KindTable]:
    """A table for every held-out set whose answers name the kinds of their instructions."""
    stages = newest(name for name in stage_names(folder) if (folder / "evaluation" / name).is_dir())
    sets = dict.fromkeys(
        path.stem for name in stages for path in sorted((folder / "evaluation" / name).glob("*.jsonl"))
    )
    tables = (_table(folder, name, stages) for name in sets)
    return [table for table in tables if table]


def _table(folder: Path, set_name: str, stages: list[str]) -> KindTable | None:
    counted = {stage: found for stage in stages if (found := _shares(folder, f"evaluation/{stage}/{set_name}"))}
    if not counted:
        return None
    common = set.intersection(*(set(shares) for shares in counted.values()))
    kinds = [Kind(name, tuple(shares[name] for shares in counted.values())) for name in sorted(common)]
    kinds.sort(key=lambda kind: -kind.gain)
    # An id of the prompts may follow the name of a set.
    return KindTable(set_name.partition("-")[0], tuple(map(title, counted)), tuple(kinds))


def _shares(folder: Path, name: str) -> dict[str, Share]:
    followed: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for row in rows_of(folder, name) or ():
        marks = row.get("followed", row.get("strict", ()))
        for kind, mark in zip(row.get("kinds", ()), marks, strict=False):
            followed[kind] += mark
            count[kind] += 1
    return {kind: Share(followed[kind], total) for kind, total in count.items()}
