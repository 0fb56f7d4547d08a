"""What each round of DPO asked, what it learnt from, and what it took."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

from autoif_train.evaluation.stages import round_number, stage_names, title
from autoif_train.feedback.summary import AnswerCounts, PairCounts, answered, contrasted
from autoif_train.report.folder import json_of, rows_of
from autoif_train.report.rule import judged_answers, rule_of
from autoif_train.types import Query


@dataclasses.dataclass(frozen=True)
class Round:
    """One round of DPO; `validation` is the policy's pass rate after it with its interval, on queries held back or a
    benchmark's own set, `summary` what the round itself noted."""

    title: str
    answered: AnswerCounts | None
    contrasted: PairCounts | None
    validation: tuple[float, float, float] | None
    seconds: float
    summary: dict[str, Any] | None = None


def rounds(folder: Path, steps: dict[str, Any], settings: dict[str, Any]) -> list[Round]:
    """The offline data, then every round of every stage; `settings` are the run's own."""
    # Where a judge decides, queries need no functions.
    queries = rows_of(folder, "data/queries", read=partial(Query.from_row, bare=True))
    offline = [f"data/{name}" for name in ("responses", "judged", "scored", "pairs")]
    places = [("Offline", "data", [*offline, "offline_dpo"])]
    for name in filter(round_number, stage_names(folder)):
        places.append((title(name), name, [step for step in steps if step.startswith(f"{name}/")]))
    found = []
    for shown, name, made_by in places:
        rule, quality = rule_of(name, settings)
        judged, quality = judged_answers(folder, name, quality)
        pairs = rows_of(folder, f"{name}/pairs")
        if judged or pairs:
            seconds = sum(steps[step]["seconds"] for step in made_by if step in steps)
            answers = answered(queries, judged, rule, quality) if queries and judged else None
            contrast = contrasted(pairs) if pairs else None
            noted = json_of(folder, f"{name}/summary")
            found.append(Round(shown, answers, contrast, _validation(noted), seconds, noted))
    return found


def _validation(noted: dict[str, Any] | None) -> tuple[float, float, float] | None:
    moved = noted and noted["validation"]
    return (moved["after"], moved["after_low"], moved["after_high"]) if moved else None
