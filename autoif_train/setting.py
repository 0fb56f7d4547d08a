"""A setting with what must hold for it, said where it is declared: the one place that a section is edited in."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterator
from typing import Any

from autoif_train.types import UserError

Limit = float | str | None
_RELATIONS = {
    "least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}


def setting(
    default: Any = dataclasses.MISSING,
    *,
    default_factory: Any = dataclasses.MISSING,
    least: Limit = None,
    above: Limit = None,
    most: Limit = None,
    below: Limit = None,
    free: bool = False,
    trainer: str | None = None,
) -> Any:
    """A field of a section of settings, and facts about it.

    `least`, `above`, `most` and `below` bound a number, or each number of a list: by a number, or by the name of
    another field of the section. Null is always taken. `free`: it decides how fast or where, or only extends, so it
    may change between two runs in one folder; on a section, all that it holds. `trainer` names the trainer whose
    arguments a `dict` takes: sft, dpo or grpo.
    """
    facts = {"least": least, "above": above, "most": most, "below": below, "free": free or None, "trainer": trainer}
    stated = {name: fact for name, fact in facts.items() if fact is not None}
    return dataclasses.field(default=default, default_factory=default_factory, metadata=stated)


def leaves(section: type, before: str = "", free: bool = False) -> Iterator[tuple[str, dataclasses.Field, bool]]:
    """Every field of a section and of those inside it, by its dotted key, and whether it is free."""
    for field in dataclasses.fields(section):
        key, inner = f"{before}{field.name}", field.default_factory
        is_free = free or field.metadata.get("free", False)
        if dataclasses.is_dataclass(inner):
            yield from leaves(inner, f"{key}.", is_free)
        else:
            yield key, field, is_free


def bounds(field: dataclasses.Field) -> str:
    """What must hold for a number in words, e.g. `at least 0 and at most 1`; empty for what has no bounds."""
    return " and ".join(
        f"{word} {field.metadata[name]}" for name, (_, word) in _RELATIONS.items() if name in field.metadata
    )


def check_bounds(section: Any, name: str = "") -> None:
    """Raise `UserError` for the first number of a section, or of those inside it, that is out of its bounds."""
    for field in dataclasses.fields(section):
        key, value = f"{name}.{field.name}".removeprefix("."), getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            check_bounds(value, key)
        for number in value if isinstance(value, list) else [value]:
            for relation, (holds, word) in _RELATIONS.items():
                limit = field.metadata.get(relation)
                other = f"{name}.{limit}, which is " if isinstance(limit, str) else ""
                limit = getattr(section, limit) if other else limit
                if None not in (number, limit) and not holds(number, limit):
                    raise UserError(f"{key}: {number} is not {word} {other}{limit}; it must be {bounds(field)}")
