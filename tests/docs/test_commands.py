"""Every command and every piece of Python in README and docs is tried, as far as a test machine can.

Python and what runs on the tiny model is executed; a recipe for a larger model has its settings resolved and its engine
checked; `make` is a dry run, shell scripts are parsed, the extras of an install are looked up, servers are left out
(rehearsal.sh).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, SMALL
from tests.docs.pages import blocks, commands

HERE = Path(__file__).parent
SHARED = ("recipes", "autoif_train", "deepspeed_configs", "launch", "docs", "benchmarks", "tests")
SHARED_FILES = ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt", "README.md")
SOURCE = "def evaluate(response):\n    return len(response) > 3"
CASES = [{"text": text, "expected": len(text) > 3} for text in ("a long text", "another", "no", "")]
QUESTION = "Tell me something about the sea, please."
IFEVAL = {"key": 1, "prompt": QUESTION, "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
# The files that the pages speak of, as a reader would have them.
FILES = {
    "candidates.jsonl": {"instruction": "Write more than three letters.", "functions": [SOURCE] * 2, "cases": CASES},
    "functions.jsonl": {"id": "a", "functions": [SOURCE]},
    "answers.jsonl": {"id": "a", "text": "a long text"},
    "ifeval.jsonl": IFEVAL,
    "input_data.jsonl": IFEVAL,
    "responses.jsonl": {"prompt": QUESTION, "response": "The sea is wide."},
    "sharegpt.json": [{"conversations": [{"from": "human", "value": QUESTION}]}],
}


@pytest.fixture(scope="module")
def desk(tiny_run, tmp_path_factory):
    """A reader's checkout after the quickstart: the repository, finished runs, and files of one's own."""
    desk = tmp_path_factory.mktemp("desk")
    for name in (*SHARED, *SHARED_FILES):
        (desk / name).symlink_to(ROOT / name)
    for name in ("quickstart", "beta_0.5", "tiny-strong_to_weak", "first", "mine"):
        shutil.copytree(tiny_run.folder, desk / "runs" / name)
    config = desk / "runs/beta_0.5/config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["dpo"]["beta"] = 0.5
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    for name, content in FILES.items():
        (desk / name).write_text(json.dumps(content) + "\n")
    (desk / "my_constraints.txt").write_text("Write in capital letters only.\n")
    return desk


def execute(command: list[str], desk: Path) -> None:
    known = {"PYTHON": sys.executable, "SMALL": " ".join(SMALL), "REHEARSAL": str(HERE), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=desk, timeout=600, env={**os.environ, **known}, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.name)
def test_commands_work(block, desk):
    execute(["bash", "-c", f"source '{HERE / 'rehearsal.sh'}'\n{commands(block.text)}"], desk)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.name)
def test_python_works(block, desk):
    execute([sys.executable, "-c", block.text], desk)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.name)
def test_settings_are_settings(block, desk):
    (desk / "of_the_page.yaml").write_text(block.text)
    execute([sys.executable, "recipes/sft.py", "--config", "of_the_page.yaml", "--print_config"], desk)


@pytest.mark.parametrize(
    ("launcher", "code"),
    [("", 1), ("--config_file deepspeed_configs/zero2.yaml", 1), ("--config_file deepspeed_configs/zero3.yaml", 0)],
)
def test_a_launch_on_an_engine_that_the_model_refuses_is_noticed(launcher, code):
    command = f"accelerate launch {launcher} recipes/online_dpo.py --model qwen2-7b"
    environment = {**os.environ, "PYTHON": sys.executable, "SMALL": "", "REHEARSAL": str(HERE), "PYTHONPATH": str(ROOT)}
    lines = f"source '{HERE / 'rehearsal.sh'}'\n{command}"
    done = subprocess.run(
        ["bash", "-c", lines], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("engine: asked for zero3" in done.stderr) == bool(code)


def test_commands_stand_in_console_blocks():
    """Where they are executed: a line after `$ ` each."""
    assert [block.name for block in blocks("bash", "sh", "shell")] == []


def test_a_page_without_commands_would_be_noticed():
    assert len(blocks("console")) > 10
    assert all(commands(block.text).strip() for block in blocks("console"))
