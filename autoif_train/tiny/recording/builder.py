"""Rows of the recording: lists of instructions, functions with cases, descriptions of functions, entailment."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from autoif_train.tiny.recording import flaws
from autoif_train.tiny.recording.functions import Wrong
from autoif_train.tiny.recording.instructions import Known, proposal_lists, proposals, seeds
from autoif_train.tiny.recording.kind import Case
from autoif_train.types import Row, derived_seed

PATH = Path(__file__).parents[1] / "data" / "recordings.jsonl"
ANSWERS = 8
CONTRARY_PER_MILLE = 30

_STYLES = (
    "",
    '    """Check one reply."""\n',
    "    # {}\n",
    '    """Tell whether the reply does what was asked."""\n',
)
_AROUND = (
    ("", ""),
    ("", ""),
    ("", ""),
    ("```json\n", "\n```"),
    ("```json\n", "\n```"),
    ("Here is the function with three cases:\n\n```json\n", "\n```"),
    ("```\n", "\n```\nThe third case is the tricky one."),
    ("The requirement concerns the reply alone, so the check is short.\n", ""),
    ("", "\n\nAll three cases were run in my head."),
)
_ANALYSES = {
    "entailment": (
        "Whoever obeys the first has obeyed the second as well.",
        "Both ask for the same thing in other words.",
        "The second demands nothing that the first does not demand.",
    ),
    "neutral": (
        "A reply that obeys the first may or may not obey the second.",
        "The second says something that the first leaves open.",
    ),
    "contradiction": (
        "The two want opposite things, so hardly any reply could obey both.",
        "What the second demands does not agree with the first.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Draft:
    """One answer about an instruction's function, with what is true of it."""

    known: Known
    flaw: str
    source: str
    says: str
    label: str
    cases: tuple[Case, ...]
    text: str


def _pick(options: Sequence, *key: object):
    return options[derived_seed(*key) % len(options)]


def _styled(source: str, style: int, instruction: str) -> str:
    """The same function as another day would have written it: with a docstring or a comment."""
    line = _STYLES[style % len(_STYLES)].format(instruction)
    return re.sub(r"def evaluate\(.*\n", lambda match: match.group() + line, source, count=1)


def _cases(known: Known, index: int, one_label: bool) -> tuple[Case, ...]:
    """Three labelled texts, other ones for every answer as long as there are any."""
    ordered = sorted(known.kind.cases(*known.params), key=lambda case: derived_seed("case", known.text, case[0]))
    follows = [case for case in ordered if case[1]]
    breaks = [case for case in ordered if not case[1]]
    if one_label:
        return tuple(follows[(index + step) % len(follows)] for step in range(3))
    if index % 2:
        follows, breaks = breaks, follows
    two = [follows[(index + step) % len(follows)] for step in (0, 1)]
    one = breaks[index % len(breaks)]
    return tuple(sorted([*two, one], key=lambda case: derived_seed("place", index, case[0])))


def _function(known: Known, index: int, flaw: str) -> tuple[str, str, str]:
    """A source, what it says it checks, and how that relates to the instruction."""
    kind = known.kind
    if flaw == flaws.OWN_MISTAKE:
        wrong: Wrong = _pick(kind.functions.wrong, "wrong", known.text, index)
        return kind.filled(wrong.source, known.params), kind.filled(wrong.says, known.params), wrong.label
    right = kind.functions.right
    turn = index + derived_seed("turn", known.text) % len(right)
    source = kind.filled(right[turn % len(right)], known.params)
    source = _styled(source, index // len(right), known.text)
    if flaw in flaws.IN_SOURCE:
        source = flaws.IN_SOURCE[flaw](source)
    if flaw == "constant":
        return source, flaws.CONSTANT_SAYS, "neutral"
    if not known.hopeless and derived_seed("contrary", source) % 1000 < CONTRARY_PER_MILLE:
        return source, kind.filled(kind.contrary, known.params), "contradiction"
    return source, kind.filled(_pick(kind.says, "says", source), known.params), "entailment"


def draft(known: Known, index: int) -> Draft:
    """The answer with this number to the question for the instruction's function."""
    flaw = flaws.HOPELESS[index] if known.hopeless else flaws.drawn(known.text, index)
    if flaw == flaws.OWN_MISTAKE and not known.kind.functions.wrong:
        flaw = ""
    source, says, label = _function(known, index, flaw)
    cases = _cases(known, index, flaw == "one_label")
    before, after = _pick(_AROUND, "around", known.text, index)
    text = flaws.written(source, cases, flaw, pretty=derived_seed("pretty", known.text, index) % 4 == 0)
    if flaw == "cut_off":
        after = ""
    return Draft(known, flaw, source, says, label, cases, before + text + after)


def drafts() -> Iterator[Draft]:
    """All answers about functions, the seeds' first."""
    for known in [*seeds(), *proposals()]:
        for index in range(ANSWERS):
            yield draft(known, index)


def rows() -> Iterator[Row]:
    """The recording, row by row."""
    for call, answer in enumerate(proposal_lists()):
        yield _row("self_instruct", str(call), answer)
    written = list(drafts())
    for first in range(0, len(written), ANSWERS):
        answers = written[first : first + ANSWERS]
        yield _row("function", answers[0].known.text, *(draft.text for draft in answers))
    for source, says in {draft.source: draft.says for draft in written}.items():
        yield _row("back_translation", source, says)
    for (instruction, says), label in {(draft.known.text, draft.says): draft.label for draft in written}.items():
        analysis = _pick(_ANALYSES[label], "analysis", instruction, says)
        yield _row("entailment", f"{instruction}\n{says}", f"{analysis}\n{label}")


def _row(step: str, payload: str, *answers: str) -> Row:
    return {"step": step, "payload": payload, "answers": list(answers)}
