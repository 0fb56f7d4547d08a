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
    """Installed versions of what matters, the commit where the package runs from its own checkout, and the machine."""
    found: dict[str, str | int | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return {**found, "commit": _commit(), "machine": platform.machine(), "processors": os.cpu_count()}


def _commit() -> str | None:
    root = Path(__file__).resolve().parent.parent
    # Installed into a virtual environment inside another project, git would answer with that project's commit.
    if _git(root, "rev-parse", "--show-toplevel") != str(root):
        return None
    return _git(root, "describe", "--always", "--dirty", "--abbrev=12")


def _git(folder: Path, *asked: str) -> str | None:
    said = subprocess.run(["git", "-C", str(folder), *asked], capture_output=True, text=True, check=False)
    return said.stdout.strip() or None
