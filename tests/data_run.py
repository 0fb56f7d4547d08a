"""Data generated from a `MockServer`'s supervisor by a command of its own, at a size of some hundred calls."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.mock_supervisor import SEEDS

CONCURRENCY = 8


def command(folder: Path, base_url: str, *flags: object) -> list[str]:
    """`recipes/generate_data.py` into `folder`, asking the server at `base_url`; its seeds lie beside the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    seeds = folder.parent / "seeds.txt"
    seeds.write_text(SEEDS)
    settings = {
        "model": ROOT / "autoif_train" / "tiny" / "data" / "base",
        "output_dir": folder,
        "supervisor.kind": "api",
        "supervisor.model": "teacher",
        "supervisor.base_url": base_url,
        "supervisor.max_concurrency": CONCURRENCY,
        "synthesis.seeds": seeds,
        "synthesis.instruction_calls": 4,
        "synthesis.functions_per_instruction": 4,
        "synthesis.queries_per_instruction": 4,
        "sampling.responses_per_query": 4,
        "back_translation.kind": "supervisor",
    }
    named = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    return [sys.executable, str(ROOT / "recipes" / "generate_data.py"), *named, *map(str, flags)]


def data_files(folder: Path) -> dict[str, bytes]:
    """Every data file of a run folder and its funnel, by name."""
    files = [*sorted(folder.glob("data/*.jsonl")), folder / "funnel.json"]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
