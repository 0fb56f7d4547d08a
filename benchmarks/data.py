"""What the steps between the calls cost: cross validation, and a million judged rows.

    python benchmarks/data.py --section cross_validation     1,000 instructions × 4 functions × 12 cases
    python benchmarks/data.py --section rows                 a million responses, judged, selected and exported
    python benchmarks/data.py --section rows --responses 100000

The first prints seconds, with two workers; the second the most memory that was ever resident, per step: rows stream, so
it must not grow with their number.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from autoif_train.config import resolve
from autoif_train.execution import Executor
from autoif_train.export import FORMATS, export_run
from autoif_train.feedback.demonstrations import demonstrations
from autoif_train.feedback.judge import judge
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.run import Run
from autoif_train.synthesis.cross_validation import CrossValidationSettings, cross_validate
from autoif_train.types import (
    CheckedInstruction,
    Instruction,
    Judged,
    Query,
    QueryFunction,
    Response,
    Selection,
    TestCase,
    VerificationFunction,
)

TARGET_SECONDS = 10
RESPONSES_PER_QUERY = 8
WORDS = 120  # of an answer


def drafts(instructions: int, functions: int, cases: int) -> Iterator[CheckedInstruction]:
    """Instructions as a supervisor drafts them: every function another source, one in eight of them wrong."""
    for number in range(instructions):
        limit = 5 + number % 40
        sources = [
            "import re\n\ndef evaluate(response):\n"
            f"    words = re.findall(r'\\w+', response)  # {number} {variant}\n"
            f"    return len(words) {'>' if (number * functions + variant) % 8 == 0 else '<='} {limit}"
            for variant in range(functions)
        ]
        texts = [" ".join(["word"] * (limit + step - cases // 2)) for step in range(cases)]
        yield CheckedInstruction(
            Instruction(f"Use at most {limit} words, number {number}."),
            tuple(map(VerificationFunction, sources)),
            tuple(TestCase(text, len(text.split()) <= limit) for text in texts),
        )


def time_cross_validation() -> None:
    rows = list(drafts(1000, 4, 12))
    with Executor(workers=2) as executor:
        report, wall = executor.report, time.perf_counter()
        found = Selection.of(cross_validate(rows, executor, CrossValidationSettings()))
        wall = time.perf_counter() - wall
    print(f"cross validation: 1000 × 4 × 12, {report}")
    print(f"  {wall:.1f} s with two workers (target: {TARGET_SECONDS} s on 2 cores)")
    print(
        f"  {len(found.rows)} instructions survive; functions dropped: {dict(found.dropped.get('function', Counter()))}"
    )


def queries(count: int) -> Iterator[Query]:
    source = "def evaluate(response):\n    return response.endswith('!')"
    for number in range(count):
        yield Query(f"Question number {number}? End with a mark.", ("mark",), (QueryFunction(source, "mark"),))


def responses(rows: list[Query] | Iterator[Query]) -> Iterator[Response]:
    for place, query in enumerate(rows):
        for index in range(RESPONSES_PER_QUERY):
            text = f"{place} {index}" + " word" * WORDS + "!?"[(place + index) % 2]
            yield Response(query.id, text, "model", index)


def stream_rows(count: int, folder: Path) -> None:
    settings = resolve(**{"output_dir": str(folder / "run"), "quality.enabled": "false"})
    with Run(settings, "benchmark") as run, Executor(workers=2) as executor:
        asked = run.keep("data/queries", queries, count // RESPONSES_PER_QUERY, read=Query.from_row)
        _show("queries")
        answered = run.keep("data/responses", responses, asked, read=Response.from_row)
        _show("responses")
        judged = run.keep("data/judged", judge, asked, answered, executor, read=Judged.from_row)
        _show("judged")
        shared = (settings.quality, 0)
        run.keep("data/demonstrations", demonstrations, asked, judged, settings.demonstrations, *shared)
        _show("demonstrations")
        run.keep("data/pairs", pairs_by_score, asked, judged, settings.pairs, *shared)
        _show("pairs")
    for form in FORMATS:
        for _ in export_run(folder / "run", form, folder / form):
            pass
        _show(f"export, {form}")


def _show(step: str) -> None:
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {step:24} {megabytes:7.1f} MB   {time.process_time():7.1f} s CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", choices=("cross_validation", "rows"), required=True)
    parser.add_argument("--responses", type=int, default=1_000_000, help="rows that are judged")
    arguments = parser.parse_args()
    if arguments.section == "cross_validation":
        time_cross_validation()
        return
    print(f"most memory so far, {arguments.responses} responses of {WORDS} words")
    with tempfile.TemporaryDirectory() as folder:
        stream_rows(arguments.responses, Path(folder))


if __name__ == "__main__":
    main()
