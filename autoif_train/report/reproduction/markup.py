"""A table as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io

from autoif_train.report.reproduction.tables import Cell, Column, Table

_LATEX = {
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "±": r"$\pm$",
    "–": "--",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
}


def cell_text(cell: Cell, column: Column) -> str:
    """`60.7 ± 2.5 (+4.3 [1.2, 7.4])`, as much of it as there is; seeds are counted where some are missing."""
    if isinstance(cell, str):
        return cell
    text = f"{cell.mean:.{column.digits}f}"
    if cell.sd is not None:
        text += f" ± {cell.sd:.{column.digits}f}"
    if cell.difference is not None:
        # A difference that rounds to nothing has no sign.
        difference = f"{cell.difference:+.{column.digits}f}".replace("-0.0", "0.0").replace("+0.0", "0.0")
        interval = f" [{cell.low:.1f}, {cell.high:.1f}]" if cell.low is not None else ""
        text += f" ({difference}{interval})"
    if cell.seeds < cell.planned:
        text += f", {cell.seeds} of {cell.planned} seeds"
    return text


def markdown(table: Table) -> str:
    """The table with its title and notes."""
    lines = [f"## {table.title}", "", _line(["", *(column.heading for column in table.columns)])]
    lines.append("|---|" + "---|" * len(table.columns))
    for label, cells in table.rows:
        lines.append(_line([label, *map(cell_text, cells, table.columns)]))
    return "\n".join([*lines, "", *(f"- {' '.join(note.split())}" for note in table.notes), ""])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def latex(table: Table) -> str:
    """A `table` float for the package booktabs."""
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        f"\\caption{{{_escaped(table.title)}}}",
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        "\\toprule",
        _row(["", *(column.heading for column in table.columns)]),
        "\\midrule",
        *(_row([label, *map(cell_text, cells, table.columns)]) for label, cells in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
        *(f"% {' '.join(note.split())}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return " & ".join(map(_escaped, cells)) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def comma_separated(table: Table) -> str:
    """One line per cell that holds a figure or a word: row, column, side, and every number by itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "column", "side", "value", "sd", "seeds", "difference", "low", "high", "note"])
    for label, cells in table.rows:
        for cell, column in zip(cells, table.columns, strict=True):
            side = "ours" if column.ours else "paper"
            writer.writerow([label, column.heading, side, *_numbers(cell)])
    return text.getvalue()


def _numbers(cell: Cell) -> list[object]:
    if isinstance(cell, str):
        return [""] * 6 + [cell]
    values = (cell.mean, cell.sd, cell.seeds, cell.difference, cell.low, cell.high)
    return ["" if value is None else round(value, 4) for value in values] + [""]
