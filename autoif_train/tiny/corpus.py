"""The pretraining text: plain answers, a little loose talk, and instructions that are followed only sometimes.

How often they are followed is what sets the base apart from the supervisor: both have seen the same kinds of text.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from autoif_train.tiny.composer import compose, good
from autoif_train.tiny.constraints import draw_constraints
from autoif_train.tiny.domain import instruct
from autoif_train.tiny.lexicon import ASIDES, KEYWORDS
from autoif_train.tiny.questions import ALL, SPLITS, Question

Example = tuple[str, str]
PLAIN_SHARE = 0.35


def examples(rng: random.Random, follow_probability: float) -> Iterator[Example]:
    """An endless stream of (prompt, answer); held-out facts and parameters never meet a followed instruction."""
    while True:
        if rng.random() < PLAIN_SHARE:
            yield plain_example(rng)
        else:
            yield instructed_example(rng, SPLITS["pretraining"], follow_probability)


def plain_example(rng: random.Random) -> Example:
    """Text without an instruction: an answer (or a shouted one), talk about a keyword, an answer in an unasked style.

    Upper-case words are other tokens: a model that rarely read facts in capitals garbles them once it follows
    "Use only capital letters.", which costs more relevance than all other instructions together.
    """
    question = rng.choice(ALL)
    style = rng.random()
    if style < 0.55:
        return question.text, compose(question, [], rng)
    if style < 0.7:
        return f"{question.text} Shout it.", compose(question, [], rng).upper()
    if style < 0.85:
        keyword = rng.choice(KEYWORDS)
        request = rng.choice(["Say something about the {keyword}.", "Write about the {keyword}."])
        aside = rng.choice(ASIDES).format(keyword=keyword)
        return request.format(keyword=keyword), f"{aside[0].upper()}{aside[1:]}."
    return question.text, compose(question, draw_constraints(rng, 1, held_out=rng.random() < 0.4), rng)


def instructed_example(
    rng: random.Random, questions: Sequence[Question], follow_probability: float, held_out_parameters: bool = False
) -> Example:
    """A question under one to three instructions, and an answer that follows them with the given probability."""
    while True:
        question = rng.choice(questions)
        count = rng.choices([1, 2, 3], [0.5, 0.35, 0.15])[0]
        constraints = draw_constraints(rng, count, held_out_parameters)
        answer = good(question, constraints, rng)
        if answer is not None:
            break
    if rng.random() >= follow_probability:
        answer = _disobedient_answer(question, constraints, rng)
    return instruct(question, constraints, rng).prompt, answer


def _disobedient_answer(question: Question, constraints: list, rng: random.Random) -> str:
    """Nothing followed, only a part, or something else than was asked for."""
    manner = rng.random()
    if manner < 0.45:
        return compose(question, [], rng)
    if manner < 0.8 and len(constraints) > 1:
        return compose(question, [constraint for constraint in constraints if rng.random() < 0.5], rng)
    return compose(question, draw_constraints(rng, 1, held_out=False), rng)
