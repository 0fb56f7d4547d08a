"""Functions and cases judge each other; survivors to the output, beside it what went of either, with reasons."""

from __future__ import annotations

from collections.abc import Iterator

from autoif_train.cli.arguments import Arguments, field, file_parser, recipe_settings, sources
from autoif_train.rows import Rows, plain, write_rows
from autoif_train.types import CheckedInstruction, Dropped, Instruction, Row, VerificationFunction


def main(arguments: Arguments) -> None:
    from autoif_train.execution import Executor
    from autoif_train.synthesis import cross_validation

    parser = file_parser(
        "cross-validate",
        "Cross-validate functions and cases (paper §3.2). Also takes --preset and every --cross_validation.key and "
        "--execution.key of the recipes.",
        input="rows {instruction, functions: [source, …], cases: [{text, expected}]}",
        output="rows {instruction, functions: [{source, accuracy}], cases}; OUTPUT.dropped.jsonl holds the other "
        "instructions, OUTPUT.dropped_parts.jsonl each function and case that went by itself, of survivors too",
    )
    files, rest = parser.parse_known_args(arguments)
    settings = recipe_settings("cross-validate", rest, "preset", "cross_validation", "execution")
    dropped: list[Row] = []
    parts: list[Row] = []

    def survivors(executor: Executor) -> Iterator[Row]:
        gone: list[Dropped] = []  # of the instruction whose events are passing by
        drafts = Rows(files.input, _draft)
        for event in cross_validation.cross_validate(drafts, executor, settings.cross_validation):
            match event:
                case CheckedInstruction():
                    parts.extend(_part(event.instruction.text, each) for each in gone)
                    gone = []
                    yield _survivor(event)
                case Dropped(unit="instruction"):
                    parts.extend(_part(event.example, each) for each in gone)
                    told = [*gone, event] if event.error else gone
                    detail = [": ".join(filter(None, (each.unit, each.reason, each.error))) for each in told]
                    dropped.append({"instruction": event.example, "reason": event.reason, "detail": detail})
                    gone = []
                case Dropped() if event.part:
                    gone.append(event)

    with Executor.of(settings.execution) as executor:
        kept = write_rows(files.output, survivors(executor))
    beside = files.output.with_suffix(".dropped.jsonl")
    write_rows(beside, dropped)
    print(f"{kept} instructions survive → {files.output}; {len(dropped)} dropped, with reasons → {beside}")
    by_itself = files.output.with_suffix(".dropped_parts.jsonl")
    write_rows(by_itself, parts)
    print(f"{len(parts)} functions and cases went by themselves, with reasons → {by_itself}")


def _survivor(checked: CheckedInstruction) -> Row:
    functions = [{"source": function.source, "accuracy": function.accuracy} for function in checked.functions]
    return {"instruction": checked.instruction.text, "functions": functions, "cases": checked.cases}


def _part(instruction: str, gone: Dropped) -> Row:
    why = {"instruction": instruction, "unit": gone.unit, "reason": gone.reason}
    match gone.part:
        case VerificationFunction(source=source):
            return {**why, "error": gone.error, "source": source}
        case case:
            return {**why, **plain(case)}


def _draft(row: Row) -> CheckedInstruction:
    from autoif_train.synthesis import reading

    instruction = Instruction(field(row, "instruction", str, "a string"))
    cases = tuple(reading.case(case) for case in field(row, "cases", list, "a list"))
    return CheckedInstruction(instruction, tuple(map(VerificationFunction, sources(row))), cases)
