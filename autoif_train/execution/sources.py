"""What reading a source gave, remembered between runs."""

from __future__ import annotations

import dataclasses
import marshal
import threading
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

from autoif_train.execution.inside import codes
from autoif_train.execution.jobs import sanitised
from autoif_train.execution.lanes import Lanes
from autoif_train.execution.pool import Frame

READING_SECONDS = 2.0  # CPU, for one source
SOURCES_PER_FRAME = 64
REMEMBERED_SOURCES = 50_000
AUDIT_ONE_IN = 100  # functions of the shared lane that are run again alone, when they are met first


@dataclasses.dataclass(frozen=True)
class Admission:
    """`code` is marshalled for a cell and never loaded here; `packs` are what it imports beside the standard library;
    `reason` says why a source is refused.

    `steady` is true where no verdict can depend on the order of the texts or on the hash seed; `audited` is false until
    a source that was drawn for the audit has gone through it.
    """

    kind: int
    code: bytes = b""
    packs: tuple[str, ...] = ()
    reason: str = ""
    steady: bool = True
    audited: bool = True


class SourceMemory:
    """Admissions by source, the least recently asked forgotten first. Safe to share between threads."""

    def __init__(self, packs: Sequence[str]):
        self._packs = frozenset(packs)
        self._admissions: OrderedDict[str, Admission] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, sources: Iterable[str], lanes: Lanes, costs: Counter) -> dict[str, Admission]:
        """The admission of each source; unknown ones are compiled and judged in cells, which `costs` counts."""
        known: dict[str, Admission | None] = dict.fromkeys(sources)
        with self._lock:
            for source in known:
                if source in self._admissions:
                    self._admissions.move_to_end(source)
                    known[source] = self._admissions[source]
        unknown = [source for source, admission in known.items() if admission is None]
        size = max(1, min(SOURCES_PER_FRAME, -(-len(unknown) // lanes.workers)))
        groups = [unknown[start : start + size] for start in range(0, len(unknown), size)]
        for group, future in [(group, lanes.fast.submit(_frame(group))) for group in groups]:
            reply = future.result()
            costs.update({"frames": 1, "cells": reply.cells, "cpu_seconds": reply.cpu_seconds})
            for call, source in enumerate(group):
                known[source] = _admission(reply.outcomes[call], reply.notes.get(call, b""), self._packs)
                self.remember(source, known[source])
        return known

    def remember(self, source: str, admission: Admission) -> None:
        with self._lock:
            self._admissions[source] = admission
            if len(self._admissions) > REMEMBERED_SOURCES:
                self._admissions.popitem(last=False)


def _frame(sources: list[str]) -> Frame:
    return Frame(codes.ADMIT, [marshal.dumps(sources)], [1] * len(sources), strikes=1, cpu_seconds=READING_SECONDS)


def _admission(code: int, note: bytes, known_packs: frozenset[str]) -> Admission:
    if code in (codes.PURE, codes.SOLO) and len(note) > codes.ADMITTED.size:
        steady, size = codes.ADMITTED.unpack_from(note)
        names, compiled = note[codes.ADMITTED.size :][:size], note[codes.ADMITTED.size + size :]
        packs = tuple(name for name in sorted(known_packs) if name.encode() in names.split())
        drawn = code == codes.PURE and zlib.crc32(note) % AUDIT_ONE_IN == 0
        return Admission(code, compiled, packs, steady=steady == 1, audited=not drawn)
    if code == codes.REFUSED:
        return Admission(codes.REFUSED, reason=sanitised(note))
    return Admission(codes.REFUSED, reason="does not compile: the compiler ended or took too long")
