"""`autoif`: the parts of the pipeline as commands of their own.

    autoif cross-validate --input IN.jsonl --output OUT.jsonl [--preset P] [--cross_validation.key V]
    autoif judge          --functions F.jsonl --responses R.jsonl --output OUT.jsonl
    autoif score          --benchmark ifeval --prompts P.jsonl --responses R.jsonl --output OUT.jsonl
    autoif export         RUN_FOLDER --format trl|llama_factory|parquet --output FOLDER
    autoif report         RUN_FOLDER
    autoif status         RUN_FOLDER
    autoif doctor

Each takes --help.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from autoif_train.command import exit_with_code, prepare
from autoif_train.rows import Rows, write_rows
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Instruction,
    QueryFunction,
    Row,
    UserError,
    VerificationFunction,
)

Arguments = list[str]
RESPONSES_PER_FRAME = 1024


def main() -> None:
    """Entry point of the console script."""
    prepare()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return
    command = COMMANDS.get(arguments[0])

    def run() -> None:
        if command is None:
            raise UserError(f"autoif {arguments[0]}: unknown command; choose one of {', '.join(COMMANDS)}")
        command(arguments[1:])

    exit_with_code(run)


def _options(command: str, description: str, **options: str) -> argparse.ArgumentParser:
    """A parser of required file options; a leading underscore marks a positional one."""
    parser = argparse.ArgumentParser(prog=f"autoif {command}", description=description, allow_abbrev=False)
    for name, text in options.items():
        if name.startswith("_"):
            parser.add_argument(name[1:], type=Path, help=text)
        else:
            parser.add_argument(f"--{name}", type=_new_file if name == "output" else Path, required=True, help=text)
    return parser


def _new_file(name: str) -> Path:
    """A path that a file can be written to, refused before any work is done."""
    path = Path(name)
    if path.is_dir() or any(parent.is_file() for parent in path.parents):
        raise UserError(f"--output {path}: is a folder or lies within a file; name a file to write")
    return path


def cross_validate(arguments: Arguments) -> None:
    """Functions and cases judge each other; survivors to the output, the rest beside it with reasons."""
    from autoif_train.config import parse
    from autoif_train.execution import Executor
    from autoif_train.synthesis import cross_validation

    parser = _options(
        "cross-validate",
        "Cross-validate functions and cases (paper §3.2). Also takes --preset and every --cross_validation.key and "
        "--execution.key of the recipes.",
        input="rows {instruction, functions: [source, …], cases: [{text, expected}]}",
        output="rows {instruction, functions: [{source, accuracy}], cases}; OUTPUT.dropped.jsonl holds the rest",
    )
    files, rest = parser.parse_known_args(arguments)
    settings = parse("autoif cross-validate", "", rest)
    dropped: list[Row] = []

    def survivors(executor: Executor) -> Iterator[Row]:
        detail: list[str] = []  # what went of the instruction whose events are passing by
        drafts = Rows(files.input, _draft)
        for event in cross_validation.cross_validate(drafts, executor, settings.cross_validation):
            match event:
                case CheckedInstruction():
                    detail = []
                    yield _survivor(event)
                case Dropped(unit="instruction"):
                    dropped.append({"instruction": event.example, "reason": event.reason, "detail": detail})
                    detail = []
                case Dropped() if event.reason != "instruction dropped":
                    detail.append(f"{event.unit}: {event.reason}")

    with Executor(**dataclasses.asdict(settings.execution)) as executor:
        kept = write_rows(files.output, survivors(executor))
    beside = files.output.with_suffix(".dropped.jsonl")
    write_rows(beside, dropped)
    print(f"{kept} instructions survive → {files.output}; {len(dropped)} dropped, with reasons → {beside}")


def _survivor(checked: CheckedInstruction) -> Row:
    functions = [{"source": function.source, "accuracy": function.accuracy} for function in checked.functions]
    return {"instruction": checked.instruction.text, "functions": functions, "cases": checked.cases}


def _draft(row: Row) -> CheckedInstruction:
    from autoif_train.synthesis import reading

    instruction = Instruction(_field(row, "instruction", str, "a string"))
    cases = tuple(reading.case(case) for case in _field(row, "cases", list, "a list"))
    return CheckedInstruction(instruction, tuple(map(VerificationFunction, _sources(row))), cases)


def _sources(row: Row) -> tuple[str, ...]:
    functions = _field(row, "functions", list, "a list")
    sources = tuple(function.get("source") if isinstance(function, dict) else function for function in functions)
    if not all(isinstance(source, str) for source in sources):
        raise ValueError("`functions` holds one whose source is not a string")
    return sources


def _field(row: Any, key: str, kind: type | tuple[type, ...], named: str) -> Any:
    """A row's value of a kind; another one is refused, and `Rows` says in which file and line."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
    if not isinstance(row[key], kind):
        raise ValueError(f"`{key}` is not {named}")
    return row[key]


