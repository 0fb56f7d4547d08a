"""The first screen of the page: what was done, the figures that matter most, and what to keep in mind."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from autoif_train.evaluation.stages import ITERATED, TITLES, trained_stages
from autoif_train.report.costs import duration
from autoif_train.report.flow import Flow
from autoif_train.report.stages import StageTable

GAINS = 4  # benchmarks' figures among the tiles; the tables hold them all


@dataclasses.dataclass(frozen=True)
class Tile:
    """One figure with what it stands for."""

    figure: str
    label: str


@dataclasses.dataclass(frozen=True)
class Headline:
    """What is said before anything else."""

    sentence: str
    tiles: tuple[Tile, ...]
    caveats: tuple[str, ...]


def headline(
    folder: Path, settings: dict[str, Any], steps: dict[str, Any], tables: list[StageTable], flow: list[Flow]
) -> Headline:
    """The first screen of a run folder."""
    return Headline(_sentence(folder, settings), tuple(_tiles(steps, tables, flow)), tuple(_caveats(settings, tables)))


def _sentence(folder: Path, settings: dict[str, Any]) -> str:
    stages = Counter(stage.stage for stage in trained_stages(folder))
    trained = [_trained(stage, rounds) for stage, rounds in stages.items()]
    said = f"The model {settings['model']}" if "model" in settings else "A model"
    if trained:
        said += f" was trained by {', '.join(trained[:-1])}{' and ' if trained[1:] else ''}{trained[-1]}"
    else:
        said += " has not been trained yet; so far there are data"
    said += " on instruction-following data whose answers were checked by running code"
    facts = [f"{key} {settings[key]}".replace("_", " ") for key in ("mode", "preset", "seed") if key in settings]
    return f"{said} ({', '.join(facts)})." if facts else f"{said}."


def _trained(stage: str, rounds: int) -> str:
    name = TITLES[stage].replace("Off", "off").replace("On", "on")
    return f"{rounds} round{'s' if rounds > 1 else ''} of {name}" if stage in ITERATED else name


def _tiles(steps: dict[str, Any], tables: list[StageTable], flow: list[Flow]) -> Iterator[Tile]:
    yield from islice(chain.from_iterable(map(_gains, tables)), GAINS)
    for part in flow:
        lines = [line for step in part.steps for line in step.lines if line.unit == "instruction"]
        if part.title == "Data" and lines:
            yield Tile(f"{lines[-1].rows_out:,} of {lines[0].rows_in or lines[0].rows_out:,}", "instructions kept")
    if steps:
        yield Tile(duration(sum(step["seconds"] for step in steps.values())), "time of all steps together")


def _gains(table: StageTable) -> Iterator[Tile]:
    """The first figure of each set, from the first stage to the last."""
    first, last = table.stages[0], table.stages[-1]
    figure = table.columns[0].figure
    for place, _ in table.main:
        column, before, after = table.columns[place], first.cells[place], last.cells[place]
        if first is not last and column.figure == figure and before and after:
            unit = " %" if figure.percent else ""
            change = f"{column.shown(before)} → {column.shown(after)}{unit}"
            yield Tile(change, f"{figure.label} on {column.set}, {first.title} → {last.title}")


def _caveats(settings: dict[str, Any], tables: list[StageTable]) -> Iterator[str]:
    if settings.get("model") == "tiny":
        yield (
            "The model is the embedded tiny one, in a small world of its own: these figures show that the loop works, "
            "not what it does for a real model."
        )
    if settings.get("supervisor", {}).get("kind") == "recorded":
        yield "The supervisor's texts are recorded: instructions, functions and back-translations are played back."
    if settings.get("quality", {}).get("judge") == "tiny":
        yield "Relevance is judged by a script that knows the facts of the tiny world, not by a language model."
    most = settings.get("evaluation", {}).get("max_prompts")
    if most is not None:
        yield f"Only the first {most:,} prompts of each set were asked."
    if tables:
        yield (
            "One seed: the intervals and tests cover the choice of prompts, not the luck of sampling and training. "
            "Several tests are shown, each with its own p-value."
        )
