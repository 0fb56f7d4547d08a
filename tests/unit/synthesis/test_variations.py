"""Texts near the border, made from cases and from the functions' own constants."""

from __future__ import annotations

import pytest

from autoif_train.synthesis.variations import constants, variations
from autoif_train.types import TestCase

CASES = (TestCase("The river runs north. It is cold.", True), TestCase("No.", False))


def texts(instruction, *sources, most=400, cases=CASES, more=(), seed=0):
    return variations(instruction, cases, sources, more, most, seed)


def test_cases_and_answers_come_first_and_nothing_comes_twice():
    found = texts("Be brief.", more=["A real answer."])
    assert found[:3] == [CASES[0].text, CASES[1].text, "A real answer."]
    assert len(found) == len(set(found))


def test_the_same_input_gives_the_same_texts_and_another_seed_others():
    assert texts("Be brief.", most=60) == texts("Be brief.", most=60)
    assert texts("Be brief.", most=60) != texts("Be brief.", most=60, seed=1)


@pytest.mark.parametrize("most", [2, 10, 100])
def test_no_more_than_asked_for(most):
    assert len(texts("Use at least 7 words.", most=most)) == most


def test_without_cases_there_are_texts_all_the_same():
    assert len(texts("Use at least 7 words.", cases=())) > 20


@pytest.mark.parametrize(
    ("instruction", "sources", "numbers"),
    [
        ("Use at least 12 words.", (), 12),
        ("Write three sentences.", (), 3),
        ("Be brief.", ("def evaluate(response):\n    return len(response.split()) < 40",), 40),
    ],
)
def test_numbers_of_instructions_and_sources_are_borders(instruction, sources, numbers):
    assert numbers in constants(instruction, sources)[0]
    counts = {len(text.split()) for text in texts(instruction, *sources)}
    assert {numbers - 1, numbers, numbers + 1} <= counts


def test_quoted_words_of_sources_occur_in_several_dresses():
    found = texts("Use the word.", r"return bool(re.search(r'\briver\b', response))", cases=())
    assert any("River" in text for text in found)
    assert any("rivers" in text for text in found)
    assert any(text.endswith("river") for text in found)


def test_patterns_are_not_taken_for_words():
    assert constants("Be brief.", [r"re.findall(r'[^\n]*\S[^\n]*', response)"])[1] == []
