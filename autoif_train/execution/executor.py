"""The only door for generated code: functions and texts in, one outcome per call out."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence

from autoif_train.execution import probes
from autoif_train.execution.jobs import checked_jobs
from autoif_train.execution.lanes import Lane
from autoif_train.execution.pool import Pool
from autoif_train.execution.reward import RewardFunction, reward_function
from autoif_train.execution.runs import Lanes, Reasons, Run
from autoif_train.execution.settings import LEVELS, ExecutionSettings
from autoif_train.execution.sources import SourceMemory
from autoif_train.types import Outcome, Query, UserError

SLOW_NICENESS = 5  # of the workers for functions that timed out once
HASH_SEEDS = 0, 1  # of the processes that judge, and of those that run doubtful functions again


class Executor:
    """Runs verification functions behind walls. A context manager; usable from any thread.

    `level` is what the machine gave, `report` one line about it. `reasons` holds, for the run that ended last,
    `{(job, text): why}` for whatever was neither followed nor violated; `run_with_reasons` gives both at once where
    several threads run. `costs` counts frames, cells and CPU seconds since the start, `distrusted frames` among them.
    """

    def __init__(
        self,
        level: str = "auto",
        workers: int = 2,
        timeout_seconds: float = 1.0,
        memory_limit_mb: int = 256,
        strikes: int = 2,
    ):
        self.settings = ExecutionSettings(level, workers, timeout_seconds, memory_limit_mb, strikes)
        self.reasons: Reasons = {}
        self.costs: Counter[str] = Counter()
        self._sources = SourceMemory()
        self._lock = threading.Lock()
        _check(self.settings)
        self._open()

    def _open(self) -> None:
        settings = self.settings
        walls = probes.WALLS["strict" if settings.level == "auto" else settings.level]
        self._walls = {**walls, "memory_bytes": settings.memory_limit_mb << 20}
        slots = [0] * settings.workers + [SLOW_NICENESS] * settings.workers
        self._pool = Pool(self._walls, slots, HASH_SEEDS[0])
        try:
            found = probes.probe(self._pool, settings.level)
        except BaseException:
            self._pool.close()
            raise
        self.level, self.report = found.name, found.report
        fast = Lane(self._pool, range(settings.workers), "fast")
        slow = Lane(self._pool, range(settings.workers, 2 * settings.workers), "slow")
        self._lanes = Lanes(fast, slow, self._again, settings.workers, settings.timeout_seconds, settings.strikes)
        self._second: Lane | None = None
        self._owner = os.getpid()
        self._closed = False

    def _again(self) -> Lane:
        """The lane of another hash seed; most runs never need it."""
        with self._lock:
            if self._second is None:
                pool = Pool(self._walls, [0], HASH_SEEDS[1])
                if pool.layers != self._pool.layers:
                    pool.close()
                    raise RuntimeError(f"the walls differ: first {self._pool.layers}, then {pool.layers}")
                self._second = Lane(pool, [0], "again")
            return self._second

    def _own_lanes(self) -> Lanes:
        """The lanes of this process: a process forked from the one that opened the pool gets a pool of its own."""
        if self._closed:
            raise RuntimeError("the executor is closed; open a new one")
        if self._owner != os.getpid():
            self._lock, self._sources = threading.Lock(), SourceMemory()
            self._pool.abandon()
            if self._second:
                self._second.pool.abandon()
            self._open()
        return self._lanes

    def run(self, jobs: Iterable[tuple[str, Sequence[str]]]) -> list[list[Outcome]]:
        """The outcome of each function on each of its texts, in the order asked.

        Raises TypeError when a source or a text is not a str; the executor stays usable.
        """
        outcomes, self.reasons = self.run_with_reasons(jobs)
        return outcomes

    def run_with_reasons(self, jobs: Iterable[tuple[str, Sequence[str]]]) -> tuple[list[list[Outcome]], Reasons]:
        """`run` and the reasons that belong to it."""
        run = Run(self._own_lanes(), self._sources, checked_jobs(jobs))
        outcomes = run.outcomes()
        with self._lock:
            self.costs.update(run.costs)
        return outcomes, run.reasons

    def as_reward_function(self, queries: Iterable[Query]) -> RewardFunction:
        """A callable with TRL's reward signature over the prompts of `queries`; see `reward.py`."""
        return reward_function(self, queries)

    def close(self) -> None:
        """End every process of this executor. Closing twice is fine."""
        self._closed = True
        if self._owner != os.getpid():
            return
        self._pool.close()
        lanes = [self._lanes.fast, self._lanes.slow]
        if self._second:
            self._second.pool.close()
            lanes.append(self._second)
        for lane in lanes:
            lane.close()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _check(settings: ExecutionSettings) -> None:
    if settings.level not in LEVELS:
        raise UserError(f"execution.level: {settings.level} is not one of {', '.join(LEVELS)}")
    if settings.level == "wasm":
        raise UserError("execution.level: wasm is not built yet; name auto, strict, seccomp or rlimit")
    for name in ("workers", "timeout_seconds", "memory_limit_mb", "strikes"):
        if not getattr(settings, name) > 0:
            raise UserError(f"execution.{name}: must be above 0, not {getattr(settings, name)}")
