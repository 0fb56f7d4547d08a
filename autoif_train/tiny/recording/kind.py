"""What the recorded supervisor knows about one kind of instruction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from autoif_train.tiny.recording.functions import Functions, functions
from autoif_train.tiny.recording.texts import PLAIN

Value = str | int
Case = tuple[str, bool]


@dataclasses.dataclass(frozen=True)
class Kind:
    """Hand-written material for every instruction of one kind.

    Functions and descriptions are templates: each name in `slots` stands for one parameter, written in capitals so
    that a source stays readable Python. `says` describes the right functions; `contrary` is what a confused
    supervisor says of one. `cases` gives labelled texts for a choice of parameters.
    """

    name: str
    wordings: tuple[str, ...]
    says: tuple[str, ...]
    contrary: str
    cases: Callable[..., Sequence[Case]]
    slots: tuple[str, ...] = ()
    params: tuple[tuple[Value, ...], ...] = ((),)

    @property
    def functions(self) -> Functions:
        """The templates of the functions, from `sources/*.txt`."""
        return functions()[self.name]

    def filled(self, template: str, params: Iterable[Value]) -> str:
        """A template with its slots filled."""
        for slot, value in zip(self.slots, params, strict=True):
            template = template.replace(slot, str(value))
        return template


def labelled(texts: Iterable[str], holds: Callable[[str], bool]) -> list[Case]:
    """The texts with what `holds` says of them, each text once."""
    return [(text, holds(text)) for text in dict.fromkeys(texts)]


def each(words: str) -> tuple[tuple[str], ...]:
    """One parameter tuple for each of the words."""
    return tuple((word,) for word in words.split())


def single(
    wording: str, holds: Callable[[str], bool], texts: Iterable[str], says: Sequence[str], contrary: str
) -> Kind:
    """A kind that is one instruction, outside the tiny world: `texts` made for it, and plain ones, are its cases."""
    cases = labelled([*texts, *PLAIN[3::6]], holds)
    return Kind(wording, (wording,), tuple(says), contrary, lambda: cases)
