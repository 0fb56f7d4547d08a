"""How fast a server may be asked, and how long to wait before it is asked again."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from datetime import UTC, datetime

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
ANSWERS_PER_STEP = 4  # after so many answers one request more is in flight

# Of its own, so that waiting does not disturb whoever draws from the global generator.
_jitter = random.Random()


class Pace:
    """Spaces requests evenly, so that no minute holds more than `per_minute` units; None sets no limit.

    Even spacing, not a bucket that fills up while idle: a bucket lets twice the limit through in its first minute.
    """

    def __init__(self, per_minute: float | None):
        self.seconds_per_unit = 60.0 / per_minute if per_minute else 0.0
        self._free_at = 0.0

    def reserve(self, units: float = 1) -> float:
        """Book `units` at the next free moment; returns the seconds until then."""
        now = time.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + units * self.seconds_per_unit
        return start - now

    def correct(self, units: float) -> None:
        """Book `units` more, or give back where negative, once the true amount of a reservation is known."""
        self._free_at += units * self.seconds_per_unit


class Throttle:
    """One brake for all requests to a server: an `async with` block sends one, as soon as it may be in flight.

    A server that says that there are too many (429) is left alone by all of them, for as long as it asks and no less
    than an exponential back-off; from then on half as many are in flight, and every few answers one more (additive
    increase, multiplicative decrease, as TCP does): a server may count what it refuses against its limit. `most` is how
    many may be in flight at best; `in_a_row` counts such pauses since the last answer.
    """

    def __init__(self, most: int):
        self.most = self.width = most
        self.in_a_row = 0
        self._answers = 0
        self._braked_at = self._open_at = float("-inf")
        self.begin()

    def begin(self) -> None:
        """To be called where an event loop begins: nothing is in flight."""
        self._places = asyncio.Semaphore(self.width)
        self._owed = 0  # places to be taken away, of requests that are still in flight

    async def __aenter__(self) -> None:
        await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        if self._owed:
            self._owed -= 1
        else:
            self._places.release()

    def pause_seconds(self) -> float:
        """Until when nothing may be sent."""
        return max(0.0, self._open_at - time.monotonic())

    def too_many(self, sent_at: float, asked_for: float | None) -> None:
        """A request of the moment `sent_at` was refused; `asked_for` is the wait in seconds that the server named."""
        now = time.monotonic()
        # Those that were in flight beside the one that braked say nothing new.
        if sent_at > self._braked_at:
            self._braked_at, self._answers = now, 0
            longest = _longest_wait(self.in_a_row)
            # At least the half of each wait, so that the waits of a server that refuses everything outlast a minute.
            self._open_at = max(self._open_at, now + _jitter.uniform(longest / 2, longest))
            self.in_a_row += 1
            width = max(1, self.width // 2)
            self._owed += self.width - width
            self.width = width
        if asked_for is not None:
            self._open_at = max(self._open_at, now + asked_for + _jitter.uniform(0.0, FIRST_BACKOFF_SECONDS))

    def answered(self) -> None:
        """A request was not too many."""
        self.in_a_row = 0
        if self.width == self.most:
            return
        self._answers += 1
        if self._answers == ANSWERS_PER_STEP:
            self._answers = 0
            self.width += 1
            if self._owed:
                self._owed -= 1
            else:
                self._places.release()


def retry_after_seconds(header: str | None) -> float | None:
    """The wait that a `Retry-After` header asks for, in seconds; both its forms, a number and a date, are understood.

    None where the header is missing or unreadable.
    """
    try:
        return max(0.0, float(header))
    except (TypeError, ValueError):
        pass
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    # A date without a zone is in GMT, as the HTTP standard has it.
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def backoff_seconds(attempt: int, asked_for: float | None = None) -> float:
    """How long to wait after failed attempt number `attempt` (from 0).

    Exponential with full jitter, so that many requests which failed together do not return together. A wait that the
    server asked for is kept whole, with a little jitter on top, and grows as the others do.
    """
    wait = _jitter.uniform(0.0, _longest_wait(attempt))
    return wait if asked_for is None else max(wait, asked_for + _jitter.uniform(0.0, FIRST_BACKOFF_SECONDS))


def _longest_wait(attempt: int) -> float:
    # Bounded before the power: a float ends at 2**1024.
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 32))
