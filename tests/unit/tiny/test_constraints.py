from __future__ import annotations

import random

import pytest

from autoif_train.tiny.composer import good
from autoif_train.tiny.constraints import (
    INCOMPATIBLE,
    KINDS,
    Constraint,
    check,
    constraint_of,
    draw_constraints,
    training_constraints,
    training_instructions,
)
from autoif_train.tiny.questions import ALL

QUERY = "What color is the fox?"

EXAMPLES = [
    ("lower", (), "the fox is red.", "The fox is red."),
    ("upper", (), "THE FOX IS RED.", "THE FOX IS red."),
    ("nocomma", (), "The fox is red.", "Well, the fox is red."),
    ("comma", (2,), "Well, yes, it is red.", "Well, it is red."),
    ("kw", ("river",), "The fox is red and the River.", "The fox is red, like rivers."),
    ("kwn", ("tea", 2), "Red. Tea and tea.", "Red. Tea."),
    ("taboo", ("the",), "A fox is red.", "The fox is red."),
    ("start", ("Listen",), "Listen, it is red.", "It is red, listen."),
    ("end", ("Have fun.",), "It is red. Have fun.", "Have fun. It is red."),
    ("nsent", (2,), "It is red. Yes!", "It is red."),
    ("atmost", (3,), "It is red.", "The fox is red."),
    ("atleast", (10,), "The fox is red and it eats berries in the forest.", "The fox is red."),
    ("bullets", (2,), "* It is red.\n* It runs.", "* It is red.\nIt runs."),
    ("quote", (), '"It is red."', 'It is "red."'),
    ("json", (), '{"answer": "red"}', '["red"]'),
    ("repeat", (), "What color is the fox? It is red.", "It is red."),
    ("title", (), "<<Fox>>\nIt is red.", "<<>>\nIt is red."),
    ("ps", (), "It is red.\nP.S. The fox can run.", "It is red. P.S."),
    ("excl", (1,), "It is red!", "It is red!!"),
    ("question", (), "It is red, right?", "It is red."),
]


@pytest.mark.parametrize(("kind", "params", "following", "violating"), EXAMPLES)
def test_a_check_tells_following_from_violating(kind, params, following, violating):
    constraint = Constraint(kind, params)
    assert (check(constraint, following, QUERY), check(constraint, violating, QUERY)) == (True, False)


def test_every_kind_has_an_example():
    assert [example[0] for example in EXAMPLES] == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_answer_follows_nothing(kind):
    params = next(KINDS[kind].parameters())
    assert not check(Constraint(kind, params), " \n", QUERY)


def test_deeply_nested_text_is_not_an_error():
    assert not check(Constraint("json"), "[" * 100_000, QUERY)


def test_every_training_instruction_leads_back_to_its_constraint():
    for constraint in training_constraints():
        assert [constraint_of(text) for text in constraint.texts()] == [constraint, constraint]


def test_held_out_parameters_are_recognised():
    rng = random.Random(0)
    for constraint in (c for _ in range(200) for c in draw_constraints(rng, 2, held_out=True)):
        assert all(constraint_of(text) == constraint for text in constraint.texts())


def test_a_parameter_of_no_range_is_recognised():
    assert constraint_of("Use at least 40 words.") == Constraint("atleast", (40,))


def test_another_text_is_no_constraint():
    assert constraint_of("Write a poem.") is None


def test_training_instructions_are_different_texts():
    texts = training_instructions()
    assert len(texts) == len(set(texts)) == 498


def test_training_instructions_never_show_a_held_out_parameter():
    shown = training_constraints()
    for kind, details in KINDS.items():
        for position, values in enumerate(details.ranges):
            assert not set(values.held_out) & {c.params[position] for c in shown if c.kind == kind}


def test_incompatible_kinds_are_kinds():
    assert all(len(pair) == 2 and pair <= set(KINDS) for pair in INCOMPATIBLE)


def test_incompatible_kinds_are_never_drawn_together():
    rng = random.Random(1)
    drawn = [{constraint.kind for constraint in draw_constraints(rng, 3, held_out=False)} for _ in range(500)]
    assert not any(pair <= kinds for kinds in drawn for pair in INCOMPATIBLE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_can_be_followed_by_composed_answers(kind):
    rng = random.Random(2)
    for params in set(KINDS[kind].parameters()) - {(3,) if kind == "atmost" else None}:  # none has so few words
        assert any(good(rng.choice(ALL), [Constraint(kind, params)], rng) for _ in range(30)), params
