"""A process that runs frames in WebAssembly instances: started by `pool.py`, it talks through its standard streams.

An instance has no file, no network, no environment and no process; it ends by a trap when its call is over the limit.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import struct
import sys
import threading
import time
from typing import BinaryIO

import wasmtime
import wasmtime.component

from autoif_train.execution.inside import codes
from autoif_train.execution.inside.frames import Ending, Frame, run_frame

BASE_BYTES = 32 << 20  # what the interpreter has mapped before a function runs
MAX_BYTES = (1 << 32) - 1  # of a memory
STIR_SECONDS = 0.002  # as in `inside/worker.py`
WALL_FACTOR = 15
PAUSES = 0.001, 0.01  # wall seconds between two looks at the clock
GRACE_SECONDS = 1.0  # an instance that does not end by its trap waits for the machine, and this process must end


def engine() -> wasmtime.Engine:
    """An engine whose instances can be interrupted in any loop."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    return wasmtime.Engine(config)


class Watch(threading.Thread):
    """Traps the instance whose call is over its limits, and ends this process where a trap does not reach it."""

    def __init__(self, host: Host):
        super().__init__(daemon=True)
        self.host = host
        self.busy = threading.Event()
        self.frame: Frame | None = None
        self.call = 0  # the call that runs
        self.overdue = -1  # the call that was stopped

    def begin(self, frame: Frame, call: int) -> None:
        self.frame, self.call, self.overdue = frame, call, -1
        self.seen = -1
        self.busy.set()

    def run(self) -> None:
        while True:
            self.busy.wait()
            frame = self.frame
            time.sleep(min(max(frame.soft_seconds / 20, PAUSES[0]), PAUSES[1]))
            if self.busy.is_set():
                self.look(frame)

    def look(self, frame: Frame) -> None:
        now, cpu = time.monotonic(), time.process_time() - time.thread_time()  # without what looking costs
        if self.call != self.seen:
            self.seen, self.since_cpu, self.idle, self.waited = self.call, cpu, 0.0, 0.0
            self.stirred, self.before = cpu, now
            return
        passed, self.before = min(now - self.before, 2 * PAUSES[1]), now  # as in `inside/worker.py`
        self.idle, self.waited = self.idle + passed, self.waited + passed
        if cpu - self.stirred > STIR_SECONDS:
            self.stirred, self.idle = cpu, 0.0
        asleep = self.idle > frame.wall_seconds or self.waited > frame.wall_seconds * WALL_FACTOR
        if self.overdue == self.call:
            if now - self.stopped > GRACE_SECONDS:
                self.host.give_up()
        elif asleep or cpu - self.since_cpu > frame.soft_seconds:
            self.overdue, self.stopped = self.call, now
            self.host.engine.increment_epoch()


class Host:
    """Reads frames, runs them, writes replies."""

    def __init__(self, output: BinaryIO, path: str, memory_bytes: int):
        self.engine = engine()
        self.component = wasmtime.component.Component.deserialize_file(self.engine, path)
        self.linker = wasmtime.component.Linker(self.engine)
        self.linker.add_wasip2()
        with self.linker.root() as root:
            root.add_func("report", self.report)
            root.add_func("note", self.note)
        self.output, self.memory_bytes = output, memory_bytes
        self.cpu_seconds = time.process_time()
        self.watch = Watch(self)
        self.watch.start()

    def report(self, _store: object, first: int, outcomes: bytes) -> None:
        """The guest may say what it likes of its own calls only."""
        if self.start <= first and first + len(outcomes) <= self.end:
            self.results[first - self.start : first - self.start + len(outcomes)] = bytes(outcomes)
            self.watch.call = first + len(outcomes)

    def note(self, _store: object, call: int, text: bytes) -> None:
        if self.start <= call < self.end and len(self.notes) + len(text) < codes.MAX_REPLY_NOTES:
            self.notes += codes.NOTE.pack(call, len(text)) + bytes(text)

    def answer(self, frame: Frame) -> None:
        self.frame, self.notes = frame, bytearray()
        self.outcomes = bytearray(frame.calls)
        run_frame(frame, self.outcomes, self.run_instance)
        self.reply()

    def reply(self) -> None:
        now = time.process_time()
        head = codes.REPLY.pack(len(self.notes), self.instances, now - self.cpu_seconds)
        self.cpu_seconds, self.instances = now, 0
        self.output.write(head + self.outcomes + self.notes)
        self.output.flush()

    instances = 0

    def run_instance(self, start: int, end: int) -> tuple[bytes, Ending]:
        self.start, self.end, self.results = start, end, bytearray(end - start)
        self.instances += 1
        frame, body = self.frame, str(self.frame.body, "latin-1")
        with wasmtime.Store(self.engine) as store:
            store.set_limits(memory_size=min(BASE_BYTES + 6 * len(frame.body) + self.memory_bytes, MAX_BYTES))
            store.set_wasi(wasmtime.WasiConfig())
            store.set_epoch_deadline(1)
            instance = self.linker.instantiate(store, self.component)
            run = instance.get_func(store, "run")
            self.watch.begin(frame, start)
            try:
                done = run(store, frame.kind, body, start, frame.wall_seconds)
                ending = Ending.DIED if done else Ending.LEFT
            except (wasmtime.WasmtimeError, wasmtime.Trap, wasmtime.ExitTrap):
                stopped = self.watch.overdue
                # The trap may hit the call after the one that was too slow: that one deserves a fresh start.
                ending = Ending.DIED if stopped < 0 else Ending.OVERDUE if stopped == self.watch.call else Ending.LEFT
            finally:
                self.watch.busy.clear()
        return bytes(self.results), ending

    def give_up(self) -> None:
        """Answer in the place of the thread that an instance holds, and end."""
        done = self.results.find(b"\0")
        stop = self.start + (len(self.results) if done < 0 else done)
        function = next(end for end in self.frame.ends if end > stop)
        self.outcomes[self.start : stop] = self.results[: stop - self.start]
        self.outcomes[stop:function] = bytes([codes.SKIPPED]) * (function - stop)
        self.outcomes[stop] = codes.TIMEOUT
        self.outcomes[function:] = bytes([codes.RETRY]) * (len(self.outcomes) - function)
        self.reply()
        os._exit(0)


def read_frames(source: BinaryIO, frames: queue.SimpleQueue[Frame]) -> None:
    """Frames as they arrive; when the parent has gone, so has this process."""
    while header := source.read(codes.REQUEST.size):
        kind, functions, size, strikes, *limits = codes.REQUEST.unpack(header)
        counts = struct.unpack(f"={functions}I", source.read(4 * functions))
        body = memoryview(source.read(size))
        frames.put(Frame(kind, body, list(itertools.accumulate(counts)), strikes, *limits))
    os._exit(0)


def main() -> None:
    """Started with a JSON object: where the machine code lies, the memory limit, the niceness."""
    config = json.loads(sys.argv[1])
    if config["niceness"] and hasattr(os, "nice"):
        os.nice(config["niceness"])
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    host = Host(output, config["component"], config["memory_bytes"])
    threading.Thread(target=read_frames, args=(sys.stdin.buffer, frames), daemon=True).start()
    while True:
        host.answer(frames.get())
