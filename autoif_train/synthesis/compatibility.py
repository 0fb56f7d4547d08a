"""Which instructions can be followed together, found by execution.

Two instructions go into one query only if some known answer follows both: a test case's text, or an answer of the
pilot. What nobody has managed yet would be answered wrongly by whoever is asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from autoif_train.execution.reward import score
from autoif_train.synthesis.cross_validation import Runs
from autoif_train.types import CheckedInstruction, Outcome, QueryFunction, derived_seed

FOLLOWS_ABOVE = 0.5  # share of an instruction's functions that say True, as for a demonstration
Compatible = Callable[[CheckedInstruction, CheckedInstruction], bool]


def known_answers(checked: Sequence[CheckedInstruction], others: Iterable[str], most: int, seed: int) -> list[str]:
    """Up to `most` different texts: test cases of every instruction in turn, those labelled True first, then others."""
    chance = random.Random(derived_seed(seed, "known answers"))
    of_each = []
    for row in checked:
        cases = list(row.cases)
        chance.shuffle(cases)
        of_each.append([case.text for case in sorted(cases, key=lambda case: not case.expected)])
    in_turn = (text for turn in zip_longest(*of_each) for text in turn if text is not None)
    others = list(others)
    chance.shuffle(others)
    half = most // 2 if others else 0
    return list(dict.fromkeys([*others[:half], *in_turn]))[:most]


def compatible_by(checked: Sequence[CheckedInstruction], answers: Sequence[str], executor: Runs) -> Compatible:
    """Whether some of `answers` follows two instructions together; every function runs once on every answer."""
    functions = [(row, function) for row in checked for function in row.functions]
    outcomes = iter(executor.run([(function.source, list(answers)) for _, function in functions]))
    followed = {row.instruction.id: _followed(row, [next(outcomes) for _ in row.functions]) for row in checked}

    def compatible(one: CheckedInstruction, other: CheckedInstruction) -> bool:
        return bool(followed[one.instruction.id] & followed[other.instruction.id])

    return compatible


def _followed(row: CheckedInstruction, table: Sequence[Sequence[Outcome]]) -> int:
    """The answers that follow an instruction, as the bits of a number."""
    functions = [QueryFunction(function.source, row.instruction.id) for function in row.functions]
    scores = (score(functions, of_answer) for of_answer in zip(*table, strict=True))
    return sum(1 << place for place, found in enumerate(scores) if found is not None and found > FOLLOWS_ABOVE)
