"""Reading what models write: imperfect text is data with a reason, never an exception of another kind."""

from __future__ import annotations

import contextlib
import json
import random
import string
import time

import pytest

from autoif_train.synthesis import reading
from autoif_train.synthesis.reading import Unreadable
from autoif_train.types import TestCase


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Score: 8", 8),
        ("Score: 8/10", 8),
        ("Score: 8 / 10", 8),
        ("Score: 8.5", 8.5),
        ("Score: 8.5/10", 8.5),
        ("Score: 8   ", 8),
        ("Score: 8 \n\n", 8),
        ("**Score: 8**", 8),
        ("**Score:** 8", 8),
        ("Score: **8**", 8),
        ("score = 8", 8),
        ("SCORE 8", 8),
        ("Score: 8.", 8),
        ("Score: 0", 0),
        ("Score: 10", 10),
        ("Score: 80/100", 8),
        ("Score: 4/5", 8),
        ("Analysis: a score of ten is rare.\nScore: 8", 8),
        ("Score: 3\nOn reflection better.\nScore: 8", 8),
        ("<think>Score: 2</think>Score: 8", 8),
        ("Score: 8/0", 8),
    ],
)
def test_a_score_is_read_in_the_forms_that_models_write(text, score):
    assert reading.score(text) == score


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "eight",
        "8",
        "Score:",
        "Score: high",
        "Score: 11",
        "Score: 900",
        "Score: -3",
        "Score: N",
        "<think>Score: 8",
        "Score: " + "9" * 500,
        "Score: 1000/10",
    ],
)
def test_what_is_no_score_has_a_reason(text):
    with pytest.raises(Unreadable, match="score"):
        reading.score(text)


def test_a_score_is_a_word_of_its_own():
    assert reading.score("Score: 8\nI would underscore 3 things in it.") == 8


@pytest.mark.parametrize("text", ["Score:" + " " * 800 + "x", "score" + "\n" * 800 + "!", "score *" * 800])
def test_an_endless_blank_answer_is_read_in_no_time(text):
    start = time.process_time()
    with pytest.raises(Unreadable):
        reading.score(text)
    assert time.process_time() - start < 0.3


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think>b", "b"),
        ("<think>a\n\nb</think>\nc", "c"),
        ("<think>never closed", ""),
        ("<think>1</think>a<think>2</think>b", "ab"),
        ("  a  ", "  a  "),
        ("No block.\n ", "No block.\n "),
        ("\n<think>\n</think>\nAnswer\n", "Answer\n"),
        ("opened by the template</think>\nAnswer", "Answer"),
        ("", ""),
    ],
)
def test_a_reasoning_block_is_no_part_of_the_text(text, rest):
    assert reading.without_thinking(text) == rest


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1. Use a list.\n2. Use no list.", ["Use a list.", "Use no list."]),
        ("1) a\n(b", ["a", "(b"]),
        ("- a\n* b\n• c\n– d", ["a", "b", "c", "d"]),
        ("a\n\n\n  b  \n", ["a", "b"]),
        ("100. the hundredth", ["the hundredth"]),
        ("3 words or fewer", ["3 words or fewer"]),
        ("1.5 is a number", ["1.5 is a number"]),
        ("-5 is a number", ["-5 is a number"]),
        ("<think>1. no</think>\n1. yes", ["yes"]),
        ("", []),
        ("1. a\r\n2. b\r\n", ["a", "b"]),
    ],
)
def test_items_lose_their_marks_and_nothing_else(text, items):
    assert reading.list_items(text) == items


OBJECT = {"func": "def evaluate(response):\n    return '{' in response", "cases": []}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECT),
        f"```json\n{json.dumps(OBJECT)}\n```",
        f"```\n{json.dumps(OBJECT, indent=2)}\n```",
        f"Here it is:\n{json.dumps(OBJECT)}\nI hope it helps {{really}}.",
        f"Of the form {{func, cases}}:\n{json.dumps(OBJECT)}",
        f"<think>maybe {{}}</think>{json.dumps(OBJECT)}",
        json.dumps(OBJECT).replace("\\n", "\n"),
        json.dumps(OBJECT) + json.dumps({"func": "second"}),
        "\ufeff" + json.dumps(OBJECT),
    ],
)
def test_an_object_is_found_in_its_wrapping(text):
    assert reading.json_object(text) == OBJECT


