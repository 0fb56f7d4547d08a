"""Demonstrations and pairs of a run in the form of another trainer."""

from __future__ import annotations

from pathlib import Path

from autoif_train.cli.arguments import Arguments, file_parser


def main(arguments: Arguments) -> None:
    from autoif_train.export import FORMATS, export_run, push

    parser = file_parser("export", "Write a run's training data for other trainers.", _run="run folder")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--push_to_hub", metavar="REPO", help="upload the folder as a private data set of that name")
    options = parser.parse_args(arguments)
    for line in export_run(options.run, options.format, options.output):
        print(line)
    if options.push_to_hub:
        print(f"uploaded → {push(options.output, options.push_to_hub)}")
