"""An unreadable answer is asked for again within a budget, as a further sample, and every attempt is told."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.synthesis.asking import ask_until_readable, whole
from autoif_train.synthesis.reading import Unreadable

TWO = SamplingSettings(responses_per_query=2, temperature=0.0)


class Numbering:
    """Answers with the sample's number; those in `unreadable` cannot be read. There are `most` answers in all."""

    name = "numbering"

    def __init__(self, unreadable=(), most=100):
        self.unreadable, self.most, self.calls = unreadable, most, []

    def answer(self, prompts, settings):
        self.calls.append((list(prompts), settings))
        return [
            [Answer(str(n)) for n in range(p.first, min(p.first + settings.responses_per_query, self.most))]
            for p in prompts
        ]

    def read(self, answer):
        if int(answer.text) in self.unreadable:
            raise Unreadable("no number")
        return int(answer.text)


def attempts(chat, budget, prompts=1):
    asked = [Prompt([{"role": "user", "content": str(number)}]) for number in range(prompts)]
    return ask_until_readable(chat, asked, TWO, chat.read, budget)


def told(row):
    return [(attempt.value, attempt.reason) for attempt in row]


def test_readable_answers_are_asked_for_once():
    chat = Numbering()
    assert told(attempts(chat, 2)[0]) == [(0, None), (1, None)]
    assert len(chat.calls) == 1


def test_in_the_place_of_an_unreadable_answer_the_next_sample_is_drawn():
    (row,) = attempts(Numbering(unreadable={0}), 2)
    assert told(row) == [(None, "no number (asked again)"), (1, None), (2, None)]


def test_each_unreadable_answer_has_a_sample_of_its_own():
    (row,) = attempts(Numbering(unreadable={0, 1}), 2)
    assert [attempt.value for attempt in row] == [None, None, 2, 3]


class Refusing(Numbering):
    """As `Numbering`, behind a server that refuses the second prompt."""

    def answer(self, prompts, settings):
        found = super().answer(prompts, settings)
        refused = [Answer("", finished=False, refused=True)] * settings.responses_per_query
        return [
            refused if prompt.messages[0]["content"] == "1" else row for prompt, row in zip(prompts, found, strict=True)
        ]

    def read(self, answer):
        return super().read(Answer(whole(answer)))


def test_a_refused_prompt_is_not_asked_again_and_has_its_reason():
    chat = Refusing(unreadable={0})
    _, refused = attempts(chat, 2, prompts=2)
    assert told(refused) == [(None, "refused by the server")] * 2
    assert [len(prompts) for prompts, _ in chat.calls] == [2, 1]


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_the_budget_is_kept(budget):
    (row,) = attempts(Numbering(unreadable=set(range(100)) - {1}), budget)
    assert len(row) == 2 + budget
    assert [attempt.reason for attempt in row if attempt.reason][-1] == "no number"


def test_what_is_asked_again_is_not_the_likeliest_answer_once_more():
    chat = Numbering(unreadable={0})
    attempts(chat, 1)
    assert chat.calls[1][1].temperature > 0


def test_a_recording_that_ends_is_survived():
    (row,) = attempts(Numbering(unreadable={0}, most=2), 2)
    assert told(row) == [(None, "no number"), (1, None)]


def test_prompts_do_not_mix():
    rows = attempts(Numbering(unreadable={0}), 1, prompts=3)
    assert [[attempt.value for attempt in row] for row in rows] == [[None, 1, 2]] * 3
