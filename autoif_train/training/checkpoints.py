"""Checkpoints of a training that may be killed, preempted or out of disk at any moment.

The trainer writes a dozen files on several ranks; whichever is last differs by engine. So a checkpoint is sealed when
all ranks are done: a list of its files with their sizes. One without a seal, or whose files differ from it, is torn.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoif_train.rows import NO_ROOM, atomic_file
from autoif_train.types import UserError

SEAL = "sealed.json"
# Libraries in other languages tell it in words of their own; PyTorch names no reason at all.
_NO_ROOM_TEXT = re.compile(
    rf"os error ({'|'.join(map(str, NO_ROOM))})\b|No space left|[Qq]uota exceeded|File too large|PytorchStreamWriter"
    r"|inline_container"
)


def seal(checkpoint: Path) -> None:
    """Declare a checkpoint whole, after every rank has written its files."""
    sizes = _sizes(checkpoint)
    with atomic_file(checkpoint / SEAL) as file:
        json.dump(sizes, file)


def is_whole(checkpoint: Path) -> bool:
    """Whether every file of a sealed checkpoint is there in its full length."""
    try:
        return json.loads((checkpoint / SEAL).read_text(encoding="utf-8")) == _sizes(checkpoint)
    except (OSError, ValueError):
        return False


def _sizes(checkpoint: Path) -> dict[str, int]:
    files = (path for path in checkpoint.rglob("*") if path.is_file() and path.name != SEAL)
    return {path.relative_to(checkpoint).as_posix(): path.stat().st_size for path in sorted(files)}


def newest_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint of a training; torn ones are passed over."""
    whole = [path for path in _checkpoints(folder) if is_whole(path)]
    return str(max(whole, key=_step)) if whole else None


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir()]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def remove_torn(folder: Path) -> None:
    """Delete torn checkpoints: they take room, and rotation would count them and delete whole ones instead."""
    for path in _checkpoints(folder):
        if not is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


@functools.cache
def read_numbered_cpus() -> None:
    """Let PyTorch read tensors onto `cpu:1`, which accelerate names the device of a process without a GPU.

    Left to itself it knows `cpu` alone, and resuming under several CPU processes fails. Told twice, as by the second
    training of a process, it fails too.
    """
    import torch

    def onto_cpu(storage: Any, location: str) -> Any:
        return storage if location.startswith("cpu:") else None

    torch.serialization.register_package(100, lambda _: None, onto_cpu)


@contextlib.contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Turn a failure to write for want of room into one line that says what is left to go on from."""
    try:
        yield
    except Exception as error:
        if not is_no_room(error):
            raise
        remove_torn(folder)
        left = newest_checkpoint(folder)
        goes_on = f"from {Path(left).name}" if left else "from the beginning of this step"
        raise UserError(
            f"{folder}: no room left on the disk; free some, and the same command goes on {goes_on}"
        ) from error


def is_no_room(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, is that a disk or a quota is full."""
    while error is not None:
        if getattr(error, "errno", None) in NO_ROOM or _NO_ROOM_TEXT.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
