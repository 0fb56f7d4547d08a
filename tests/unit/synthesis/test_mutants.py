"""Mutants: one small mistake each, from the text alone."""

from __future__ import annotations

import pytest

from autoif_train.synthesis.mutants import mutants

SOURCE = """\
import re

def evaluate(response: str) -> bool:
    words = response.lower().strip().split()
    if not words:
        return False
    return len(words) >= 12 and words[0] == 'so'
"""


def made(source, most=200):
    return {mutant for _, mutant in mutants(source, most, 0)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (">= 12", "> 12"),
        (">= 12", ">= 13"),
        (">= 12", ">= 11"),
        (" and ", " or "),
        (".lower()", ""),
        (".strip()", ""),
        ("if not words:", "if False:"),
        ("words[0] == 'so'", "words[0] != 'so'"),
        (".split()", ""),
    ],
)
def test_the_usual_mistakes_are_made(before, after):
    assert SOURCE.replace(before, after, 1) in made(SOURCE)


def test_no_mutant_is_the_source_and_none_comes_twice():
    found = mutants(SOURCE, 200, 0)
    assert SOURCE not in {mutant for _, mutant in found}
    assert len({mutant for _, mutant in found}) == len(found)


def test_annotations_are_left_alone():
    assert all("-> bool" in mutant for mutant in made(SOURCE))


def test_no_more_than_asked_for_and_spread_over_operators():
    found = mutants(SOURCE, 6, 0)
    assert len(found) == len({operator for operator, _ in found}) == 6


def test_a_source_without_a_place_for_mistakes_has_no_mutants():
    assert mutants("x", 5, 0) == []
