"""Tables and figures into files, and the text for the terminal."""

from __future__ import annotations

import base64

from autoif_train.report.html import environment
from autoif_train.report.reproduction.grid import Reproduction
from autoif_train.report.reproduction.markup import comma_separated, latex, markdown
from autoif_train.report.reproduction.panels import draw, figure_table
from autoif_train.report.reproduction.tables import Table, paper, tables
from autoif_train.rows import atomic_file

WRITTEN_AS = {"md": markdown, "tex": latex, "csv": comma_separated}


def write_tables(grid: Reproduction) -> str:
    """Every table asked for into `tables/`: as Markdown, LaTeX and CSV, Figure 4 as SVG and PNG; a page of all.

    Returns the tables as Markdown. What no run has measured is marked as not run.
    """
    folder, data = grid.folder / "tables", paper()
    shown = list(tables(grid))
    if "figure4" in grid.tables:
        shown.append(figure_table(grid, data))
    for table in shown:
        for ending, written in WRITTEN_AS.items():
            with atomic_file(folder / f"{table.name}.{ending}") as file:
                file.write(written(table))
    if "figure4" in grid.tables:
        draw(grid, data, folder)
    with atomic_file(folder / "tables.html") as file:
        file.write(_page(grid, shown))
    return "\n".join([*map(markdown, shown), f"tables: {folder}"])


def _page(grid: Reproduction, shown: list[Table]) -> str:
    """One self-contained page with every table, and the picture of Figure 4."""
    picture = grid.folder / "tables/figure4.svg"
    figure = base64.b64encode(picture.read_bytes()).decode() if "figure4" in grid.tables else None
    done = sum(run.finished() for run in grid.runs)
    page = environment().get_template("reproduction.html.j2")
    return page.render(tables=shown, figure=figure, done=done, runs=len(grid.runs))
