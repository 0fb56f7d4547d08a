"""One call of `Executor.run`: what is sent to which lane, what is doubted, and what came back."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from autoif_train.execution import jobs as planning
from autoif_train.execution.inside import codes
from autoif_train.execution.jobs import Piece
from autoif_train.execution.lanes import Lanes
from autoif_train.execution.pool import Reply
from autoif_train.execution.settings import ExecutionSettings
from autoif_train.execution.sources import Admission, SourceMemory
from autoif_train.types import Outcome

FAST_SHARE, FAST_SECONDS = 0.05, 0.01  # of the CPU limit, at least: then a function goes to the slow lane
AGAIN_TEXTS = 8  # texts of a job that a doubtful function is given again
AGAIN_HASH_SEED = 1
UNDECIDED = (codes.NOT_RUN, codes.RETRY, codes.TIMEOUT, codes.SKIPPED)  # after the fast lane
SETTLED = (codes.TRUE, codes.FALSE, codes.EXCEPTION, codes.NON_BOOL)
TABLE = [planning.OUTCOMES.get(code, Outcome.CRASHED) for code in range(256)]

# Closes each shared frame. Whatever another function changed for all would show in its answers.
SENTINEL = """
import collections, json, math, re, string
def evaluate(text):
    words = re.findall(r"[a-z]+", text.lower())
    once = collections.Counter(words)["follow"] == 1
    order = json.loads(json.dumps({"w": words}))["w"] == list(reversed(sorted(words)))
    sums = sum(map(len, words)) == len("".join(words)) == max(range(10)) == abs(min(-9, 0)) == math.floor(9.5)
    kinds = isinstance(text, str) and all(map(str.isalpha, words)) and not any(word in string.digits for word in words)
    return bool(once and order and sums and kinds and int("12") == round(12.2) == len(set(range(12))))
