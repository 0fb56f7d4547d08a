"""Cross validation: functions and cases judge each other by execution (paper §3.2)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, Protocol

from autoif_train.setting import setting
from autoif_train.types import CheckedInstruction, Dropped, Evidence, Kept, Outcome, TestCase, VerificationFunction

INSTRUCTIONS_PER_FRAME = 64  # enough for the executor to spread over its workers, little enough to stream


class Runs(Protocol):
    """What a step needs of the executor."""

    reasons: dict[tuple[int, int], str]
    """`{(job, text): why}` of the last run, for whatever was neither followed nor violated."""

    def run(self, jobs: list[tuple[str, list[str]]], doubt: bool = True) -> list[list[Outcome]]: ...


@dataclasses.dataclass(frozen=True)
class CrossValidationSettings:
    """Which functions and cases survive each other; every rule of the three presets is one of these."""

    enabled: bool = True
    """Let functions and cases judge each other; false keeps all that could be read, unjudged (paper Table 3, "w/o Cross
    Verification")."""
    case_rule: Literal["majority", "any"] = "majority"
    """A case survives when more than `case_accept_above` of the functions agree with its label, or when any does
    (paper: majority; released code: any)."""
    case_accept_above: float = setting(0.5, least=0, below=1)
    """Share of the functions, 0 to 1, that must be exceeded under `case_rule: majority` (paper §3.2: 0.5)."""
    function_accept_at_least: float = setting(0.8, least=0, most=1)
    """Share of the surviving cases, 0 to 1, that a function must judge as labelled (released code: 0.8)."""
    function_accept_above: float = setting(0.0, least=0, below=1)
    """The same share must also exceed this (paper §3.2: 0.5)."""
    balanced: bool = True
    """Ask for both shares on the True-cases and on the False-cases separately (ours)."""
    min_functions: int = setting(1, least=0)
    """Fewest functions of an instruction (paper: 1; released code: 3)."""
    min_cases: int = setting(2, least=0)
    """Fewest cases of an instruction (paper: 1; released code: 10)."""
    minima_apply: Literal["before", "after"] = "after"
    """Count both minima before filtering (released code) or after it (paper)."""
    require_both_labels: bool = True
    """The surviving cases must hold a True and a False one (ours)."""
    reject_constant: bool = True
    """Drop a function that says the same of every case although both labels are there (ours)."""
    merge_duplicate_cases: bool = True
    """Count equal cases (same text, same label) once."""
    merge_duplicate_functions: bool = True
    """Count functions of equal source once."""
    reference_equality: bool = False
    """Compare `result == label` as the released code does, so that 0 passes for False; else only a bool counts."""


def cross_validate(
    drafts: Iterable[CheckedInstruction], executor: Runs, settings: CrossValidationSettings
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """What survives of each instruction, in input order, with each function's accuracy on the surviving cases."""
    if not settings.enabled:
        yield from _unjudged(drafts, settings)
        return
    drafts = iter(drafts)
    while frame := list(islice(drafts, INSTRUCTIONS_PER_FRAME)):
        suites = [_suite(draft, settings) for draft in frame]
        outcomes = iter(executor.run([job for suite in suites for job in _jobs(suite, settings)]))
        errors = iter(_errors(suites, executor.reasons, settings))
        for draft, suite in zip(frame, suites, strict=True):
            table = [_verdicts(suite, outcomes, settings) for _ in suite.functions]
            yield from _survivors(draft, suite, table, [next(errors) for _ in suite.functions], settings)


def _unjudged(
    drafts: Iterable[CheckedInstruction], settings: CrossValidationSettings
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """Everything as it was written, only duplicates merged; nothing is run."""
    for draft in drafts:
        suite = _suite(draft, settings)
        yield from _duplicates(draft, suite)
        yield Kept("instruction")
        yield Kept("function", len(suite.functions))
        yield Kept("case", len(suite.cases))
        yield CheckedInstruction(draft.instruction, suite.functions, suite.cases)


def _duplicates(draft: CheckedInstruction, suite: _Suite) -> Iterator[Dropped]:
    text = draft.instruction.text
    written, kept = (Counter(function.source for function in each.functions) for each in (draft, suite))
    for source in (written - kept).elements():
        yield Dropped("function", "duplicate", text, part=VerificationFunction(source))
    for case in (Counter(draft.cases) - Counter(suite.cases)).elements():
        yield Dropped("case", "duplicate", text, part=case)


def cross_validate_one(
    draft: CheckedInstruction, executor: Runs, settings: CrossValidationSettings
) -> tuple[CheckedInstruction | None, list[Dropped]]:
    """One instruction by itself: what survives, if anything, and everything that was dropped on the way."""
    events = list(cross_validate([draft], executor, settings))
    survivor = next((event for event in events if isinstance(event, CheckedInstruction)), None)
    return survivor, [event for event in events if isinstance(event, Dropped)]


@dataclasses.dataclass(frozen=True)
class _Suite:
    """The functions and cases of one instruction that take part."""

    functions: tuple[VerificationFunction, ...]
    cases: tuple[TestCase, ...]


def _suite(draft: CheckedInstruction, settings: CrossValidationSettings) -> _Suite:
    functions, cases = draft.functions, draft.cases
    if settings.merge_duplicate_functions:
        functions = tuple({function.source: function for function in functions}.values())
    if settings.merge_duplicate_cases:
        cases = tuple(dict.fromkeys(cases))
    return _Suite(functions, cases)


def _jobs(suite: _Suite, settings: CrossValidationSettings) -> Iterator[tuple[str, list[str]]]:
    for function in suite.functions:
        if not settings.reference_equality:
            yield function.source, [case.text for case in suite.cases]
            continue
        for expected in (True, False):
            texts = [case.text for case in suite.cases if case.expected is expected]
            yield equality_source(function.source, expected), texts


def equality_source(source: str, expected: bool) -> str:
    """A function that is True where `result == expected` holds for the given one's result."""
    return (
        # A function that calls itself must find itself under its own name, not this wrapper.
        f"{source}\n\n_judged = evaluate\n\n\n"
        f"def evaluate(response):\n    global evaluate\n    wrapper, evaluate = evaluate, _judged\n"
        f"    try:\n        return bool(_judged(response) == {expected})\n"
        f"    finally:\n        evaluate = wrapper\n"
    )


def _errors(
    suites: Iterable[_Suite], reasons: dict[tuple[int, int], str], settings: CrossValidationSettings
) -> Iterator[str]:
    """Of each function the first error text, or an empty one."""
    first: dict[int, str] = {}
    for (job, _), reason in sorted(reasons.items()):
        first.setdefault(job, reason)
    job = 0
    for suite in suites:
        jobs = sum(1 for _ in _jobs(suite, settings)) // max(1, len(suite.functions))
        for _ in suite.functions:
            yield next((first[number] for number in range(job, job + jobs) if number in first), "")
            job += jobs


def _verdicts(
    suite: _Suite, outcomes: Iterator[list[Outcome]], settings: CrossValidationSettings
) -> list[tuple[Outcome, bool]]:
    """One function's row of the table: per case its outcome and whether it agrees with the label."""
    if not settings.reference_equality:
        found = next(outcomes)
        return [
            (outcome, outcome.judged and (outcome is Outcome.FOLLOWED) == case.expected)
            for outcome, case in zip(found, suite.cases, strict=True)
        ]
    by_label = {expected: iter(next(outcomes)) for expected in (True, False)}
    found = [next(by_label[case.expected]) for case in suite.cases]
    return [(outcome, outcome is Outcome.FOLLOWED) for outcome in found]


def _survivors(
    draft: CheckedInstruction,
    suite: _Suite,
    table: list[list[tuple[Outcome, bool]]],
    errors: list[str],
    settings: CrossValidationSettings,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    text = draft.instruction.text
    yield from _duplicates(draft, suite)
    if settings.minima_apply == "before":
        too_few = _too_few(len(suite.functions), len(suite.cases), settings)
        if too_few:
            yield from _all_dropped(text, suite, too_few)
            return
    usable = [row for row in table if any(outcome is not Outcome.INVALID for outcome, _ in row)]
    surviving = [index for index in range(len(suite.cases)) if _case_survives(index, usable, settings)]
    for index, case in enumerate(suite.cases):
        if index not in surviving:
            yield Dropped("case", "functions disagree", f"{text}\n[{case.expected}] {case.text}", part=case)
    cases = tuple(suite.cases[index] for index in surviving)
    functions, dropped = [], []
    for function, row, error in zip(suite.functions, table, errors, strict=True):
        reason, accuracy = _function_fails([row[index] for index in surviving], row, cases, settings)
        if reason:
            shown = "\n".join(filter(None, (text, error, function.source)))
            dropped.append(Dropped("function", reason, shown, error=error, part=function))
        else:
            agrees = [row[index][1] for index in surviving]
            evidence = _evidence(function.evidence, agrees, cases)
            functions.append(dataclasses.replace(function, accuracy=accuracy, evidence=evidence))
    yield from dropped
    lost = _instruction_fails(functions, cases, settings)
    if lost:
        yield from _all_dropped(text, _Suite(tuple(functions), cases), lost)
        return
    yield Kept("instruction")
    yield Kept("function", len(functions))
    yield Kept("case", len(cases))
    yield CheckedInstruction(draft.instruction, tuple(functions), cases)


def _case_survives(index: int, table: list[list[tuple[Outcome, bool]]], settings: CrossValidationSettings) -> bool:
    agreeing = sum(row[index][1] for row in table)
    if settings.case_rule == "any":
        return agreeing > 0
    return bool(table) and agreeing / len(table) > settings.case_accept_above


def _function_fails(
    surviving: list[tuple[Outcome, bool]],
    all_cases: list[tuple[Outcome, bool]],
    cases: tuple[TestCase, ...],
    settings: CrossValidationSettings,
) -> tuple[str | None, float | None]:
    """The reason why a function goes, or None, and its accuracy over the surviving cases."""
    if all_cases and all(outcome is Outcome.INVALID for outcome, _ in all_cases):
        return "invalid", None
    if not surviving:
        return "no surviving case", None
    accuracy = sum(agrees for _, agrees in surviving) / len(surviving)
    labels = {case.expected for case in cases}
    if settings.reject_constant and len(labels) == 2 and len({outcome for outcome, _ in surviving}) == 1:
        outcome = surviving[0][0]
        return ("constant" if outcome.judged else outcome.value.replace("_", " ")), accuracy
    shares = [accuracy]
    if settings.balanced:
        for expected in labels:
            of_label = [agrees for (_, agrees), case in zip(surviving, cases, strict=True) if case.expected is expected]
            shares.append(sum(of_label) / len(of_label))
    if min(shares) < settings.function_accept_at_least or min(shares) <= settings.function_accept_above:
        unjudged = {outcome for outcome, _ in surviving if not outcome.judged}
        if Outcome.TIMED_OUT in unjudged:
            return "timed out", accuracy
        return ("crashed" if Outcome.CRASHED in unjudged else "cases disagree"), accuracy
    return None, accuracy


def _evidence(found: Evidence | None, agrees: list[bool], cases: tuple[TestCase, ...]) -> Evidence:
    """What is known of a function, with its accuracy on the surviving cases of either label."""
    by_label: dict[bool, list[bool]] = {True: [], False: []}
    for agreed, case in zip(agrees, cases, strict=True):
        by_label[case.expected].append(agreed)
    true, false = (sum(of_label) / len(of_label) if of_label else None for of_label in by_label.values())
    return dataclasses.replace(found or Evidence(), true_accuracy=true, false_accuracy=false)


Why = tuple[str, str]  # a reason, and what there is to say of it beyond


def _too_few(functions: int, cases: int, settings: CrossValidationSettings) -> Why | None:
    for unit, there, least in (("functions", functions, settings.min_functions), ("cases", cases, settings.min_cases)):
        if there < least:
            return f"too few {unit}", f"{there} of the {least} that cross_validation.min_{unit} asks for"
    return None


def _instruction_fails(
    functions: list[VerificationFunction], cases: tuple[TestCase, ...], settings: CrossValidationSettings
) -> Why | None:
    if not functions:
        return "no surviving function", ""
    if not cases:
        return "no surviving case", ""
    if settings.minima_apply == "after":
        too_few = _too_few(len(functions), len(cases), settings)
        if too_few:
            return too_few
    if settings.require_both_labels and len({case.expected for case in cases}) < 2:
        return "cases of one label only", ""
    return None


def _all_dropped(text: str, suite: _Suite, why: Why) -> Iterator[Dropped]:
    reason, error = why
    yield Dropped("instruction", reason, text, error=error)
    if suite.functions:
        yield Dropped("function", "instruction dropped", text, len(suite.functions))
    if suite.cases:
        yield Dropped("case", "instruction dropped", text, len(suite.cases))
