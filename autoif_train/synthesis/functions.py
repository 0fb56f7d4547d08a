"""Verification functions and their test cases, as the supervisor writes them (paper §3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from autoif_train.chat.base import Answer, ChatModel, Prompt
from autoif_train.synthesis import reading
from autoif_train.synthesis.asking import Attempt, ask_until_readable, whole
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings, writing
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Instruction,
    Kept,
    Row,
    TestCase,
    VerificationFunction,
    derived_seed,
)

EXAMPLE_CHARACTERS = 200
ANSWERS_PER_FRAME = 16_384  # held in memory together: enough to keep a server busy to its last answers
_CASE = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "boolean"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"func": {"type": "string"}, "cases": {"type": "array", "items": _CASE}},
    "required": ["func", "cases"],
    "additionalProperties": False,
}


def write_functions(
    instructions: Iterable[Instruction],
    supervisor: ChatModel,
    settings: SynthesisSettings,
    allowed_imports: Iterable[str],
    seed: int,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """Each instruction with the functions and cases that could be read from `functions_per_instruction` answers."""
    instructions = iter(instructions)
    imports = ", ".join(sorted(allowed_imports))
    sampling = writing(settings, settings.functions_per_instruction, settings.writing_temperature)
    per_frame = max(1, ANSWERS_PER_FRAME // settings.functions_per_instruction)
    while frame := list(islice(instructions, per_frame)):
        prompts = [_prompt(instruction, imports, seed) for instruction in frame]
        found = ask_until_readable(supervisor, prompts, sampling, read_answer, settings.max_asks_again)
        for instruction, attempts in zip(frame, found, strict=True):
            yield from _draft(instruction, attempts)


def _prompt(instruction: Instruction, imports: str, seed: int) -> Prompt:
    return Prompt(
        [{"role": "user", "content": fill("function", instruction=instruction.text, allowed_imports=imports)}],
        "function",
        instruction.text,
        derived_seed(seed, "function", instruction.id),
        schema=SCHEMA,
    )


def _draft(instruction: Instruction, attempts: list[Attempt]) -> Iterator[CheckedInstruction | Kept | Dropped]:
    functions, cases = [], []
    for attempt in attempts:
        if attempt.reason:
            yield Dropped("function", attempt.reason, _example(instruction, attempt.answer))
            continue
        function, answer_cases, unreadable = attempt.value
        functions.append(function)
        cases.extend(answer_cases)
        yield Kept("function")
        yield Kept("case", len(answer_cases))
        for reason in unreadable:
            yield Dropped("case", reason, _example(instruction, attempt.answer))
    if functions:
        yield Kept("instruction")
        yield CheckedInstruction(instruction, tuple(functions), tuple(cases))
    else:
        yield Dropped("instruction", "no readable function", instruction.text)


def _example(instruction: Instruction, answer: Answer) -> str:
    return f"{instruction.text}\n{answer.text[:EXAMPLE_CHARACTERS]}"


def read_answer(answer: Answer) -> tuple[VerificationFunction, list[TestCase], list[str]]:
    """One answer's function, its readable cases, and the reasons of those that are not.

    Raises `Unreadable` when there is no function in it.
    """
    row = reading.json_object(whole(answer))
    source = row.get("func")
    if not isinstance(source, str) or not source.strip():
        raise reading.Unreadable("no function source")
    listed = row.get("cases")
    if not isinstance(listed, list):
        raise reading.Unreadable("no list of cases")
    cases, unreadable = [], []
    for item in listed:
        try:
            cases.append(reading.case(item))
        except reading.Unreadable as reason:
            unreadable.append(str(reason))
    return VerificationFunction(source), cases, unreadable


def draft_row(draft: CheckedInstruction) -> Row:
    """The row of `functions.jsonl`: an instruction by its id, functions that nobody has checked yet."""
    return {
        "instruction_id": draft.instruction.id,
        "functions": [{"id": function.id, "source": function.source} for function in draft.functions],
        "cases": [{"text": case.text, "expected": case.expected} for case in draft.cases],
    }


def read_draft(row: Row, instructions: dict[str, Instruction]) -> CheckedInstruction:
    """The inverse of `draft_row`, given the instructions by id."""
    return CheckedInstruction(
        instructions[row["instruction_id"]],
        tuple(VerificationFunction.from_row(function) for function in row["functions"]),
        tuple(TestCase.from_row(case) for case in row["cases"]),
    )
