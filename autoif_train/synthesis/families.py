"""Families of instructions: those whose functions are the same check with other words and numbers.

"Include the word river." and "Use the word stone in your answer." read differently and are one kind of constraint;
"Use only capital letters." and "Use only lowercase letters." read alike and are two. Their functions tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autoif_train.types import CheckedInstruction

# A quoted run of words is a parameter; quoted punctuation such as ',' or '!' is what the check is about.
_WORDS = re.compile(r"""(["'])(?=[^"'\n]*[A-Za-z]{2})[A-Za-z0-9 .,!?\\]*\1""")
_NUMBER = re.compile(r"\b\d+\b")
_BLANK = re.compile(r"\s+")


def shape(source: str) -> str:
    """A function's source with its parameters, numbers and quoted words, left open.

    Works on the text alone: generated code is not parsed here.
    """
    return _BLANK.sub(" ", _NUMBER.sub("0", _WORDS.sub("'words'", source))).strip()


def families(checked: Sequence[CheckedInstruction]) -> list[list[CheckedInstruction]]:
    """The instructions grouped so that any two that share a function's shape are together, in order of appearance."""
    leader = list(range(len(checked)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first_with: dict[str, int] = {}
    for index, row in enumerate(checked):
        for function in row.functions:
            other = find(first_with.setdefault(shape(function.source), index))
            mine = find(index)
            leader[max(mine, other)] = min(mine, other)
    grouped: dict[int, list[CheckedInstruction]] = {}
    for index, row in enumerate(checked):
        grouped.setdefault(find(index), []).append(row)
    return list(grouped.values())
