"""The rule by which a stage paired its answers, and the answers as that rule saw them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from autoif_train.feedback.pairs import PairsSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.refinement import SparSettings, accepted_over_failing
from autoif_train.report.folder import rows_of, section
from autoif_train.rows import Rows
from autoif_train.types import Judged

Rule = tuple[PairsSettings, QualitySettings]


def rule_of(stage: str, settings: dict[str, Any]) -> Rule:
    """What decided, under the `settings` of a run, which answers of a stage, e.g. `online_dpo/round_1`, made a pair."""
    own = OWN_RULES.get(stage.partition("/")[0], _of_the_sections)
    return own(settings)


def _of_the_sections(settings: dict[str, Any]) -> Rule:
    return section(settings, "pairs", PairsSettings), section(settings, "quality", QualitySettings)


def _of_spar(settings: dict[str, Any]) -> Rule:
    # A failing answer is searched from whatever its relevance.
    return accepted_over_failing(section(settings, "spar", SparSettings)), QualitySettings(enabled=False)


OWN_RULES = {"spar": _of_spar}


def judged_answers(folder: Path, stage: str, quality: QualitySettings) -> tuple[Rows[Judged] | None, QualitySettings]:
    """A stage's answers with their quality, or without it and settings that ask for none; None where nobody judged."""
    scored = rows_of(folder, f"{stage}/scored", read=Judged.from_row) if quality.enabled else None
    if scored is not None:
        return scored, quality
    return rows_of(folder, f"{stage}/judged", read=Judged.from_row), dataclasses.replace(quality, enabled=False)
