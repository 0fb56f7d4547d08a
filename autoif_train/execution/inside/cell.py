"""The untrusted side: one locked-down process that runs functions of a frame and leaves one byte per call.

Whatever happens here, the worker that forked this process reads only those bytes and a bounded area of error texts.
"""

from __future__ import annotations

import _signal  # the plain functions below `signal`: its enums would be copied into every cell
import functools
import marshal
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from . import codes, kernel
from .calls import Calls

FINISHED, TAINTED = 0, 42  # exit statuses; TAINTED asks for a fresh cell for what is left
SIGPROF, ITIMER_PROF = int(_signal.SIGPROF), int(_signal.ITIMER_PROF)


class Notes:
    """A bounded area of (call, text) records behind the result bytes; full means: no more texts."""

    def __init__(self, area):
        self.area = area
        self.end = 8

    def add(self, call: int, text: bytes) -> bool:
        start = self.end + codes.NOTE.size
        if start + len(text) > len(self.area):
            return False
        self.area[self.end : start] = codes.NOTE.pack(call, len(text))
        self.area[start : start + len(text)] = text
        self.end = start + len(text)
        self.area[0:8] = (self.end - 8).to_bytes(8, sys.byteorder)
        return True


class Cell(Calls):
    """What a forked child does. Made in the worker, for every page that a child writes to is copied first."""

    def __init__(self, config: dict, results, notes_area):
        super().__init__(config["packs"], results, Notes(notes_area))
        self.config = config
        self.locks: list[Callable[[], object]] = []
        _signal.signal(SIGPROF, self.meter.tick)

    def leave(self) -> NoReturn:
        os._exit(TAINTED)

    def prepare(self, frame) -> None:
        """What can be done before the fork: limits and the steps that lock the child down, in their order.

        The filter comes last, for it forbids the other steps.
        """
        config = self.config
        self.meter.limit, self.meter.wall = frame.soft_seconds, frame.wall_seconds
        tick = min(0.01, frame.soft_seconds / 50)
        self.locks = [
            functools.partial(kernel.die_with_parent, config["worker"]),
            functools.partial(_signal.setitimer, ITIMER_PROF, tick, tick),
            functools.partial(os.closerange, 0, 1024),
        ]
        if config["limits"]:
            memory_bytes = config["base_bytes"] + 3 * len(frame.body) + config["memory_bytes"]
            self.locks += kernel.cell_limits(memory_bytes, int(frame.hard_seconds * frame.calls) + 10)
        if config["filter"] is not None:
            self.locks.append(config["filter"].install)

    def live(self, frame, start: int) -> None:
        """The whole life of the child process after the fork; never returns."""
        status = 3
        try:
            for lock in self.locks:
                lock()
            if frame.kind == codes.ADMIT:
                self.admit(self.config["admission"], marshal.loads(frame.body), start)
            else:
                self.run(frame.body, start, frame.kind == codes.ALONE)
            status = FINISHED
        finally:
            os._exit(status)
