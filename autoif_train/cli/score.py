"""Responses to a benchmark's prompts graded by its scorer or judge; the last line is the figures as JSON."""

from __future__ import annotations

from autoif_train.cli.arguments import Arguments, file_parser


def main(arguments: Arguments) -> None:
    import json

    from autoif_train.config import parse
    from autoif_train.evaluation.benchmarks import BENCHMARKS
    from autoif_train.evaluation.choice import score_files

    scorers = sorted(name for name, benchmark in BENCHMARKS.items() if benchmark.score or benchmark.grading)
    parser = file_parser(
        "score",
        "Grade responses to a benchmark's prompts. Also takes every --evaluation.key of the recipes, for the judged "
        "benchmarks --evaluation.judge.key among them. A judge's verdicts are kept beside the output: the same command "
        "goes on after a stop.",
        prompts="the benchmark's official prompts: a file, or FollowBench's folder",
        responses="rows {prompt, response}, one for every prompt; for two turns {prompt, responses: [text, text]}",
        output="graded rows in the order of the prompts, e.g. IFEval's {key, strict: [bool], loose: [bool]}",
    )
    parser.add_argument("--benchmark", choices=scorers, required=True)
    files, rest = parser.parse_known_args(arguments)
    settings = parse("autoif score", "", rest)
    figures = score_files(files.benchmark, files.prompts, files.responses, files.output, settings)
    print(f"graded → {files.output}")
    print(json.dumps(figures))
