"""User queries, and their combination with instructions into what the policy is asked (paper §3.3)."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from autoif_train.chat.policy import first_line
from autoif_train.funnel import EXAMPLES_PER_REASON
from autoif_train.resources import resolve
from autoif_train.rows import Rows
from autoif_train.synthesis.compatibility import Compatible, compatible_by, known_answers
from autoif_train.synthesis.contamination import block_list
from autoif_train.synthesis.cross_validation import Runs
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
TRIES = 64  # at a further instruction for one query; beyond it the query carries those it has
# A text that ends in one of these needs no full stop, in any script.
CLOSING = tuple('.!?:;"”»…)]`。！？：；」』）】》〉’．؟؛۔।॥')


def user_queries(settings: QueriesSettings) -> tuple[list[str], list[Dropped]]:
    """The user queries of a source that pass its filters, each once, and why the others went, counted by reason."""
    refusal = _filters(settings)
    kept: dict[str, str] = {}
    dropped: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for text in map(str.strip, _texts(settings.path, settings)):
        reason = refusal(text) or ("duplicate" if _normal(text) in kept else None)
        if reason is None:
            kept[_normal(text)] = text
            if len(kept) == settings.max_queries:
                break
            continue
        counts[reason] += 1
        if len(dropped.setdefault(reason, [])) < EXAMPLES_PER_REASON:
            dropped[reason].append(text)
    if not kept:
        raise UserError(
            f"queries.path: {settings.path} holds no query between {settings.min_characters} and "
            f"{settings.max_characters} characters that passes; name another file or change queries.min_characters and "
            f"queries.max_characters{''.join(f'; {count} {reason}' for reason, count in counts.items())}"
        )
    # A source may hold millions of rows, so that only a few examples are kept of what went.
    events = [
        Dropped("user query", reason, text, 1 if number else counts[reason] - len(texts) + 1)
        for reason, texts in dropped.items()
        for number, text in enumerate(texts)
    ]
    return list(kept.values()), events


def check_queries(settings: QueriesSettings) -> None:
    """Refuse sources that cannot be read, or that hold no query, before anything is paid for that waits for them.

    A file is read as far as it is certain to be read later, any other source up to the first query that passes.
    """
    user_queries(dataclasses.replace(settings, max_queries=1))
    if Path(resolve(settings.path)).is_file():
        for _ in islice(_texts(settings.path, settings), settings.max_queries):
            pass


def _filters(settings: QueriesSettings) -> Callable[[str], str | None]:
    """Why a query is refused, None where it is not."""
    classify = _classifier() if settings.language else None
    blocks = block_list(
        text for path in settings.block_lists for text in _texts(path, QueriesSettings(), "queries.block_lists")
    )

    def refusal(text: str) -> str | None:
        if not settings.min_characters < len(text) < settings.max_characters:
            return "too short" if len(text) < settings.max_characters else "too long"
        if classify is not None and classify(text)[0] != settings.language:
            return "another language"
        return "of a benchmark" if settings.block_lists and blocks(text) else None

    return refusal


def _classifier() -> Callable[[str], tuple[str, float]]:
    try:
        import py3langid
    except ImportError as error:
        raise UserError("queries.language: needs py3langid; run `pip install -e '.[language]'`") from error
    return py3langid.classify


def _normal(text: str) -> str:
    """What two queries have in common that differ in case, blanks and closing marks only."""
    return " ".join(text.casefold().split()).rstrip(".?! ")


def _texts(source: str, settings: QueriesSettings, key: str = "queries.path") -> Iterator[str]:
    for number, row in enumerate(conversation_rows(source, settings.split, key), 1):
        text = _text(row, settings.column)
        if text is None:
            column = ", or name its column with queries.column" if key == "queries.path" else ""
            raise UserError(
                f"{key}: {resolve(source)}, row {number}: no query found; a row needs `query`, `prompt`, `messages` or "
                f"`conversations`{column}"
            )
        yield text


def conversation_rows(source: str | Path, split: str, key: str) -> Iterable[Any]:
    """The rows of a source of queries or conversations, to be read again and again: JSON Lines, one list as ShareGPT's
    files are, or anything that `datasets` opens, which is streamed. `key` is the setting that names it."""
    path = Path(resolve(str(source)))
    if (path.suffix in (".json", ".jsonl") or path.is_absolute()) and not path.exists():
        raise UserError(f"{key}: {path}: no such file; name a file that can be read")
    if path.suffix == ".json":
        return _json_rows(path, key)
    if path.suffix == ".jsonl":
        return Rows(path)
    return _dataset(str(path) if path.exists() else str(source), path, split, key)


def _dataset(source: str, path: Path, split: str, key: str) -> Iterable[Any]:
    import datasets

    files = {".parquet": "parquet", ".csv": "csv"}
    try:
        if path.suffix in files:
            return datasets.load_dataset(files[path.suffix], data_files=source, split="train", streaming=True)
        return datasets.load_dataset(source, split=split, streaming=True)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        mend = "name a file, a folder or a hub id that `datasets` can open"
        mend += ", and its split with queries.split" if key == "queries.path" else ""
        raise UserError(f"{key}: {source}: {first_line(error)}; {mend}") from error


def _json_rows(path: Path, key: str) -> list[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{key}: {path}: {error.strerror}; name a file that can be read") from error
    except ValueError as error:
        raise UserError(f"{key}: {path}: not JSON ({error}); mend the file") from error
    if not isinstance(rows, list):
        raise UserError(f"{key}: {path}: holds no list of rows; one row a line is a .jsonl file")
    return rows


def _text(row: Any, column: str | None = None) -> str | None:
    """The first thing a user said in one row, whatever the row's form; None where there is none."""
    if not isinstance(row, dict):
        return None
    if column is not None:
        value = row.get(column)
        return value if isinstance(value, str) else _text({"messages": value})
    for key in ("query", "prompt"):
        if isinstance(row.get(key), str):
            return row[key]
    turns = row.get("messages") or row.get("conversations") or row.get("conversation") or row.get("turns")
    for turn in turns if isinstance(turns, list) else []:
        if isinstance(turn, str):
            return turn
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
    executor: Runs | None = None,
    answers: Iterable[str] = (),
) -> Iterator[Query | Kept | Dropped]:
    """`queries_per_instruction` queries for each instruction, drawn with a seed of their own.

    Instructions take turns, so that any beginning of the file covers them evenly. With an `executor`, two instructions
    go into one query only if some known answer follows both: a test case, or one of `answers`.
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
    compatible = None
    if executor is not None and settings.known_answers and max(sizes) > 1:
        known = known_answers(checked, answers, settings.known_answers, seed)
        compatible = compatible_by(checked, known, executor)
    deck = _Deck(checked, settings.balance_families, chance, compatible)
    seen = set()
    for number in range(wanted):
        instructions, refused = deck.draw(sizes[number % len(sizes)])
        for one, other in refused:
            example = f"{one.instruction.text}\n{other.instruction.text}"
            yield Dropped("combination", "no known answer follows both", example)
        if len(instructions) > 1:
            yield Kept("combination")
        query = _query(chance.choice(texts), instructions, settings, chance)
        if query.id in seen:
            yield Dropped("query", "duplicate", query.prompt)
        else:
            seen.add(query.id)
            yield query


class _Deck:
    """Deals instructions in shuffled turns, over all of them or over families first."""

    def __init__(
        self,
        checked: Sequence[CheckedInstruction],
        balance_families: bool,
        chance: random.Random,
        compatible: Compatible | None,
    ):
        # An instruction that stands in the list twice can be drawn once.
        different = list({row.instruction.id: row for row in checked}.values())
        self.chance = chance
        self.compatible = compatible or (lambda one, other: True)
        self.most = len(different)
        self.families = families(different) if balance_families else [different]
        self.turn: list[list[CheckedInstruction]] = []
        self.members: dict[int, list[CheckedInstruction]] = {}

    def draw(self, count: int) -> tuple[list[CheckedInstruction], list[tuple[CheckedInstruction, CheckedInstruction]]]:
        """`count` different instructions, or all; of different families when families are balanced.

        They are compatible, so that fewer may come; with them the pairs that were refused. What is refused is drawn
        next.
        """
        count = min(count, self.most)
        drawn: list[CheckedInstruction] = []
        refused: list[tuple[CheckedInstruction, CheckedInstruction]] = []
        aside: dict[str, tuple[list[CheckedInstruction], CheckedInstruction]] = {}
        while len(drawn) < count and len(refused) < TRIES:
            family = self._next_family()
            row = self._next_member(family)
            if row in drawn or (len(self.families) >= count and any(other in family for other in drawn)):
                continue
            against = next((other for other in drawn if not self.compatible(other, row)), None)
            if against is None:
                drawn.append(row)
                continue
            refused.append((against, row))
            aside[row.instruction.id] = (family, row)
        for family, row in aside.values():
            members = self.members[id(family)]
            if row not in drawn and row not in members:
                self.turn.append(family)
                members.append(row)
        return drawn, refused

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
