"""The table of stages on the terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoif_train.report.stages import Cell, PairedTest, StageTable, relevant_tests, stage_table

GAP = "   "
NOTE = "%: pass rate with its 95 % interval on each set; relevant and words: {}"


def print_stages(results: dict[str, Any]) -> None:
    """Print what each stage scored, and the paired tests in words; plain text where stdout is not a terminal."""
    table, tests = stage_table(results), relevant_tests(results)
    if not results.get("scores"):
        print("no stage was evaluated")
    if table.stages and sys.stdout.isatty():
        _print_rich(table, tests)
    elif table.stages:
        _print_plain(table, tests)
    for line in other_figures(results):
        print(line)


def other_figures(results: dict[str, Any]) -> list[str]:
    """A line per score of the benchmarks that have figures of their own instead of one pass rate."""
    lines = []
    for score in results.get("scores", []):
        if "pass_rate" not in score["metrics"]:
            name = f"{score['stage']}/round_{score['round']}" if score["round"] else score["stage"]
            figures = "  ".join(f"{key} {value:.4g}" for key, value in score["metrics"].items())
            lines.append(f"{name:<20} {score['set']}: {figures}")
    return lines


def _header(table: StageTable) -> list[str]:
    return ["stage", *(f"{name} % [95 %]" for name in table.sets), "relevant %", "words"]


def _lines(table: StageTable) -> list[list[str]]:
    return [
        [
            stage.name,
            *(_rate(cell) for cell in stage.cells),
            "/".join(f"{100 * cell.relevance:.1f}" if cell else "–" for cell in stage.cells),
            "/".join(f"{cell.words:.1f}" if cell else "–" for cell in stage.cells),
        ]
        for stage in table.stages
    ]


def _rate(cell: Cell | None) -> str:
    return f"{100 * cell.rate:.1f} [{100 * cell.low:.1f}–{100 * cell.high:.1f}]" if cell else "–"


def _print_plain(table: StageTable, tests: list[PairedTest]) -> None:
    header, lines = _header(table), _lines(table)
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    marks = ["", *("last round" if stage.last else "" for stage in table.stages)]
    for line, mark in zip([header, *lines], marks, strict=True):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print(GAP.join([*cells, mark]).rstrip())
    print(NOTE.format("/".join(table.sets)))
    for test in tests:
        print(test.sentence)


def _print_rich(table: StageTable, tests: list[PairedTest]) -> None:
    console, shown = Console(highlight=False), Table(box=None, pad_edge=False)
    for number, name in enumerate(_header(table)):
        shown.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for stage, line in zip(table.stages, _lines(table), strict=True):
        shown.add_row(*map(Text, line), style="bold green" if stage.last else None)
    console.print(shown)
    console.print(NOTE.format("/".join(table.sets)), style="dim", markup=False, soft_wrap=True)
    for test in tests:
        console.print(test.sentence, style="dim" if test.noise else None, markup=False, soft_wrap=True)
