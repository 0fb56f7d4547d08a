"""Write a run's report.html anew, or lay several runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from autoif_train.cli.arguments import Arguments, new_file, run_folder


def main(arguments: Arguments) -> None:
    from autoif_train.report.arms import lines_of
    from autoif_train.report.page import write_comparison, write_report

    parser = argparse.ArgumentParser(
        prog="autoif report",
        description="Write report.html of a run folder. Several folders are compared instead: settings that differ, "
        "scores side by side, and a test of every difference; runs that differ in their seed alone are pooled.",
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, nargs="+", help="run folder")
    parser.add_argument("--output", type=new_file, help="page of a comparison; default comparison.html")
    options = parser.parse_args(arguments)
    folders = [run_folder(folder) for folder in options.run]
    if len(folders) == 1:
        print(f"report: {write_report(folders[0])}")
        return
    # Not the parser's default: what one folder's report does not write need not be a place to write to.
    output = options.output or new_file("comparison.html")
    print("\n".join(lines_of(write_comparison(folders, output))))
    print(f"comparison: {output}")
