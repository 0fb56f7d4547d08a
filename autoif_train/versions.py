"""What a result was made with: versions, commit and hardware, for manifests and `autoif doctor`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = (
    "autoif_train",
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "datasets",
    "deepspeed",
    "vllm",
    "lm_eval",
    "ifbench",
    "langdetect",
    "nltk",
)


def versions() -> dict[str, str | int | None]:
    """Installed versions of what matters, the repository's commit where there is one, and the machine."""
    found: dict[str, str | int | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return {**found, "commit": _commit(), "machine": platform.machine(), "processors": os.cpu_count()}


def _commit() -> str | None:
    asked = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
