"""Self-instruct: seed instructions → new instructions (paper §3.2, prompt in App. C)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rapidfuzz import fuzz, process

from autoif_train.chat.base import ChatModel, Prompt
from autoif_train.resources import resolve
from autoif_train.synthesis import reading
from autoif_train.synthesis.kinds import check_exclude, excluded_kind
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings, writing
from autoif_train.types import Dropped, Instruction, Kept, UserError, derived_seed

# Thai to Burmese, Khmer, kana and Chinese characters: scripts without blanks, where each letter counts as a word.
_BLANKLESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_BLANKLESS}]|[^\W{_BLANKLESS}]+")
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
    except UnicodeDecodeError as error:
        raise UserError(f"synthesis.seeds: {file}: not UTF-8 ({error.reason}); save it as UTF-8") from error
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
    check_exclude(settings.exclude_kinds)
    known: dict[str, str] = {}
    for text in seeds:
        reason = _surplus(text, known, settings)
        yield from _kept(Instruction(text), known) if reason is None else [Dropped("instruction", reason, text)]
    parents = list(known.values()) or seeds
    for line, lost in _proposals(seeds, supervisor, settings, seed):
        reason = lost or _refusal(line, known, settings)
        if reason is not None:
            yield Dropped("instruction", reason, line)
            continue
        parent, _, _ = process.extractOne(line, parents, scorer=fuzz.token_sort_ratio)
        yield from _kept(Instruction(line, Instruction(parent).id), known)


def _kept(instruction: Instruction, known: dict[str, str]) -> Iterator[Kept | Instruction]:
    known[_normal(instruction.text)] = instruction.text
    yield Kept("instruction")
    yield instruction


def _proposals(
    seeds: list[str], supervisor: ChatModel, settings: SynthesisSettings, seed: int
) -> Iterator[tuple[str, str | None]]:
    """The lines that the supervisor writes, and why one is lost: the last of a cut answer, or all of a refused one."""
    message = fill("self_instruct", seeds="\n".join(seeds), count=settings.instructions_per_call)
    prompts = [
        Prompt([{"role": "user", "content": message}], "self_instruct", str(call), derived_seed(seed, "instruct", call))
        for call in range(settings.instruction_calls)
    ]
    sampling = writing(settings, 1, settings.writing_temperature)
    for answers in supervisor.answer(prompts, sampling):
        for answer in answers:
            if answer.refused:
                yield "", "refused by the server"
                continue
            lines = reading.list_items(answer.text)
            last = None if answer.finished else len(lines) - 1
            for number, line in enumerate(lines):
                yield line, "cut at max_new_tokens" if number == last else None


def _normal(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _particulars(text: str) -> list[str]:
    """Numbers, quoted words and the last word: what tells "at most 5 words" from "at most 6 words"."""
    words = re.findall(r"\w+", text.casefold())
    return sorted([*re.findall(r"\d+", text), *re.findall(r'"([^"]*)"', text), *words[-1:]])


def _refusal(line: str, known: dict[str, str], settings: SynthesisSettings) -> str | None:
    if line.endswith(":") or len(_WORD.findall(line)) < 2:
        return "not an instruction"
    if len(line) > LONGEST_INSTRUCTION:
        return "longer than an atomic instruction"
    surplus = _surplus(line, known, settings)
    if surplus is not None:
        return surplus
    alike = 100 * settings.near_duplicate_above
    near = process.extractOne(_normal(line), known.keys(), scorer=fuzz.ratio, score_cutoff=alike)
    if near is not None and _particulars(known[near[0]]) == _particulars(line):
        return "near-duplicate"
    return None


def _surplus(text: str, known: dict[str, str], settings: SynthesisSettings) -> str | None:
    """Why an instruction is one too many, whoever wrote it."""
    if _normal(text) in known:
        return "duplicate"
    if kind := excluded_kind(text, settings.exclude_kinds):
        return f"kind {kind}"
    most = settings.max_instructions
    return "beyond max_instructions" if most is not None and len(known) >= most else None
