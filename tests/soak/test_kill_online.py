"""Online DPO that is killed again and again ends with the files and the policy of a run that was not.

AUTOIF_KILLS sets how often each run is killed, AUTOIF_KILL_SEED when; one process, then two that train together.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, SMALL

pytestmark = pytest.mark.soak
KILLS = int(os.environ.get("AUTOIF_KILLS", "3"))
KILL_SEED = int(os.environ.get("AUTOIF_KILL_SEED", "7"))
SIZES = (
    *SMALL, "--online_dpo.rounds", "3", "--online_dpo.queries_per_round", "24", "--online_dpo.resample_budget", "0.5",
    "--online_dpo.drift_queries", "8", "--evaluation.max_prompts", "24", "--dpo.per_device_train_batch_size", "8",
)  # fmt: skip
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Outcome:
    """Two finished runs of the same command, one of them killed on its way, and what each kill interrupted."""

    whole: Path
    killed: Path
    interrupted: tuple[str, ...]


def _start(folder: Path, processes: int) -> subprocess.Popen:
    recipe = [str(ROOT / "recipes" / "online_dpo.py"), "--output_dir", str(folder), *SIZES]
    config = ROOT / "deepspeed_configs" / "ddp_cpu.yaml"
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    return subprocess.Popen(
        [*(launcher if processes == 2 else [sys.executable]), *recipe],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _kill(process: subprocess.Popen) -> None:
    """SIGKILL to the command and to all that it started, at once, as a machine that goes down does.

    The launcher's workers are in sessions of their own and would go on without it.
    """
    every = [*psutil.Process(process.pid).children(recursive=True), process]
    for each in every:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(every[:-1])
    process.wait()


def _wait_for_work(process: subprocess.Popen, folder: Path) -> None:
    """Until the run makes files: what comes before is only imports."""
    begun = time.time()
    while process.poll() is None:
        if any(path.stat().st_mtime >= begun for path in _files(folder / "online_dpo")):
            return
        time.sleep(POLL_SECONDS)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def _at_work(folder: Path) -> str:
    """The step that was under way: the one after the newest finished file, by the name of its unfinished one."""
    unfinished = [path for path in folder.rglob("*") if ".part" in path.name or path.name.endswith(".whole")]
    steps = {path.name.strip(".").split(".")[0] for path in unfinished}
    return next(iter(sorted(steps)), "between two steps")


def _prepared(tiny_run, folder: Path) -> Path:
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def outcome(request, tiny_run, tmp_path_factory) -> Outcome:
    whole = _prepared(tiny_run, tmp_path_factory.mktemp("whole") / "run")
    killed = _prepared(tiny_run, tmp_path_factory.mktemp("killed") / "run")
    process = _start(whole, request.param)
    _wait_for_work(process, whole)
    begun = time.monotonic()
    assert process.wait(1500) == 0, process.stderr.read()
    span = 2 * (time.monotonic() - begun) / KILLS
    chance, interrupted = random.Random(KILL_SEED), []
    for _ in range(KILLS):
        process = _start(killed, request.param)
        _wait_for_work(process, killed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, span))
            break
        _kill(process)
        interrupted.append(_at_work(killed))
    process = _start(killed, request.param)
    assert process.wait(1500) == 0, process.stderr.read()
    print(f"{len(interrupted)} kills: {', '.join(interrupted)}")
    return Outcome(whole, killed, tuple(interrupted))


def test_it_was_killed_on_its_way(outcome):
    assert len(outcome.interrupted) >= KILLS // 2


def test_every_data_file_and_summary_is_the_same(outcome):
    names = sorted(path.relative_to(outcome.whole) for path in (outcome.whole / "online_dpo").rglob("*.json*"))
    assert len(names) > 40
    different = [
        str(name) for name in names if (outcome.killed / name).read_bytes() != (outcome.whole / name).read_bytes()
    ]
    assert different == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_policies_have_the_same_weights(outcome, number):
    name = f"online_dpo/round_{number}/policy/model.safetensors"
    assert (outcome.killed / name).read_bytes() == (outcome.whole / name).read_bytes()


def test_the_funnel_is_the_same(outcome):
    found = [json.loads((folder / "funnel.json").read_text()) for folder in (outcome.whole, outcome.killed)]
    assert found[0] == found[1]


def test_nothing_half_made_is_left(outcome):
    left = [path.name for path in _files(outcome.killed) if ".part" in str(path) or path.name.startswith(".r")]
    assert left == []
