"""Responses to a benchmark's prompts graded by its published scorer; the last line is the figures as JSON."""

from __future__ import annotations

from autoif_train.cli.arguments import Arguments, file_parser


def main(arguments: Arguments) -> None:
    import json

    from autoif_train.config import parse
    from autoif_train.evaluation.choice import BENCHMARKS

    scorers = {name: benchmark.score for name, benchmark in BENCHMARKS.items() if benchmark.score}
    parser = file_parser(
        "score",
        "Grade responses to a benchmark's prompts. Also takes --evaluation.strip_thinking of the recipes.",
        prompts="the benchmark's official prompts",
        responses="rows {prompt, response}, one for every prompt",
        output="rows {key, strict: [bool], loose: [bool]}, in the order of the prompts",
    )
    parser.add_argument("--benchmark", choices=sorted(scorers), required=True)
    files, rest = parser.parse_known_args(arguments)
    settings = parse("autoif score", "", rest)
    figures = scorers[files.benchmark](files.prompts, files.responses, files.output, settings.evaluation)
    print(f"graded → {files.output}")
    print(json.dumps(figures))
