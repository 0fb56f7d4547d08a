"""Every file of `launch/` and `deepspeed_configs/` is parsed by what reads it, or run with stand-ins for launchers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from autoif_train.training.engine import Engine, launched_engine
from tests.conftest import ROOT

CONFIGS = sorted((ROOT / "deepspeed_configs").glob("*.yaml"))
SCRIPTS = sorted(path for path in (ROOT / "launch").iterdir() if path.is_file())
STAND_IN = '#!/bin/sh\nprintf "%s" "$(basename "$0")" >> "$LOG"\nprintf " %s" "$@" >> "$LOG"\nprintf "\\n" >> "$LOG"\n'


@pytest.fixture
def stand_ins(tmp_path):
    """Run a script with programs that only write down how they were called; returns their calls."""

    def run(*command, **environment):
        programs, log = tmp_path / "bin", tmp_path / "log"
        programs.mkdir()
        for name in ("accelerate", "python", "make"):
            (programs / name).write_text(STAND_IN)
        (programs / "scontrol").write_text("#!/bin/sh\nprintf 'node-a\\nnode-b\\n'\n")
        (programs / "srun").write_text('#!/bin/sh\nshift; SLURM_NODEID=1 exec "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, cwd=ROOT,
            env={**os.environ, "PATH": path, "LOG": str(log), **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return log.read_text().splitlines()

    return run


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_accelerate_reads_the_file(file):
    from accelerate.commands.config.config_args import load_config_from_file

    read = load_config_from_file(str(file))
    assert read.num_processes >= 1


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_deepspeed_file_it_names_is_there_and_of_its_stage(file):
    named = (yaml.safe_load(file.read_text()).get("deepspeed_config") or {}).get("deepspeed_config_file")
    if named is None:
        assert "zero" not in file.stem
        return
    found = launched_engine({"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(ROOT / named)})
    assert file.stem.removesuffix("_cpu").removesuffix("_multi_node") == found


@pytest.mark.parametrize("file", sorted((ROOT / "deepspeed_configs").glob("*.json")), ids=lambda file: file.stem)
def test_deepspeed_knows_every_key(file):
    config = pytest.importorskip("deepspeed.runtime.zero.config", reason="the extra `deepspeed` is missing")
    read = config.DeepSpeedZeroConfig(**json.loads(file.read_text())["zero_optimization"])
    assert read.stage in (1, 2, 3)


def test_every_engine_but_none_has_its_file():
    engines = set(Engine.__args__) - {"none"}
    assert engines <= {file.stem for file in CONFIGS}


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_the_shell_takes_the_script_and_its_head_says_how_it_is_used(file):
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0
    assert re.match(r"#!/usr/bin/env bash\n#", file.read_text())


def test_one_node_runs_every_stage_with_the_same_flags(stand_ins):
    calls = stand_ins("launch/one_node.sh", "qwen2-7b", "http://here/v1", "--seed", "3")
    flags = "--model qwen2-7b --supervisor.base_url http://here/v1 --seed 3"
    launch = "accelerate launch --config_file deepspeed_configs/zero3.yaml"
    stages = [f"{launch} recipes/{name}.py {flags}" for name in ("sft", "offline_dpo", "online_dpo")]
    assert calls == [f"python recipes/generate_data.py {flags}", *stages, f"python recipes/evaluate.py {flags}"]


def test_the_quickstart_is_the_makefiles(stand_ins):
    assert stand_ins("launch/quickstart.sh") == ["make quickstart"]


def test_a_machine_takes_its_share_under_its_rank(stand_ins):
    (call,) = stand_ins(
        "launch/multi_node.sh", 1, 2, "node-a", "sft", "--model", "qwen2-72b", PROCESSES_PER_MACHINE="4"
    )
    assert call == (
        "accelerate launch --config_file deepspeed_configs/zero3_multi_node.yaml --num_machines 2 --num_processes 8 "
        "--machine_rank 1 --main_process_ip node-a --main_process_port 29500 recipes/sft.py --model qwen2-72b"
    )


def test_slurm_gives_each_node_its_rank_and_the_first_ones_address(stand_ins):
    slurm = {"SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_NNODES": "2"}
    (call,) = stand_ins("bash", "launch/slurm.sbatch", "sft", "--model", "qwen2-72b", "--output_dir", "my_run", **slurm)
    assert "--num_machines 2 --num_processes 16 --machine_rank 1 --main_process_ip node-a" in call
    assert call.endswith("recipes/sft.py --model qwen2-72b --output_dir my_run")


CHILD = """
import pathlib, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit("saved"))
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""


def test_signals_reach_the_launchers_children_and_spare_the_launcher(tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    launcher = f"{sys.executable} {tmp_path}/child.py {tmp_path}/ready 2>&1; echo launcher ended; exit 7"
    script = ROOT / "launch" / "forward_signals.sh"
    with subprocess.Popen(
        [script, "bash", "-c", launcher], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            while not (tmp_path / "ready").exists():
                time.sleep(0.02)
            running.send_signal(signal.SIGUSR1)
            out, _ = running.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert (out.splitlines(), running.returncode) == (["saved", "launcher ended"], 7)
