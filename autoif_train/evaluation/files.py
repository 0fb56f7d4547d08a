"""The files that benchmarks are read from: what they hold decides what is asked, not what they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.types import UserError, content_id

BYTECODE = "__pycache__"


def digests(settings: EvaluationSettings, keys: Iterable[str]) -> dict[str, str]:
    """An id of the content of each file or folder that the settings name under `keys`; what they leave out is absent.

    Raises `UserError` where one is missing.
    """
    named = ((key, getattr(settings, key)) for key in keys)
    return {key: _digest(key, Path(value)) for key, value in named if value}


def _digest(key: str, path: Path) -> str:
    try:
        return content_id({name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in _files(path)})
    except OSError as error:
        mend = "name a file or folder that can be read"
        raise UserError(f"evaluation.{key}: {error.filename}: {error.strerror}; {mend}") from error


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The file, or those of the folder by their names within; a checkout's history and bytecode hold no content."""
    if not path.is_dir():
        yield "", path
    for file in sorted(path.rglob("*")):
        within = file.relative_to(path)
        if file.is_file() and BYTECODE not in within.parts and not any(part.startswith(".") for part in within.parts):
            yield within.as_posix(), file
