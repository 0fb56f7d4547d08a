"""Reference log-probabilities on disk, found again by what they were computed from.

A preference loss needs the log-probabilities of a model that does not move (paper §3.4, Eq. 2). They are computed once
and shared by epochs, resumed runs and ranks. The key covers the weights, the token ids of every row (and by them the
data, its order, the tokenizer and the chat template) and whatever else changes a figure; nothing is found by a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy

from autoif_train.chat.policy import base_of
from autoif_train.rows import Rows, write_rows

LogProbs = list[tuple[float, float]]
_WEIGHTS = ("*.safetensors", "*.bin", "config.json", "adapter_config.json")


def reference_key(model: str, rows: Iterable[dict[str, Any]], settings: dict[str, Any]) -> str:
    """SHA-256 over the content of the model's files, each row's token ids and `settings`."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update(weights_digest(model).encode())
    for row in rows:
        for column in ("prompt_ids", "chosen_ids", "rejected_ids"):
            ids = numpy.asarray(row[column], dtype=numpy.int32)
            digest.update(len(ids).to_bytes(4, "little") + ids.tobytes())
    return digest.hexdigest()


def weights_digest(model: str) -> str:
    """SHA-256 over the weights and the configuration of a local folder or a cached hub id; an adapter's base counts."""
    folder = _folder(model)
    digest = hashlib.sha256()
    for file in sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        with open(file, "rb") as opened:
            digest.update(file.name.encode() + hashlib.file_digest(opened, "sha256").digest())
    if base_of(model) != model:
        digest.update(weights_digest(base_of(model)).encode())
    return digest.hexdigest()


def _folder(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    from transformers.utils import cached_file

    return Path(cached_file(model, "config.json")).parent


def read_log_probs(file: Path, count: int) -> LogProbs | None:
    """The pairs' `(chosen, rejected)` log-probabilities; None where they are not, or not of `count` pairs."""
    if not file.exists():
        return None
    found = [(row["chosen"], row["rejected"]) for row in Rows(file)]
    return found if len(found) == count else None


def write_log_probs(file: Path, log_probs: LogProbs) -> None:
    """Write one row for each pair, in the pairs' order; the file appears whole or not at all."""
    write_rows(file, ({"chosen": chosen, "rejected": rejected} for chosen, rejected in log_probs))
