"""Which instructions the recorded supervisor knows: the seeds, its proposals, and the lists in which it makes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from autoif_train.tiny.recording.kind import Kind, Value
from autoif_train.tiny.recording.kinds import (
    frames,
    hopeless,
    layouts,
    lengths,
    letters_and_marks,
    other_lines,
    other_marks,
    other_words,
    single_words,
)
from autoif_train.types import derived_seed

TINY_KINDS = tuple(
    kind for module in (letters_and_marks, single_words, lengths, layouts, frames) for kind in module.KINDS
)
OTHER_MODULES = (other_words, other_lines, other_marks)
EVERY_WORDING_UP_TO = 10  # a kind with more parameters takes its wordings in turns

NEAR_DUPLICATES = (
    ("lower", (), "Use only lower-case letters."),
    ("upper", (), "Write everything in uppercase."),
    ("nocomma", (), "Do not use commas."),
    ("question", (), "Finish with a question!"),
    ("json", (), "Answer in the JSON format."),
    ("kw", ("bridge",), 'Include the word "bridge".'),
    ("atmost", (8,), "Please use at most 8 words."),
    ("nsent", (3,), "Answer in exactly three sentences."),
)
"""Proposals that say once more what another one says, in almost the same words."""

CALLS = 8
_PREAMBLES = (
    "Here are further requirements that a program can check:",
    "",
    "Sure! Each of these can be verified by looking at the reply:",
    "",
    "New requirements:",
    "",
    "",
    "Here is my list, one requirement per line:",
)
_MARKS = ("{}. ", "- ", "{}) ", "* ", "{}. ", "{}. ", "- ", "{}. ")
REPEATED_PER_CALL = 3


@dataclasses.dataclass(frozen=True)
class Known:
    """An instruction text and what it is made of."""

    text: str
    kind: Kind
    params: tuple[Value, ...] = ()
    hopeless: bool = False


def _of_tiny_kind(kind: Kind) -> Iterator[Known]:
    for number, params in enumerate(kind.params):
        every = len(kind.params) <= EVERY_WORDING_UP_TO
        wordings = kind.wordings if every else (kind.wordings[number % len(kind.wordings)],)
        for wording in wordings:
            yield Known(wording.format(*params), kind, params)


def seeds() -> list[Known]:
    """The seed instructions: one of each tiny kind, in its second wording, then kinds beyond the tiny model."""
    first = [Known(kind.wordings[1].format(*kind.params[0]), kind, kind.params[0]) for kind in TINY_KINDS]
    return first + [Known(kind.name, kind) for module in OTHER_MODULES for kind in module.SEEDS]


def proposals() -> list[Known]:
    """What the supervisor proposes beyond the seeds, each text once."""
    by_name = {kind.name: kind for kind in TINY_KINDS}
    found = [known for kind in TINY_KINDS for known in _of_tiny_kind(kind)]
    found += [Known(kind.name, kind) for module in OTHER_MODULES for kind in module.PROPOSED]
    found += [Known(text, by_name[name], params) for name, params, text in NEAR_DUPLICATES]
    found += [Known(kind.name, kind, hopeless=True) for kind in hopeless.KINDS]
    old = {known.text for known in seeds()}
    return sorted(
        (known for known in found if known.text not in old), key=lambda known: derived_seed("proposal", known.text)
    )


def proposal_lists() -> list[str]:
    """The answers to the calls that ask for new instructions: lists as models write them, repetitions included."""
    texts = [known.text for known in proposals()]
    old = [known.text for known in seeds()]
    answers = []
    for call in range(CALLS):
        own = texts[call::CALLS]
        earlier = old + [text for before in range(call) for text in texts[before::CALLS]]
        own += sorted(earlier, key=lambda text: derived_seed("again", call, text))[:REPEATED_PER_CALL]
        own.sort(key=lambda text: derived_seed("order", call, text))
        lines = [_MARKS[call].format(number) + text for number, text in enumerate(own, 1)]
        lines.insert(len(lines) // 2, "")
        answers.append("\n".join([_PREAMBLES[call], *lines]).strip())
    return answers
