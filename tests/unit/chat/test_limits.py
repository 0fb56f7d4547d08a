"""Waits that grow, and one brake for all who ask a server."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from autoif_train.chat import limits
from autoif_train.chat.limits import LONGEST_BACKOFF_SECONDS, Throttle, backoff_seconds


@pytest.fixture
def clock(monkeypatch):
    """The time, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def refused(throttle: Throttle, clock: list[float], asked_for: float | None = None) -> float:
    """Wait out what pause there is, be refused; the seconds of the pause that follows."""
    clock[0] += throttle.pause_seconds() + 0.001
    throttle.too_many(clock[0], asked_for)
    return throttle.pause_seconds()


def in_flight(throttle: Throttle) -> int:
    """How many requests may be in flight at once."""

    async def enter() -> int:
        throttle.begin()
        count = 0
        while True:
            try:
                await asyncio.wait_for(throttle.__aenter__(), 0.01)
            except TimeoutError:
                return count
            count += 1

    return asyncio.run(enter())


def test_the_wait_that_a_server_asks_for_grows_too():
    assert all(backoff_seconds(attempt, 1.0) >= 1.0 for attempt in range(10))
    assert max(backoff_seconds(20, 1.0) for _ in range(100)) > LONGEST_BACKOFF_SECONDS / 2


def test_waits_have_an_end_however_many_retries_there_are():
    assert backoff_seconds(5000) <= LONGEST_BACKOFF_SECONDS


def test_eight_pauses_outlast_a_minute_and_end_within_about_two(clock):
    throttle = Throttle(64)
    assert 60 < sum(refused(throttle, clock) for _ in range(8)) < 130


def test_a_pause_is_no_shorter_than_asked_for(clock):
    throttle = Throttle(64)
    assert refused(throttle, clock, 5.0) >= 5.0
    assert max(refused(throttle, clock, 5.0) for _ in range(8)) > 6.0


def test_an_answer_ends_the_growth(clock):
    throttle = Throttle(64)
    for _ in range(8):
        refused(throttle, clock)
    throttle.answered()
    assert refused(throttle, clock) <= limits.FIRST_BACKOFF_SECONDS


def test_requests_that_were_refused_together_halve_once(clock):
    throttle = Throttle(64)
    for _ in range(64):
        throttle.too_many(99.0, None)
    assert (throttle.width, throttle.in_a_row) == (32, 1)


def test_one_request_is_always_in_flight(clock):
    throttle = Throttle(4)
    for _ in range(5):
        refused(throttle, clock)
    assert in_flight(throttle) == 1


def test_answers_give_back_what_a_refusal_took(clock):
    throttle = Throttle(4)
    refused(throttle, clock)
    for _ in range(100):
        throttle.answered()
    assert in_flight(throttle) == 4


def test_requests_in_flight_give_up_their_places_as_they_end():
    async def four_of_which_one_is_refused() -> tuple[bool, bool]:
        throttle = Throttle(4)
        for _ in range(4):
            await throttle.__aenter__()
        throttle.too_many(time.monotonic() + 1, None)
        for _ in range(2):
            await throttle.__aexit__()
        locked = throttle._places.locked()
        await throttle.__aexit__()
        return locked, throttle._places.locked()

    assert asyncio.run(four_of_which_one_is_refused()) == (True, False)
