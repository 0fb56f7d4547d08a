"""Benchmarks that live on the hub."""

from __future__ import annotations

from collections.abc import Iterable

from autoif_train.types import Row, UserError


def hub_rows(path: str, name: str | None, split: str, setting: str) -> Iterable[Row]:
    """The rows of a data set; where it cannot be had, one line that names the setting for a local copy."""
    from datasets import load_dataset

    try:
        return load_dataset(path, name, split=split)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"{path}: cannot be loaded from the hub ({said}); name a local copy with --{setting} PATH"
        ) from error
