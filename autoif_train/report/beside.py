"""One run's stages beside the paper's rows of the same model and mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoif_train.config import resolve
from autoif_train.report.folder import json_of
from autoif_train.report.reproduction.grid import PlannedRun, Reproduction
from autoif_train.report.reproduction.tables import Table, compared, paper, stands_for


def beside(folder: Path, settings: dict[str, Any]) -> Table | None:
    """Table 1, as much of it as this run is a counterpart of; None where the paper has no such run.

    `settings` are the run's own. Columns are the benchmarks that were run; a model with a benchmark of its own in their
    place stands beside the paper's IFEval.
    """
    data = paper()
    spec, results = data["table1"], json_of(folder, "results")
    model, mode, seed = (settings.get(key) for key in ("model", "mode", "seed"))
    stand_in = model in data["ours"]
    known = {row["model"] for row in spec["rows"] if "model" in row}
    if not results or not (stand_in or model in known):
        return None
    resolved = resolve(model=model, mode=mode, preset=settings["preset"], output_dir=folder)
    run = PlannedRun(mode, seed, (), resolved)
    grid = Reproduction(("1",), (seed,), False, True, folder, resolved, (), (), (run,), {(mode, seed): run}, {})
    measured = {
        f"{score['benchmark']}/{score['set']}/{name}" for score in results["scores"] for name in score["metrics"]
    }
    shown = [
        place
        for place, column in enumerate(spec["columns"])
        if column in measured or (stand_in and column.startswith("ifeval/"))
    ]
    rows = [
        {**row, "values": [row["values"][place] for place in shown]}
        for row in spec["rows"]
        if row.get("point") == mode and stands_for(grid, spec, row)
    ]
    if not shown or not rows:
        return None
    columns = [spec["columns"][place] for place in shown]
    return compared(grid, {**data, "table1": {**spec, "columns": columns, "rows": rows, "notes": []}}, "table1")
