"""What a run cost, in time, calls, tokens and money, and what it was made with."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from autoif_train.evaluation.stages import TITLES
from autoif_train.progress import Spent, amount, spent_rows

PARTS = {
    "data": "Data",
    **{stage: title for stage, title in TITLES.items() if stage != "base"},
    "evaluation": "Evaluation",
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """One step, or a part of the run with its steps; `share` is its part of all seconds."""

    name: str
    seconds: float
    cpu_seconds: float
    share: float
    processes: int = 1
    steps: tuple[Cost, ...] = ()


def costs(steps: dict[str, Any]) -> list[Cost]:
    """The parts of the run in the order in which they build on each other."""
    total = sum(step["seconds"] for step in steps.values()) or 1.0
    parts: dict[str, list[Cost]] = {name: [] for name in PARTS}
    for name, step in steps.items():
        cost = Cost(name, step["seconds"], step["cpu_seconds"], step["seconds"] / total, step.get("world_size", 1))
        parts.setdefault(name.partition("/")[0], []).append(cost)
    return [_part(PARTS.get(name, name), members, total) for name, members in parts.items() if members]


def _part(name: str, members: list[Cost], total: float) -> Cost:
    seconds = sum(cost.seconds for cost in members)
    processes = max(cost.processes for cost in members)
    cpu_seconds = sum(cost.cpu_seconds for cost in members)
    return Cost(name, seconds, cpu_seconds, seconds / total, processes, tuple(members))


@dataclasses.dataclass(frozen=True)
class Asked:
    """What one role answered for one step, or all of them together; `money` is empty where no price was set."""

    name: str
    calls: int
    tokens_read: int
    tokens_written: int
    money: str


def asked(calls: Spent) -> list[Asked]:
    """A line for each role and step that was asked, and their sum as the last."""
    return [
        Asked(
            ": ".join(filter(None, (role, step))).replace("_", " ").capitalize(),
            usage["calls"],
            usage["prompt_tokens"],
            usage["completion_tokens"],
            amount(usage["money"]) if usage["money"] else "",
        )
        for role, step, usage in spent_rows(calls)
        if usage["calls"]
    ]


def duration(seconds: float) -> str:
    """`42.5 s`, `3 min 20 s`, `5 h 07 min`."""
    if seconds < 59.95:  # which would round to 60.0
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def setting_sections(settings: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The settings as text by section, those of no section first."""
    sections: dict[str, dict[str, str]] = {"general": {}}
    for key, value in settings.items():
        if isinstance(value, dict):
            sections[key] = {name: _text(inner) for name, inner in value.items()}
        else:
            sections["general"][key] = _text(value)
    return {name: values for name, values in sections.items() if values}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
