"""From what is asked to frames and back: jobs, their pieces, and the outcome of each byte."""

from __future__ import annotations

import dataclasses
import marshal
import sys
from collections.abc import Iterable, Iterator, Sequence

from autoif_train.execution.inside import codes
from autoif_train.execution.pool import Frame
from autoif_train.types import Outcome

MAX_FRAME_CHARACTERS = 4_000_000  # at most 4 bytes each, well within a worker's frame memory
CHUNK_CHARACTERS = 50_000  # texts that a cell reads at once
MAX_FRAME_FUNCTIONS = 1024
MAX_FRAME_CALLS = 8192
FRAME_SECONDS = (0.02, 0.5)  # CPU: a fork should be a small part of a frame, a frame a small part of a run

OUTCOMES = {
    codes.TRUE: Outcome.FOLLOWED,
    codes.FALSE: Outcome.VIOLATED,
    codes.TIMEOUT: Outcome.TIMED_OUT,
    codes.SKIPPED: Outcome.TIMED_OUT,
    codes.NON_BOOL: Outcome.INVALID,
    codes.REFUSED: Outcome.INVALID,
    codes.NO_FUNCTION: Outcome.INVALID,
}  # every other byte is CRASHED
FALLBACK_REASONS = {
    codes.TIMEOUT: "used up its time",
    codes.SKIPPED: "not tried: the function timed out too often",
    codes.NON_BOOL: "returned something that is not a bool",
    codes.REFUSED: "refused by policy",
    codes.NO_FUNCTION: "defines no function `evaluate`",
    codes.MEMORY: "ran out of memory",
    codes.KILLED: "ended its process",
}


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some texts of one job: `positions` are their numbers within it."""

    job: int
    code: bytes
    positions: Sequence[int]
    texts: Sequence[str]
    characters: int


def checked_jobs(jobs: Iterable) -> list[tuple[str, list[str]]]:
    """The jobs as exact strings. Raises TypeError, naming the place, for anything that is not one."""
    result = []
    for index, (source, texts) in enumerate(jobs):
        if not isinstance(source, str):
            raise TypeError(f"job {index}: the source must be a str, not {type(source).__name__}")
        if isinstance(texts, (str, bytes)):
            raise TypeError(f"job {index}: the texts must be a list of str, not one {type(texts).__name__}")
        texts = list(texts)
        if {*map(type, texts)} - {str}:
            texts = [_exact(text, f"job {index}, text {position}") for position, text in enumerate(texts)]
        result.append((str.__str__(source), texts))
    return result


def _exact(text: object, place: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{place}: must be a str, not {type(text).__name__}")
    return str.__str__(text)  # a subclass could not be handed over


def cut(job: int, code: bytes, texts: Sequence[str], positions: Sequence[int]) -> Iterator[Piece]:
    """Pieces of a job that fit a frame, in order. `positions` are in the order in which the texts are to be run."""
    if positions == range(len(texts)):
        size = sum(map(len, texts))
        if len(texts) <= MAX_FRAME_CALLS and size <= MAX_FRAME_CHARACTERS:
            yield Piece(job, code, positions, texts, size)
            return
    start = size = 0
    for number, position in enumerate(positions):
        length = len(texts[position])
        if number > start and (number - start >= MAX_FRAME_CALLS or size + length > MAX_FRAME_CHARACTERS):
            yield Piece(job, code, positions[start:number], [texts[at] for at in positions[start:number]], size)
            start, size = number, 0
        size += length
    if start < len(positions):
        yield Piece(job, code, positions[start:], [texts[at] for at in positions[start:]], size)


def calls_per_frame(calls: int, workers: int, seconds_per_call: float) -> int:
    """How many of `calls` go into one frame: equal shares for the workers, but neither too little work nor too much.

    `seconds_per_call` is what frames took lately; verdicts do not depend on it.
    """
    least, most = (1 + int(seconds / seconds_per_call) for seconds in FRAME_SECONDS)
    frames = max(1, min(workers, calls // least), calls // min(most, MAX_FRAME_CALLS))
    return min(-(-calls // frames), MAX_FRAME_CALLS)


def pack(pieces: Iterable[Piece], calls_wanted: int) -> Iterator[list[Piece]]:
    """Group pieces into frames of about `calls_wanted` calls."""
    group: list[Piece] = []
    calls = characters = 0
    for piece in pieces:
        full = calls + len(piece.texts) > calls_wanted or characters + piece.characters > MAX_FRAME_CHARACTERS
        if group and (full or len(group) >= MAX_FRAME_FUNCTIONS):
            yield group
            group, calls, characters = [], 0, 0
        group.append(piece)
        calls += len(piece.texts)
        characters += piece.characters
    if group:
        yield group


def frame_of(kind: int, pieces: Sequence[Piece], strikes: int, cpu_seconds: float) -> Frame:
    """The request for these pieces; how a cell reads its body is told in `inside/cell.py`."""
    index, bodies = [], []
    for piece in pieces:
        step = max(1, CHUNK_CHARACTERS * len(piece.texts) // (1 + piece.characters))
        sizes = []
        for start in range(0, len(piece.texts), step):
            texts = piece.texts[start : start + step]
            bodies.append(marshal.dumps(texts))
            sizes.append((len(texts), len(bodies[-1])))
        index.append((piece.code, sizes))
    head = marshal.dumps(index)
    body = [len(head).to_bytes(8, sys.byteorder), head, *bodies]
    return Frame(kind, body, [len(piece.texts) for piece in pieces], strikes, cpu_seconds)


def sanitised(note: bytes) -> str:
    """Untrusted bytes as one readable line of at most `MAX_REASON` bytes."""
    text = note[: codes.MAX_REASON].decode("utf-8", "ignore")
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split()).encode("utf-8", "ignore")[: codes.MAX_REASON].decode("utf-8", "ignore")


def reason_of(code: int, note: bytes | None) -> str:
    """What a person is told of a call that was not judged: the cell's own note, or what its code stands for."""
    return sanitised(note) if note else FALLBACK_REASONS.get(code, "crashed")
