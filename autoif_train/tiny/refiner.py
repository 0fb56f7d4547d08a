"""Mends answers of the tiny world: a script that stands for the refiner which SPaR first trains on a stronger model.

An edit touches what its constraint asks for and little else; it may break another constraint, as a model's would.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from autoif_train.tiny.composer import capitalised, statement
from autoif_train.tiny.constraints import check, constraint_of
from autoif_train.tiny.lexicon import ASIDES, CLOSING_QUESTIONS, ENTITIES
from autoif_train.tiny.questions import Question, words

Chance = random.Random

SLIPS = 0.3
"""Probability that nothing is mended: a refiner that never failed would leave a search nothing to do."""


def mend(question: Question, parts: list[str], text: str, critique: str, chance: Chance) -> str:
    """The answer with an edit for each of the prompt's `parts` that the critique names and that is violated."""
    for constraint in (found for part in parts if part in critique and (found := constraint_of(part))):
        if chance.random() >= SLIPS and not check(constraint, text, question.text):
            text = EDITS[constraint.kind](text, question, chance, *constraint.params)
    return text


def _said(question: Question, chance: Chance) -> str:
    attribute = chance.choice(list(ENTITIES[question.entity]))
    return statement(question.entity, attribute, chance, opening=False)


def _sentence(question: Question, chance: Chance) -> str:
    return f"{capitalised(_said(question, chance))}."


def _within(text: str, *clauses: str) -> str:
    """The clauses before the marks that end a text."""
    stem = re.sub(r"[.!?\"]*$", "", text)
    return stem + "".join(clauses) + text[len(stem) :]


def _asides(word: str, count: int, chance: Chance) -> list[str]:
    return [f" and {chance.choice(ASIDES).format(keyword=word)}" for _ in range(count)]


def _sized(text: str, count: int, question: Question, chance: Chance) -> list[str]:
    """The first `count` sentences, more of them where they are too few."""
    found = re.split(r"(?<=[.!?])\s+", text.replace("* ", ""))
    return [*found, *(_sentence(question, chance) for _ in range(count))][:count]


def _keyword_count(text: str, chance: Chance, word: str, count: int) -> str:
    found = words(text.lower()).count(word)
    spare = re.sub(rf"(?i) ?\b{word}\b", "", text, count=max(found - count, 0)) if found > count else text
    return _within(spare, *_asides(word, count - found, chance))


def _lengthened(text: str, question: Question, chance: Chance, count: int) -> str:
    while len(words(text)) < count:
        text = f"{text} {_sentence(question, chance)}"
    return text


EDITS: dict[str, Callable[..., str]] = {
    "lower": lambda t, q, c: t.lower(),
    "upper": lambda t, q, c: t.upper(),
    "nocomma": lambda t, q, c: t.replace(",", ""),
    "comma": lambda t, q, c, n: _within(t, *(f", and {_said(q, c)}" for _ in range(n - t.count(",")))),
    "kw": lambda t, q, c, word: _within(t, *_asides(word, 1, c)),
    "kwn": lambda t, q, c, word, n: _keyword_count(t, c, word, n),
    "taboo": lambda t, q, c, word: re.sub(rf"(?i)\b{word}\b ?", "", t),
    "start": lambda t, q, c, word: f"{word} {t}",
    "end": lambda t, q, c, phrase: f"{t} {phrase}",
    "nsent": lambda t, q, c, n: " ".join(_sized(t, n, q, c)),
    "atmost": lambda t, q, c, n: " ".join(t.split()[:n]).rstrip(",.") + ".",
    "atleast": lambda t, q, c, n: _lengthened(t, q, c, n),
    "bullets": lambda t, q, c, n: "\n".join(f"* {each}" for each in _sized(t, n, q, c)),
    "quote": lambda t, q, c: '"' + t.replace('"', "") + '"',
    "json": lambda t, q, c: '{"answer": "' + t.replace('"', "").replace("\n", " ") + '"}',
    "repeat": lambda t, q, c: f"{q.text} {t}",
    "title": lambda t, q, c: f"<<{q.entity.capitalize()}>>\n{t}",
    "ps": lambda t, q, c: f"{t}\nP.S. {_sentence(q, c)}",
    "excl": lambda t, q, c, n: t.replace("!", ".").replace(".", "!", n) + "!" * (n - t.count("!") - t.count(".")),
    "question": lambda t, q, c: f"{t} {c.choice(CLOSING_QUESTIONS)}",
}
