"""How functions of a frame are run and judged, whatever the walls around them: one byte per call.

`results` and `notes` are where the bytes and the error texts go; a cell and the guest of the WASM level have their own.
"""

from __future__ import annotations

import builtins
import marshal
import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NoReturn

from . import codes, modules
from .admission import Admission

REAL_IMPORT = builtins.__import__


class CallTimeout(BaseException):
    """The call used up its time. Not an Exception, so that an honest `except Exception` lets it through."""


class Refused(BaseException):
    """The function did what policy forbids."""


class Meter:
    """CPU time of the call at `position` (0: none), read at each tick of the profiling timer."""

    def __init__(self):
        self.position = self.seen = 0
        self.since = self.limit = self.wall = self.slept = 0.0
        self.fired = self.refused = self.spoilt = False

    def tick(self, _signal, _frame) -> None:
        if not self.position:
            return
        now = time.process_time()
        if self.position != self.seen:
            self.seen, self.since, self.slept = self.position, now, 0.0
        elif self.fired or now - self.since > self.limit:
            self.fired = self.spoilt = True  # a swallowed timeout is one all the same
            raise CallTimeout

    def sleep(self, seconds: float) -> None:
        """Stands in for `time.sleep`: the wait counts at once against the wall limit instead of being waited for."""
        if self.position != self.seen:
            self.seen, self.since, self.slept = self.position, time.process_time(), 0.0
        self.slept += max(0.0, float(seconds))
        if self.slept > self.wall:
            self.fired = self.spoilt = True
            raise CallTimeout

    def refuse(self, what: str) -> None:
        self.refused = self.spoilt = True
        raise Refused(what)


class Nowhere:
    """Standard streams of a process without descriptors: writing vanishes, reading finds the end."""

    encoding, errors, closed, name, mode = "utf-8", "replace", False, "<nowhere>", "r+"

    def write(self, text):
        return len(text)

    def writelines(self, lines):
        for _ in lines:
            pass

    def flush(self):
        pass

    def isatty(self):
        return False

    def fileno(self):
        raise OSError("this stream has no descriptor")

    def read(self, _size=-1):
        return ""

    readline = read

    def __iter__(self):
        return iter(())


def guarded_builtins(meter: Meter, packs: Sequence[str]) -> dict:
    """The builtins that a function sees: `eval` and `exec` refuse, imports follow the allow-list."""

    def guarded_import(name, globals=None, locals=None, fromlist=(), level=0):
        if level or (name not in modules.IMPORTABLE and name.partition(".")[0] not in packs):
            meter.refuse(f"import of {name} is not on the allow-list")
        return REAL_IMPORT(name, globals, locals, fromlist, 0)

    def guarded_eval(*_arguments, **_named):
        meter.refuse("calls eval() or exec()")

    return {**vars(builtins), "eval": guarded_eval, "exec": guarded_eval, "__import__": guarded_import}


def _texts(body: memoryview, position: int, chunks: list[tuple[int, int]], skipped: int) -> Iterator[list[str]]:
    """The texts of one function, chunk by chunk, without the first `skipped`."""
    for count, size in chunks:
        if skipped < count:
            yield marshal.loads(body[position : position + size])[skipped:]
        skipped = max(0, skipped - count)
        position += size


