"""Ordinary conversations as demonstrations, in the forms that such files come in."""

from __future__ import annotations

import json

import pytest

from autoif_train.feedback.conversations import conversation_demonstrations
from autoif_train.funnel import Tally
from autoif_train.types import UserError

USER, REPLY = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


def demonstrations(path, most=None, seed=0):
    return list(Tally("data").passing(conversation_demonstrations(str(path), most, seed)))


@pytest.fixture
def file(tmp_path):
    def write(*rows, name="chats.jsonl"):
        path = tmp_path / name
        path.write_text(json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows)))
        return path

    return write


def test_the_last_answer_is_learnt_and_the_turns_before_it_are_its_prompt(file):
    again = {"role": "user", "content": "Bye"}
    (row,) = demonstrations(file({"messages": [USER, REPLY, again, REPLY, USER]}))
    assert (row.prompt, row.completion, row.score) == ([USER, REPLY, again], [REPLY], None)


def test_sharegpt_files_are_read(file):
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    (row,) = demonstrations(file({"conversations": turns}, name="sharegpt.json"))
    assert (row.prompt, row.completion) == ([USER], [REPLY])


@pytest.mark.parametrize(
    "turns", [[], [USER], [REPLY], [{"role": "tool", "content": "x"}, REPLY], "text", [USER, {"role": "assistant"}]]
)
def test_a_conversation_without_an_answer_to_a_user_is_dropped_with_its_reason(file, turns):
    tally = Tally("data")
    path = file({"messages": turns})
    assert list(tally.passing(conversation_demonstrations(str(path), None, 0))) == []
    assert tally.dropped["demonstration"]["no answer to a user"] == 1


def test_of_too_many_a_seeded_draw_stays_in_order(file):
    path = file(*({"messages": [{"role": "user", "content": str(n)}, REPLY]} for n in range(40)))
    taken = [int(row.prompt[0]["content"]) for row in demonstrations(path, most=10)]
    assert len(taken) == 10
    assert taken == sorted(taken)
    assert taken != [int(row.prompt[0]["content"]) for row in demonstrations(path, most=10, seed=1)]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        demonstrations(tmp_path / "nowhere.jsonl")
