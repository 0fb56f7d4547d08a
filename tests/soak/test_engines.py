"""The number of processes and the engine never change the experiment: same pairs, same losses."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from autoif_train.rows import Rows
from tests.conftest import ROOT, SMALL, run_command, run_recipe

pytestmark = pytest.mark.soak
# 20 steps of 16 rows, several epochs whose last batch is incomplete; 16 at once alone, 8 each in two processes.
STEPS = ("--sft.max_steps", "20", "--dpo.max_steps", "20")
HALVES = ("--sft.per_device_train_batch_size", "8", "--dpo.per_device_train_batch_size", "8")
ENGINES = [
    "ddp_cpu",
    pytest.param(
        "zero3_cpu",
        marks=pytest.mark.skipif(not importlib.util.find_spec("deepspeed"), reason="the extra `deepspeed` is missing"),
    ),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Two online rounds in one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    ran = run_recipe("online_dpo", "--output_dir", str(folder), *SMALL, *STEPS)
    assert ran.code == 0, ran.err
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def together(request, tmp_path_factory):
    """The same in two processes under an engine."""
    folder = tmp_path_factory.mktemp(request.param) / "run"
    engine = request.param.removesuffix("_cpu")
    config = ROOT / "deepspeed_configs" / f"{request.param}.yaml"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    recipe = [str(ROOT / "recipes" / "online_dpo.py"), "--engine", engine, "--output_dir", str(folder)]
    # The launcher looks for ninja and the like beside its interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = run_command([*launch, *recipe, *SMALL, *STEPS, *HALVES], timeout=900, PATH=path)
    assert ran.code == 0, ran.err
    return folder


def test_the_losses_are_equal(alone, together):
    for path in alone.rglob("metrics.jsonl"):
        expected = [row["loss"] for row in Rows(path)]
        found = [row["loss"] for row in Rows(together / path.relative_to(alone))]
        assert found == pytest.approx(expected, abs=1e-4), path


def test_the_pairs_are_the_same(alone, together):
    for number in (1, 2):
        name = f"online_dpo/round_{number}/pairs.jsonl"
        assert (together / name).read_bytes() == (alone / name).read_bytes()


def test_the_manifest_says_what_it_ran_on(together):
    steps = json.loads((together / "manifest.json").read_text())["steps"]
    assert steps["sft"]["world_size"] == 2
    assert steps["sft"]["distributed_type"] != "NO"


def test_no_share_of_a_rank_is_left(together):
    assert [path.name for path in together.rglob(".*-of-*")] == []
