"""FollowBench's rules mean what the published ones mean: level n asks for the first n checks of a source."""

from __future__ import annotations

import pytest

from autoif_train.evaluation.followbench import Item
from autoif_train.evaluation.followbench_rules import rule_for

POTTER = "Potter is rich. The actor spends. His films have sold."
LONG = "word " * 24


def item(source, level, target="", category="mixed", example=1):
    return Item("key", ("?",), category, source, example, level, target, ("?",))


def levels_met(source, text, **options):
    return [level for level in range(1, 6) if rule_for(item(source, level, **options))(text)]


@pytest.mark.parametrize(
    ("source", "text", "met"),
    [
        ("cnn_dailymail", POTTER, [1, 2, 3, 4, 5]),
        ("cnn_dailymail", POTTER.replace("have sold", "sold"), [1, 2, 3, 4]),
        ("cnn_dailymail", "One. Two. Three.", [1, 2]),
        ("cnn_dailymail", "One. Two.", []),
        ("xsum", "The police operation is going on", [1, 2, 3, 4, 5]),
        ("xsum", "Newton Stewart rests.", [1, 2]),
        ("samsum", "He does stuff.", [1, 2, 3, 4, 5]),
        ("samsum", "Procrastinating, he does stuff.", [1, 2, 3]),
        ("gigaword", "a b c d e f g in", [1, 2, 3, 4, 5]),
        ("gigaword", "A b c d e f g bus", [1, 2]),
        ("arxiv", "We prune activations.", [1, 2, 3, 4, 5]),
        ("arxiv", "We prune transformer activations.", [1, 2, 3, 4]),
    ],
)
def test_sources_that_grow_by_a_check_a_level(source, text, met):
    assert levels_met(source, text) == met


@pytest.mark.parametrize(
    ("source", "target", "text", "met"),
    [
        ("E2E", "a fact", "a fact", True),
        ("E2E", "a fact", "a fact.", False),
        ("WIKIEVENTS", "one\ntwo", "two", True),
        ("WIKIEVENTS", "one\ntwo", "two\nthree", False),
        ("CONLL2003", "['a', 'b']", "b", True),
        ("BBH_logical", "(B)", "Not (A), so (B)", True),
        ("BBH_logical", "(B)", "(B), not (A)", False),
        ("BBH_time", "05/01/2021", "It is 05/01/2021.", True),
        ("gsm_8k", "$18", "$9 and $9 make $18", True),
        ("gsm_8k", "$18", "18", False),
        ("self_made_space", "left", "It is on the left.", True),
    ],
)
def test_sources_that_compare_with_a_target(source, target, text, met):
    assert rule_for(item(source, 2, target))(text) is met


@pytest.mark.parametrize(
    ("text", "met"),
    [("{'AI assistant': 'a title'}", True), ("a title", False), ("{'AI assistant': 'a title'} ", False)],
)
def test_examples_ask_for_the_form_they_show(text, met):
    target = "{instruction}\n{{'AI assistant': '{answer}'}}"
    assert rule_for(item("aeslc", 3, target, category="example"))(text) is met


def test_two_examples_of_format_have_rules_of_their_own():
    advice = f"{LONG}.\n\n{LONG}.\n\n{LONG}."
    assert levels_met("quora", advice, category="format", example=22) == [1, 2, 3]
    # As published: the number that level 4 asks for is a sentence of one word, which level 3 forbids.
    assert levels_met("quora", f"1. {advice}", category="format", example=22) == [1, 2]
    points = " ".join(f"**{n}. Point:** it has ten to fifteen words in each of its sentences." for n in range(1, 6))
    assert 1 in levels_met("quora", points, category="format", example=30)


def test_the_judge_decides_the_rest():
    assert rule_for(item("quora", 1, category="style")) is None
    assert rule_for(item("quora", 1, category="format", example=21)) is None
