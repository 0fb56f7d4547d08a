"""recipes/reproduce.py by its command line: the plan, a grid that is killed and goes on, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, SMALL, run_recipe

# Two runs, the second of which begins with the first one's data.
POINTS = ("--table", "figure4", "--seeds", "1", "--points", "sft_share_0.25,sft_share_0.5")
SMALLEST = (*SMALL, "--evaluation.max_prompts", "12", "--synthesis.max_answered_queries", "24")


@pytest.fixture(scope="module")
def killed_and_finished(tmp_path_factory):
    """A grid whose process was killed while it trained its first model, then run again; the folder and what it said."""
    folder = tmp_path_factory.mktemp("grid")
    flags = (*POINTS, "--output_dir", str(folder), *SMALLEST)
    command = [sys.executable, str(ROOT / "recipes/reproduce.py"), *flags]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)
    first = folder / "runs/sft_share_0.25/seed_1/data/pairs.jsonl"
    while process.poll() is None and not first.exists():
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.exists()
    written = first.stat().st_mtime_ns
    ran = run_recipe("reproduce", *flags)
    assert ran.code == 0, ran.err
    assert first.stat().st_mtime_ns == written
    return folder, flags, ran


def test_a_killed_grid_goes_on_and_ends_with_every_score(killed_and_finished):
    folder, _, _ = killed_and_finished
    for point in ("sft_share_0.25", "sft_share_0.5"):
        scores = json.loads((folder / f"runs/{point}/seed_1/results.json").read_text())["scores"]
        assert {score["stage"] for score in scores} == {"base", "sft"}


def test_the_second_run_shares_the_data_of_the_first_and_trains_on_its_own_share(killed_and_finished):
    folder, _, _ = killed_and_finished
    one, two = (folder / f"runs/sft_share_{share}/seed_1" for share in ("0.25", "0.5"))
    manifest = json.loads((two / "manifest.json").read_text())
    assert manifest["shared"]["with"] == "sft_share_0.25, seed 1"
    assert not any(step.startswith("data/responses") for step in manifest["steps"])
    assert (one / "data/judged.jsonl").read_bytes() == (two / "data/judged.jsonl").read_bytes()
    smaller, larger = ((run / "data/demonstrations_share.jsonl").read_text().splitlines() for run in (one, two))
    assert set(smaller) < set(larger)


def test_the_table_shows_what_was_run_and_marks_the_rest(killed_and_finished):
    folder, _, ran = killed_and_finished
    lines = {line.split("|")[1].strip(): line for line in ran.out.splitlines() if line.startswith("| Share of the SFT")}
    assert "not run" not in lines["Share of the SFT data: 1/2"]
    assert "not run" in lines["Share of the SFT data: 1"]
    assert {path.suffix for path in (folder / "tables").iterdir()} == {".md", ".tex", ".csv", ".svg", ".png", ".html"}


def test_a_finished_grid_runs_nothing_again(killed_and_finished):
    folder, flags, _ = killed_and_finished
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.jsonl")}
    again = run_recipe("reproduce", *flags)
    assert again.code == 0, again.err
    assert "2 runs, 0 to do" in again.out
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.jsonl")} == before


def test_a_dry_run_prints_the_plan_with_its_cost_and_makes_nothing(tmp_path):
    ran = run_recipe("reproduce", *POINTS, "--dry_run", "--output_dir", str(tmp_path / "grid"))
    assert ran.code == 0, ran.err
    assert "2 runs, 2 to do" in ran.out
    assert "begins with sft_share_0.25, seed 1, up to selected" in ran.out
    assert "s of CPU" in ran.out
    assert not (tmp_path / "grid").exists()


def test_a_mistake_is_one_line_that_names_it(tmp_path):
    ran = run_recipe("reproduce", "--table", "9", "--output_dir", str(tmp_path))
    assert ran.code == 2
    assert ran.err.strip().splitlines()[-1].startswith("error: --table 9")
