"""User queries, and their combination with instructions into what the policy is asked (paper §3.3)."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autoif_train.resources import resolve
from autoif_train.rows import Rows
from autoif_train.synthesis.families import families
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Kept,
    Query,
    QueryFunction,
    UserError,
    content_id,
    derived_seed,
)

log = logging.getLogger(__name__)

LEAST_TRAINING_FUNCTIONS = 2
# A text that ends in one of these needs no full stop, in any script.
CLOSING = tuple('.!?:;"”»…)]`。！？：；」』）】》〉’．؟؛۔।॥')


def user_queries(settings: QueriesSettings) -> tuple[list[str], list[Dropped]]:
    """The user queries of a file that pass the paper's length filter, each once, and why the others went."""
    path = Path(resolve(settings.path))
    kept: dict[str, None] = {}
    dropped = []
    for text in _texts(path):
        text = text.strip()
        if not settings.min_characters < len(text) < settings.max_characters:
            dropped.append(
                Dropped("user query", "too short" if len(text) < settings.max_characters else "too long", text)
            )
        elif text in kept:
            dropped.append(Dropped("user query", "duplicate", text))
        else:
            kept[text] = None
    if not kept:
        raise UserError(
            f"queries.path: {path} holds no query between {settings.min_characters} and {settings.max_characters} "
            "characters; name another file or change queries.min_characters and queries.max_characters"
        )
    return list(kept), dropped


def _texts(path: Path) -> Iterator[str]:
    for number, row in enumerate(conversation_rows(path), 1):
        text = _text(row)
        if text is None:
            raise UserError(
                f"queries.path: {path}, row {number}: no query found; a row needs `query`, `prompt`, `messages` or "
                "`conversations`"
            )
        yield text


def conversation_rows(path: Path) -> Rows[Any] | list[Any]:
    """The rows of a file of queries or conversations: JSON Lines, or one list as ShareGPT's files are."""
    return _json_rows(path) if path.suffix == ".json" else Rows(path)


def _json_rows(path: Path) -> list[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"queries.path: {path}: {error.strerror}; name a file that can be read") from error
    except ValueError as error:
        raise UserError(f"queries.path: {path}: not JSON ({error}); mend the file") from error
    if not isinstance(rows, list):
        raise UserError(f"queries.path: {path}: holds no list of rows; one row a line is a .jsonl file")
    return rows


def _text(row: Any) -> str | None:
    """The first thing a user said in one row, whatever the row's form; None where there is none."""
    if not isinstance(row, dict):
        return None
    for key in ("query", "prompt"):
        if isinstance(row.get(key), str):
            return row[key]
    turns = row.get("messages") or row.get("conversations")
    for turn in turns if isinstance(turns, list) else []:
        if isinstance(turn, dict) and turn.get("role", turn.get("from")) in ("user", "human"):
            return content_text(turn.get("content", turn.get("value")))
    return None


def content_text(content: Any) -> str | None:
    """A turn's text, which chat formats also write as a list of parts, some of them pictures."""
    if isinstance(content, list):
        texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return "\n".join(texts) or None
    return content if isinstance(content, str) else None


def combine(
    checked: Sequence[CheckedInstruction],
    settings: SynthesisSettings,
    queries_settings: QueriesSettings,
    seed: int,
) -> Iterator[Query | Dropped]:
    """`queries_per_instruction` queries for each instruction, drawn with a seed of their own.

    Instructions take turns, so that any beginning of the file covers them evenly.
    """
    sizes = settings.instructions_per_query
    if not sizes or min(sizes) < 1:
        raise UserError(f"synthesis.instructions_per_query: {sizes}: name at least one number, each 1 or more")
    texts, dropped = user_queries(queries_settings)
    yield Kept("user query", len(texts))
    yield from dropped
    wanted = len(checked) * settings.queries_per_instruction
    if wanted > len(texts):
        log.warning(
            "%d queries are made of %d user queries, so each comes about %d times; name more with queries.path",
            wanted,
            len(texts),
            round(wanted / len(texts)),
        )
    chance = random.Random(derived_seed(seed, "queries"))
    deck = _Deck(checked, settings.balance_families, chance)
    seen = set()
    for number in range(wanted):
        instructions = deck.draw(sizes[number % len(sizes)])
        query = _query(chance.choice(texts), instructions, settings, chance)
        if query.id in seen:
            yield Dropped("query", "duplicate", query.prompt)
        else:
            seen.add(query.id)
            yield query


class _Deck:
    """Deals instructions in shuffled turns, over all of them or over families first."""

    def __init__(self, checked: Sequence[CheckedInstruction], balance_families: bool, chance: random.Random):
        # An instruction that stands in the list twice can be drawn once.
        different = list({row.instruction.id: row for row in checked}.values())
        self.chance = chance
        self.most = len(different)
        self.families = families(different) if balance_families else [different]
        self.turn: list[list[CheckedInstruction]] = []
        self.members: dict[int, list[CheckedInstruction]] = {}

    def draw(self, count: int) -> list[CheckedInstruction]:
        """`count` different instructions, or all; of different families when families are balanced."""
        count = min(count, self.most)
        drawn: list[CheckedInstruction] = []
        while len(drawn) < count:
            family = self._next_family()
            row = self._next_member(family)
            if row not in drawn and (len(self.families) < count or not any(other in family for other in drawn)):
                drawn.append(row)
        return drawn

    def _next_family(self) -> list[CheckedInstruction]:
        if not self.turn:
            self.turn = self.families[:]
            self.chance.shuffle(self.turn)
        return self.turn.pop()

    def _next_member(self, family: list[CheckedInstruction]) -> CheckedInstruction:
        members = self.members.setdefault(id(family), [])
        if not members:
            members.extend(family)
            self.chance.shuffle(members)
        return members.pop()


def _query(
    user_query: str, instructions: list[CheckedInstruction], settings: SynthesisSettings, chance: random.Random
) -> Query:
    constraint = " ".join(_sentence(row.instruction.text) for row in instructions)
    order = settings.prompt_order
    query_first = chance.random() < 0.5 if order == "drawn" else order == "query_first"
    parts = [_sentence(user_query), constraint]
    functions = tuple(
        QueryFunction(function.source, row.instruction.id, audit=function.id in held_back)
        for row in instructions
        for held_back in [_held_back(row, settings.audit_functions)]
        for function in row.functions
    )
    prompt = " ".join(parts if query_first else reversed(parts))
    ids = tuple(row.instruction.id for row in instructions)
    return Query(prompt, ids, functions, user_query, id=content_id("query", prompt, ids))


def _held_back(row: CheckedInstruction, most: int) -> set[str]:
    """The ids of the functions that only audit: the same for every query of the instruction, whatever the seed."""
    count = min(most, max(0, len(row.functions) - LEAST_TRAINING_FUNCTIONS))
    drawn = sorted(row.functions, key=lambda function: derived_seed("audit", row.instruction.id, function.id))
    return {function.id for function in drawn[:count]}


def _sentence(text: str) -> str:
    """The text, with a full stop where it lacks closing punctuation: query and instruction must not run together."""
    text = text.strip()
    return text if text.endswith(CLOSING) else f"{text}."


def pilot_queries(
    checked: Iterable[CheckedInstruction], settings: SynthesisSettings, queries_settings: QueriesSettings, seed: int
) -> Iterator[Query]:
    """One query per instruction, to see whether the respondent can follow it at all."""
    texts, _ = user_queries(queries_settings)
    chance = random.Random(derived_seed(seed, "pilot"))
    for row in checked:
        yield _query(chance.choice(texts), [row], settings, chance)
