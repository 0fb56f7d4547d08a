"""Rows stream: what judging, selecting and exporting holds in memory does not grow with their number."""

from __future__ import annotations

import re
import sys

import pytest

from tests.conftest import ROOT, run_command

pytestmark = pytest.mark.soak
FEW, MANY = 8_000, 80_000
BYTES_PER_ROW = 700  # at least, of the text of an answer alone
STREAMED = ("queries", "responses", "judged", "demonstrations", "pairs", "export, trl", "export, llama_factory")


def most_memory(responses: int) -> dict[str, float]:
    """Megabytes that were resident at most until the end of each step."""
    call = [sys.executable, str(ROOT / "benchmarks" / "data.py"), "--section", "rows", "--responses", str(responses)]
    ran = run_command(call)
    assert ran.code == 0, ran.err
    found = re.findall(r"^  (.+?) +([0-9.]+) MB", ran.out, re.MULTILINE)
    return {step: float(megabytes) for step, megabytes in found}


@pytest.fixture(scope="module")
def memory():
    return most_memory(FEW), most_memory(MANY)


@pytest.mark.parametrize("step", [*STREAMED, "export, parquet"])
def test_ten_times_the_rows_need_no_more_memory(memory, step):
    few, many = memory
    held = (MANY - FEW) * BYTES_PER_ROW / 2**20
    assert many[step] - few[step] < held / 2
