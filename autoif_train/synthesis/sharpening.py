"""Sharp cases: can the cases of an instruction tell its functions from their mutants?

Each surviving function is mutated, and every mutant that behaves differently is a rival: perhaps the function is what
the mutant should have been. Where the cases leave rivals standing, the supervisor decides texts on which they part from
the function, and these become cases. A function whose mutant fits better goes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from autoif_train.setting import setting
from autoif_train.synthesis.cross_validation import INSTRUCTIONS_PER_FRAME, Runs
from autoif_train.synthesis.dispute import Answers, Arbiter, Dispute, Label, Trust, posterior, settle, verdict
from autoif_train.synthesis.mutants import mutants
from autoif_train.synthesis.variations import variations
from autoif_train.types import CheckedInstruction, Dropped, Evidence, Kept, TestCase

CONSTANTS = ("def evaluate(response):\n    return True", "def evaluate(response):\n    return False")


@dataclasses.dataclass(frozen=True)
class SharpeningSettings:
    """How functions are told from their mutants (ours)."""

    enabled: bool = True
    """Mutate functions at all (paper and released code: no)."""
    mutants_per_function: int = setting(6, least=0)
    """Most mutants of a function."""
    texts: int = setting(100, least=2)
    """Most texts on which functions and mutants are compared."""
    arbitrations: int = setting(8, least=0)
    """Most texts of an instruction that the supervisor is asked about here; 0 = never."""
    mutant_weight: float = setting(0.02, above=0)
    """Prior odds of one mutant against a function."""
    kill_rate_at_least: float = setting(0.0, least=0, most=1)
    """Share of its distinguishable mutants, 0 to 1, that the cases must tell from a function, else it goes."""


@dataclasses.dataclass(frozen=True)
class _Rivals:
    """The functions of one instruction and their mutants on its texts."""

    texts: tuple[str, ...]
    functions: tuple[tuple[Label, ...], ...]
    owners: tuple[int, ...]
    mutants: tuple[tuple[Label, ...], ...]


def sharpen(
    checked: Iterable[CheckedInstruction],
    executor: Runs,
    arbiter: Arbiter,
    settings: SharpeningSettings,
    trust: Trust,
    seed: int,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """Each instruction with sharper cases, and each of its functions with its kill rate."""
    checked = iter(checked)
    while frame := list(islice(checked, INSTRUCTIONS_PER_FRAME)):
        rivals = _run(frame, executor, settings, seed)
        disputes = [_dispute(row, found, settings) for row, found in zip(frame, rivals, strict=True)]
        names = [row.instruction.text for row in frame]
        decided = settle(disputes, names, arbiter, settings.arbitrations, trust)
        for row, found, dispute, said in zip(frame, rivals, disputes, decided, strict=True):
            yield from _survivors(row, found, dispute, said, settings, trust)


def _run(frame: Sequence[CheckedInstruction], executor: Runs, settings: SharpeningSettings, seed: int) -> list[_Rivals]:
    jobs, shapes = [], []
    for row in frame:
        sources = [function.source for function in row.functions]
        texts = variations(row.instruction.text, row.cases, sources, (), settings.texts, seed)
        changed = [(owner, text) for owner, source in enumerate(sources)
                   for _, text in mutants(source, settings.mutants_per_function, seed)]  # fmt: skip
        changed += [(owner, text) for owner in range(len(sources)) for text in CONSTANTS]
        jobs += [(source, texts) for source in [*sources, *(text for _, text in changed)]]
        shapes.append((tuple(texts), len(sources), tuple(owner for owner, _ in changed)))
    found = iter(executor.run(jobs))
    rivals = []
    for texts, count, owners in shapes:
        functions = tuple(tuple(map(verdict, next(found))) for _ in range(count))
        rivals.append(_Rivals(texts, functions, owners, tuple(tuple(map(verdict, next(found))) for _ in owners)))
    return rivals


def _dispute(row: CheckedInstruction, rivals: _Rivals, settings: SharpeningSettings) -> Dispute:
    """The functions' behaviours first, then those of the mutants that are none of them."""
    weights: dict[tuple[Label, ...], float] = {}
    for behaviour in rivals.functions:
        weights[behaviour] = weights.get(behaviour, 0.0) + 1.0
    own = set(weights)
    for behaviour in rivals.mutants:
        if behaviour not in own and set(behaviour) != {None}:
            weights[behaviour] = settings.mutant_weight
    nobody = settings.mutant_weight
    return Dispute(rivals.texts, tuple(weights), tuple(weights.values()), tuple(dict.fromkeys(row.cases)), nobody)


def _survivors(
    row: CheckedInstruction,
    rivals: _Rivals,
    dispute: Dispute,
    answers: Answers,
    settings: SharpeningSettings,
    trust: Trust,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    text = row.instruction.text
    added = [TestCase(asked, said) for asked, said in answers.items() if said is not None]
    cases = tuple(dict.fromkeys([*row.cases, *added]))
    chances = posterior(dispute, answers, trust)
    least = trust.odds * max(chances)
    standing = {behaviour for behaviour, chance in zip(dispute.rows, chances, strict=False) if chance >= least}
    kept = []
    for number, (function, behaviour) in enumerate(zip(row.functions, rivals.functions, strict=True)):
        rate = _kill_rate(number, behaviour, rivals, cases)
        if behaviour not in standing:
            yield Dropped("function", "a mutant fits better", f"{text}\n{function.source}")
        elif rate is not None and rate < settings.kill_rate_at_least:
            yield Dropped("function", "cases too weak for its mutants", f"{text}\n{function.source}")
        else:
            evidence = function.evidence or Evidence()
            asked = evidence.arbitrated + len(answers)
            evidence = dataclasses.replace(evidence, kill_rate=rate, arbitrated=asked)
            kept.append(dataclasses.replace(function, evidence=evidence))
    if not kept:
        yield Dropped("instruction", "mutants fit better than functions", text)
        return
    yield Kept("instruction")
    yield Kept("function", len(kept))
    yield dataclasses.replace(row, functions=tuple(kept), cases=cases)


def _kill_rate(number: int, behaviour: tuple[Label, ...], rivals: _Rivals, cases: Sequence[TestCase]) -> float | None:
    """Of the function's mutants that differ somewhere, the share that some case tells from it; None without any.

    A case tells them apart where the function says its label and the mutant does not.
    """
    place = {text: at for at, text in enumerate(rivals.texts)}
    telling = [place[case.text] for case in cases if behaviour[place[case.text]] is case.expected]
    own = [row for owner, row in zip(rivals.owners, rivals.mutants, strict=True) if owner == number]
    different = [row for row in own if row != behaviour and set(row) != {None}]
    killed = sum(any(row[at] is not behaviour[at] for at in telling) for row in different)
    return killed / len(different) if different else None
