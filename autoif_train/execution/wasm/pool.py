"""The parent's end of the level `wasm`: one process per slot, each with instances of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from autoif_train.execution.inside import codes
from autoif_train.execution.pool import Frame, Reply, WorkerLost, unpack_notes
from autoif_train.execution.wasm import component
from autoif_train.types import UserError

SILENCE_SECONDS = 60.0  # beyond what a frame's own limits allow
KEPT_VARIABLES = ("SYSTEMROOT",)  # Windows starts nothing without it
BOOT = "import sys; sys.path[:0] = [sys.argv.pop(1)]; from autoif_train.execution.wasm.host import main; main()"


class WasmPool:
    """Does what `Pool` does, by processes that hold WebAssembly instances; they start when they are first asked.

    The hash seed is drawn once, when the component is built, so `_hash_seed` chooses nothing here.
    """

    def __init__(self, config: dict, slots: Sequence[int], _hash_seed: int):
        component.check()
        if config["known_packs"]:
            raise UserError("execution.packs: the level wasm has the standard library only; name another level")
        self.config = {"component": str(component.compiled()), "memory_bytes": config["memory_bytes"]}
        self.layers = {"wasm": component.version()}
        self.niceness = list(slots)
        self.processes: list[subprocess.Popen | None] = [None] * len(slots)
        self.closed = False

    def _start(self, number: int) -> subprocess.Popen:
        config = json.dumps({**self.config, "niceness": self.niceness[number]})
        return subprocess.Popen(
            [sys.executable, "-P", "-s", "-c", BOOT, str(Path(__file__).parents[3]), config],
            env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the trainer alone
        )

    def ask(self, number: int, frame: Frame) -> Reply:
        """Have the slot's process run a frame. Raises WorkerLost, after which the slot gets a fresh process."""
        if self.closed:
            raise RuntimeError("the executor is closed; open a new one")
        process = self.processes[number] = self.processes[number] or self._start(number)
        calls = sum(frame.counts)
        patience = threading.Timer(SILENCE_SECONDS + calls * frame.limits[-1], process.kill)
        patience.start()
        try:
            process.stdin.write(frame.header + b"".join(frame.body))
            process.stdin.flush()
            size, cells, cpu_seconds = codes.REPLY.unpack(_exactly(process, codes.REPLY.size))
            outcomes = _exactly(process, calls)
            return Reply(outcomes, unpack_notes(_exactly(process, size)), cells, cpu_seconds)
        except OSError as error:
            self._end(number)
            raise WorkerLost(f"a worker was lost ({error})") from error
        finally:
            patience.cancel()

    def _end(self, number: int) -> None:
        process, self.processes[number] = self.processes[number], None
        if process:
            process.kill()
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()
            process.wait()

    def abandon(self) -> None:
        """Close this process' ends only, as one does that was forked from the pool's owner."""
        self.closed = True
        for process in filter(None, self.processes):
            os.close(process.stdin.fileno())
            os.close(process.stdout.fileno())

    def close(self) -> None:
        """End every process."""
        self.closed = True
        for process in filter(None, self.processes):
            process.kill()
            process.wait()


def _exactly(process: subprocess.Popen, size: int) -> bytes:
    data = process.stdout.read(size)
    if len(data) < size:
        raise ConnectionResetError("its process ended")
    return data
