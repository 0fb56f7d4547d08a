"""Hostile functions at the levels that contain all of them, each between neighbours whose verdicts must be right."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from autoif_train.execution import Executor, Outcome

KINDS = runpy.run_path(str(Path(__file__).with_name("hostile.py")))  # the benchmark reads them, too
HOSTILE, ANY_VERDICT = KINDS["HOSTILE"], KINDS["ANY_VERDICT"]
SHARED = (
    "import re, json, collections\ndef evaluate(r):\n    words = re.findall('[a-z]+', r)\n"
    "    counted = collections.Counter(words).most_common(1)\n"
    "    return len(words) == 2 and json.loads('[1]') == [1] and isinstance(r, str) and counted[0][0] == 'yes'"
)
ALONE = f"import os\n{SHARED}"
TEXTS = ["yes yes", "no", "yes no", "yes"]
RIGHT = [Outcome.FOLLOWED, Outcome.VIOLATED, Outcome.FOLLOWED, Outcome.VIOLATED]


@pytest.fixture(scope="module", params=["strict", "seccomp", "wasm"])
def walled(request):
    os.environ["AUTOIF_SECRET"] = "a key"
    level = request.getfixturevalue("wasm") if request.param == "wasm" else request.param
    with Executor(level=level, workers=1, timeout_seconds=0.1, memory_limit_mb=128) as executor:
        yield executor
    del os.environ["AUTOIF_SECRET"]


def judged_with_neighbours(executor, source):
    first, middle, hostile, last, alone = executor.run(
        [(ALONE, TEXTS), (SHARED, TEXTS), (source, ["yes yes", "no"]), (SHARED, TEXTS), (ALONE, TEXTS)]
    )
    assert [first, middle, last, alone] == [RIGHT] * 4
    return hostile


@pytest.mark.parametrize("kind", HOSTILE)
def test_contained(walled, kind):
    assert Outcome.FOLLOWED not in judged_with_neighbours(walled, HOSTILE[kind])


@pytest.mark.parametrize("kind", ANY_VERDICT)
def test_forges_at_most_its_own_verdict(walled, kind):
    judged_with_neighbours(walled, ANY_VERDICT[kind])


def test_more_than_sixty_kinds():
    assert len(HOSTILE) + len(ANY_VERDICT) >= 60
