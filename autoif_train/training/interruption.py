"""Signals that ask a run to stop: SIGTERM, and SIGUSR1, which clusters send before they take a machine away.

Anywhere but in training the run stops at once, since every finished step is on disk. A training saves a checkpoint
first, after the optimizer step it is at.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
# `temporary failure` of sysexits.h: give the same command again.
EXIT_CODE = 75


class Stopped(KeyboardInterrupt):
    """The run was asked to stop and has; the same command goes on."""


class _Request:
    """What this process was asked and has not obeyed yet."""

    noted = False
    deferred = False


def obey_signals() -> None:
    """Let `SIGNALS` raise `Stopped` from here on, or be noted while `deferred()`. For the main thread."""
    for number in SIGNALS:
        signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if not _Request.deferred:
        raise Stopped(f"by {signal.Signals(number).name}")
    _Request.noted = True


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Only note signals in this block; whoever runs in it looks at `asked()` and ends in good order."""
    _Request.noted, _Request.deferred = False, True
    try:
        yield
    finally:
        _Request.deferred = False


def asked() -> bool:
    """Whether a signal was noted since the block of `deferred()` began."""
    return _Request.noted
