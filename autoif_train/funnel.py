"""The funnel: for every step what went in, what came out, and why the rest went.

`rows_in = rows_out + sum(dropped)` holds by construction, in one unit per entry, because the counts are made from the
same events that decide what is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from autoif_train.rows import atomic_file
from autoif_train.types import Dropped, Kept, Row

EXAMPLES_PER_REASON = 3
EXAMPLE_CHARACTERS = 400


class Tally:
    """Counts the events of one step while they stream by; only rows are passed on."""

    def __init__(self, stage: str):
        self.stage = stage
        self.rows: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.dropped: dict[str, Counter[str]] = {}
        self.examples: dict[str, dict[str, list[str]]] = {}

    def passing(self, events: Iterable[Any]) -> Iterator[Any]:
        """The rows among `events`; everything is counted."""
        for event in events:
            if isinstance(event, Kept):
                self.kept[event.unit] += event.count
            elif isinstance(event, Dropped):
                self._drop(event)
            else:
                self.rows[event.unit] += 1
                yield event

    def _drop(self, event: Dropped) -> None:
        self.dropped.setdefault(event.unit, Counter())[event.reason] += event.count
        examples = self.examples.setdefault(event.unit, {}).setdefault(event.reason, [])
        if event.example and len(examples) < EXAMPLES_PER_REASON:
            examples.append(event.example[:EXAMPLE_CHARACTERS])

    def entries(self) -> list[Row]:
        """Rows of `funnel.json`: a filter entry for every unit that was kept or dropped, else what was made."""
        filtered = list(dict.fromkeys([*self.kept, *self.dropped]))
        entries: list[Row] = [
            {"stage": self.stage, "unit": unit, "made": count}
            for unit, count in self.rows.items()
            if unit not in filtered
        ]
        for unit in filtered:
            dropped = dict(self.dropped.get(unit, Counter()).most_common())
            # A step that yields rows of the very unit it filters need not announce each of them twice.
            rows_out = self.kept[unit] or self.rows[unit]
            entries.append(
                {
                    "stage": self.stage,
                    "unit": unit,
                    "rows_in": rows_out + sum(dropped.values()),
                    "rows_out": rows_out,
                    "dropped": dropped,
                    "examples": self.examples.get(unit, {}),
                }
            )
        return entries or [{"stage": self.stage, "unit": "row", "made": 0}]


def read_funnel(path: Path) -> list[Row]:
    """The entries of a `funnel.json`; none if the file is not there yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def update_funnel(path: Path, entries: list[Row]) -> None:
    """Put the entries of one stage in: in place of its earlier ones where it ran before, else at the end."""
    stages = {entry["stage"] for entry in entries}
    old = read_funnel(path)
    where = next((index for index, entry in enumerate(old) if entry["stage"] in stages), len(old))
    rest = [entry for entry in old if entry["stage"] not in stages]
    with atomic_file(path) as file:
        json.dump([*rest[:where], *entries, *rest[where:]], file, indent=1)


def funnel_lines(entries: list[Row]) -> list[str]:
    """The funnel as text, one line per entry, reasons by weight."""
    lines = []
    for entry in entries:
        if "made" in entry:
            lines.append(f"{entry['stage']:<34} {entry['made']:>8} {plural(entry['unit'], entry['made'])} made")
            continue
        reasons = ", ".join(f"{count} {reason}" for reason, count in entry["dropped"].items())
        lines.append(
            f"{entry['stage']:<34} {entry['rows_in']:>8} → {entry['rows_out']:<8} {plural(entry['unit'])}"
            + (f"   dropped: {reasons}" if reasons else "")
        )
    return lines


def plural(unit: str, count: int = 2) -> str:
    """`query` → `queries`."""
    if count == 1:
        return unit
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
