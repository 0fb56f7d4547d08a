"""What is asked: one fact of one entity, in one of two wordings, and the splits of the facts.

The split is by fact, never by wording: a held-out fact is held out in both. All facts occur in pretraining, plainly;
held-out facts never occur there together with an instruction. Validation facts are kept out of post-training only.
"""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Literal

from autoif_train.tiny.lexicon import ENTITIES, QUESTIONS

Split = Literal["train", "validation", "held_out"]


@dataclasses.dataclass(frozen=True)
class Question:
    """One user query: `attribute` of `entity`, asked in wording 0 or 1."""

    entity: str
    attribute: str
    wording: int

    @property
    def text(self) -> str:
        """The query as a user types it."""
        return QUESTIONS[self.attribute][self.wording].format(entity=self.entity)

    @property
    def fact(self) -> tuple[str, str]:
        """What it asks for, whatever the wording: the unit of the splits."""
        return self.entity, self.attribute

    @property
    def value(self) -> str:
        """The one right word."""
        return ENTITIES[self.entity][self.attribute]


def words(text: str) -> list[str]:
    """The words of a text in order, as written; digits and apostrophes belong to words."""
    return re.findall(r"[A-Za-z0-9']+", text)


ALL = tuple(
    Question(entity, attribute, wording)
    for entity, facts in ENTITIES.items()
    for attribute in facts
    for wording in (0, 1)
)


def _draw_facts(questions: list[Question] | tuple[Question, ...], share: float, seed: int) -> set[tuple[str, str]]:
    facts = sorted({question.fact for question in questions})
    return set(random.Random(seed).sample(facts, int(len(facts) * share)))


def _splits() -> dict[str, tuple[Question, ...]]:
    held_out = _draw_facts(ALL, 0.2, seed=7)
    seen = tuple(question for question in ALL if question.fact not in held_out)
    validation = _draw_facts(seen, 0.15, seed=11)
    return {
        "train": tuple(question for question in seen if question.fact not in validation),
        "validation": tuple(question for question in seen if question.fact in validation),
        "held_out": tuple(question for question in ALL if question.fact in held_out),
        "pretraining": seen,
    }


SPLITS = _splits()
"""Questions by split; `pretraining` (train and validation together) is what the base saw with instructions."""

_BY_TEXT = {question.text: question for question in ALL}


def question_of(user_query: str) -> Question | None:
    """The question behind a user query's text, None where this world does not know it."""
    return _BY_TEXT.get(user_query)


def user_queries(split: Split) -> list[str]:
    """The texts of the user queries of a split, in a fixed order."""
    return [question.text for question in SPLITS[split]]


def relevant(user_query: str, response: str) -> bool | None:
    """Whether a response states the fact that was asked for; None for a query this world does not know.

    A word check: the right word occurs, in any case. It does not read the sentence around it.
    """
    question = question_of(user_query)
    if question is None:
        return None
    return question.value in words(response.lower())
