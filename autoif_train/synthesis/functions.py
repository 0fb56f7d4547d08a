"""Verification functions and their test cases, as the supervisor writes them (paper §3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autoif_train.chat.base import Answer, ChatModel, Prompt
from autoif_train.synthesis import reading
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


def write_functions(
    instructions: Iterable[Instruction],
    supervisor: ChatModel,
    settings: SynthesisSettings,
    allowed_imports: Iterable[str],
    seed: int,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """Each instruction with the functions and cases that could be read from `functions_per_instruction` answers."""
    instructions = list(instructions)
    imports = ", ".join(sorted(allowed_imports))
    prompts = [
        Prompt(
            [{"role": "user", "content": fill("function", instruction=instruction.text, allowed_imports=imports)}],
            "function",
            instruction.text,
            derived_seed(seed, "function", instruction.id),
        )
        for instruction in instructions
    ]
    sampling = writing(settings, settings.functions_per_instruction, settings.writing_temperature)
    for instruction, answers in zip(instructions, supervisor.answer(prompts, sampling), strict=True):
        functions, cases = [], []
        for answer in answers:
            try:
                function, answer_cases, unreadable = read_answer(answer)
            except reading.Unreadable as reason:
                yield Dropped("function", str(reason), _example(instruction, answer))
                continue
            functions.append(function)
            cases.extend(answer_cases)
            yield Kept("function")
            yield Kept("case", len(answer_cases))
            for reason in unreadable:
                yield Dropped("case", reason, _example(instruction, answer))
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
    if not answer.finished:
        raise reading.Unreadable("cut at max_new_tokens")
    row = reading.json_object(answer.text)
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
