"""How fast a server may be asked, and how long to wait before it is asked again."""

from __future__ import annotations

import email.utils
import random
import time
from datetime import UTC, datetime

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0

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
    server asked for is kept whole, with a little jitter on top.
    """
    if asked_for is not None:
        return asked_for + _jitter.uniform(0.0, FIRST_BACKOFF_SECONDS)
    return _jitter.uniform(0.0, min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt))
