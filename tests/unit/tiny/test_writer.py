"""The tiny world's writer: it reads every prompt of this world, and follows as often as it says."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.tiny import evaluation_set
from autoif_train.tiny.domain import check, constraint_of
from autoif_train.tiny.writer import FOLLOWS, TinyWriter, read_prompt
from autoif_train.types import UserError


@pytest.mark.parametrize("name", ["heldout_h", "heldout_q"])
def test_every_prompt_is_read_as_it_was_made(name):
    for row in evaluation_set(name):
        question, constraints = read_prompt(row["prompt"])
        assert question.text == row["user_query"]
        assert constraints == [constraint_of(text) for text in row["instructions"]]


def test_instructions_come_first_or_last_and_unknown_ones_are_passed_over():
    first = read_prompt("Avoid commas. Make it rhyme. Where does the fox live?")
    assert first == read_prompt("Where does the fox live? Avoid commas.")


def test_answers_follow_about_as_often_as_stated():
    rows = list(evaluation_set("heldout_q"))
    prompts = [Prompt([{"role": "user", "content": row["prompt"]}], seed=number) for number, row in enumerate(rows)]
    followed = [
        all(check(constraint_of(text), answer.text, row["user_query"]) for text in row["instructions"])
        for row, answers in zip(rows, TinyWriter().answer(prompts, SamplingSettings(4)), strict=True)
        for answer in answers
    ]
    assert FOLLOWS - 0.03 < sum(followed) / len(followed) < FOLLOWS + 0.1


def test_an_answer_depends_on_its_prompt_alone():
    prompts = [Prompt([{"role": "user", "content": "Where does the fox live? Avoid commas."}], seed=7)] * 2
    one, two = TinyWriter().answer(prompts, SamplingSettings(2))
    assert one == two
    assert one[0] != one[1]


def test_a_prompt_of_another_world_is_refused():
    with pytest.raises(UserError, match="tiny world"):
        TinyWriter().answer([Prompt([{"role": "user", "content": "What is love?"}])], SamplingSettings(1))
