"""The card beside a trained model: what it was made from, how, and its scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from autoif_train.rows import atomic_file

CARD = "README.md"
SCORES = "## Scores\n"
METHOD = {
    "sft": "supervised fine-tuning",
    "dpo": "direct preference optimisation",
    "grpo": "group-relative policy optimisation",
}


def write_card(
    output: Path, method: str, base: str, data: Path, seen: dict[str, int], section: dict[str, Any], seed: int
) -> None:
    """Write `README.md` with the front matter that model hubs read.

    `data` is the file of rows and `seen` what became of them. `base` appears by its last name alone: a local path says
    nothing elsewhere.
    """
    front = {"library_name": "transformers", "tags": ["autoif", "trl", method], "pipeline_tag": "text-generation"}
    settings = yaml.safe_dump({**section, "seed": seed}, sort_keys=True)
    text = (
        f"---\n{yaml.safe_dump(front)}---\n\n"
        f"# {METHOD[method].capitalize()} with execution feedback\n\n"
        f"Trained by `autoif_train` ({METHOD[method]}) from `{Path(base).name}` on answers that were judged by running "
        "verification functions (AutoIF, arXiv 2406.13542).\n\n"
        f"## Data\n\n`{data.name}`: {seen['rows']} rows, of which {seen['truncated']} were cut at `max_length` and "
        f"{seen['dropped']} dropped for it. SHA-256 `{_digest(data)}`. What was filtered before and why stands in the "
        "run folder's `funnel.json`, versions and hardware in `manifest.json`.\n\n"
        f"## Settings\n\n```yaml\n{settings}```\n"
    )
    (output / CARD).write_text(text, encoding="utf-8")


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_scores(model: Path, scores: Iterable[dict[str, Any]]) -> None:
    """Put the rows of `results.json` that belong to a model on its card, in place of earlier ones."""
    lines = ["| benchmark | set | n | metric | score |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['benchmark']} | {row['set']} | {row['n']} | {name} | {value:.4f} |"
        for row in scores
        for name, value in row["metrics"].items()
        if isinstance(value, float)
    ]
    card = model / CARD
    before = card.read_text(encoding="utf-8").partition(SCORES)[0].rstrip() if card.exists() else ""
    with atomic_file(card) as file:
        file.write(f"{before}\n\n{SCORES}\n" + "\n".join(lines) + "\n")
