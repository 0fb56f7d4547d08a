"""The first screen of the page: what was done, the figures that matter most, and what to keep in mind."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoif_train.evaluation.stages import ITERATED, TITLES, trained_stages
from autoif_train.report.costs import duration
from autoif_train.report.flow import Flow
from autoif_train.report.stages import StageTable


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
    folder: Path, settings: dict[str, Any], steps: dict[str, Any], table: StageTable, flow: list[Flow]
) -> Headline:
    """The first screen of a run folder."""
    return Headline(_sentence(folder, settings), tuple(_tiles(steps, table, flow)), tuple(_caveats(settings, table)))


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


def _tiles(steps: dict[str, Any], table: StageTable, flow: list[Flow]) -> Iterator[Tile]:
    first, last = (table.stages[0], table.stages[-1]) if table.stages else (None, None)
    for number, name in enumerate(table.sets):
        if first is not last and first.cells[number] and last.cells[number]:
            before, after = (100 * stage.cells[number].rate for stage in (first, last))
            yield Tile(f"{before:.1f} → {after:.1f} %", f"pass rate on {name}, {first.title} → {last.title}")
    for part in flow:
        lines = [line for step in part.steps for line in step.lines if line.unit == "instruction"]
        if part.title == "Data" and lines:
            yield Tile(f"{lines[-1].rows_out:,} of {lines[0].rows_in or lines[0].rows_out:,}", "instructions kept")
    if steps:
        yield Tile(duration(sum(step["seconds"] for step in steps.values())), "time of all steps together")


def _caveats(settings: dict[str, Any], table: StageTable) -> Iterator[str]:
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
    if table.stages:
        yield (
            "One seed: the intervals and tests cover the choice of prompts, not the luck of sampling and training. "
            "Several tests are shown, each with its own p-value."
        )
