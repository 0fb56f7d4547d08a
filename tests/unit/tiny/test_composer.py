from __future__ import annotations

import random

from autoif_train.tiny.composer import compose, good
from autoif_train.tiny.constraints import check, constraint_of, draw_constraints, training_instructions
from autoif_train.tiny.corpus import instructed_example
from autoif_train.tiny.questions import ALL, SPLITS, relevant, user_queries


def test_a_good_answer_follows_and_is_relevant():
    rng = random.Random(0)
    for _ in range(300):
        question, constraints = rng.choice(ALL), draw_constraints(rng, 2, held_out=False)
        answer = good(question, constraints, rng)
        if answer is not None:
            assert all(check(constraint, answer, question.text) for constraint in constraints)
            assert relevant(question.text, answer)


def test_most_combinations_can_be_followed():
    rng = random.Random(1)
    answers = [good(rng.choice(ALL), draw_constraints(rng, 2, held_out=False), rng) for _ in range(300)]
    assert sum(answer is not None for answer in answers) > 270


def test_a_plain_answer_states_the_fact():
    rng = random.Random(2)
    assert all(relevant(question.text, compose(question, [], rng)) for question in ALL)


def share_followed(follow_probability: float) -> float:
    rng, followed = random.Random(3), 0
    for _ in range(200):
        prompt, answer = instructed_example(rng, SPLITS["train"], follow_probability)
        query = next(query for query in user_queries("train") if prompt.startswith(query))
        constraints = [constraint_of(text) for text in training_instructions() if text in prompt.removeprefix(query)]
        followed += all(check(constraint, answer, query) for constraint in constraints)
    return followed / 200


def test_an_obedient_corpus_always_follows():
    assert share_followed(1.0) == 1.0


def test_a_disobedient_corpus_rarely_follows():
    assert share_followed(0.0) < 0.25
