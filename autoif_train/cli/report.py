"""Write a run's report.html anew."""

from __future__ import annotations

from autoif_train.cli.arguments import Arguments, file_parser, run_folder


def main(arguments: Arguments) -> None:
    from autoif_train.report.page import write_report

    options = file_parser("report", "Write report.html of a run folder.", _run="run folder").parse_args(arguments)
    print(f"report: {write_report(run_folder(options.run))}")
