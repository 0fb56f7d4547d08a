"""Functions and cases judge each other; survivors to the output, the rest beside it with reasons."""

from __future__ import annotations

from collections.abc import Iterator

from autoif_train.cli.arguments import Arguments, field, file_parser, settings_of, sources
from autoif_train.rows import Rows, write_rows
from autoif_train.types import CheckedInstruction, Dropped, Instruction, Row, VerificationFunction


def main(arguments: Arguments) -> None:
    from autoif_train.execution import Executor
    from autoif_train.synthesis import cross_validation

    parser = file_parser(
        "cross-validate",
        "Cross-validate functions and cases (paper §3.2). Also takes --preset and every --cross_validation.key and "
        "--execution.key of the recipes.",
        input="rows {instruction, functions: [source, …], cases: [{text, expected}]}",
        output="rows {instruction, functions: [{source, accuracy}], cases}; OUTPUT.dropped.jsonl holds the rest",
    )
    files, rest = parser.parse_known_args(arguments)
    settings = settings_of("cross-validate", rest, "preset", "cross_validation", "execution")
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
                    detail.append(f"{event.unit}: {event.reason}" + (f": {event.error}" if event.error else ""))

    with Executor.of(settings.execution) as executor:
        kept = write_rows(files.output, survivors(executor))
    beside = files.output.with_suffix(".dropped.jsonl")
    write_rows(beside, dropped)
    print(f"{kept} instructions survive → {files.output}; {len(dropped)} dropped, with reasons → {beside}")


def _survivor(checked: CheckedInstruction) -> Row:
    functions = [{"source": function.source, "accuracy": function.accuracy} for function in checked.functions]
    return {"instruction": checked.instruction.text, "functions": functions, "cases": checked.cases}


def _draft(row: Row) -> CheckedInstruction:
    from autoif_train.synthesis import reading

    instruction = Instruction(field(row, "instruction", str, "a string"))
    cases = tuple(reading.case(case) for case in field(row, "cases", list, "a list"))
    return CheckedInstruction(instruction, tuple(map(VerificationFunction, sources(row))), cases)
