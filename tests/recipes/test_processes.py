"""Recipes under a launcher of several processes: one says what all have done."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autoif_train.config import resolve
from autoif_train.rows import write_rows
from autoif_train.run import Run
from autoif_train.types import UserError
from tests.conftest import ROOT


def test_two_processes_share_the_answers_of_an_evaluation_and_one_shows_them(tiny_run, tmp_path):
    folder = Path(shutil.copytree(tiny_run.folder, tmp_path / "run"))
    shutil.rmtree(folder / "evaluation")
    (folder / "cache.sqlite").unlink()
    command = [sys.executable, str(ROOT / "recipes" / "evaluate.py"), *tiny_run.flags, "--output_dir", str(folder)]
    processes = [
        subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2"},
        )
        for rank in ("0", "1")
    ]
    shown = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "report: " in shown[0]
    assert not shown[1]
    for kept in (tiny_run.folder / "evaluation").rglob("*"):
        if kept.is_file():
            assert (folder / kept.relative_to(tiny_run.folder)).read_bytes() == kept.read_bytes(), kept
    # Each has answered its own half.
    assert {"cache.sqlite", "cache_1.sqlite"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("recipe", ["online_dpo", "spar", "grpo"])
def test_a_supervisor_that_cannot_be_opened_is_refused_before_a_round_is_sampled(tmp_path, monkeypatch, recipe):
    monkeypatch.syspath_prepend(ROOT / "recipes")
    monkeypatch.setenv("WORLD_SIZE", "2")
    write_rows(tmp_path / "data/queries.jsonl", [])
    (tmp_path / "sft").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "sft" / name).touch()
    flags = {"supervisor.kind": "vllm", "output_dir": tmp_path, "quality.enabled": True}
    monkeypatch.setattr(Run, "_claim", lambda _: None)
    with pytest.raises(UserError, match=r"--supervisor.kind api --supervisor.base_url"):
        importlib.import_module(recipe).main(resolve(model="qwen2-7b", **flags))
    assert sorted(path.name for path in tmp_path.rglob("*.jsonl")) == ["queries.jsonl"]
