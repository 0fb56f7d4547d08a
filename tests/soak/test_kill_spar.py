"""SPaR that is killed on its way, or runs in two processes, ends with the files of a run that was left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, SMALL

pytestmark = pytest.mark.soak
SIZES = (
    *SMALL, "--spar.rounds", "2", "--spar.train_refiner", "true", "--spar.sft.num_train_epochs", "3",
    "--spar.sft.per_device_train_batch_size", "8", "--spar.dpo.per_device_train_batch_size", "8",
)  # fmt: skip
# At whose appearance the run is killed: between two steps, as a search begins, and within both trainings. They are
# files that stay, so that no machine is too fast or too slow to see them.
MOMENTS = ("round_1/judged.jsonl", "round_1/roots.jsonl", "round_1/refiner.part", "round_2/policy.part")
STEPS = ("responses", "judged", "roots", "searched", "ends", "scored", "pairs", "refinements")


def start(folder: Path, processes: int = 1) -> subprocess.Popen:
    config = ROOT / "deepspeed_configs" / "ddp_cpu.yaml"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(config)] if processes > 1 else []
    command = [sys.executable, *launcher, str(ROOT / "recipes/spar.py"), "--output_dir", str(folder), *SIZES]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said


def prepared(tiny_run, folder: Path) -> Path:
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def whole(tiny_run, tmp_path_factory) -> Path:
    folder = prepared(tiny_run, tmp_path_factory.mktemp("whole") / "run")
    finish(start(folder))
    return folder / "spar"


@pytest.fixture(scope="module")
def killed(tiny_run, tmp_path_factory) -> Path:
    """A run that was killed at each of the moments."""
    folder = prepared(tiny_run, tmp_path_factory.mktemp("killed") / "run")
    for moment in MOMENTS:
        process = start(folder)
        while not (folder / "spar" / moment).exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert not (folder / "spar/round_2/policy").exists()
    finish(start(folder))
    return folder / "spar"


@pytest.fixture(scope="module")
def shared_out(tiny_run, tmp_path_factory) -> Path:
    folder = prepared(tiny_run, tmp_path_factory.mktemp("shared") / "run")
    finish(start(folder, processes=2))
    return folder / "spar"


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_leaves_the_same_files(whole, killed, number, step):
    name = f"round_{number}/{step}.jsonl"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("model", ["round_1/refiner", "round_1/policy", "round_2/policy"])
def test_a_killed_run_leaves_the_same_weights(whole, killed, model):
    name = f"{model}/model.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("step", STEPS)
def test_two_processes_make_the_files_of_one(whole, shared_out, step):
    name = f"round_1/{step}.jsonl"
    assert (shared_out / name).read_bytes() == (whole / name).read_bytes()
