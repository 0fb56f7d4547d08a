"""Demonstrations: answers that passed, each text once, the rest with reasons."""

from __future__ import annotations

import dataclasses
import random

import pytest

from autoif_train.feedback.demonstrations import DemonstrationsSettings, demonstrations
from autoif_train.feedback.quality import QualitySettings
from autoif_train.funnel import Tally
from autoif_train.types import Dropped, Judged, Query, QueryFunction, Response, Selection, Verdict

QUERY = Query("prompt", ("i",), (QueryFunction("s", "i"),), id="q")
OFF = QualitySettings(enabled=False)
ON = QualitySettings()


def answer(text, score, quality=None, finished=True, query="q"):
    return Judged(Response(query, text, "a", finished=finished), Verdict((), score), quality)


def texts(*answers, quality=OFF, seed=0, **changes):
    settings = dataclasses.replace(DemonstrationsSettings(), **changes)
    rows = Selection.of(demonstrations([QUERY], answers, settings, quality, seed)).rows
    return [row.completion[0]["content"] for row in rows]


def reason(row, quality=OFF):
    (event,) = [
        event
        for event in demonstrations([QUERY], [row], DemonstrationsSettings(), quality, 0)
        if isinstance(event, Dropped)
    ]
    return event.reason


@pytest.mark.parametrize(("score", "passes"), [(1.0, True), (0.51, True), (0.5, False), (0.0, False), (None, False)])
def test_a_score_above_one_half_passes(score, passes):
    assert texts(answer("a", score)) == (["a"] if passes else [])


@pytest.mark.parametrize(
    ("row", "quality", "why"),
    [
        (answer("a", 0.5), OFF, "violated"),
        (answer("a", None), OFF, "nobody could judge"),
        (answer("a", 1.0, finished=False), OFF, "cut at max_new_tokens"),
        (answer("a", None, finished=False), OFF, "cut at max_new_tokens"),
        (answer("", None, finished=False), OFF, "without a text: refused, filtered or cut"),
        (answer("a", 1.0, None), ON, "quality unknown"),
        (answer("a", 1.0, 7.9), ON, "quality too low"),
    ],
)
def test_a_refusal_has_its_reason(row, quality, why):
    assert reason(row, quality) == why


@pytest.mark.parametrize("quality", [8.0, 9.5, 10.0])
def test_good_quality_passes(quality):
    assert texts(answer("a", 1.0, quality), quality=ON) == ["a"]


def test_equal_texts_are_one_demonstration():
    assert texts(answer("a", 1.0), answer("b", 1.0), answer("a", 0.9)) == ["a", "b"]


def test_a_refused_text_does_not_block_the_same_text_that_passed():
    assert texts(answer("a", 1.0, 3.0), answer("a", 1.0, 9.0), quality=ON) == ["a"]


@pytest.mark.parametrize("most", [0, 1, 3, 9])
def test_answers_per_query_are_limited(most):
    rows = [answer(str(number), 1.0) for number in range(5)]
    assert len(texts(*rows, max_per_query=most)) == min(most, 5)


def test_the_draw_is_seeded():
    rows = [answer(str(number), 1.0) for number in range(9)]
    assert texts(*rows, max_per_query=3, seed=1) == texts(*rows, max_per_query=3, seed=1)
    assert len({tuple(texts(*rows, max_per_query=3, seed=seed)) for seed in range(9)}) > 1


def test_a_demonstration_is_a_conversation():
    (row,) = Selection.of(demonstrations([QUERY], [answer("a", 0.75)], DemonstrationsSettings(), OFF, 0)).rows
    assert row.prompt == [{"role": "user", "content": "prompt"}]
    assert row.completion == [{"role": "assistant", "content": "a"}]
    assert (row.query_id, row.score) == ("q", 0.75)


@pytest.mark.parametrize("seed", range(10))
def test_every_response_is_kept_or_has_a_reason(seed):
    chance = random.Random(seed)
    queries = [dataclasses.replace(QUERY, id=str(number)) for number in range(40)]
    judged = [
        answer(
            chance.choice("abc"),
            chance.choice([None, 0.0, 1.0]),
            chance.choice([None, 1.0, 9.0]),
            chance.random() < 0.9,
            query.id,
        )
        for query in queries
        for _ in range(5)
    ]
    settings = DemonstrationsSettings(max_per_query=chance.choice([None, 1, 2]))
    tally = Tally("demonstrations")
    rows = list(tally.passing(demonstrations(queries, judged, settings, ON, seed)))
    entry = next(entry for entry in tally.entries() if entry["unit"] == "response")
    assert entry["rows_in"] == len(judged)
    assert entry["rows_out"] == len(rows)
