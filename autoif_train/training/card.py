"""The card beside a trained model: what it was made from, how, and where its scores stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

METHOD = {"sft": "supervised fine-tuning", "dpo": "direct preference optimisation"}


def write_card(output: Path, method: str, base: str, rows: int, section: dict[str, Any], seed: int) -> None:
    """Write `README.md` with the front matter that model hubs read.

    `base` appears by its last name alone: a local path says nothing elsewhere.
    """
    front = {"library_name": "transformers", "tags": ["autoif", "trl", method], "pipeline_tag": "text-generation"}
    settings = yaml.safe_dump({**section, "seed": seed}, sort_keys=True)
    text = (
        f"---\n{yaml.safe_dump(front)}---\n\n"
        f"# {METHOD[method].capitalize()} with execution feedback\n\n"
        f"Trained by `autoif_train` ({METHOD[method]}) from `{Path(base).name}` on {rows} rows whose answers were "
        "judged by running verification functions (AutoIF, arXiv 2406.13542).\n\n"
        "What was filtered and why stands in the run folder's `funnel.json`, versions and hardware in `manifest.json`, "
        "scores in `results.json`.\n\n"
        f"## Settings\n\n```yaml\n{settings}```\n"
    )
    (output / "README.md").write_text(text, encoding="utf-8")
