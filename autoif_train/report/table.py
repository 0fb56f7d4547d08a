"""The tables of stages on the terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoif_train.report.stages import StageRow, StageTable, relevant_tests, stage_tables

GAP = "   "


def print_stages(results: dict[str, Any]) -> None:
    """Print what each stage scored, and the paired tests in words; plain text where stdout is not a terminal."""
    tables = stage_tables(results)
    if not tables:
        print("no stage was evaluated")
    for table in tables:
        (_print_rich if sys.stdout.isatty() else _print_plain)(table)
    for test in relevant_tests(results):
        print(test.sentence)


def _note(table: StageTable) -> str:
    if len(table.counts) == 1:
        (count,) = table.counts.values()
        said = f"{table.name}, {count:,} prompts"
    else:
        said = f"{' and '.join(figure.label for figure, _ in table.shared)}: {'/'.join(table.counts)}"
    return "\n".join(filter(None, (table.about, said)))


def _header(table: StageTable) -> list[str]:
    main = [
        f"{title} [95 %]" if any(table.columns[place].interval(stage.cells[place]) for stage in table.stages) else title
        for place, title in table.main
    ]
    return ["stage", *main, *(f"{figure.label} %" if figure.percent else figure.label for figure, _ in table.shared)]


def _line(table: StageTable, stage: StageRow) -> list[str]:
    main = [(table.columns[place], stage.cells[place]) for place, _ in table.main]
    rates = [
        column.shown(cell) + (f" [{interval}]" if (interval := column.interval(cell)) else "") for column, cell in main
    ]
    shared = [
        "/".join(table.columns[place].shown(stage.cells[place]) for place in places) for _, places in table.shared
    ]
    return [stage.name, *rates, *shared]


def _print_plain(table: StageTable) -> None:
    header, lines = _header(table), [_line(table, stage) for stage in table.stages]
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    marks = ["", *("last round" if stage.last else "" for stage in table.stages)]
    for line, mark in zip([header, *lines], marks, strict=True):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print(GAP.join([*cells, mark]).rstrip())
    print(_note(table))


def _print_rich(table: StageTable) -> None:
    console, shown = Console(highlight=False), Table(box=None, pad_edge=False)
    for number, name in enumerate(_header(table)):
        shown.add_column(Text(name), justify="right" if number else "left", no_wrap=not number)
    for stage in table.stages:
        shown.add_row(*map(Text, _line(table, stage)), style="bold green" if stage.last else None)
    console.print(shown)
    console.print(_note(table), style="dim", markup=False, soft_wrap=True)
