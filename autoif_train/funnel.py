"""The funnel: for every step what went in, what came out, and why the rest went.

`rows_in = rows_out + sum(dropped)` holds by construction, in one unit per entry, because the counts are made from the
same events that decide what is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from autoif_train.rows import atomic_file
from autoif_train.types import Dropped, Kept, Row

EXAMPLES_PER_REASON = 3
EXAMPLE_CHARACTERS = 400
GATE_EXAMPLES = 3
LINE_CHARACTERS = 160
HINT_ABOVE = 0.8  # share of its rows that a gate drops; users of such pipelines cannot tell whether that is normal
LEAST_FOR_HINT = 10
_FORM = (
    "the supervisor misses the form asked for; supervisor.json_schema, synthesis.max_asks_again or a stronger one help"
)
_CHECKS = "functions and cases contradict each other; more functions_per_instruction or a stronger supervisor help"
_SILENT = "the supervisor says nothing readable of them; raise synthesis.writing_max_new_tokens, or use a stronger one"
HINTS = {  # part of a reason → what may help
    "JSON": _FORM,
    "no function": _FORM,
    "no list of cases": _FORM,
    "cut at max_new_tokens": "answers are cut; raise synthesis.writing_max_new_tokens or sampling.max_new_tokens",
    "refused": "prompts are caught by the server's filter or too long for it, or max_new_tokens is too small",
    "no description": _SILENT,
    "could not be compared": _SILENT,
    "disagree": _CHECKS,
    "constant": _CHECKS,
    "surviving": _CHECKS,
    "too few": _CHECKS,
    "one label": _CHECKS,
    "contradict": "functions do something else than they were asked for; a stronger supervisor helps",
    "duplicate": "the supervisor repeats itself; raise synthesis.writing_temperature, or give more and other seeds",
    "violated": "the respondent seldom follows; smaller synthesis.instructions_per_query, synthesis.pilot_responses "
    "where there was no pilot, or a stronger respondent help",
    "no chosen answer": "no answer is good enough; raise sampling.responses_per_query or use a stronger respondent",
    "no rejected answer": "every answer follows; harder instructions, or several per query, teach more",
    "quality": "answers miss the query; a stronger respondent helps, quality.accept_at_least is the mark",
    "too short": "queries.min_characters and queries.max_characters decide",
    "too long": "queries.min_characters and queries.max_characters decide",
}
ROUND_HINTS = {  # in a round the policy itself answers, so nobody stronger can be named
    "no chosen answer": "no answer is good enough; raise sampling.responses_per_query or online_dpo.resample_budget",
    "quality": "answers miss the query; quality.accept_at_least is the mark",
}


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

    def text(self) -> str:
        """What was dropped so far, on a few characters."""
        return ", ".join(f"{of.total()} {plural(unit, of.total())} dropped" for unit, of in self.dropped.items())

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


def gate_lines(entries: list[Row]) -> list[str]:
    """Each gate that dropped something, its reasons by weight, and three examples, of different reasons if it can."""
    lines = []
    for entry in entries:
        if not entry.get("dropped"):
            continue
        by_reason = [entry["examples"].get(reason, []) for reason in entry["dropped"]]
        named = [[(reason, text) for text in texts] for reason, texts in zip(entry["dropped"], by_reason, strict=True)]
        in_turn = [example for turn in zip_longest(*named) for example in turn if example is not None]
        shown = sorted(in_turn[:GATE_EXAMPLES], key=lambda example: list(entry["dropped"]).index(example[0]))
        lines += ["", *funnel_lines([entry]), *(f"    {reason}: {_one_line(text)}" for reason, text in shown)]
    return lines + hint_lines(entries)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 1]}…"


def hint_lines(entries: list[Row]) -> list[str]:
    """What may help where a gate drops nearly everything."""
    return [f"hint: {entry['stage']} {said}" for entry in entries if (said := hint(entry))]


def hint(entry: Row) -> str | None:
    """What may help where a gate drops nearly everything for what is wrong with it; None where it does not."""
    wrong = {why: count for why, count in entry.get("dropped", {}).items() if not _by_design(entry["unit"], why)}
    rows_in, lost = entry.get("rows_in", 0), sum(wrong.values())
    if rows_in < LEAST_FOR_HINT or lost <= HINT_ABOVE * rows_in:
        return None
    reason = max(wrong, key=wrong.get)
    hints = HINTS | ROUND_HINTS if "/round_" in entry["stage"] else HINTS
    advice = next((mend for part, mend in hints.items() if part in reason), "its examples are in funnel.json")
    return f"drops {lost / rows_in:.0%} of its {plural(entry['unit'])}, most for '{reason}': {advice}"


def _by_design(unit: str, reason: str) -> bool:
    """Whether rows went by a cap, a share or as duplicates; an instruction that comes twice was a wasted call."""
    return reason.startswith(("beyond ", "outside the share")) or (reason == "duplicate" and unit != "instruction")


def plural(unit: str, count: int = 2) -> str:
    """`query` → `queries`."""
    if count == 1:
        return unit
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