"""
SENTINEL_TEXTS = ("yes, follow", "never")
SENTINEL_ANSWER = bytes([codes.TRUE, codes.FALSE])

Reasons = dict[tuple[int, int], str]


@dataclasses.dataclass(frozen=True)
class Sent:
    """A frame on its way: what it holds, and what its reply is for. `doubted` is the reply that an audit checks."""

    purpose: str  # shared | alone | slow | audit | again | again alone
    pieces: list[Piece]
    doubted: tuple[list[Piece], Reply] | None = None


class Flight:
    """Jobs on their way. Used once, by one thread."""

    def __init__(
        self,
        lanes: Callable[..., Lanes],
        sources: SourceMemory,
        settings: ExecutionSettings,
        jobs: Sequence[tuple[str, list[str]]],
        doubt: bool,
    ):
        """`lanes(packs, hash_seed)` are those of the pool that such functions run in. With `doubt` functions that may
        be unsteady run again."""
        self.doubt = doubt
        self.lanes, self.sources, self.settings, self.jobs = lanes, sources, settings, jobs
        self.bytes = [bytearray(len(texts)) for _, texts in jobs]
        self.reasons: Reasons = {}
        self.waiting: dict[concurrent.futures.Future[Reply], Sent] = {}
        self.unfinished = [0] * len(jobs)  # pieces in the fast lane, per job
        self.doubtful: list[Piece] = []  # what is run again when nothing is left in the fast lane
        self.later: dict[int, list[Piece]] = {}  # pieces of the slow lane, run one after the other
        self.strikes = [settings.strikes] * len(jobs)
        self.admissions: dict[str, Admission] = {}
        self.costs: Counter[str] = Counter()

    def outcomes(self) -> list[list[Outcome]]:
        asked = [source for source, texts in self.jobs if texts]
        if asked:
            self.admissions = self.sources.read([SENTINEL, *asked], self.lanes(), self.costs)
            self._submit_fast()
        while self.waiting:
            done, _ = concurrent.futures.wait(self.waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                self._take(self.waiting.pop(future), future.result())
            if self.doubtful and not any(self.unfinished):
                self._submit_again()
        return [[TABLE[code] for code in row] for row in self.bytes]

    def _submit_fast(self) -> None:
        groups: dict[tuple[str, tuple[str, ...]], list[Piece]] = {}
        for job, (source, texts) in enumerate(self.jobs):
            if not texts:
                continue
            admission = self.admissions[source]
            if admission.kind == codes.REFUSED:
                self._refuse(job, admission.reason)
                continue
            pieces = list(planning.cut(job, admission.code, texts, self._allowed(job, texts)))
            self.unfinished[job] = len(pieces)
            purpose = "shared" if admission.kind == codes.PURE else "alone"
            groups.setdefault((purpose, admission.packs), []).extend(pieces)
        for (purpose, packs), pieces in sorted(groups.items(), key=lambda group: group[0]):
            calls = sum(len(piece.texts) for piece in pieces)
            lanes = self.lanes(packs)
            pace = lanes.fast.seconds_per_call[codes.SHARED if purpose == "shared" else codes.ALONE]
            for group in planning.pack(pieces, planning.calls_per_frame(calls, lanes.workers, pace)):
                self._send(Sent(purpose, group))

    def _allowed(self, job: int, texts: Sequence[str]) -> Sequence[int]:
        """The positions of the texts that fit a frame; the others are refused."""
        if max(map(len, texts)) <= planning.MAX_FRAME_CHARACTERS:
            return range(len(texts))
        fitting = [position for position, text in enumerate(texts) if len(text) <= planning.MAX_FRAME_CHARACTERS]
        for position in set(range(len(texts))).difference(fitting):
            self.bytes[job][position] = codes.REFUSED
            self.reasons[job, position] = f"refused: the text is longer than {planning.MAX_FRAME_CHARACTERS} characters"
        return fitting

    def _send(self, sent: Sent) -> None:
        """Have a frame run. Its pieces are of functions that need the same packs."""
        hash_seed = AGAIN_HASH_SEED if sent.purpose.startswith("again") else 0
        lanes = self.lanes(self._admission(sent.pieces[0]).packs, hash_seed)
        if sent.purpose == "slow":
            strikes, lane, seconds = self.strikes[sent.pieces[0].job], lanes.slow, self.settings.timeout_seconds
        else:
            strikes, lane = 1, lanes.fast
            seconds = max(FAST_SHARE * self.settings.timeout_seconds, FAST_SECONDS)
        kind, pieces = codes.ALONE, sent.pieces
        if sent.purpose in ("shared", "again"):
            sentinel = Piece(-1, self.admissions[SENTINEL].code, range(2), SENTINEL_TEXTS, 0)
            kind, pieces = codes.SHARED, [*pieces, sentinel]
        frame = planning.frame_of(kind, pieces, strikes, seconds)
        self.waiting[lane.submit(frame)] = sent

    def _admission(self, piece: Piece) -> Admission:
        return self.admissions[self.jobs[piece.job][0]]

    def _take(self, sent: Sent, reply: Reply) -> None:
        self.costs.update(
            {"frames": 1, f"{sent.purpose} frames": 1, "cells": reply.cells, "cpu_seconds": reply.cpu_seconds}
        )
        if sent.purpose == "shared":
            self._take_shared(sent.pieces, reply)
        elif sent.purpose == "audit":
            self._take_audit(sent, reply)
        elif sent.purpose.startswith("again"):
            self._take_again(sent, reply)
        else:
            self._accept(sent.pieces, reply, slow=sent.purpose == "slow")

    def _take_shared(self, pieces: list[Piece], reply: Reply) -> None:
        """A shared frame counts when its sentinel is right and the functions drawn for the audit agree when alone.

        The sentinel speaks for the cell that it ran in. Where a function ended a cell early, that function goes to the
        slow lane and the frame is run again without it.
        """
        if reply.cells > 1:
            self._part(pieces, reply)
            return
        if reply.outcomes[-len(SENTINEL_TEXTS) :] != SENTINEL_ANSWER:
            self.costs["distrusted frames"] += 1
            self._send(Sent("alone", pieces))
            return
        drawn = [piece for piece in pieces if not self._admission(piece).audited]
        if drawn:
            self._send(Sent("audit", drawn, (pieces, reply)))
        else:
            self._accept(pieces, reply, slow=False)

    def _part(self, pieces: list[Piece], reply: Reply) -> None:
        ended: list[Piece] = []
        others: list[Piece] = []
        for piece, found in _each(pieces, reply):
            (ended if codes.RETRY in found else others).append(piece)
        self._accept(
            ended, Reply(bytes([codes.RETRY]) * sum(len(piece.texts) for piece in ended), {}, 0, 0.0), slow=False
        )
        if others:
            self._send(Sent("shared" if ended else "alone", others))

    def _take_audit(self, sent: Sent, reply: Reply) -> None:
        pieces, doubted = sent.doubted
        said = {(piece.job, piece.positions[0]): found for piece, found in _each(pieces, doubted)}
        agree = all(_agree(said[piece.job, piece.positions[0]], found) for piece, found in _each(sent.pieces, reply))
        for piece in sent.pieces:
            self._learn(piece, audited=True)
        if agree:
            self._accept(pieces, doubted, slow=False)
        else:
            self.costs["distrusted frames"] += 1
            self._send(Sent("alone", pieces))

    def _accept(self, pieces: list[Piece], reply: Reply, slow: bool) -> None:
        """Note what a frame gave; what timed out or is in doubt goes to the slow lane when its job is through."""
        start = 0
        for piece in pieces:
            self._note(piece, reply, start, slow)
            start += len(piece.texts)
            if slow:
                self.strikes[piece.job] -= reply.outcomes.count(codes.TIMEOUT)
                self._submit_slow(piece.job)
            else:
                self.unfinished[piece.job] -= 1
                if not self.unfinished[piece.job]:
                    self._finish_fast(piece.job)

    def _note(self, piece: Piece, reply: Reply, start: int, slow: bool) -> None:
        outcomes = reply.outcomes[start : start + len(piece.texts)]
        row = self.bytes[piece.job]
        if isinstance(piece.positions, range):
            row[piece.positions.start : piece.positions.stop] = outcomes
        else:
            for position, code in zip(piece.positions, outcomes, strict=True):
                row[position] = code
        if outcomes.count(codes.TRUE) + outcomes.count(codes.FALSE) == len(outcomes):
            return
        for number, code in enumerate(outcomes):
            if code not in (codes.TRUE, codes.FALSE) and (slow or code not in UNDECIDED):
                reason = planning.reason_of(code, reply.notes.get(start + number))
                self.reasons[piece.job, piece.positions[number]] = reason

    def _finish_fast(self, job: int) -> None:
        source, texts = self.jobs[job]
        row, admission = self.bytes[job], self.admissions[source]
        again = [position for position, code in enumerate(row) if code in UNDECIDED] if _any(row, UNDECIDED) else []
        self.later[job] = list(planning.cut(job, admission.code, texts, again))
        steady = admission.steady or not self.doubt
        settled = [] if steady else [position for position, code in enumerate(row) if code in SETTLED]
        if settled:
            backwards = planning.cut(job, admission.code, texts, settled[:AGAIN_TEXTS][::-1])
            self.doubtful.append(next(backwards))
        else:
            self._submit_slow(job)

    def _submit_again(self) -> None:
        """Doubtful functions once more: their texts backwards, in a fresh process, with another hash seed."""
        groups: dict[tuple[str, tuple[str, ...]], list[Piece]] = {}
        for piece in self.doubtful:
            admission = self._admission(piece)
            purpose = "again" if admission.kind == codes.PURE else "again alone"
            groups.setdefault((purpose, admission.packs), []).append(piece)
        for (purpose, _packs), pieces in sorted(groups.items(), key=lambda group: group[0]):
            for group in planning.pack(pieces, planning.MAX_FRAME_CALLS):
                self._send(Sent(purpose, group))
        self.doubtful.clear()

    def _take_again(self, sent: Sent, reply: Reply) -> None:
        """A function must say the same again, or nobody can rely on it. Beside others it is not refused for it."""
        for piece, found in _each(sent.pieces, reply):
            row = self.bytes[piece.job]
            if _agree(bytes(row[position] for position in piece.positions), found):
                self._learn(piece, steady=True)
                self._submit_slow(piece.job)
            elif sent.purpose == "again":
                self._send(Sent("again alone", [piece]))
            else:
                self.later.pop(piece.job)
                self._refuse(piece.job, "refused: its verdict depends on the order of the texts or on the hash seed")

    def _learn(self, piece: Piece, **facts: bool) -> None:
        """Remember what a run has shown of a function, for this run and those after it."""
        source = self.jobs[piece.job][0]
        self.admissions[source] = dataclasses.replace(self.admissions[source], **facts)
        self.sources.remember(source, self.admissions[source])

    def _refuse(self, job: int, reason: str) -> None:
        count = len(self.bytes[job])
        self.bytes[job][:] = bytes([codes.REFUSED]) * count
        self.reasons.update({(job, position): reason for position in range(count)})

    def _submit_slow(self, job: int) -> None:
        pieces = self.later.pop(job)
        if not pieces:
            return
        if self.strikes[job] <= 0:
            for piece in pieces:
                self._note(piece, Reply(bytes([codes.SKIPPED]) * len(piece.texts), {}, 0, 0.0), 0, slow=True)
            return
        self.later[job] = pieces[1:]
        self._send(Sent("slow", pieces[:1]))


def _each(pieces: list[Piece], reply: Reply):
    start = 0
    for piece in pieces:
        yield piece, reply.outcomes[start : start + len(piece.texts)]
        start += len(piece.texts)


def _agree(one: bytes, other: bytes) -> bool:
    """Whether two runs of a function say the same wherever both have said something."""
    return one == other or all(a == b for a, b in zip(one, other, strict=True) if a in SETTLED and b in SETTLED)


def _any(row: bytearray, wanted: Sequence[int]) -> bool:
    return any(code in row for code in wanted)
