"""Functions run on responses: outcomes and score per response."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from autoif_train.cli.arguments import Arguments, field, file_parser, recipe_settings, sources
from autoif_train.rows import Rows, write_rows
from autoif_train.types import Outcome, QueryFunction, Row, UserError

RESPONSES_PER_FRAME = 1024


def main(arguments: Arguments) -> None:
    from autoif_train.execution import Executor
    from autoif_train.feedback.judge import outcomes_and_reasons, verdict

    parser = file_parser(
        "judge",
        "Run verification functions on responses. Also takes every --execution.key of the recipes.",
        functions="rows {id, functions: [source, …]}",
        responses="rows {id, text}; id names a row of the functions file",
        output="rows {id, text, outcomes, score}, in the order of the responses; where a function could not judge, "
        "OUTPUT.reasons.jsonl says why",
    )
    files, rest = parser.parse_known_args(arguments)
    settings = recipe_settings("judge", rest, "execution")
    known = _functions(files.functions)
    unjudged: dict[tuple[str | float, int, str], Row] = {}  # one row for each function and reason

    def note(name: str | float, line: int, outcomes: list[Outcome], reasons: list[str | None]) -> None:
        for function, (outcome, reason) in enumerate(zip(outcomes, reasons, strict=True)):
            if reason is not None:
                first = {
                    "id": name,
                    "function": function,
                    "outcome": outcome,
                    "reason": reason,
                    "line": line,
                    "count": 0,
                }
                unjudged.setdefault((name, function, reason), first)["count"] += 1

    def judged(executor: Executor) -> Iterator[Row]:
        rows = iter(Rows(files.responses, _response))
        lines = itertools.count(1)
        while frame := list(itertools.islice(rows, RESPONSES_PER_FRAME)):
            for row in frame:
                if row["id"] not in known:
                    said = f"no functions for id {row['id']!r} in {files.functions}"
                    raise UserError(f"{files.responses}: {said}; add them there, or leave its responses out")
            found = outcomes_and_reasons([(known[row["id"]], row["text"]) for row in frame], executor)
            for row, (outcomes, reasons) in zip(frame, found, strict=True):
                note(row["id"], next(lines), outcomes, reasons)
                functions = [QueryFunction(source, "all") for source in known[row["id"]]]
                yield {**row, "outcomes": outcomes, "score": verdict(functions, outcomes).score}

    with Executor.of(settings.execution) as executor:
        count = write_rows(files.output, judged(executor))
    beside = files.output.with_suffix(".reasons.jsonl")
    write_rows(beside, unjudged.values())
    print(f"{count} responses judged → {files.output}; why {len(unjudged)} times there was no judgement → {beside}")


def _functions(file: Path) -> dict[str | float, tuple[str, ...]]:
    """Each id's functions; an id that comes twice is refused, since one of the rows would be lost without a word."""
    known: dict[str | float, tuple[str, ...]] = {}

    def once(row: Row) -> tuple[str | float, tuple[str, ...]]:
        if _id(row) in known:
            raise ValueError(f"id {_id(row)!r} stands in an earlier line too; give each its own")
        return _id(row), sources(row)

    for name, functions in Rows(file, once):
        known[name] = functions
    return known


def _response(row: Row) -> Row:
    _id(row)
    field(row, "text", str, "a string")
    return row


def _id(row: Row) -> str | float:
    return field(row, "id", (str, int, float), "a string or a number")
