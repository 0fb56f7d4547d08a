"""Recipes under a launcher of several processes: one says what all have done, and nobody loads a model to wait."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

from autoif_train.chat.choice import SupervisorSettings
from autoif_train.config import resolve
from autoif_train.rows import write_rows
from autoif_train.run import Run
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


def test_a_process_that_waits_for_scores_loads_no_supervisor(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "recipes")
    import online_dpo

    nowhere = SupervisorSettings(kind="transformers", model=str(tmp_path / "no model"))
    settings = dataclasses.replace(resolve(), supervisor=nowhere, output_dir=str(tmp_path))
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    write_rows(tmp_path / "online_dpo/round_1/scored.jsonl", [])
    with Run(settings, "online_dpo") as run:
        assert not list(online_dpo.with_quality(run, settings, "online_dpo/round_1", [], [], 0.5, ()))
