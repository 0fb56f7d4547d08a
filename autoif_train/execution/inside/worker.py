"""The trusted side inside: forks a cell per frame or per function, watches it, and never reads what a frame holds."""

from __future__ import annotations

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
from .frames import Ending, Frame, run_frame

HEARTBEAT_SECONDS = 1.0
STIR_SECONDS = 0.002  # CPU: a call that uses less within its wall limit sleeps; one that is merely starved uses more
PROMPT_SECONDS = 0.02  # a worker that wakes up later than this was kept waiting itself
MAX_PAUSE = 0.25  # wall seconds between two looks at a cell
WALL_FACTOR = 15  # times the wall limit: the end also for a call that wakes up now and then


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
        kind, functions, size, strikes, *limits = codes.REQUEST.unpack(header)
        counts = struct.unpack(f"={functions}I", self.receive(4 * functions))
        return Frame(kind, memoryview(self.bodies)[:size], list(itertools.accumulate(counts)), strikes, *limits)

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
        self.cell.prepare(frame)
        forks = run_frame(frame, outcomes, lambda start, end: self.run_cell(frame, start, end, notes))
        return bytes(outcomes), bytes(notes), forks

    def run_cell(self, frame: Frame, start: int, end: int, notes: bytearray) -> tuple[bytes, Ending]:
        """Fork a cell for the calls from `start`: what it did of [start, end), and how it ended."""
        self.results[0 : frame.calls] = bytes(frame.calls)
        self.notes[0:8] = bytes(8)
        child = os.fork()
        if child == 0:
            self.cell.live(frame, start)
        status, overdue = self.watch(child, frame, start, end)
        self.copy_notes(start, end, notes)
        left = os.WIFEXITED(status) and os.WEXITSTATUS(status) == cell.TAINTED
        return self.results[start:end], Ending.LEFT if left else Ending.OVERDUE if overdue else Ending.DIED

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
            current, since_cpu, stirred_cpu, before = start, 0.0, 0.0, time.monotonic()
            idle = waited = 0.0  # wall seconds since the call last used CPU, and since it began
            pause, overdue = min(frame.hard_seconds, MAX_PAUSE), False
            while not poll.poll(max(1, pause * 1000)):
                self.beat()
                done = self.results.find(b"\0", current, end)
                try:
                    now, cpu = time.monotonic(), time.clock_gettime(clock)
                except OSError:
                    continue  # it has just ended
                # When the machine keeps this process waiting, the cell may have waited as well: that does not count.
                passed, before = min(now - before, pause + PROMPT_SECONDS), now
                idle, waited = idle + passed, waited + passed
                if done != current:
                    current, since_cpu, idle, waited = (end if done < 0 else done), cpu, 0.0, 0.0
                if cpu - stirred_cpu > STIR_SECONDS:
                    stirred_cpu, idle = cpu, 0.0
                used = cpu - since_cpu
                if used > frame.hard_seconds or idle > frame.wall_seconds or waited > frame.wall_seconds * WALL_FACTOR:
                    overdue = True
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    poll.poll()
                    break
                pause = min(frame.hard_seconds - used, MAX_PAUSE)  # no sooner can it be over: a call has one thread
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
