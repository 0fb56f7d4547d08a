"""The stages of an experiment: what its recipes train, where each policy lies, and what people call it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path

from autoif_train.resources import is_model

TITLES = {
    "base": "Base",
    "sft": "SFT",
    "offline_dpo": "Offline DPO",
    "online_dpo": "Online DPO",
    "spin": "SPIN",
    "spar": "SPaR",
    "grpo": "GRPO",
}
"""Every stage by the folder of its recipe, in the order in which they are shown."""
ITERATED = ("online_dpo", "spin", "spar", "grpo")
"""Stages that go in rounds: their policies lie in `STAGE/round_N/policy`, those of the others in `STAGE`."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A policy of the experiment: `round` counts an iterated stage's rounds from 1 and is 0 elsewhere."""

    stage: str
    round: int
    model: str

    @property
    def name(self) -> str:
        return f"{self.stage}/round_{self.round}" if self.round else self.stage


def trained_stages(folder: Path) -> Iterator[Stage]:
    """Every policy that a run folder holds, the untouched base model apart; rounds up to the first that is missing."""
    for stage in TITLES:
        rounds = ((number, folder / f"{stage}/round_{number}/policy") for number in count(1))
        places = rounds if stage in ITERATED else [(0, folder / stage)]
        for number, model in takewhile(lambda place: is_model(place[1]), places):
            yield Stage(stage, number, str(model))


def stage_names(folder: Path) -> list[str]:
    """The names of all stages in order, those of rounds as far as the folder has begun them."""
    return [name for stage in TITLES for name in (rounds_of(folder, stage) if stage in ITERATED else [stage])]


def rounds_of(folder: Path, stage: str) -> list[str]:
    """`STAGE/round_N` for every round that was begun, in order."""
    numbers = (path.name.removeprefix("round_") for path in folder.glob(f"{stage}/round_*") if path.is_dir())
    return [f"{stage}/round_{number}" for number in sorted(int(number) for number in numbers if number.isdecimal())]


def newest(names: Iterable[str]) -> list[str]:
    """The names without all but the newest round of each stage."""
    last: dict[str, str] = {}
    for name in names:
        stage = name.partition("/")[0]
        last[stage] = max(last.get(stage, name), name, key=round_number)
    return list(last.values())


def round_number(name: str) -> int:
    """`online_dpo/round_3` → 3; 0 for a stage without rounds."""
    return int(name.partition("/round_")[2] or 0)


def title(name: str) -> str:
    """`online_dpo/round_3` → `Online DPO, round 3`."""
    stage, _, number = name.partition("/round_")
    return TITLES.get(stage, stage) + (f", round {number}" if number else "")
