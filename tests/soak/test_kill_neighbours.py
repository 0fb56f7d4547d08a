"""SPIN, SPaR and GRPO that are killed on their way, or run in two processes, end as runs that were left alone."""

from __future__ import annotations

import functools
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
# The flags, and at whose appearance the run is killed: between two steps, as a search begins, and within a training.
# They are files that stay, so that no machine is too fast or too slow to see them.
CASES = {
    "spin": (
        ("--spin.rounds", "2", "--spin.max_demonstrations", "24"),
        ("round_1/responses.jsonl", "round_2/policy.part"),
    ),
    "spar": (
        (
            "--spar.rounds", "2", "--spar.train_refiner", "true", "--spar.sft.num_train_epochs", "3",
            "--spar.sft.per_device_train_batch_size", "8", "--spar.dpo.per_device_train_batch_size", "8",
        ),
        ("round_1/judged.jsonl", "round_1/roots.jsonl", "round_1/refiner.part", "round_2/policy.part"),
    ),
    "grpo": (
        (
            "--grpo.pilot_responses", "4", "--grpo.pass_rate_at_most", "1.0", "--grpo.trainer.global_batch_size", "16",
            "--grpo.trainer.per_device_train_batch_size", "8", "--grpo.trainer.max_steps", "6",
            "--grpo.trainer.save_strategy", "steps", "--grpo.trainer.save_steps", "2",
        ),
        ("round_1/responses.jsonl", "round_1/policy.part/trainer/checkpoint-4/sealed.json"),
    ),
}  # fmt: skip


def start(recipe: str, folder: Path, processes: int = 1) -> subprocess.Popen:
    config = ROOT / "deepspeed_configs" / "ddp_cpu.yaml"
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(config)] if processes > 1 else []
    script = [str(ROOT / f"recipes/{recipe}.py"), "--output_dir", str(folder), *SMALL, *CASES[recipe][0]]
    return subprocess.Popen(
        [sys.executable, *launcher, *script], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finished(recipe: str, folder: Path, processes: int = 1) -> Path:
    """What the recipe leaves in the folder."""
    process = start(recipe, folder, processes)
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said
    return folder / recipe


@pytest.fixture(scope="module")
def prepared(tiny_run, tmp_path_factory):
    """A new folder with data and the SFT model."""

    def prepare() -> Path:
        folder = tmp_path_factory.mktemp("run")
        for name in ("data", "sft"):
            shutil.copytree(tiny_run.folder / name, folder / name)
        return folder

    return prepare


@pytest.fixture(scope="module")
def left_alone(prepared):
    """What a run of a recipe leaves that nobody disturbed."""
    return functools.cache(lambda recipe: finished(recipe, prepared()))


@pytest.fixture(scope="module", params=list(CASES))
def runs(request, prepared, left_alone) -> tuple[Path, Path]:
    """What a run leaves that was left alone, and one that was killed at each of the moments."""
    recipe, folder = request.param, prepared()
    for moment in CASES[recipe][1]:
        process = start(recipe, folder)
        while not (folder / recipe / moment).exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert not (folder / recipe / "round_2/policy").exists()
    return left_alone(recipe), finished(recipe, folder)


def pairs_of(one: Path, other: Path, pattern: str) -> list[tuple[Path, Path]]:
    files = sorted(one.glob(pattern))
    assert files
    return [(file, other / file.relative_to(one)) for file in files]


def data_files(one: Path, other: Path, folder: str) -> list[tuple[Path, Path]]:
    pairs = [pair for pair in pairs_of(one, other, f"{folder}/*.jsonl") if pair[0].name != "metrics.jsonl"]
    assert len(pairs) >= 3
    return pairs


def test_every_data_file_is_the_same(runs):
    for before, after in data_files(*runs, "round_*"):
        assert before.read_bytes() == after.read_bytes(), before.name


def test_the_losses_are_the_same(runs):
    for files in pairs_of(*runs, "round_*/metrics.jsonl"):
        before, after = map(list, map(Rows, files))
        for key in ("step", "loss"):
            assert [row[key] for row in before] == pytest.approx([row[key] for row in after], abs=1e-5)


def test_the_models_have_the_same_weights(runs):
    """To the bit where a training began again, nearly so where it went on from a checkpoint."""
    from safetensors.torch import load_file

    resumed = any("checkpoint" in moment for moment in CASES[runs[0].name][1])
    for files in pairs_of(*runs, "round_*/*/model.safetensors"):
        before, after = map(load_file, files)
        assert max(float((before[name] - after[name]).abs().max()) for name in before) <= 1e-5 * resumed


def test_two_processes_make_the_files_of_one(left_alone, prepared):
    for one, two in data_files(left_alone("spar"), finished("spar", prepared(), processes=2), "round_1"):
        assert one.read_bytes() == two.read_bytes(), one.name
