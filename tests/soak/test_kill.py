"""A run that is killed again and again ends with the files of a run that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from autoif_train.rows import Rows
from tests.conftest import ROOT, SMALL, run_recipe

pytestmark = pytest.mark.soak
KILLS = 8


def _killed_after(seconds: float, command: list[str]) -> bool:
    """Start a command and SIGKILL it after `seconds`; False when it ended by itself before."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.fixture(scope="module")
def killed_run(tiny_run, tmp_path_factory):
    """The folder of a run that was killed at random moments over its whole length and then left alone."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    flags = ("--output_dir", str(folder), *SMALL)
    command = [sys.executable, str(ROOT / "recipes" / "evaluate.py"), *flags]
    chance = random.Random(7)
    killed = sum(_killed_after(chance.uniform(6, 22), command) for _ in range(KILLS))
    assert killed > 0
    ran = run_recipe("evaluate", *flags)
    assert ran.code == 0, ran.err
    return folder


def test_every_data_file_is_byte_identical(tiny_run, killed_run):
    names = sorted(path.relative_to(tiny_run.folder) for path in tiny_run.folder.rglob("*.jsonl"))
    names = [name for name in names if name.name != "metrics.jsonl"]
    assert len(names) > 20
    different = [str(name) for name in names if _bytes(killed_run / name) != _bytes(tiny_run.folder / name)]
    assert different == []


def _bytes(path):
    return path.read_bytes() if path.exists() else None


def test_losses_are_equal(tiny_run, killed_run):
    for path in tiny_run.folder.rglob("metrics.jsonl"):
        before = [row["loss"] for row in Rows(path)]
        after = [row["loss"] for row in Rows(killed_run / path.relative_to(tiny_run.folder))]
        assert after == pytest.approx(before, abs=1e-5), path


def test_results_and_funnel_are_equal(tiny_run, killed_run):
    for name in ("results.json", "funnel.json"):
        assert json.loads((killed_run / name).read_text()) == json.loads((tiny_run.folder / name).read_text())


def test_nothing_half_made_is_left(killed_run):
    left = [path.name for path in killed_run.rglob("*") if path.name.endswith((".part", ".whole"))]
    assert left == []


def test_no_process_outlives_the_killed_ones(killed_run):
    time.sleep(2)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(killed_run) not in listed
