"""Threads that keep the workers busy: one lane for what is quick, one for what timed out once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import queue
from collections.abc import Sequence

from autoif_train.execution.inside import codes
from autoif_train.execution.pool import Frame, Pool, Reply, WorkerLost

GUESS_SECONDS = 50e-6  # CPU per call, before any frame has been timed
LEARNING_RATE = 0.5


class Lane:
    """Hands frames to a set of slots, one frame per slot at a time, from any number of callers."""

    def __init__(self, pool: Pool, slots: Sequence[int], name: str):
        self.pool = pool
        self.free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in slots:
            self.free.put(slot)
        self.seconds_per_call = {codes.ADMIT: GUESS_SECONDS, codes.SHARED: GUESS_SECONDS, codes.ALONE: GUESS_SECONDS}
        self.threads = concurrent.futures.ThreadPoolExecutor(len(slots), thread_name_prefix=f"execution-{name}")

    def submit(self, frame: Frame) -> concurrent.futures.Future[Reply]:
        return self.threads.submit(self._ask, frame)

    def _ask(self, frame: Frame) -> Reply:
        slot = self.free.get()
        try:
            reply = self.pool.ask(slot, frame)
            self._learn(frame, reply)
            return reply
        except WorkerLost:
            return self._ask_again(slot, frame)
        finally:
            self.free.put(slot)

    def _learn(self, frame: Frame, reply: Reply) -> None:
        latest = reply.cpu_seconds / len(reply.outcomes)
        self.seconds_per_call[frame.kind] += (latest - self.seconds_per_call[frame.kind]) * LEARNING_RATE

    def _ask_again(self, slot: int, frame: Frame) -> Reply:
        """A worker can be lost by the machine's doing; twice with one frame is the frame's doing."""
        try:
            return self.pool.ask(slot, frame)
        except WorkerLost as error:
            calls = sum(frame.counts)
            outcome = codes.KILLED if len(frame.counts) == 1 and frame.kind != codes.SHARED else codes.RETRY
            return Reply(bytes([outcome]) * calls, {0: str(error).encode()}, cells=0, cpu_seconds=0.0)

    def close(self) -> None:
        self.threads.shutdown(wait=True, cancel_futures=True)


@dataclasses.dataclass(frozen=True)
class Lanes:
    """The two lanes of a pool, each with as many slots as there are `workers`."""

    fast: Lane
    slow: Lane
    workers: int

    def close(self) -> None:
        self.fast.close()
        self.slow.close()
