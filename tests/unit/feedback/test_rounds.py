"""Rounds: fresh queries that start over at the end, replay, and a decaying learning rate."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.feedback.rounds import (
    OnlineDpoSettings,
    check_validation,
    forebears,
    hold_back,
    round_learning_rate,
    round_queries,
    unparked,
    with_replay,
)
from autoif_train.types import Judged, Kept, PreferencePair, Query, QueryFunction, Response, UserError, Verdict

QUERIES = [Query(str(number), ("i",), (QueryFunction("s", "i"),), id=str(number)) for number in range(10)]


def asked(number, answered=0, **changes):
    settings = OnlineDpoSettings(**{"queries_per_round": 3, **changes})
    return [int(query.id) for query in round_queries(QUERIES, settings, answered, number)]


def test_rounds_ask_what_comes_next():
    assert [asked(number) for number in (1, 2, 3)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_rounds_begin_after_what_the_respondent_answered():
    assert asked(1, answered=4) == [4, 5, 6]


def test_rounds_start_over_at_the_end_in_the_order_of_the_file():
    assert asked(4) == [0, 1, 9]


def test_all_answered_starts_over_at_the_beginning():
    assert asked(1, answered=None) == asked(1, answered=len(QUERIES)) == [0, 1, 2]


@pytest.mark.parametrize("answered", [None, 0, 4, 10, 25])
@pytest.mark.parametrize("number", [1, 2, 7, 100])
def test_a_round_asks_as_many_different_ones_as_it_should(answered, number):
    places = asked(number, answered)
    assert len(set(places)) == 3
    assert places == sorted(places)


def test_stale_queries_are_the_first_ones_each_time():
    assert asked(1, fresh_queries=False) == asked(5, fresh_queries=False) == [0, 1, 2]


@pytest.mark.parametrize("size", [None, 10, 11, 10**9])
def test_a_round_of_all_asks_all(size):
    assert asked(3, queries_per_round=size) == list(range(10))


def test_no_query_is_no_query():
    assert list(round_queries([], OnlineDpoSettings(queries_per_round=3), 0, 1)) == []


def test_the_first_round_has_the_sections_learning_rate():
    section = {"learning_rate": 5e-7, "beta": 0.3}
    assert round_learning_rate(section, OnlineDpoSettings(learning_rate_decay=0.5), 1) == section


def test_the_learning_rate_decays_by_round():
    rate = round_learning_rate({"learning_rate": 8e-7}, OnlineDpoSettings(learning_rate_decay=0.5), 3)["learning_rate"]
    assert rate == pytest.approx(2e-7)


def test_the_settings_section_is_not_changed():
    section = {"learning_rate": 8e-7}
    round_learning_rate(section, OnlineDpoSettings(learning_rate_decay=0.5), 3)
    assert section == {"learning_rate": 8e-7}


def pair(name):
    return PreferencePair([], [{"role": "assistant", "content": name}], [], 1.0, 0.0, name)


def mixed(own, earlier, replay, seed=0):
    rows = [[dataclasses.asdict(pair(name)) for name in names] for names in earlier]
    events = with_replay([pair(name) for name in own], rows, OnlineDpoSettings(replay=replay), seed)
    return [event.query_id for event in events]


def test_without_replay_a_round_is_its_own():
    assert mixed("ab", ["xyz"], 0.0) == ["a", "b"]


@pytest.mark.parametrize(("replay", "count"), [(0.5, 2), (1.0, 4), (0.25, 1), (9.0, 6)])
def test_replay_is_a_share_of_the_rounds_own(replay, count):
    found = mixed("abcd", ["uvw", "xyz"], replay)
    assert found[:4] == list("abcd")
    assert len(found) == 4 + count
    assert set(found[4:]) <= set("uvwxyz")


def test_no_earlier_pair_is_drawn_twice():
    found = mixed("abcdef", ["uvw", "uvwxyz"], 1.0)
    assert len(set(found)) == len(found)


def test_the_first_round_has_nothing_to_replay():
    assert mixed("ab", [], 1.0) == ["a", "b"]


def test_replay_is_seeded():
    assert mixed("abc", ["uvwxyz"], 1.0, seed=1) == mixed("abc", ["uvwxyz"], 1.0, seed=1)


def test_events_of_the_round_pass_through():
    events = list(with_replay([Kept("query"), pair("a")], [], OnlineDpoSettings(replay=1.0), 0))
    assert events[0] == Kept("query")


@pytest.mark.parametrize(
    ("share", "rounds"), [(0.5, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]), (0.34, [[0, 1, 2, 3], [4, 5, 6, 7]])]
)
def test_a_share_splits_the_queries_over_the_rounds(share, rounds):
    assert [asked(number, queries_per_round=share) for number in (1, 2)] == rounds


def left(*earlier, park_after=2):
    rows = [
        [Judged(Response(name, "text", "policy"), Verdict((), score)) for name, score in scores] for scores in earlier
    ]
    events = unparked(QUERIES[:3], rows, OnlineDpoSettings(park_after=park_after), 0.5)
    return "".join(event.id for event in events if isinstance(event, Query))


def test_a_query_that_no_answer_solved_in_so_many_rounds_is_parked():
    assert left([("0", 0.0), ("1", 1.0)], [("0", 0.0), ("0", 0.5), ("1", 0.0)]) == "12"


def test_a_query_that_was_solved_once_is_never_parked():
    assert left([("0", 1.0)], [("0", 0.0)], [("0", 0.0)]) == "012"


def test_several_answers_of_one_round_are_one_attempt():
    assert left([("0", 0.0), ("0", 0.0), ("0", 0.0)]) == "012"


def test_without_the_setting_nothing_is_parked():
    assert left([("0", 0.0)], [("0", 0.0)], [("0", 0.0)], park_after=None) == "012"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("two", "two", "two")),
        ({"reference": "sft"}, ("two", "two", "sft")),
        ({"start_from": "sft"}, ("two", "sft", "sft")),
        ({"keep_best": True}, ("one", "one", "one")),
        ({"keep_best": True, "reference": "sft"}, ("one", "one", "sft")),
    ],
)
def test_who_answers_where_training_starts_and_the_reference(changes, expected):
    history = [[False, False], [True, True], [True, False]]
    assert forebears(["sft", "one", "two"], history, OnlineDpoSettings(**changes)) == expected


@pytest.mark.parametrize("changes", [{"keep_best": True}, {"stop_when_flat": 1}])
def test_choosing_by_validation_needs_a_validation_set(changes):
    with pytest.raises(UserError, match="validation_queries"):
        check_validation([], OnlineDpoSettings(**changes))
    check_validation([True], OnlineDpoSettings(**changes))


def test_the_last_queries_are_held_back():
    asked_of, held_back = hold_back(QUERIES, OnlineDpoSettings(validation_queries=3))
    assert [query.id for query in held_back] == ["7", "8", "9"]
    assert len(asked_of) == 7


def test_holding_back_every_query_is_refused():
    with pytest.raises(UserError, match="hold back fewer"):
        hold_back(QUERIES, OnlineDpoSettings(validation_queries=10))


@pytest.mark.parametrize(("size", "asked"), [(1.0, 4), (0.5, 2), (3.0, 3), (2, 2)])
def test_the_size_of_a_round_is_a_number_or_a_share(size, asked):
    queries = [Query(f"Query {number}", (), ()) for number in range(4)]
    assert len(round_queries(queries, OnlineDpoSettings(queries_per_round=size), None, 1)) == asked
