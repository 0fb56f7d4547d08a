"""How jobs become frames."""

from __future__ import annotations

import pytest

from autoif_train.execution import jobs
from autoif_train.execution.jobs import Piece


def pieces(count, calls, characters=10):
    return [Piece(number, b"", range(calls), ["a"] * calls, characters) for number in range(count)]


@pytest.mark.parametrize(
    ("calls", "workers", "seconds_per_call", "expected"),
    [
        (10_000, 2, 5e-6, 5000),  # an equal share
        (3000, 2, 5e-6, 3000),  # too little work to be split
        (100, 4, 1e-3, 25),  # little, but slow
        (10_000, 2, 1e-2, 52),  # half a second of slow calls is enough
        (10**6, 2, 1e-6, jobs.MAX_FRAME_CALLS),
        (1, 8, 1e-6, 1),
    ],
)
def test_frames_are_neither_tiny_nor_huge(calls, workers, seconds_per_call, expected):
    assert jobs.calls_per_frame(calls, workers, seconds_per_call) == expected


def test_packing_keeps_every_piece_in_order():
    packed = list(jobs.pack(pieces(50, 7), calls_wanted=20))
    assert [piece.job for group in packed for piece in group] == list(range(50))
    assert {len(group) for group in packed} == {2}


def test_a_frame_is_bounded_in_characters():
    packed = jobs.pack(pieces(5, 1, characters=jobs.MAX_FRAME_CHARACTERS // 2), calls_wanted=100)
    assert [len(group) for group in packed] == [2, 2, 1]


def test_an_error_text_is_cut_and_cleaned():
    text = jobs.sanitised(b"\x1b[1m" + "\u00e9".encode() * 5000 + b"\xff\n")
    assert text.isprintable()
    assert 1000 < len(text.encode()) <= 2048
