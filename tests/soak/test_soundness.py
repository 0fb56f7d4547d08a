"""The benchmark of soundness: its data stays frozen, and the recommended steps hold on a part of it."""

from __future__ import annotations

import sys

import pytest

from autoif_train.config import resolve
from tests.conftest import ROOT

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark's script as a module, which finds its data beside it."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import verifier_soundness

    yield verifier_soundness
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def items(benchmark):
    return benchmark.frozen()  # ends the process where the data has changed


def test_the_benchmark_has_the_size_that_it_claims(items):
    assert len(items) == 172
    assert len({item.kind for item in items}) == 43
    assert min(len(item.wrong) for item in items) >= 10
    halves = {half: {item.kind for item in items if item.half == half} for half in ("development", "final")}
    assert not halves["development"] & halves["final"]


def test_recommended_lets_few_wrong_functions_through_and_keeps_the_right_ones(benchmark, items):
    part = [item for item in items if item.half == "development"][::4]
    tally = benchmark.measured(part, resolve(model="qwen2-7b"), accuracy=0.9, repeats=1).counts
    assert tally["wrong out"] <= 0.03 * tally["wrong in"]
    assert tally["right out"] >= 0.93 * tally["right in"]
