"""The parent's end of the wall: starts the interpreter inside and exchanges frames with its workers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from autoif_train.execution.inside import codes
from autoif_train.types import UserError

SILENCE_SECONDS = 60.0  # a worker that says nothing for so long is replaced; a healthy one beats every second
START_SECONDS = 60.0
SLOT = struct.Struct("=II")  # slot, niceness; the zygote reads the same
BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.zygote import main; del sys.path[0]; main()"


class WorkerLost(Exception):
    """A worker ended or fell silent; its frame has no result."""


class PoolLost(RuntimeError):
    """The process that forks the workers has ended, by the machine's doing or at a level that cannot protect it."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One request: `body` is marshalled for the cell, in parts; `counts` are the calls per function."""

    kind: int
    body: Sequence[bytes]
    counts: Sequence[int]
    strikes: int
    cpu_seconds: float

    @property
    def limits(self) -> tuple[float, float, float]:
        """CPU seconds of a call, the same for whoever watches it from outside, wall seconds without CPU."""
        soft = self.cpu_seconds
        return soft, soft * 1.05 + 0.03, soft * 3 + 1.0  # the tick inside comes first where Python code runs

    @property
    def header(self) -> bytes:
        header = codes.REQUEST.pack(self.kind, len(self.counts), sum(map(len, self.body)), self.strikes, *self.limits)
        return header + struct.pack(f"={len(self.counts)}I", *self.counts)


@dataclasses.dataclass(frozen=True)
class Reply:
    """One byte per call, error texts by call, and what it cost."""

    outcomes: bytes
    notes: dict[int, bytes]
    cells: int
    cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Slot:
    """One worker as seen from here: its socket, and the memory where it finds what a frame holds."""

    number: int
    niceness: int
    connection: socket.socket
    memory: mmap.mmap

    def receive_reply(self, calls: int) -> Reply:
        while self._receive(1) == codes.HEARTBEAT:
            pass
        size, cells, cpu_seconds = codes.REPLY.unpack(self._receive(codes.REPLY.size))
        outcomes = self._receive(calls)
        return Reply(outcomes, unpack_notes(self._receive(size)), cells, cpu_seconds)

    def _receive(self, size: int) -> bytes:
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            count = self.connection.recv_into(view[filled:])
            if count == 0:
                raise ConnectionResetError("its connection closed")
            filled += count
        return bytes(buffer)

    def close(self) -> None:
        self.connection.close()
        self.memory.close()


class Pool:
    """One worker per niceness of `slots`, behind one locked-in zygote whose strings hash with `hash_seed`."""

    def __init__(self, walls: dict, slots: Sequence[int], hash_seed: int):
        interpreter = getattr(sys, "_base_executable", None) or sys.executable
        if not interpreter:
            raise UserError("execution.level: no interpreter is known that could be started (sys.executable is empty)")
        control, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Isolated like -I, but for the environment, which we make: -I would ignore the hash seed in it.
        command = [os.path.realpath(interpreter), "-s", "-P", "-S", "-c", BOOT, str(Path(__file__).parent)]
        with inside:
            self.process = subprocess.Popen(
                [*command, str(inside.fileno()), str(os.getpid()), json.dumps(walls)],
                env={"PYTHONHASHSEED": str(hash_seed), "LD_BIND_NOW": "1"},  # symbols bound once, not in every cell
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[inside.fileno()],
                start_new_session=True,  # Ctrl-C is for the trainer alone
            )
        self.control = control
        self.control.settimeout(START_SECONDS)
        self.lock = threading.Lock()
        self.layers: dict[str, str] = json.loads(self._first_word())
        self.slots = [self._open(number, niceness) for number, niceness in enumerate(slots)]

    def _first_word(self) -> bytes:
        try:
            word = self.control.recv(1 << 16)
        except TimeoutError:
            word = b""
        if not word:
            self.process.kill()
            raise RuntimeError(f"the execution process did not start (exit status {self.process.wait()})")
        return word

    def _open(self, number: int, niceness: int) -> Slot:
        ours, theirs = socket.socketpair()
        descriptor = os.memfd_create("frames")
        os.ftruncate(descriptor, codes.FRAME_BYTES)
        with theirs, self.lock:
            handed = [theirs.fileno(), descriptor]
            socket.send_fds(self.control, [SLOT.pack(number, niceness)], handed)
        memory = mmap.mmap(descriptor, codes.FRAME_BYTES)
        os.close(descriptor)
        ours.settimeout(SILENCE_SECONDS)
        return Slot(number, niceness, ours, memory)

    def ask(self, number: int, frame: Frame) -> Reply:
        """Have the slot's worker run a frame. Raises WorkerLost, after which the slot has a fresh worker."""
        slot = self.slots[number]
        try:
            position = 0
            for part in frame.body:
                slot.memory[position : position + len(part)] = part
                position += len(part)
            slot.connection.sendall(frame.header)
            return slot.receive_reply(sum(frame.counts))
        except OSError as error:
            slot.close()
            try:
                self.slots[number] = self._open(number, slot.niceness)
            except OSError:
                raise PoolLost("the execution process has ended; open a new executor") from error
            raise WorkerLost(f"a worker was lost ({error or 'silence'})") from error

    def abandon(self) -> None:
        """Close this process' ends only, as one does that was forked from the pool's owner."""
        for end in (*self.slots, self.control):
            end.close()

    def close(self) -> None:
        """End every process inside; returns when the first one is reaped."""
        for end in (*(slot.connection for slot in self.slots), self.control):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # also where a forked process holds a copy
        self.abandon()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def unpack_notes(records: bytes) -> dict[int, bytes]:
    """The notes of a reply by call: each a head of `codes.NOTE` and its text."""
    notes, position = {}, 0
    while position < len(records):
        call, length = codes.NOTE.unpack_from(records, position)
        position += codes.NOTE.size
        notes[call] = records[position : position + length]
        position += length
    return notes
