"""Launches as clusters make them: ZeRO-1 and 2, two machines over loopback, a signal, launchers that fail silently."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from autoif_train.rows import Rows
from tests.conftest import ROOT, SMALL, run_command, run_recipe

pytestmark = pytest.mark.soak
# Whole batches of 16 everywhere, in halves; a checkpoint every second step.
FLAGS = (
    *SMALL,
    *("--sft.per_device_train_batch_size", "8", "--sft.max_steps", "24"),
    *("--sft.save_strategy", "steps", "--sft.save_steps", "2", "--sft.save_total_limit", "2"),
)
CONFIGS = ROOT / "deepspeed_configs"
# Launchers look for ninja and the like beside their interpreter.
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}
LAUNCH = (sys.executable, "-m", "accelerate.commands.launch")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A run folder with data and nothing trained."""
    folder = tmp_path_factory.mktemp("data") / "run"
    ran = run_recipe("generate_data", "--output_dir", str(folder), *FLAGS)
    assert ran.code == 0, ran.err
    return folder


@pytest.fixture
def folder(data, tmp_path):
    return Path(shutil.copytree(data, tmp_path / "run"))


@pytest.fixture(scope="module")
def losses(data, tmp_path_factory):
    """SFT in one process."""
    folder = Path(shutil.copytree(data, tmp_path_factory.mktemp("alone") / "run"))
    ran = run_recipe("sft", "--output_dir", str(folder), *FLAGS)
    assert ran.code == 0, ran.err
    return losses_of(folder)


def losses_of(folder):
    return [row["loss"] for row in Rows(folder / "sft" / "metrics.jsonl")]


def sft(folder, *more):
    return [str(ROOT / "recipes" / "sft.py"), "--output_dir", str(folder), *FLAGS, *more]


def on_cpu(folder, config, **changes):
    """A shipped launch file with what differs on this machine."""
    read = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())
    path = folder / "launch.yaml"
    path.write_text(yaml.safe_dump({**read, "use_cpu": True, "num_processes": 2, **changes}))
    return str(path)


def needs_deepspeed():
    pytest.importorskip("deepspeed", reason="the extra `deepspeed` is missing")


@pytest.mark.parametrize("engine", ["zero1", "zero2"])
def test_each_stage_of_zero_has_the_losses_of_one_process(engine, folder, losses, tmp_path):
    needs_deepspeed()
    config = on_cpu(tmp_path, engine)
    ran = run_command([*LAUNCH, "--config_file", config, *sft(folder, "--engine", engine)], PATH=ENVIRONMENT["PATH"])
    assert ran.code == 0, ran.err
    assert losses_of(folder) == pytest.approx(losses, abs=1e-4)


def test_two_machines_over_loopback_have_the_losses_of_one_process(folder, losses, tmp_path):
    needs_deepspeed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = on_cpu(tmp_path, "zero3_multi_node", num_machines=2)
    environment = {**ENVIRONMENT, "CONFIG": config, "PROCESSES_PER_MACHINE": "1", "PORT": str(port)}
    flags = sft(folder, "--engine", "zero3")[1:]
    machines = [
        subprocess.Popen(
            [ROOT / "launch" / "multi_node.sh", str(rank), "2", "127.0.0.1", "sft", *flags],
            cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )
        for rank in (1, 0)
    ]  # fmt: skip
    told = [machine.communicate(timeout=300)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], told
    assert losses_of(folder) == pytest.approx(losses, abs=1e-4)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["steps"]["sft"]["world_size"] == 2


def test_a_signal_to_the_launch_saves_and_the_same_command_goes_on(folder, losses):
    command = [*LAUNCH, "--config_file", str(CONFIGS / "ddp_cpu.yaml"), *sft(folder, "--engine", "ddp")]
    running = subprocess.Popen(
        [ROOT / "launch" / "forward_signals.sh", *command],
        cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    trainer = folder / "sft.part" / "trainer"
    while not (trainer / "checkpoint-2" / "sealed.json").exists() and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGUSR1)
    told = running.communicate(timeout=300)[1]
    assert "stopped in" in told
    assert "the same command goes on" in told
    assert not (folder / "sft").exists()
    ran = run_command(command, PATH=ENVIRONMENT["PATH"])
    assert ran.code == 0, ran.err
    assert losses_of(folder) == pytest.approx(losses, abs=1e-4)


def test_fsdp_without_a_gpu_is_refused_instead_of_training_twice(folder, tmp_path):
    ran = run_command([*LAUNCH, "--config_file", on_cpu(tmp_path, "fsdp2"), *sft(folder)], PATH=ENVIRONMENT["PATH"])
    assert ran.code != 0
    assert "asked for" in ran.err
    assert not (folder / "sft").exists()


def test_a_configuration_that_starts_one_process_is_refused_by_its_engine(folder, tmp_path):
    config = on_cpu(tmp_path, "ddp_cpu", distributed_type="MULTI_CPU")
    ran = run_command([*LAUNCH, "--config_file", config, *sft(folder, "--engine", "ddp")], PATH=ENVIRONMENT["PATH"])
    assert "asked for ddp, started on none" in ran.err


def test_the_gpu_check_runs_dry():
    ran = run_command([str(ROOT / "launch" / "gpu_check.sh"), "--size", "tiny"], PATH=ENVIRONMENT["PATH"])
    assert ran.code == 0, ran.err
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in ran.out.splitlines()]
    rows = {cells[0]: cells[1:] for cells in lines}
    assert float(rows["sft sdpa"][0]) > 0
    assert float(rows["dpo sdpa"][0]) > 0
    assert float(rows["sampling"][1].replace(",", "")) > 0
    assert not any("failed" in cell for cells in lines for cell in cells)