def test_a_fence_inside_a_source_does_not_end_it():
    wanted = {"func": "def evaluate(response):\n    return '```' in response"}
    assert reading.json_object(f"```json\n{json.dumps(wanted)}\n```") == wanted


def test_a_part_of_a_broken_object_is_not_the_object():
    with pytest.raises(Unreadable, match="not JSON"):
        reading.json_object('{"func": broken, "cases": [{"input": "a", "output": true}]}')


@pytest.mark.parametrize(
    "text",
    ["", "no object", "[1, 2]", '"text"', "{", "}{", "{" * 500, '{"a": 1', "{'a': 1}", '{"a": ' + "1" * 5000 + "}"],
)
def test_what_is_no_object_has_a_reason(text):
    with pytest.raises(Unreadable):
        reading.json_object(text)


@pytest.mark.parametrize("text", ['{"a":' * 100_000, '{"a": ' + "[" * 100_000])
def test_an_object_nested_without_end_has_a_reason(text):
    with pytest.raises(Unreadable):
        reading.json_object(text)


def test_half_an_emoji_does_not_travel_on():
    found = reading.json_object(r'{"func": "# \ud83d", "cases": ["\ud83d\ude00"]}')
    assert found == {"func": "# ?", "cases": ["😀"]}


@pytest.mark.parametrize("seed", range(50))
def test_garbage_is_read_or_has_a_reason(seed):
    chance = random.Random(seed)
    pieces = [
        *string.printable,
        '{"',
        '"}',
        "```json\n",
        "\\u",
        "<think>",
        "</think>",
        "\n{",
        "true",
        "Score: ",
        "é",
        "\x00",
    ]
    text = "".join(chance.choices(pieces, k=300))
    for read in (reading.json_object, reading.score, reading.list_items, reading.cases_by_line):
        with contextlib.suppress(Unreadable):
            read(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("True", True), ("FALSE", False), (" false \n", False)],
)
def test_a_label_is_a_bool_or_its_name(value, expected):
    assert reading.label(value) is expected


@pytest.mark.parametrize("value", [None, 1, 0, 1.0, "yes", "", [], {}, "truee", [True]])
def test_anything_else_is_no_label(value):
    with pytest.raises(Unreadable, match="label"):
        reading.label(value)


@pytest.mark.parametrize(
    "row",
    [
        {"input": "x", "output": "False"},
        {"text": "x", "expected": False},
        {"response": "x", "result": "false"},
        {"input": "x", "output": False, "explanation": "why"},
    ],
)
def test_a_case_is_read_from_the_keys_that_models_use(row):
    assert reading.case(row) == TestCase("x", False)


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "x",
        3,
        {},
        {"input": "x"},
        {"output": True},
        {"input": None, "output": True},
        {"input": ["x"], "output": True},
        {"input": "x", "output": None},
        {"input": "x", "output": 1},
    ],
)
def test_what_is_no_case_has_a_reason(row):
    with pytest.raises(Unreadable):
        reading.case(row)


def test_cases_by_line_keep_what_can_be_read_and_count_the_rest():
    text = (
        '{"response": "a", "result": true}\n\nnonsense\n'
        '{"response": "b", "result": "maybe"}\n{"input": "c", "output": false}'
    )
    cases, reasons = reading.cases_by_line(text)
    assert cases == [TestCase("a", True), TestCase("c", False)]
    assert len(reasons) == 2


def test_a_case_torn_over_two_lines_is_not_guessed():
    cases, reasons = reading.cases_by_line('{"response": "a\nb", "result": true}')
    assert cases == []
    assert reasons
