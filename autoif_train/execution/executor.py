"""The only door for generated code: functions and texts in, one outcome per call out."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from autoif_train.execution import packs as packages
from autoif_train.execution import probes
from autoif_train.execution.jobs import checked_jobs
from autoif_train.execution.lanes import Lane, Lanes
from autoif_train.execution.pool import Pool
from autoif_train.execution.reward import RewardFunction, reward_function
from autoif_train.execution.runs import Flight, Reasons
from autoif_train.execution.settings import LEVELS, ExecutionSettings
from autoif_train.execution.sources import SourceMemory
from autoif_train.execution.wasm import component
from autoif_train.execution.wasm.pool import WasmPool
from autoif_train.setting import check_bounds
from autoif_train.types import Outcome, Query, UserError

SLOW_NICENESS = 5  # of the workers for functions that timed out once


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
        packs: Sequence[str] = (),
    ):
        self.settings = ExecutionSettings(level, workers, timeout_seconds, memory_limit_mb, strikes, list(packs))
        self.reasons: Reasons = {}
        self.costs: Counter[str] = Counter()
        _check(self.settings)
        self._open()

    @classmethod
    def of(cls, settings: ExecutionSettings) -> Executor:
        """An executor by the section `execution` of the settings."""
        return cls(**dataclasses.asdict(settings))

    def _open(self) -> None:
        settings = self.settings
        self._pools: dict[tuple[tuple[str, ...], int], tuple[Pool | WasmPool, Lanes]] = {}
        self._sources, self._lock = SourceMemory(settings.packs), threading.Lock()
        self._owner, self._closed = os.getpid(), False
        found = self._probed()
        self.level, self.report = found.name, found.report

    def _probed(self) -> probes.Level:
        """Open the first pool of the strongest level that is asked for and to be had."""
        asked, lost = self.settings.level, ""
        if asked != "wasm" and not probes.FOREIGN:
            walls = probes.WALLS["strict" if asked == "auto" else asked]
            found = self._opened(Pool, walls, lambda pool: probes.probe(pool, asked))
            if asked != "auto" or found.name != "rlimit" or not component.installed():
                return found
            lost = found.lost
            self._close_pools()
        elif asked == "auto":
            lost = f" (no strict: {probes.FOREIGN})"
        elif asked != "wasm":
            raise UserError(f"execution.level: {asked} is not available here ({probes.FOREIGN}); name auto or wasm")
        component.check()
        return self._opened(WasmPool, {}, lambda pool: probes.probe_wasm(pool, lost))

    def _opened(
        self, kind: type[Pool | WasmPool], walls: dict, probe: Callable[[Pool | WasmPool], probes.Level]
    ) -> probes.Level:
        self._kind, self._walls = kind, walls
        try:
            self._pool = self._open_pool((), 0)
            return probe(self._pool)
        except BaseException:
            self._close_pools()
            raise

    def _open_pool(self, packs: tuple[str, ...], hash_seed: int) -> Pool | WasmPool:
        """Workers that have these packs loaded; those of another hash seed than 0 only run functions again."""
        count = 1 if hash_seed else self.settings.workers
        config = {
            **self._walls,
            "memory_bytes": self.settings.memory_limit_mb << 20,
            "known_packs": self.settings.packs,
            "packs": packs,
            "packs_path": packages.path() if packs else [],
        }
        pool = self._kind(config, [0] * count + [SLOW_NICENESS] * count, hash_seed)
        fast, slow = Lane(pool, range(count), "fast"), Lane(pool, range(count, 2 * count), "slow")
        self._pools[packs, hash_seed] = pool, Lanes(fast, slow, count)
        return pool

    def _lanes(self, packs: tuple[str, ...] = (), hash_seed: int = 0) -> Lanes:
        """Where functions with these packs run; opened when they are first asked for."""
        with self._lock:
            if (packs, hash_seed) not in self._pools:
                layers = self._open_pool(packs, hash_seed).layers
                if layers != self._pool.layers:
                    self._close_pools()
                    raise RuntimeError(f"the walls differ: first {self._pool.layers}, then {layers}")
            return self._pools[packs, hash_seed][1]

    def _own(self) -> None:
        """A process forked from the one that opened the pools gets pools of its own."""
        if self._closed:
            raise RuntimeError("the executor is closed; open a new one")
        if self._owner != os.getpid():
            for pool, _ in self._pools.values():
                pool.abandon()
            self._open()

    def run(self, jobs: Iterable[tuple[str, Sequence[str]]], doubt: bool = True) -> list[list[Outcome]]:
        """The outcome of each function on each of its texts, in the order asked.

        With `doubt`, a function that this executor has not met yet is refused where its verdicts depend on the order of
        the texts or on the hash seed. Raises TypeError when a source or a text is not a str; the executor stays usable.
        """
        outcomes, self.reasons = self.run_with_reasons(jobs, doubt)
        return outcomes

    def run_with_reasons(
        self, jobs: Iterable[tuple[str, Sequence[str]]], doubt: bool = True
    ) -> tuple[list[list[Outcome]], Reasons]:
        """`run` and the reasons that belong to it."""
        self._own()
        run = Flight(self._lanes, self._sources, self.settings, checked_jobs(jobs), doubt)
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
        self._close_pools()

    def _close_pools(self) -> None:
        for pool, lanes in self._pools.values():
            pool.close()
            lanes.close()
        self._pools.clear()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _check(settings: ExecutionSettings) -> None:
    if settings.level not in LEVELS:
        raise UserError(f"execution.level: {settings.level} is not one of {', '.join(LEVELS)}")
    check_bounds(settings, "execution")
    packages.check(settings.packs)
