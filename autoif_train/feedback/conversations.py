"""Conversations as they are → demonstrations: the baseline that generated data must beat (paper Table 1, ShareGPT)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from autoif_train.synthesis.queries import content_text, conversation_rows
from autoif_train.types import Demonstration, Dropped, Messages, content_id, derived_seed

ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}


def conversation_demonstrations(path: str, most: int | None, seed: int) -> Iterator[Demonstration | Dropped]:
    """The last answer of each conversation, with the turns before it as its prompt; nobody judged it.

    `path` holds rows with `messages` or ShareGPT's `conversations`. Where there are more than `most`, a seeded draw.
    """
    rows = conversation_rows(path, "train", "demonstrations.conversations")
    drawn = None
    count = sum(1 for _ in rows)
    if most is not None and count > most:
        drawn = set(random.Random(derived_seed(seed, "conversations")).sample(range(count), most))
    for number, row in enumerate(rows):
        turns = _turns(row)
        if drawn is not None and number not in drawn:
            yield Dropped("demonstration", "beyond max_conversations")
        elif len(turns) < 2 or turns[-2]["role"] != "user":
            yield Dropped("demonstration", "no answer to a user", str(row))
        else:
            yield Demonstration(turns[:-1], turns[-1:], content_id("conversation", turns), None)


def _turns(row: Any) -> Messages:
    """The turns up to the last answer; none where a turn cannot be read."""
    listed = row.get("messages") or row.get("conversations") if isinstance(row, dict) else None
    turns = []
    for turn in listed if isinstance(listed, list) else []:
        role = ROLES.get(turn.get("role", turn.get("from"))) if isinstance(turn, dict) else None
        text = content_text(turn.get("content", turn.get("value"))) if role else None
        if not text:
            return []
        turns.append({"role": role, "content": text})
    while turns and turns[-1]["role"] != "assistant":
        turns.pop()
    return turns
