"""What is compiled into the component: the interpreter inside, its walls being those of WebAssembly."""

from __future__ import annotations

import marshal
import os
import signal
from typing import NoReturn

import wit_world
from inside import admission, calls, codes, modules


class Left(BaseException):
    """The rest of the frame wants a fresh instance."""


class Results:
    """Writes go to the host, one call at a time: an instance may end at any moment."""

    def __setitem__(self, key: int | slice, value: int | bytes) -> None:
        if isinstance(key, slice):
            wit_world.report(key.start, bytes(value))
        else:
            wit_world.report(key, bytes((value,)))


class Notes:
    """Texts for people, handed to the host as they come."""

    def add(self, call: int, text: bytes) -> bool:
        wit_world.note(call, text)
        return True


class Guest(calls.Calls):
    """The cell of this level: it ends by leaving the instance's call."""

    def leave(self) -> NoReturn:
        raise Left


def forbidden(*_arguments: object) -> NoReturn:
    """Stands for what reaches outside the instance."""
    raise PermissionError("not permitted")


signal.signal = forbidden  # as in a cell, where the kernel forbids it; here it would do nothing
modules.preload()
ADMISSION = admission.Admission()
GUEST = Guest((), Results(), Notes())


class WitWorld(wit_world.WitWorld):
    """What the host calls."""

    def run(self, kind: int, body: str, start: int, wall_seconds: float) -> bool:
        os.closerange(0, 3)
        GUEST.meter.wall = wall_seconds
        try:
            if kind == codes.ADMIT:
                GUEST.admit(ADMISSION, marshal.loads(body.encode("latin-1")), start)
            else:
                GUEST.run(memoryview(body.encode("latin-1")), start, kind == codes.ALONE)
        except Left:
            return False
        return True
