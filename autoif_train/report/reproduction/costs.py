"""What a grid of runs costs: what was spent, and what the rest will take by what was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from autoif_train.report.costs import duration
from autoif_train.report.folder import json_of
from autoif_train.report.reproduction.grid import PlannedRun, Reproduction
from autoif_train.report.reproduction.sharing import lender

STAGE_OF_STEP = {"data": "generate_data", "evaluation": "evaluation"}


@dataclasses.dataclass(frozen=True)
class Cost:
    """One run: what it begins with, what of it is done, and its CPU seconds, None where nobody can say yet."""

    run: PlannedRun
    shares: str
    done: bool
    seconds: float | None


def spent(run: PlannedRun) -> dict[str, float]:
    """CPU seconds of the run's own steps so far, by stage; `evaluation` is per evaluated policy."""
    steps: dict[str, Any] = (json_of(run.folder, "manifest") or {}).get("steps", {})
    seconds: dict[str, float] = {}
    for name, step in steps.items():
        first = name.partition("/")[0]
        stage = STAGE_OF_STEP.get(first, first)
        seconds[stage] = seconds.get(stage, 0.0) + step.get("cpu_seconds", step["seconds"])
    return seconds


def costs(reproduction: Reproduction) -> Iterator[Cost]:
    """Every run of the plan with its cost: measured where it is done, else estimated from the runs that are."""
    done = [run for run in reproduction.runs if run.finished()]
    estimates = dict(reproduction.seconds) | _measured(done)
    for number, run in enumerate(reproduction.runs):
        source, parts = lender(run, reproduction.runs[:number])
        shares = f"{source.name}, up to {parts[-1]}" if source and parts else ""
        if run in done:
            yield Cost(run, shares, True, sum(spent(run).values()))
        else:
            yield Cost(run, shares, False, _estimate(run, parts, estimates))


def _measured(done: list[PlannedRun]) -> dict[str, float]:
    """CPU seconds by stage, of the most expensive finished run: later ones that share less are not undercounted."""
    found: dict[str, float] = {}
    for run in done:
        for stage, seconds in spent(run).items():
            found[stage] = max(found.get(stage, 0.0), seconds)
    if "evaluation" in found:
        found["evaluation"] /= 6  # base, SFT, offline DPO and three rounds at most
    return found


def _estimate(run: PlannedRun, shared: tuple[str, ...], seconds: dict[str, float]) -> float | None:
    stages = [stage for stage in run.stages if stage not in shared]
    if "selected" not in shared:
        stages.insert(0, "generate_data")
    if any(stage not in seconds for stage in stages):
        return None
    return sum(seconds[stage] for stage in stages) + seconds.get("evaluation", 0.0) * len(stages)


def print_plan(reproduction: Reproduction) -> None:
    """The plan on the terminal: each run, what it reuses, and its cost; the sum at the end."""
    planned = list(costs(reproduction))
    width = max((len(cost.run.name) for cost in planned), default=0)
    for cost in planned:
        state = "done" if cost.done else "to do"
        said = "unknown until measured" if cost.seconds is None else f"{cost.seconds:5.0f} s of CPU"
        reuse = f"   begins with {cost.shares}" if cost.shares else ""
        print(f"{cost.run.name:<{width}}  {state:<5}  {said}{reuse}")
    for point in reproduction.points:
        if point.missing:
            print(f"{point.name:<{width}}  not run: it needs {point.missing}")
    known = sum(cost.seconds for cost in planned if not cost.done and cost.seconds is not None)
    unknown = sum(cost.seconds is None for cost in planned)
    left = sum(not cost.done for cost in planned)
    more = f" and {unknown} that nobody has measured yet" if unknown else ""
    print(f"{len(planned)} runs, {left} to do: {duration(known)} of CPU{more}")
