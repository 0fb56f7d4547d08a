"""The funnel as the page shows it: what went into each step, what came out, and why the rest went."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from autoif_train.funnel import hint, plural, read_funnel
from autoif_train.report.folder import clip
from autoif_train.report.stages import title
from autoif_train.types import Row

REASONS = 12
EXAMPLES = 3
EXAMPLE_CHARACTERS = 400

NOT_DATA = ("validation", "held_back", "held_back_responses", "drift")  # answers that measure, and train nothing
STEPS = {
    "instructions": ("Instructions written", "synthesis"),
    "functions": ("Functions and cases written", "synthesis"),
    "probed": ("Functions probed", "probes"),
    "agreed": ("Agreement of functions on many texts", "agreement"),
    "sharp": ("Cases against mutants", "sharpening"),
    "cross_validated": ("Cross validation", "cross_validation"),
    "checked": ("Back-translation", "back_translation"),
    "pilot_queries": ("Pilot queries", "queries"),
    "pilot_respondent_responses": ("Pilot: the respondent answers", "sampling"),
    "pilot_respondent_judged": ("Pilot: the respondent judged", "execution"),
    "pilot_policy_responses": ("Pilot: the policy answers", "sampling"),
    "pilot_policy_judged": ("Pilot: the policy judged", "execution"),
    "teachable": ("Instructions worth teaching", "synthesis"),
    "queries": ("Queries", "queries"),
    "asked": ("Queries asked", "online_dpo"),
    "responses": ("Answers sampled", "sampling"),
    "judged": ("Answers judged by execution", "execution"),
    "resampled": ("Answers sampled anew", "online_dpo"),
    "resampled_judged": ("New answers judged by execution", "execution"),
    "resampled_scored": ("New answers scored for relevance", "quality"),
    "scored": ("Answers scored for relevance", "quality"),
    "roots": ("Failing answers to be refined", "spar"),
    "searched": ("Answers of the searches", "spar"),
    "ends": ("Roots and their best refinements", "spar"),
    "refinements": ("Demonstrations for the refiner", "spar"),
    "prompts": ("Prompts trained on", "grpo"),
    "demonstrations": ("Demonstrations for SFT", "demonstrations"),
    "demonstrations_share": ("Share of the demonstrations", "demonstrations"),
    "pairs": ("Preference pairs", "pairs"),
    "pairs_share": ("Share of the pairs", "pairs"),
}
"""Steps by their file's name: what the reader calls them, and the settings section that decides what they drop."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why some rows went, with a few of them."""

    text: str
    count: int
    share: float
    examples: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Line:
    """One entry of the funnel: one unit of one step. `rows_in` is None where the step makes what it does not filter."""

    unit: str
    rows_in: int | None
    rows_out: int
    reasons: tuple[Reason, ...] = ()
    more_reasons: int = 0
    hint: str | None = None

    @property
    def kept(self) -> float:
        """Share of the rows that came through."""
        return self.rows_out / self.rows_in if self.rows_in else 1.0

    @property
    def units(self) -> str:
        return plural(self.unit, self.rows_out if self.rows_in is None else 2)


@dataclasses.dataclass(frozen=True)
class Step:
    """A step with a line for every unit that it filters or makes; `section` of the settings decides what it drops."""

    name: str
    section: str
    lines: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Flow:
    """The steps of the data, or of one online round."""

    title: str
    steps: tuple[Step, ...]


def flows(folder: Path) -> list[Flow]:
    """The funnel by part of the run; answers to the evaluation's prompts are no funnel and stay out."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for entry in read_funnel(folder / "funnel.json"):
        where, _, name = entry["stage"].rpartition("/")
        if not where.startswith("evaluation") and name not in NOT_DATA:
            groups.setdefault(where, {}).setdefault(name, []).append(entry)
    return [
        Flow(
            "Data" if where == "data" else title(where), tuple(_step(name, entries) for name, entries in steps.items())
        )
        for where, steps in groups.items()
    ]


def _step(name: str, entries: list[Row]) -> Step:
    shown, section = STEPS.get(name, (name.replace("_", " ").capitalize(), ""))
    return Step(shown, section, tuple(_line(entry) for entry in sorted(entries, key=lambda entry: "made" in entry)))


def _line(entry: Row) -> Line:
    if "made" in entry:
        return Line(entry["unit"], None, entry["made"])
    dropped = sorted(entry["dropped"].items(), key=lambda item: -item[1])
    reasons = tuple(
        Reason(
            clip(text, EXAMPLE_CHARACTERS),
            count,
            count / max(entry["rows_in"], 1),
            tuple(clip(example, EXAMPLE_CHARACTERS) for example in entry["examples"].get(text, [])[:EXAMPLES]),
        )
        for text, count in dropped[:REASONS]
    )
    more = len(dropped) - len(reasons)
    return Line(entry["unit"], entry["rows_in"], entry["rows_out"], reasons, more, hint(entry))
