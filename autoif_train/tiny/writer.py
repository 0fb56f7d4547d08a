"""The tiny world's own writer of answers: a script behind the seam of a chat model, stronger than any model here.

It knows the facts and the constraints of the evaluation sets, and nothing else: an instruction of another kind is
passed over. A run that names it as its respondent asks what a stronger supervisor is worth (paper Table 2); as the
refiner of recipes/spar.py it mends answers.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.tiny.composer import compose, good
from autoif_train.tiny.constraints import Constraint, constraint_of
from autoif_train.tiny.questions import ALL, Question
from autoif_train.tiny.refiner import mend
from autoif_train.types import UserError, derived_seed

FOLLOWS = 0.8
"""Probability that an answer tries to follow its instructions: one that never failed would leave nothing to reject."""

_QUESTIONS = {question.text: question for question in ALL}
_BETWEEN = re.compile(r"(?<=[.?!\"])\s+(?=[A-Z])")


class TinyWriter:
    """A `ChatModel` that composes answers to questions of the tiny world under its own instructions."""

    name = "tiny writer (a script)"

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` composed answers for each prompt; `UserError` for a prompt of another world."""
        count = settings.responses_per_query
        return [
            [Answer(_written(prompt, index)) for index in range(prompt.first, prompt.first + count)]
            for prompt in prompts
        ]


def _written(prompt: Prompt, index: int) -> str:
    chance = random.Random(derived_seed(prompt.seed, index))
    if prompt.step == "refinement":
        asked, text, critique = json.loads(prompt.payload)
        return mend(read_prompt(asked)[0], _BETWEEN.split(asked), text, critique, chance)
    question, constraints = read_prompt(prompt.messages[-1]["content"])
    if chance.random() < FOLLOWS and (answer := good(question, constraints, chance)):
        return answer
    return compose(question, [], chance)


def read_prompt(text: str) -> tuple[Question, list[Constraint]]:
    """The question that a prompt asks and the constraints it names, in any order; unknown instructions are left out."""
    parts = _BETWEEN.split(text)
    questions = [_QUESTIONS[part] for part in parts if part in _QUESTIONS]
    if len(questions) != 1:
        raise UserError(f"kind tiny: {text!r} asks no question of the tiny world; use another respondent.kind")
    return questions[0], [found for part in parts if (found := constraint_of(part))]
