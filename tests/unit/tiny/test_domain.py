from __future__ import annotations

import pytest

from autoif_train.rows import plain
from autoif_train.tiny import evaluation_set
from autoif_train.tiny.domain import EVALUATION_SETS, constraint_of, draw_prompts, relevant, user_queries
from autoif_train.tiny.questions import ALL, SPLITS


def test_there_are_428_queries():
    assert len({question.text for question in ALL}) == 428


def test_the_splits_share_no_fact():
    facts = [{question.fact for question in SPLITS[split]} for split in ("train", "validation", "held_out")]
    assert len(set.union(*facts)) == sum(map(len, facts)) == 214


def test_user_queries_come_in_both_wordings():
    assert [len(user_queries(split)) for split in ("train", "validation", "held_out")] == [294, 50, 84]


@pytest.mark.parametrize(("answer", "expected"), [("A Red one.", True), ("It is redder.", False), ("Blue.", False)])
def test_relevance_is_the_right_word(answer, expected):
    assert relevant("What color is the fox?", answer) is expected


def test_relevance_of_an_unknown_query_is_unknown():
    assert relevant("What color is the moon?", "white") is None


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_the_shipped_evaluation_sets_can_be_drawn_again(name):
    draw = EVALUATION_SETS[name]
    drawn = draw_prompts(draw.prompts, draw.seed, draw.split, draw.held_out_parameters)
    assert [plain(prompt) for prompt in drawn] == list(evaluation_set(name))


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_an_evaluation_prompt_is_its_query_and_instructions(name):
    for row in evaluation_set(name):
        assert row["prompt"] == " ".join([row["user_query"], *row["instructions"]])
        assert all(constraint_of(text) for text in row["instructions"])
