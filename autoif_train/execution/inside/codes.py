"""Bytes and headers that both sides of the wall agree on."""

from __future__ import annotations

import struct

# One byte per call. Anything else that a cell leaves behind counts as a crash.
NOT_RUN, FALSE, TRUE, EXCEPTION, TIMEOUT, NON_BOOL, MEMORY, KILLED, REFUSED, NO_FUNCTION, SKIPPED, RETRY, PURE, SOLO = (
    range(14)
)

# What a frame asks for: read sources, run proven functions side by side, run each function in a cell of its own.
ADMIT, SHARED, ALONE = range(3)

REQUEST = struct.Struct("=BIQIddd")  # kind, functions, body bytes, strikes, soft CPU s, hard CPU s, wall s
REPLY = struct.Struct("=QId")  # note bytes, cells forked, CPU s of the worker and its cells
NOTE = struct.Struct("=II")  # call, bytes of text
ADMITTED = struct.Struct("=BH")  # steady, bytes of the packs' names; these and the marshalled code follow

FRAME_BYTES = 1 << 26  # mapped per worker for what a frame holds; only what is used takes memory
MAX_CALLS = 1 << 16  # per frame: the size of a worker's result area
MAX_NOTES = 1 << 22  # bytes per cell of error texts, or of compiled sources
MAX_REPLY_NOTES = 1 << 25  # bytes per frame; what comes later is left out
MAX_SOURCE = 64_000  # characters; no honest verification function is that long
MAX_REASON = 2048  # bytes of error text kept for people
DEATHS = 50  # cells that one function may kill in one job before the rest of its texts stay untried

HEARTBEAT, REPLIED = b"h", b"r"
