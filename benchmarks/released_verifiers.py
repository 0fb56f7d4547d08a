"""What probes, disagreement and mutants say of functions that the released rule accepted (jwrobins94/llama3_autoif).

    python benchmarks/released_verifiers.py FOLDER        with filtered_verifiers.jsonl and completions-0.jsonl

No supervisor is asked: cases alone decide between functions, and real answers are among the texts they meet. Each step
gets what the one before left. `--examples N` prints N of what went, by reason.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from autoif_train.config import resolve
from autoif_train.execution import Executor
from autoif_train.rows import Rows
from autoif_train.synthesis.agreement import agree, trust_of
from autoif_train.synthesis.cross_validation import cross_validate
from autoif_train.synthesis.probes import probe
from autoif_train.synthesis.sharpening import sharpen
from autoif_train.types import CheckedInstruction, Dropped, Instruction, TestCase, VerificationFunction

ANSWERS_EVERY = 7  # of the answers, so that those of all queries take turns


def accepted(folder: Path) -> list[CheckedInstruction]:
    """The published survivors, each different source once."""
    return [
        CheckedInstruction(
            Instruction(row["instruction"], id=str(number)),
            tuple(map(VerificationFunction, dict.fromkeys(row["verifiers"]))),
            tuple(TestCase(text, label) for text, label in row["test_cases"]),
        )
        for number, row in enumerate(Rows(folder / "filtered_verifiers.jsonl"))
    ]


def taken(step: str, events: Iterable, examples: int) -> list[CheckedInstruction]:
    """The rows of a step, after printing what it dropped."""
    events = list(events)
    rows = [event for event in events if isinstance(event, CheckedInstruction)]
    dropped = [event for event in events if isinstance(event, Dropped) and event.unit != "case"]
    counts: Counter[str] = Counter()
    for event in dropped:
        counts[f"{event.unit} {event.reason}"] += event.count
    print(f"{step}: {len(rows)} instructions, {functions(rows)} functions; {dict(counts)}")
    for reason in counts:
        found = [event.example for event in dropped if f"{event.unit} {event.reason}" == reason]
        for example in found[:examples]:
            print(f"--- {reason}\n{example}")
    return rows


def nobody(questions: list[tuple[str, str]]) -> list[None]:
    """An arbiter that has no answer."""
    return [None] * len(questions)


def functions(rows: list[CheckedInstruction]) -> int:
    return sum(len(row.functions) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--examples", type=int, default=0)
    arguments = parser.parse_args()
    settings = resolve(model="qwen2-7b", **{"agreement.arbitrations": 0, "sharpening.arbitrations": 0})
    answers = [text for row in Rows(arguments.folder / "completions-0.jsonl") for text in row["completions"]]
    rows = accepted(arguments.folder)
    one_label = [row for row in rows if len({case.expected for case in row.cases}) == 1]
    print(f"accepted: {len(rows)} instructions, {functions(rows)} different functions")
    print(f"their cases have one label only: {len(one_label)} instructions, {functions(one_label)} functions")
    with Executor.of(settings.execution) as executor:
        rows = taken("probes", probe(rows, executor, settings.probes), arguments.examples)
        flagged = sum("an empty answer follows" in f.evidence.flags for row in rows for f in row.functions)
        print(f"an empty answer follows {flagged} of them")
        doubted = agree(
            rows, executor, lambda asked: [None] * len(asked), settings.agreement, answers[::ANSWERS_EVERY], 0
        )
        rows = taken("disagreement", doubted, arguments.examples)
        trust = trust_of(settings.agreement)
        sharper = sharpen(rows, executor, nobody, settings.sharpening, trust, 0)
        rows = taken("mutants", sharper, arguments.examples)
        rates = [f.evidence.kill_rate for row in rows for f in row.functions if f.evidence.kill_rate is not None]
        weak = sum(rate < 0.5 for rate in rates)
        print(f"kill rate: mean {sum(rates) / len(rates):.2f}, below a half for {weak} of {len(rates)}")
        taken("cross validation", cross_validate(rows, executor, settings.cross_validation), arguments.examples)


if __name__ == "__main__":
    main()
