"""The package as it is built and installed, away from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.soak
PARTS = ("autoif_train", "recipes", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with nothing but the installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = [
        *pip,
        "wheel",
        "--no-index",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        str(folder),
        str(folder / "source"),
    ]
    subprocess.run(built, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-index", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True
    )
    return folder / "site"


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "--model", "tiny", "--gpus", "1"],
        ["cross-validate", "--input", "candidates.jsonl", "--output", "out.jsonl"],
    ],
    ids=lambda command: command[0],
)
def test_an_installed_package_runs_away_from_its_checkout(installed, tmp_path, command):
    source = "def evaluate(response):\n    return len(response) > 3"
    cases = [{"text": text, "expected": len(text) > 3} for text in ("a long text", "another", "no", "")]
    row = {"instruction": "Write more than three letters.", "functions": [source] * 2, "cases": cases}
    (tmp_path / "candidates.jsonl").write_text(json.dumps(row) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import autoif_train; print(autoif_train.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert str(installed) in found.stdout
    done = subprocess.run(
        [sys.executable, "-m", "autoif_train.cli", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
