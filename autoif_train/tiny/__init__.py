"""The embedded default: two tiny language models and the generated mini-English they live in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from autoif_train.rows import Rows
from autoif_train.types import Row

DATA = Path(__file__).parent / "data"

ModelName = Literal["base", "supervisor"]
EvaluationName = Literal["heldout_h", "heldout_q", "validation"]


def model_path(name: ModelName) -> Path:
    """The folder of a shipped model, to be loaded with `from_pretrained`."""
    return DATA / name


def evaluation_set(name: EvaluationName) -> Rows[Row]:
    """A frozen evaluation set; rows are `{prompt, user_query, instructions: [text, ...]}`."""
    return Rows(DATA / f"{name}.jsonl")
