"""The embedded benchmark: greedy answers, true checks, shares with intervals."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat.base import Answer
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.tiny import SETS, Scored, answer_set, metrics
from autoif_train.rows import plain

SETTINGS = EvaluationSettings(max_prompts=12, max_new_tokens=96)


class Says:
    name = "says"

    def __init__(self, *texts):
        self.texts = texts
        self.settings = None
        self.asked = []

    def answer(self, prompts, settings):
        self.settings, self.asked = settings, prompts
        return [[Answer(text) for text in self.texts] for _ in prompts]


@pytest.mark.parametrize("name", list(SETS))
def test_each_set_is_answered_in_its_order(name):
    chat = Says("The river is long.")
    scored = list(answer_set(name, chat, SETTINGS))
    assert [row.prompt for row in scored] == [prompt.payload for prompt in chat.asked]
    assert len(scored) == 12


def test_decoding_is_greedy_and_single():
    chat = Says("x")
    list(answer_set("H", chat, SETTINGS))
    assert (chat.settings.temperature, chat.settings.responses_per_query, chat.settings.max_new_tokens) == (0.0, 1, 96)


@pytest.mark.parametrize("text", ["", "<think>never ends", "\ud83d", "x" * 100_000])
def test_any_answer_is_scored(text):
    scored = list(answer_set("H", Says(text), SETTINGS))
    assert len(scored) == 12
    assert not any(row.relevant for row in scored)


def test_a_missing_answer_is_no_failing_one():
    with pytest.raises(ValueError, match="not enough values"):
        list(answer_set("H", Says(), SETTINGS))


def test_the_reasoning_is_not_scored():
    assert {row.text for row in answer_set("Q", Says("<think>a b c</think>answer"), SETTINGS)} == {"answer"}


def test_a_scored_answer_survives_the_way_through_json():
    for row in answer_set("H", Says("The river is long."), SETTINGS):
        assert Scored.from_row(json.loads(json.dumps(plain(row)))) == row


def scored(followed, relevant=True, text="a b"):
    return Scored("prompt", text, tuple(followed), relevant)


def test_an_answer_passes_when_every_instruction_is_followed():
    assert scored([True, True]).passed
    assert not scored([True, False]).passed


def test_shares_are_per_prompt_and_per_instruction():
    found = metrics([scored([True, False]), scored([True], relevant=False, text="a b c d")])
    assert found["pass_rate"] == 0.5
    assert found["instruction_pass_rate"] == pytest.approx(2 / 3)
    assert found["relevance"] == 0.5
    assert found["mean_words"] == 3.0
    assert found["distinct"] == 1.0


def test_equal_answers_show():
    assert metrics([scored([True])] * 4)["distinct"] == 0.25


def test_the_interval_holds_the_pass_rate():
    found = metrics([scored([number % 3 == 0]) for number in range(30)])
    assert found["pass_rate_low"] < found["pass_rate"] < found["pass_rate_high"]


def test_no_answer_is_no_division_by_zero():
    assert metrics([])["pass_rate"] == 0.0


def test_all_names_of_the_contract_are_there():
    names = {
        "pass_rate",
        "instruction_pass_rate",
        "relevance",
        "mean_words",
        "distinct",
        "pass_rate_low",
        "pass_rate_high",
    }
    assert names <= metrics([scored([True])]).keys()
