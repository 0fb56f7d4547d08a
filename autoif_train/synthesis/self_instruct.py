"""Self-instruct: seed instructions → new instructions (paper §3.2, prompt in App. C)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rapidfuzz import fuzz, process

from autoif_train.chat.base import ChatModel, Prompt, SamplingSettings
from autoif_train.resources import resolve
from autoif_train.synthesis import reading
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.types import Dropped, Instruction, Kept, UserError, derived_seed

LONGEST_INSTRUCTION = 200  # characters; beyond it a line is an explanation, not one atomic constraint


def read_seeds(path: str) -> list[str]:
    """The seed instructions of a text file, one per line; blank lines and lines that begin with # are skipped."""
    file = Path(resolve(path))
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(
            f"synthesis.seeds: {file}: {error.strerror}; name a text file with one seed per line"
        ) from error
    seeds = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not seeds:
        raise UserError(f"synthesis.seeds: {file} holds no instruction; write one per line")
    return seeds


def self_instruct(
    supervisor: ChatModel, settings: SynthesisSettings, seed: int
) -> Iterator[Instruction | Kept | Dropped]:
    """The seeds, then what the supervisor proposes, without duplicates.

    A proposal's parent is the seed it resembles most: the prompt shows all seeds, so the model cannot tell.
    """
    seeds = read_seeds(settings.seeds)
    known: dict[str, str] = {}
    parents = {text: Instruction(text) for text in seeds}
    for text in seeds:
        known[_normal(text)] = text
        yield Kept("instruction")
        yield parents[text]
    count = len(seeds)
    for line in _proposals(seeds, supervisor, settings, seed):
        reason = _refusal(line, known, settings.near_duplicate_above)
        if reason is None and settings.max_instructions is not None and count >= settings.max_instructions:
            reason = "beyond max_instructions"
        if reason is not None:
            yield Dropped("instruction", reason, line)
            continue
        known[_normal(line)] = line
        count += 1
        parent, _, _ = process.extractOne(line, seeds, scorer=fuzz.token_sort_ratio)
        yield Kept("instruction")
        yield Instruction(line, parents[parent].id)


def _proposals(seeds: list[str], supervisor: ChatModel, settings: SynthesisSettings, seed: int) -> Iterator[str]:
    message = fill("self_instruct", seeds="\n".join(seeds), count=settings.instructions_per_call)
    prompts = [
        Prompt([{"role": "user", "content": message}], "self_instruct", str(call), derived_seed(seed, "instruct", call))
        for call in range(settings.instruction_calls)
    ]
    sampling = SamplingSettings(1, settings.writing_temperature, 1.0, settings.writing_max_new_tokens)
    for answers in supervisor.answer(prompts, sampling):
        for answer in answers:
            yield from reading.list_items(answer.text)


def _normal(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _particulars(text: str) -> list[str]:
    """Numbers, quoted words and the last word: what tells "at most 5 words" from "at most 6 words"."""
    words = re.findall(r"\w+", text.casefold())
    return sorted([*re.findall(r"\d+", text), *re.findall(r'"([^"]*)"', text), *words[-1:]])


def _refusal(line: str, known: dict[str, str], near_duplicate_above: float) -> str | None:
    if line.endswith(":") or len(re.findall(r"\w+", line)) < 2:
        return "not an instruction"
    if len(line) > LONGEST_INSTRUCTION:
        return "longer than an atomic instruction"
    normal = _normal(line)
    if normal in known:
        return "duplicate"
    near = process.extractOne(normal, known.keys(), scorer=fuzz.ratio, score_cutoff=100 * near_duplicate_above)
    if near is not None and _particulars(known[near[0]]) == _particulars(line):
        return "near-duplicate"
    return None
