"""A frame from its first call to its last, over as many cells or instances as that takes."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

from . import codes


@dataclasses.dataclass(frozen=True)
class Frame:
    """What the parent asks for. `body` is data for the cell; `ends[i]` is the first call after function `i`."""

    kind: int
    body: memoryview
    ends: list[int]
    strikes: int
    soft_seconds: float
    hard_seconds: float
    wall_seconds: float

    @property
    def calls(self) -> int:
        return self.ends[-1]


class Ending(enum.Enum):
    """Why a cell stopped before the last call that it was given."""

    LEFT = enum.auto()  # of itself: what is left wants a fresh one
    OVERDUE = enum.auto()  # stopped, for its call was over a limit
    DIED = enum.auto()


def run_frame(frame: Frame, outcomes: bytearray, run_cell: Callable[[int, int], tuple[bytes, Ending]]) -> int:
    """Fill in one byte per call; how many cells it took. `run_cell(start, end)` gives the bytes of these calls."""
    start = function = cells = 0
    while start < frame.calls:
        while frame.ends[function] <= start:
            function += 1
        end = frame.ends[function] if frame.kind == codes.ALONE else frame.calls
        found, ending = run_cell(start, end)
        cells += 1
        done = found.find(b"\0")
        stop = end if done < 0 else start + done
        outcomes[start:stop] = found[: stop - start]
        if stop < end and (ending is not Ending.LEFT or stop == start):
            # Nobody knows whose fault it was in a shared cell: the call is repeated alone.
            alone = frame.kind != codes.SHARED
            outcomes[stop] = codes.RETRY if not alone else codes.TIMEOUT if ending is Ending.OVERDUE else codes.KILLED
            stop += 1
        start = settle(frame, stop, outcomes)
    return cells


def settle(frame: Frame, stop: int, outcomes: bytearray) -> int:
    """Apply strikes to the function of the last call done; the first call that is still to be run."""
    function = next(index for index, end in enumerate(frame.ends) if end >= stop)
    first, last = (frame.ends[function - 1] if function else 0), frame.ends[function]
    if stop == last:
        return stop
    done = outcomes[first:stop]
    if frame.kind == codes.SHARED and codes.RETRY in done:
        outcomes[stop:last] = bytes([codes.RETRY]) * (last - stop)
        return last
    if done.count(codes.TIMEOUT) >= frame.strikes or done.count(codes.KILLED) >= codes.DEATHS:
        outcomes[stop:last] = bytes([codes.SKIPPED if codes.TIMEOUT in done else codes.KILLED]) * (last - stop)
        return last
    return stop
