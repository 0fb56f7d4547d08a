"""Sanity and probes: a function meets texts that it was not written for, and must neither crash nor hang.

What the executor refuses outright (no bool, `eval` of the answer, verdicts that change with the order of texts or the
hash seed) comes out as `invalid` here; the rest is what its own cases never showed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import islice

from autoif_train.synthesis.cross_validation import INSTRUCTIONS_PER_FRAME, Runs
from autoif_train.types import CheckedInstruction, Dropped, Evidence, Kept, Outcome, VerificationFunction

REFUSAL = "I'm sorry, but I cannot help with that request."
_REPLY = "The river runs north. It passes the old mill!"
LONG_WORDS = 4_000


@dataclasses.dataclass(frozen=True)
class ProbesSettings:
    """Texts that every function meets before its cases count (ours)."""

    enabled: bool = True
    """Run the probes at all (paper and released code: no)."""
    reject_crash: bool = True
    """Drop a function that raises on a probe; false only notes it."""
    reject_timeout: bool = True
    """Drop a function that uses up its time on a probe; false only notes it."""


def probe_texts(instruction: str) -> dict[str, str]:
    """The probes by name; the instruction itself is one of them."""
    return {
        "empty": "",
        "blanks": " \n\t \n",
        "one letter": "a",
        "the instruction": instruction,
        "refusal": REFUSAL,
        "preamble": f"Sure! Here is the answer you asked for:\n\n{_REPLY}",
        "fence": f"```\n{_REPLY}\n```",
        "markdown": f"# Title\n\n- **one**: {_REPLY}\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "windows line ends": _REPLY.replace(". ", ".\r\n"),
        "other scripts": "Река течёт на север. 河流向北流。 النهر يجري شمالا! ¿Dónde está el río?",
        "emoji": "👍🏽 Sure 👨‍👩‍👧!",
        "digits and marks": "3.14 -- (2 + 2) = 4; [a] {b} <c> \\ / % $ # @",
        "one long line": "river " * LONG_WORDS,
        "many lines": "The river.\n\n" * (LONG_WORDS // 4),
    }


def probe(
    drafts: Iterable[CheckedInstruction], executor: Runs, settings: ProbesSettings
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """The instructions with the functions that stand the probes; each function carries what was noticed."""
    drafts = iter(drafts)
    while frame := list(islice(drafts, INSTRUCTIONS_PER_FRAME)):
        probes = [probe_texts(draft.instruction.text) for draft in frame]
        jobs = [
            (function.source, list(texts.values()))
            for draft, texts in zip(frame, probes, strict=True)
            for function in draft.functions
        ]
        found = iter(executor.run(jobs))
        for draft, texts in zip(frame, probes, strict=True):
            outcomes = [dict(zip(texts, next(found), strict=True)) for _ in draft.functions]
            yield from _survivors(draft, outcomes, settings)


def _survivors(
    draft: CheckedInstruction, outcomes: list[dict[str, Outcome]], settings: ProbesSettings
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    kept = []
    for function, by_probe in zip(draft.functions, outcomes, strict=True):
        reason = _reason(by_probe, settings)
        if reason:
            yield Dropped("function", reason, f"{draft.instruction.text}\n{function.source}")
        else:
            kept.append(_with_evidence(function, by_probe))
    if not kept:
        yield Dropped("instruction", "no function stands the probes", draft.instruction.text)
        return
    yield Kept("instruction")
    yield Kept("function", len(kept))
    yield dataclasses.replace(draft, functions=tuple(kept))


def _reason(by_probe: dict[str, Outcome], settings: ProbesSettings) -> str | None:
    if Outcome.INVALID in by_probe.values():
        return "invalid"
    for outcome, rejects in ((Outcome.CRASHED, settings.reject_crash), (Outcome.TIMED_OUT, settings.reject_timeout)):
        probes = [name for name, found in by_probe.items() if found is outcome]
        if probes and rejects:
            return f"{'crashes' if outcome is Outcome.CRASHED else 'hangs'} on probe: {probes[0]}"
    return None


def _with_evidence(function: VerificationFunction, by_probe: dict[str, Outcome]) -> VerificationFunction:
    evidence = function.evidence or Evidence()
    noted = [name for name, outcome in by_probe.items() if not outcome.judged]
    flags = ["an empty answer follows"] if by_probe["empty"] is Outcome.FOLLOWED else []
    flags += [f"no opinion on probe: {name}" for name in noted]
    return dataclasses.replace(
        function,
        evidence=dataclasses.replace(evidence, probes=len(by_probe) - len(noted), flags=(*evidence.flags, *flags)),
    )
