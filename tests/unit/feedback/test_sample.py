"""Sampling: K answers per query, in order, whose seeds depend on the query alone."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Answer, SamplingSettings
from autoif_train.feedback.sample import PROMPTS_PER_FRAME, sample
from autoif_train.types import Query, QueryFunction


class Echo:
    name = "echo"

    def __init__(self, count=2):
        self.count = count
        self.asked = []
        self.calls = 0

    def answer(self, prompts, settings):
        self.calls += 1
        self.asked += prompts
        return [[Answer(f"{p.payload} {n}", finished=n == 0) for n in range(self.count)] for p in prompts]


def queries(count):
    return [Query(f"query {n}", ("i",), (QueryFunction("s", "i"),), id=f"q{n}") for n in range(count)]


def test_answers_stand_by_query_and_number():
    found = list(sample(queries(2), Echo(), SamplingSettings(2), 0))
    assert [(row.query_id, row.index, row.text) for row in found] == [
        ("q0", 0, "query 0 0"),
        ("q0", 1, "query 0 1"),
        ("q1", 0, "query 1 0"),
        ("q1", 1, "query 1 1"),
    ]


def test_a_cut_answer_says_so():
    assert [row.finished for row in sample(queries(1), Echo(), SamplingSettings(2), 0)] == [True, False]


def test_the_author_is_the_model():
    assert {row.author for row in sample(queries(3), Echo(), SamplingSettings(2), 0)} == {"echo"}


def test_a_seed_depends_on_query_and_round_not_on_neighbours():
    alone, together, later = Echo(), Echo(), Echo()
    list(sample(queries(5)[3:4], alone, SamplingSettings(2), 0, "online", 1))
    list(sample(queries(5), together, SamplingSettings(2), 0, "online", 1))
    list(sample(queries(5), later, SamplingSettings(2), 0, "online", 2))
    assert alone.asked[0].seed == together.asked[3].seed
    assert alone.asked[0].seed != later.asked[3].seed


def test_many_queries_stream_in_frames():
    chat = Echo()
    found = sample(queries(PROMPTS_PER_FRAME + 1), chat, SamplingSettings(2), 0)
    next(found)
    assert chat.calls == 1
    assert len(list(found)) + 1 == 2 * (PROMPTS_PER_FRAME + 1)
    assert chat.calls == 2


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_answers_than_asked_for_are_no_error(count):
    assert len(list(sample(queries(3), Echo(count), SamplingSettings(8), 0))) == 3 * count


def test_an_answer_for_every_prompt_or_it_is_a_bug():
    class Short(Echo):
        def answer(self, prompts, settings):
            return super().answer(prompts, settings)[:-1]

    with pytest.raises(ValueError, match="zip"):
        list(sample(queries(3), Short(), SamplingSettings(2), 0))


def test_no_query_asks_nobody():
    chat = Echo()
    assert list(sample([], chat, SamplingSettings(2), 0)) == []
    assert chat.calls == 0
