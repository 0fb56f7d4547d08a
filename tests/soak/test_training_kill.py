"""Training that is killed at random steps goes on from its checkpoints and ends as if it had not been."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoif_train.rows import Rows
from tests.conftest import ROOT, SMALL, run_command, run_recipe

pytestmark = pytest.mark.soak
STEPS = tuple(
    flag
    for section in ("sft", "dpo")
    for flag in (
        *(f"--{section}.max_steps", "20", f"--{section}.save_strategy", "steps", f"--{section}.save_steps", "3"),
        *(f"--{section}.per_device_train_batch_size", "8"),
    )
)
ADAPTER = ("--lora.enabled", "true", "--lora.merge", "false", "--sft.learning_rate", "1e-2")
STAGES = ("sft", "offline_dpo")
KILLS = 3
LEGS = [
    pytest.param(("none", ()), id="one process"),
    pytest.param(("none", ADAPTER), id="an adapter"),
    pytest.param(
        ("zero3", ()),
        id="ZeRO-3 in two",
        marks=pytest.mark.skipif(not importlib.util.find_spec("deepspeed"), reason="the extra `deepspeed` is missing"),
    ),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A run folder with data and no model yet."""
    folder = tmp_path_factory.mktemp("data") / "run"
    ran = run_recipe("generate_data", "--output_dir", str(folder), *SMALL)
    assert ran.code == 0, ran.err
    return folder / "data"


def command(engine, folder, flags):
    launcher = [sys.executable]
    if engine != "none":
        config = ROOT / "deepspeed_configs" / f"{engine}_cpu.yaml"
        launcher += ["-m", "accelerate.commands.launch", "--config_file", str(config)]
    recipe = [str(ROOT / "recipes" / "offline_dpo.py"), "--engine", engine, "--output_dir", str(folder)]
    return [*launcher, *recipe, *SMALL, *STEPS, *flags]


def begun(data, folder):
    """A folder of its own whose data are finished."""
    shutil.copytree(data, folder / "data")
    return folder


def checkpoints(folder):
    return {path for stage in STAGES for path in folder.glob(f"{stage}.part/trainer/checkpoint-*/trainer_state.json")}


def kill_after_a_checkpoint(started, folder, path, chance):
    """SIGKILL the command and all it started a moment after its next checkpoint; False when it ended before."""
    before = checkpoints(folder)
    process = subprocess.Popen(
        started, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path},
    )  # fmt: skip
    while process.poll() is None and not checkpoints(folder) - before:
        time.sleep(0.05)
    time.sleep(chance.uniform(0, 0.5))
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


@pytest.fixture(scope="module", params=LEGS)
def folders(request, data, tmp_path_factory):
    """The folder of a run that was left alone, and of one that was killed again and again."""
    engine, flags = request.param
    parent = tmp_path_factory.mktemp("runs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    whole, killed = (begun(data, parent / name) for name in ("whole", "killed"))
    chance = random.Random(11)
    kills = sum(kill_after_a_checkpoint(command(engine, killed, flags), killed, path, chance) for _ in range(KILLS))
    assert kills > 1
    for folder in (whole, killed):
        ran = run_command(command(engine, folder, flags), timeout=900, PATH=path)
        assert ran.code == 0, ran.err
    return whole, killed


def test_the_losses_are_those_of_a_run_left_alone(folders):
    for stage in STAGES:
        expected, found = ([row["loss"] for row in Rows(folder / stage / "metrics.jsonl")] for folder in folders)
        assert len(expected) == 20
        assert found == pytest.approx(expected, abs=1e-5), stage


def test_the_models_say_the_same(folders):
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    for stage in STAGES:
        with torch.no_grad():
            whole, killed = (
                AutoModelForCausalLM.from_pretrained(str(folder / stage))(torch.arange(5, 25)[None]).logits
                for folder in folders
            )
        torch.testing.assert_close(killed, whole, atol=1e-4, rtol=1e-4)