def describe(error: BaseException) -> bytes:
    """`ValueError: … (line 3)` for people."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<function>":
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    text = f"{type(error).__name__}: {error}"[: codes.MAX_REASON // 4]
    return (text + where).encode("utf-8", "replace")


class Calls:
    """Reads and runs the functions of a frame. `call` counts the frame's calls, as the result bytes do."""

    def __init__(self, packs: Sequence[str], results, notes):
        self.results, self.notes = results, notes
        self.meter = Meter()
        self.builtins = guarded_builtins(self.meter, packs)
        time.sleep = self.meter.sleep
        random.seed(0)
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = sys.stdin = sys.__stdin__ = Nowhere()

    def leave(self) -> NoReturn:
        """End this process or instance: what is left is run in a fresh one."""
        raise NotImplementedError

    def admit(self, admission: Admission, sources: list[str], start: int) -> None:
        for call in range(start, len(sources)):
            code, payload = admission.read(sources[call])
            if not self.notes.add(call, payload):
                self.leave()  # the area is full; the worker has copied it when the next cell starts
            self.results[call] = code

    def run(self, body: memoryview, start: int, alone: bool) -> None:
        """Run the functions of a body from call `start` on; `alone`: only the function of that call.

        A body is an index, (code, [(texts, bytes), …]) per function, and then the texts in chunks: a chunk is freed
        before the next one is read, so that a cell touches little memory.
        """
        end = 8 + int.from_bytes(body[:8], sys.byteorder)
        call = 0
        for code, chunks in marshal.loads(body[8:end]):
            first, position = call, end
            call += sum([count for count, _ in chunks])
            end += sum([size for _, size in chunks])
            if call > start:
                chunked = _texts(body, position, chunks, skipped=max(0, start - first))
                self.run_function(code, chunked, max(first, start), call, shared=not alone)
                if alone:
                    return

    def run_function(self, code: bytes, chunks: Iterator[list[str]], call: int, end: int, shared: bool) -> None:
        meter, results = self.meter, self.results
        meter.position = call + 1
        evaluate = self.define(code, call, end, shared)
        if evaluate is None:
            return
        true, false = codes.TRUE, codes.FALSE
        for texts in chunks:
            for text in texts:
                call += 1
                meter.position = call
                try:
                    value = evaluate(text)
                    if value is True:
                        results[call - 1] = true
                    elif value is False:
                        results[call - 1] = false
                    else:
                        self.fail(codes.NON_BOOL, call - 1, f"returned {type(value).__name__}, not a bool".encode())
                    if meter.spoilt:
                        raise CallTimeout
                except BaseException as error:
                    self.judge_error(error, call - 1, end, shared)
        meter.position = 0

    def define(self, code: bytes, call: int, end: int, shared: bool):
        """Run the module; its `evaluate`, or None after every text of the function was marked."""
        namespace = {"__name__": "verification", "__builtins__": self.builtins}
        try:
            exec(marshal.loads(code), namespace)
            evaluate = namespace.get("evaluate")
            if self.meter.spoilt:
                raise CallTimeout
        except BaseException as error:
            self.judge_error(error, call, end, shared, whole=True)
            return None
        if not callable(evaluate):
            self.fail(codes.NO_FUNCTION, call, b"defines no function `evaluate`", end)
            return None
        return evaluate

    def judge_error(self, error: BaseException, call: int, end: int, shared: bool, whole: bool = False) -> None:
        """The byte for a call that raised; `whole` marks the function's remaining texts too."""
        meter = self.meter
        position, meter.position = meter.position, 0
        last = end if whole else call + 1
        if meter.refused:
            note = f"refused: {error}" if isinstance(error, Refused) else "refused"
            self.fail(codes.REFUSED, call, note.encode("utf-8", "replace"), last)
        elif meter.fired or isinstance(error, CallTimeout):
            if shared:  # the rest of this function is run alone, with the full limit
                self.results[call:end] = bytes([codes.RETRY]) * (end - call)
            else:
                self.fail(codes.TIMEOUT, call, b"used up its time", last)
            self.leave()
        elif isinstance(error, MemoryError) and shared:
            self.results[call:end] = bytes([codes.RETRY]) * (end - call)
            self.leave()
        else:
            meter.position = position  # the text of an error may be a function of the user, too
            try:
                note = describe(error)
            except BaseException:
                note = type(error).__name__.encode("utf-8", "replace")
            meter.position = 0
            self.fail(codes.MEMORY if isinstance(error, MemoryError) else codes.EXCEPTION, call, note, last)
            if meter.fired:
                self.leave()
        meter.refused = meter.spoilt = False

    def fail(self, code: int, call: int, note: bytes, end: int | None = None) -> None:
        end = call + 1 if end is None else end
        for failed in range(call, end):
            self.notes.add(failed, note)
        self.results[call:end] = bytes([code]) * (end - call)
