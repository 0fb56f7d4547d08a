"""What the tests share: recipes run as users run them, and one small tiny run that many tests look at."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Small sizes: every step runs for real, on fewer prompts.
SMALL = (
    "--synthesis.max_answered_queries", "48",
    "--synthesis.queries_per_instruction", "2",
    "--synthesis.pilot_responses", "4",
    "--sampling.responses_per_query", "4",
    "--online_dpo.rounds", "2",
    "--online_dpo.queries_per_round", "48",
    "--evaluation.max_prompts", "40",
    "--sft.num_train_epochs", "1",
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str


def run_recipe(recipe: str, *flags: str, timeout: float = 600, **environment: str) -> Ran:
    """`python recipes/RECIPE.py FLAGS` from the repository's root, as a user runs it."""
    command = [sys.executable, str(ROOT / "recipes" / f"{recipe}.py"), *map(str, flags)]
    return run_command(command, timeout=timeout, **environment)


def run_command(command: list[str], timeout: float = 600, **environment: str) -> Ran:
    """Any command from the repository's root."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class TinyRun:
    """The run folder that the tests share, the flags it was made with, and what the command said."""

    folder: Path
    flags: tuple[str, ...]
    ran: Ran


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """The whole loop on the tiny model at small sizes, by one command."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    flags = ("--output_dir", str(folder), *SMALL)
    ran = run_recipe("evaluate", *flags)
    assert ran.code == 0, ran.err
    return TinyRun(folder, flags, ran)


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Public benchmark files; tests that need them skip where they are absent."""
    folder = os.environ.get("AUTOIF_TEST_DATA")
    if not folder:
        pytest.skip("AUTOIF_TEST_DATA names no folder with public data")
    return Path(folder)