def judge(arguments: Arguments) -> None:
    """Functions run on responses: outcomes and score per response."""
    from autoif_train.config import parse
    from autoif_train.execution import Executor
    from autoif_train.feedback.judge import outcomes_of, verdict

    parser = _options(
        "judge",
        "Run verification functions on responses. Also takes every --execution.key of the recipes.",
        functions="rows {id, functions: [source, …]}",
        responses="rows {id, text}; id names a row of the functions file",
        output="rows {id, text, outcomes, score}, in the order of the responses",
    )
    files, rest = parser.parse_known_args(arguments)
    settings = parse("autoif judge", "", rest)
    known = dict(Rows(files.functions, lambda row: (_id(row), _sources(row))))

    def judged(executor: Executor) -> Iterator[Row]:
        rows = iter(Rows(files.responses, _response))
        while frame := list(islice(rows, RESPONSES_PER_FRAME)):
            for row in frame:
                if row["id"] not in known:
                    raise UserError(f"{files.responses}: no functions for id {row['id']!r} in {files.functions}")
            found = outcomes_of([(known[row["id"]], row["text"]) for row in frame], executor)
            for row, outcomes in zip(frame, found, strict=True):
                functions = [QueryFunction(source, "all") for source in known[row["id"]]]
                yield {**row, "outcomes": outcomes, "score": verdict(functions, outcomes).score}

    with Executor(**dataclasses.asdict(settings.execution)) as executor:
        count = write_rows(files.output, judged(executor))
    print(f"{count} responses judged → {files.output}")


def _response(row: Row) -> Row:
    _id(row)
    _field(row, "text", str, "a string")
    return row


def _id(row: Row) -> str | float:
    return _field(row, "id", (str, int, float), "a string or a number")


def score(arguments: Arguments) -> None:
    """Responses to a benchmark's prompts graded by its published scorer; the last line is the figures as JSON."""
    import json

    from autoif_train.config import parse
    from autoif_train.evaluation.choice import BENCHMARKS

    scorers = {name: benchmark.score for name, benchmark in BENCHMARKS.items() if benchmark.score}
    parser = _options(
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


def export(arguments: Arguments) -> None:
    """Demonstrations and pairs of a run in the form of another trainer."""
    from autoif_train.export import FORMATS, export_run

    parser = _options("export", "Write a run's training data for other trainers.", _run="run folder")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    options = parser.parse_args(arguments)
    for line in export_run(options.run, options.format, options.output):
        print(line)


def report(arguments: Arguments) -> None:
    """Write a run's report.html anew."""
    from autoif_train.report.page import write_report

    options = _options("report", "Write report.html of a run folder.", _run="run folder").parse_args(arguments)
    print(f"report: {write_report(_run_folder(options.run))}")


def status(arguments: Arguments) -> None:
    """Show a run's funnel and which of its steps are done."""
    import json

    from autoif_train.funnel import funnel_lines, read_funnel

    options = _options("status", "Show what a run folder holds.", _run="run folder").parse_args(arguments)
    folder = _run_folder(options.run)
    print("\n".join(funnel_lines(read_funnel(folder / "funnel.json"))))
    manifest = folder / "manifest.json"
    steps = json.loads(manifest.read_text(encoding="utf-8")).get("steps", {}) if manifest.exists() else {}
    for name, took in steps.items():
        print(f"{name:<44} {took['seconds']:>9.1f} s")


def _run_folder(folder: Path) -> Path:
    if not (folder / "config.yaml").exists():
        raise UserError(f"{folder}: not a run folder (no config.yaml); name one that a recipe has written")
    return folder


def doctor(arguments: Arguments) -> None:
    """Versions, hardware and the sandbox level that this machine gives."""
    from autoif_train.execution import Executor
    from autoif_train.versions import versions

    _options("doctor", "Show versions, hardware and the sandbox of this machine.").parse_args(arguments)
    for name, version in versions().items():
        print(f"{name:<16} {version}")
    with Executor(workers=1) as executor:
        print(f"{'sandbox':<16} {executor.report}")


COMMANDS: dict[str, Callable[[Arguments], None]] = {
    "cross-validate": cross_validate,
    "judge": judge,
    "score": score,
    "export": export,
    "report": report,
    "status": status,
    "doctor": doctor,
}


if __name__ == "__main__":
    main()
