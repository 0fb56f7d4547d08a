"""SPIN and GRPO that are killed on their way end as runs that were not: files byte for byte, losses to 1e-5."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoif_train.rows import Rows
from tests.conftest import ROOT, SMALL

pytestmark = pytest.mark.soak
# The flags, and the files at whose appearance the run is killed: between two steps, and within a training.
CASES = {
    "spin": (
        ("--spin.rounds", "2", "--spin.max_demonstrations", "24"),
        ("spin/round_1/responses.jsonl", "spin/round_2/policy.part"),
    ),
    "grpo": (
        (
            "--grpo.pilot_responses", "4", "--grpo.pass_rate_at_most", "1.0", "--grpo.trainer.global_batch_size", "16",
            "--grpo.trainer.per_device_train_batch_size", "8", "--grpo.trainer.max_steps", "6",
            "--grpo.trainer.save_strategy", "steps", "--grpo.trainer.save_steps", "2",
        ),
        ("grpo/round_1/responses.jsonl", "grpo/round_1/policy.part/trainer/checkpoint-4/sealed.json"),
    ),
}  # fmt: skip


def start(recipe: str, folder: Path) -> subprocess.Popen:
    command = [
        sys.executable,
        str(ROOT / f"recipes/{recipe}.py"),
        "--output_dir",
        str(folder),
        *SMALL,
        *CASES[recipe][0],
    ]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module", params=list(CASES))
def runs(request, tiny_run, tmp_path_factory) -> tuple[str, Path, Path]:
    """The recipe, the folder of a run that was left alone, and that of one that was killed twice."""
    recipe = request.param
    whole, killed = (tmp_path_factory.mktemp(recipe) / name for name in ("whole", "killed"))
    for folder in (whole, killed):
        for name in ("data", "sft"):
            shutil.copytree(tiny_run.folder / name, folder / name)
    process = start(recipe, whole)
    assert process.wait(600) == 0, process.stderr.read()
    for file in CASES[recipe][1]:
        process = start(recipe, killed)
        while not (killed / file).exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert not (killed / f"{recipe}/round_2/policy").exists()
    process = start(recipe, killed)
    assert process.wait(600) == 0, process.stderr.read()
    return recipe, whole, killed


def test_every_data_file_is_the_same(runs):
    recipe, whole, killed = runs
    files = [file for file in (whole / recipe).glob("round_*/*.jsonl") if file.name != "metrics.jsonl"]
    assert len(files) >= 3
    for file in files:
        assert file.read_bytes() == (killed / file.relative_to(whole)).read_bytes()


def test_the_losses_are_the_same(runs):
    recipe, whole, killed = runs
    for file in (whole / recipe).glob("round_*/metrics.jsonl"):
        before, after = (list(Rows(folder / file.relative_to(whole))) for folder in (whole, killed))
        for key in ("step", "loss"):
            assert [row[key] for row in before] == pytest.approx([row[key] for row in after], abs=1e-5)


def test_the_policies_have_the_same_weights(runs):
    from safetensors.torch import load_file

    recipe, whole, killed = runs
    for file in (whole / recipe).glob("round_*/policy/model.safetensors"):
        before, after = load_file(file), load_file(killed / file.relative_to(whole))
        assert max(float((before[name] - after[name]).abs().max()) for name in before) < 1e-5
