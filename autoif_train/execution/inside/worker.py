"""The trusted side inside: forks a cell per frame or per function, watches it, and never reads what a frame holds."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import mmap
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

from . import cell, codes, kernel

HEARTBEAT_SECONDS = 1.0
STIR_SECONDS = 0.002  # CPU: a call that uses less within its wall limit sleeps; one that is merely starved uses more
WALL_FACTOR = 15  # times the wall limit: the end also for a call that wakes up now and then


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


class Worker:
    """One slot of the pool: reads frames from a socket until the parent closes it."""

    def __init__(self, connection: socket.socket, bodies: int, config: dict):
        self.connection = connection
        # The parent writes frames here. A private mapping: what a cell does to it, no other process sees.
        self.bodies = mmap.mmap(bodies, codes.FRAME_BYTES, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        self.results = mmap.mmap(-1, codes.MAX_CALLS)  # shared with the one cell that lives
        self.notes = mmap.mmap(-1, codes.MAX_NOTES)
        self.cell = cell.Cell({**config, "worker": os.getpid()}, self.results, self.notes)
        gc.freeze()
        self.cpu_seconds = _cpu_seconds()
        self.last_heartbeat = 0.0

    def serve(self) -> None:
        while True:
            frame = self.receive_frame()
            if frame is None:
                return
            outcomes, notes, forks = self.run(frame)
            now = _cpu_seconds()
            reply = codes.REPLY.pack(len(notes), forks, now - self.cpu_seconds)
            self.cpu_seconds = now
            self.connection.sendall(codes.REPLIED + reply + outcomes + notes)

    def receive_frame(self) -> Frame | None:
        header = self.receive(codes.REQUEST.size)
        if header is None:
            return None
        kind, functions, size, strikes, soft, hard, wall = codes.REQUEST.unpack(header)
        counts = struct.unpack(f"={functions}I", self.receive(4 * functions))
        body = memoryview(self.bodies)[:size]
        return Frame(kind, body, list(itertools.accumulate(counts)), strikes, soft, hard, wall)

    def receive(self, size: int) -> bytes | None:
        """Exactly `size` bytes, or None when the parent has gone."""
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            count = self.connection.recv_into(view[filled:])
            if count == 0:
                return None
            filled += count
        return buffer

    def run(self, frame: Frame) -> tuple[bytes, bytes, int]:
        """One byte per call, the error texts as records, and how many cells it took."""
        outcomes, notes = bytearray(frame.calls), bytearray()
        start = function = forks = 0
        self.cell.prepare(frame)
        while start < frame.calls:
            while frame.ends[function] <= start:
                function += 1
            end = frame.ends[function] if frame.kind == codes.ALONE else frame.calls
            begin, start = start, self.run_cell(frame, start, end, outcomes, notes)
            forks += 1
            start = self.settle(frame, begin, start, outcomes)
        return bytes(outcomes), bytes(notes), forks

    def run_cell(self, frame: Frame, start: int, end: int, outcomes: bytearray, notes: bytearray) -> int:
        """Fork a cell for the calls from `start`; copy what it did of [start, end); the first call not done."""
        self.results[0 : frame.calls] = bytes(frame.calls)
        self.notes[0:8] = bytes(8)
        child = os.fork()
        if child == 0:
            self.cell.live(frame, start)
        status, overdue = self.watch(child, frame, start, end)
        stop = self.results.find(b"\0", start, end)
        stop = end if stop < 0 else stop
        outcomes[start:stop] = self.results[start:stop]
        self.copy_notes(start, end, notes)
        tainted = os.WIFEXITED(status) and os.WEXITSTATUS(status) == cell.TAINTED and stop > start
        if stop < end and not tainted:
            # Nobody knows whose fault it was in a shared cell: the call is repeated alone.
            alone = frame.kind != codes.SHARED
            outcomes[stop] = codes.RETRY if not alone else codes.TIMEOUT if overdue else codes.KILLED
            stop += 1
        return stop

    def settle(self, frame: Frame, begin: int, stop: int, outcomes: bytearray) -> int:
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

    def copy_notes(self, start: int, end: int, notes: bytearray) -> None:
        """Take the records of the cell's own calls; the cell wrote them, so every number is checked."""
        size = min(int.from_bytes(self.notes[0:8], sys.byteorder), len(self.notes) - 8)
        position, limit = 8, 8 + size
        for _ in range(2 * (end - start)):  # an honest cell writes no more
            if position + codes.NOTE.size > limit or len(notes) > codes.MAX_REPLY_NOTES:
                return
            call, length = codes.NOTE.unpack_from(self.notes, position)
            position += codes.NOTE.size
            if length > limit - position:
                return
            if start <= call < end:
                notes += codes.NOTE.pack(call, length) + self.notes[position : position + length]
            position += length

    def watch(self, child: int, frame: Frame, start: int, end: int) -> tuple[int, bool]:
        """Wait for the cell's end, kill it when a call is over its limits; wait status, and whether that happened."""
        descriptor = os.pidfd_open(child)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            clock = (~child << 3) | 2  # the CPU clock of that process, see clock_getcpuclockid(3)
            current, since_wall, since_cpu = start, time.monotonic(), 0.0
            stirred_wall, stirred_cpu = since_wall, 0.0
            pause, overdue = frame.hard_seconds, False
            while not poll.poll(max(1, min(pause, 0.25) * 1000)):
                self.beat()
                done = self.results.find(b"\0", current, end)
                try:
                    now, cpu = time.monotonic(), time.clock_gettime(clock)
                except OSError:
                    continue  # it has just ended
                if done != current:
                    current, since_wall, since_cpu = (end if done < 0 else done), now, cpu
                if cpu - stirred_cpu > STIR_SECONDS:
                    stirred_wall, stirred_cpu = now, cpu
                used = cpu - since_cpu
                asleep = now - max(stirred_wall, since_wall) > frame.wall_seconds
                if used > frame.hard_seconds or asleep or now - since_wall > frame.wall_seconds * WALL_FACTOR:
                    overdue = True
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    poll.poll()
                    break
                pause = frame.hard_seconds - used  # no sooner can it be over: a call has one thread
        finally:
            os.close(descriptor)
        return os.waitpid(child, 0)[1], overdue

    def beat(self) -> None:
        now = time.monotonic()
        if now - self.last_heartbeat > HEARTBEAT_SECONDS:
            self.last_heartbeat = now
            self.connection.sendall(codes.HEARTBEAT)


def serve(connection: socket.socket, bodies: int, config: dict, parent: int) -> None:
    """The life of a worker process; never returns."""
    try:
        kernel.die_with_parent(parent)
        kernel.hide()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if config["nice"]:
            os.nice(config["nice"])
        Worker(connection, bodies, config).serve()
        os._exit(0)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the parent has gone


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
