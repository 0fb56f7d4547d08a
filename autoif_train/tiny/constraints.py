"""The instructions: 20 kinds with their wordings, parameters and true checks.

A pipeline only carries instruction texts; `constraint_of` reads the constraint back from a text in any wording and
with any parameter, and `check` says the truth about an answer. The truth is for evaluation and for measuring the
verification functions: training never sees it.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence

from autoif_train.tiny.lexicon import COMMON_WORDS, END_PHRASES, KEYWORDS, START_WORDS
from autoif_train.tiny.questions import words

Value = str | int


@dataclasses.dataclass(frozen=True)
class Range:
    """The values a parameter takes in training, and those kept for evaluation (none: the same everywhere)."""

    train: tuple[Value, ...]
    held_out: tuple[Value, ...] = ()

    def draw(self, rng: random.Random, held_out: bool) -> Value:
        """One value; from the training range where nothing is held out."""
        return rng.choice(self.held_out if held_out and self.held_out else self.train)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of instruction: its two wordings, the check `(response, user_query, *params) -> bool`, its ranges."""

    wordings: tuple[str, str]
    holds: Callable[..., bool]
    ranges: tuple[Range, ...] = ()

    def parameters(self) -> Iterator[tuple[Value, ...]]:
        """Every combination of training parameters; one empty tuple for a kind without any."""
        return itertools.product(*(values.train for values in self.ranges))


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A kind with its parameters: what an instruction demands, whatever its wording."""

    kind: str
    params: tuple[Value, ...] = ()

    def texts(self) -> tuple[str, ...]:
        """The instruction in each of its wordings."""
        return tuple(wording.format(*self.params) for wording in KINDS[self.kind].wordings)


def _every_fifth_held_out(values: Sequence[Value]) -> Range:
    held_out = tuple(values[::5])
    return Range(tuple(value for value in values if value not in held_out), held_out)


def _numbers(first: int, last: int, held_out: tuple[int, ...] = ()) -> Range:
    return Range(tuple(number for number in range(first, last + 1) if number not in held_out), held_out)


def _lower_words(text: str) -> list[str]:
    return words(text.lower())


def _sentence_count(text: str) -> int:
    return sum(bool(re.search(r"\w", part)) for part in re.split(r"(?<=[.!?])\s+", text.strip()))


def _bullet_count(text: str) -> int:
    return sum(line.startswith("* ") for line in text.split("\n"))


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _ends_with(text: str, phrase: str) -> bool:
    return text.strip().lower().rstrip('"}').endswith(phrase.lower())


_KEYWORD = _every_fifth_held_out(KEYWORDS)

KINDS: dict[str, Kind] = {
    "lower": Kind(("Use only lowercase letters.", "Write in all lowercase."), lambda r, q: r == r.lower()),
    "upper": Kind(("Use only capital letters.", "Write in all uppercase."), lambda r, q: r == r.upper()),
    "nocomma": Kind(("Do not use any commas.", "Avoid commas."), lambda r, q: "," not in r),
    "comma": Kind(
        ("Use at least {0} commas.", "Include {0} or more commas."),
        lambda r, q, n: r.count(",") >= n,
        (_numbers(1, 3),),
    ),
    "kw": Kind(
        ("Include the word {0}.", "Use the word {0} in your answer."),
        lambda r, q, word: word in _lower_words(r),
        (_KEYWORD,),
    ),
    "kwn": Kind(
        ("Use the word {0} exactly {1} times.", "The word {0} must appear {1} times."),
        lambda r, q, word, n: _lower_words(r).count(word) == n,
        (_KEYWORD, _numbers(2, 3)),
    ),
    "taboo": Kind(
        ("Do not use the word {0}.", "Avoid the word {0}."),
        lambda r, q, word: word not in _lower_words(r),
        (Range(COMMON_WORDS),),
    ),
    "start": Kind(
        ("Start with the word {0}.", "Your first word must be {0}."),
        lambda r, q, word: _lower_words(r)[:1] == [word.lower()],
        (_every_fifth_held_out(START_WORDS),),
    ),
    "end": Kind(
        ('End with "{0}"', 'Finish your answer with "{0}"'),
        lambda r, q, phrase: _ends_with(r, phrase),
        (_every_fifth_held_out(END_PHRASES),),
    ),
    "nsent": Kind(
        ("Answer in exactly {0} sentences.", "Write {0} sentences."),
        lambda r, q, n: _sentence_count(r) == n,
        (_numbers(1, 4),),
    ),
    "atmost": Kind(
        ("Use at most {0} words.", "Do not use more than {0} words."),
        lambda r, q, n: len(words(r)) <= n,
        (_numbers(3, 12, held_out=(6, 9)),),
    ),
    "atleast": Kind(
        ("Use at least {0} words.", "Write {0} words or more."),
        lambda r, q, n: len(words(r)) >= n,
        (_numbers(10, 25, held_out=(13, 18, 22)),),
    ),
    "bullets": Kind(
        ("Give exactly {0} bullet points.", "Use {0} bullets."),
        lambda r, q, n: _bullet_count(r) == n,
        (_numbers(2, 4),),
    ),
    "quote": Kind(
        ("Wrap your answer in double quotes.", "Put the whole answer in quotes."),
        lambda r, q: len(r) > 2 and r[0] == '"' == r[-1],
    ),
    "json": Kind(("Answer in JSON format.", "Reply as JSON."), lambda r, q: _is_json_object(r)),
    "repeat": Kind(
        ("First repeat the question.", "Repeat the question before you answer."),
        lambda r, q: r.strip().lower().startswith(q.strip().lower()),
    ),
    "title": Kind(
        ("Add a title in double angle brackets.", "Include a title like <<title>>."),
        lambda r, q: bool(re.search(r"<<[^<>\n]+>>", r)),
    ),
    "ps": Kind(
        ("Add a postscript starting with P.S.", "At the end add a P.S. note."),
        lambda r, q: bool(re.search(r"p\.s\. \w", r.lower())),
    ),
    "excl": Kind(
        ("Use exactly {0} exclamation marks.", "Include {0} exclamation marks."),
        lambda r, q, n: r.count("!") == n,
        (_numbers(1, 3),),
    ),
    "question": Kind(
        ("End with a question mark.", "Finish with a question."), lambda r, q: r.rstrip('"').endswith("?")
    ),
}

_CLASHES = """
lower-upper nocomma-comma bullets-nsent quote-json quote-repeat json-repeat start-repeat start-json start-bullets
start-quote json-bullets quote-bullets atmost-atleast end-question end-ps ps-question title-start title-quote title-json
title-repeat kw-kwn bullets-atmost ps-atmost repeat-atmost end-atmost ps-quote ps-json end-quote end-json end-excl
nsent-title nsent-ps bullets-repeat taboo-repeat taboo-end upper-json taboo-title repeat-nsent bullets-title lower-ps
question-json kwn-atmost end-nsent taboo-kwn json-atmost excl-json comma-json
"""
INCOMPATIBLE = tuple(frozenset(pair.split("-")) for pair in _CLASHES.split())
"""Kinds that are never asked for together: contradictions, and pairs whose reading would be a matter of taste."""


def check(constraint: Constraint, response: str, user_query: str) -> bool:
    """The true verdict on one answer; an empty answer follows nothing."""
    return bool(response.strip()) and KINDS[constraint.kind].holds(response, user_query, *constraint.params)


def _pattern(wording: str, ranges: tuple[Range, ...]) -> re.Pattern[str]:
    pattern = re.escape(wording)
    for number, values in enumerate(ranges):
        numeric = isinstance(values.train[0], int)
        pattern = pattern.replace(
            rf"\{{{number}\}}", r"(\d+)" if numeric else "(.+)" if '"' in wording else "([\\w']+)"
        )
    return re.compile(pattern)


_PATTERNS = [(name, kind, _pattern(text, kind.ranges)) for name, kind in KINDS.items() for text in kind.wordings]


def constraint_of(instruction_text: str) -> Constraint | None:
    """The constraint an instruction text stands for, in any wording and with any parameter; None for other texts."""
    for name, kind, pattern in _PATTERNS:
        match = pattern.fullmatch(instruction_text)
        if match:
            values = zip(kind.ranges, match.groups(), strict=True)
            return Constraint(name, tuple(type(range_.train[0])(text) for range_, text in values))
    return None


def training_constraints() -> list[Constraint]:
    """Every kind with every parameter of the training range."""
    return [Constraint(name, params) for name, kind in KINDS.items() for params in kind.parameters()]


def training_instructions() -> list[str]:
    """Every instruction text of the training range, in each wording; held-out parameters never occur in it."""
    return [text for constraint in training_constraints() for text in constraint.texts()]


def draw_constraints(rng: random.Random, count: int, held_out: bool) -> list[Constraint]:
    """`count` compatible constraints of different kinds, with parameters of the training or the held-out range."""
    while True:
        kinds = rng.sample(list(KINDS), count)
        if not any(pair <= set(kinds) for pair in INCOMPATIBLE):
            return [Constraint(kind, tuple(r.draw(rng, held_out) for r in KINDS[kind].ranges)) for kind in kinds]
