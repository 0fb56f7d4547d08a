"""A run folder → `report.html`: one self-contained page, in light and dark, without a request to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoif_train.report import costs, flow, folder, plots, stages, training
from autoif_train.report.answers import comparisons
from autoif_train.report.arms import Sides, sides
from autoif_train.report.beside import beside
from autoif_train.report.cards import cards, code_styles
from autoif_train.report.difference import contrasts
from autoif_train.report.headline import headline
from autoif_train.report.html import environment
from autoif_train.report.kinds import kind_tables
from autoif_train.report.rounds import rounds
from autoif_train.rows import atomic_file
from autoif_train.types import UserError

LIGHT_CODE, DARK_CODE = "friendly", "github-dark"


def write_report(run_folder: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    What the run has not made yet is left out with a sentence. Files are streamed and samples bounded, so the page
    stays small whatever the size of the run.
    """
    run_folder = Path(run_folder)
    if not run_folder.is_dir():
        raise UserError(f"{run_folder}: no such folder; name the run folder that the recipes wrote")
    path = run_folder / "report.html"
    page = environment().get_template("report.html.j2").render(_content(run_folder))
    with atomic_file(path) as file:
        file.write(page)
    return path


def write_comparison(folders: Sequence[str | Path], path: str | Path) -> Sides:
    """Write the page that lays run folders side by side to `path`, and return what it shows."""
    compared = sides([Path(folder) for folder in folders])
    page = (
        environment()
        .get_template("arms.html.j2")
        .render(sides=compared, title=stages.title, light_code="", dark_code="")
    )
    with atomic_file(Path(path)) as file:
        file.write(page)
    return compared


def _content(run_folder: Path) -> dict[str, Any]:
    """Everything the template shows, section by section."""
    settings = folder.settings_of(run_folder)
    manifest = folder.json_of(run_folder, "manifest") or {}
    results = folder.json_of(run_folder, "results") or {}
    steps = manifest.get("steps", {})
    tables = stages.stage_tables(results)
    flows = flow.flows(run_folder)
    kinds = kind_tables(run_folder, results)
    return {
        "name": run_folder.resolve().name,
        "head": headline(run_folder, settings, steps, tables, flows),
        "tables": tables,
        "tests": stages.relevant_tests(results),
        "all_tests": stages.paired_tests(results),
        "title": stages.title,
        "stage_plots": [plot for table in tables for plot in plots.stage_plots(table)],
        "beside": beside(run_folder, settings),
        "kind_tables": kinds,
        "kind_plots": plots.kind_plots(kinds),
        "training_plots": plots.training_plots(training.trainings(run_folder, tuple(plots.FIGURES))),
        "flows": flows,
        "cards": cards(run_folder),
        "contrasts": contrasts(run_folder, settings),
        "comparisons": comparisons(run_folder, results),
        "rounds": rounds(run_folder, steps, settings),
        "costs": costs.costs(steps),
        "asked": costs.asked(manifest.get("calls", {})),
        "settings": costs.setting_sections(settings),
        "versions": manifest.get("versions", {}),
        "sandbox": manifest.get("execution", {}).get("sandbox"),
        "light_code": code_styles(LIGHT_CODE),
        "dark_code": code_styles(DARK_CODE),
    }
