"""Families: the same check with other words and numbers."""

from __future__ import annotations

import random
import time

import pytest

from autoif_train.synthesis.families import families, shape
from autoif_train.types import CheckedInstruction, Instruction, VerificationFunction


def checked(text, *sources):
    return CheckedInstruction(Instruction(text), tuple(map(VerificationFunction, sources)), ())


def source(condition):
    return f"def evaluate(response):\n    return {condition}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'river' in response", "'stone' in response"),
        ("len(response.split()) <= 5", "len(response.split()) <= 17"),
        ("response.startswith('Once upon')", 'response.startswith("In short")'),
        ("response  ==  ''", "response == ''"),
    ],
)
def test_parameters_do_not_part_a_family(one, other):
    assert shape(source(one)) == shape(source(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("response.isupper()", "response.islower()"),
        ("',' in response", "'!' in response"),
        ("len(response) < 5", "len(response) > 5"),
        ("response.startswith('river')", "response.endswith('river')"),
    ],
)
def test_another_check_is_another_family(one, other):
    assert shape(source(one)) != shape(source(other))


def test_one_shared_shape_joins_two():
    rows = [
        checked("a", source("'river' in response"), source("response.count('river') > 0")),
        checked("b", source("'stone' in response")),
        checked("c", source("response.isupper()")),
    ]
    assert [[row.instruction.text for row in family] for family in families(rows)] == [["a", "b"], ["c"]]


def test_families_are_joined_through_a_third():
    rows = [
        checked("a", source("x(1)")),
        checked("b", source("y(1)")),
        checked("c", source("x(2)"), source("y(2)")),
    ]
    assert len(families(rows)) == 1


@pytest.mark.parametrize("seed", range(10))
def test_nobody_is_lost_or_doubled(seed):
    chance = random.Random(seed)
    rows = [
        checked(str(number), *(source(f"f{chance.randrange(30)}(response, {number})") for _ in range(3)))
        for number in range(40)
    ]
    grouped = families(rows)
    assert sorted(row.instruction.text for family in grouped for row in family) == sorted(map(str, range(40)))
    assert [family[0].instruction.text for family in grouped] == sorted(
        (family[0].instruction.text for family in grouped), key=int
    )


def test_no_instruction_no_family():
    assert families([]) == []


def test_the_text_of_a_source_is_enough():
    assert shape("this is (not python ':") == shape("this is (not python ':")


def test_a_source_full_of_quotes_is_read_in_no_time():
    start = time.process_time()
    shape("' \" " * 5000)
    assert time.process_time() - start < 1
