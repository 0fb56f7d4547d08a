"""Tables and figures into files, and the text for the terminal."""

from __future__ import annotations

from autoif_train.report.reproduction.grid import Reproduction
from autoif_train.report.reproduction.markup import comma_separated, latex, markdown
from autoif_train.report.reproduction.panels import draw, figure_table
from autoif_train.report.reproduction.tables import paper, tables
from autoif_train.rows import atomic_file

WRITTEN_AS = {"md": markdown, "tex": latex, "csv": comma_separated}


def write_tables(grid: Reproduction) -> str:
    """Every table that was asked for into `tables/`, as Markdown, LaTeX and CSV, and Figure 4 as SVG and PNG.

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
    return "\n".join([*map(markdown, shown), f"tables: {folder}"])
