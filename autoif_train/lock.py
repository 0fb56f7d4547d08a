"""Who works in a run folder: a lock that the system frees with its process, and in its file who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any, TextIO

from autoif_train.types import UserError


def take(folder: Path, recipe: str) -> TextIO:
    """The lock of a folder, which `release` gives back; raises `UserError` with the name of who holds it."""
    try:
        lock = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"output_dir: {folder}/.lock: {error.strerror}; name a folder of your own") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        told = _told(folder)
        who = f"{told['recipe']}, process {told['pid']} on {told['host']}," if told else "another process"
        raise UserError(f"output_dir: {who} works in {folder}; wait for it or name another") from error
    except OSError as error:
        lock.close()
        raise UserError(
            f"output_dir: {folder} cannot be locked ({error.strerror}); name a folder on a file system with locks"
        ) from error
    lock.truncate(0)
    json.dump({"recipe": recipe, "pid": os.getpid(), "host": socket.gethostname()}, lock)
    lock.flush()
    return lock


def release(lock: TextIO) -> None:
    """Nobody holds the folder any more."""
    lock.truncate(0)
    # Whatever was forked meanwhile has the file open as well, and closing it here alone would not free it.
    fcntl.flock(lock, fcntl.LOCK_UN)
    lock.close()


def is_held(folder: Path) -> bool:
    """Whether somebody works in a folder.

    The lock is asked only where its holder may be alive, and is held then: a recipe that starts at the same moment is
    not refused.
    """
    told = _told(folder)
    if not told or (told["host"] == socket.gethostname() and not _is_alive(told["pid"])):
        return False
    try:
        with (folder / ".lock").open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _told(folder: Path) -> dict[str, Any]:
    """What the holder wrote; nothing where nobody holds the folder, or an earlier version does."""
    try:
        return json.loads((folder / ".lock").read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError, ValueError):
        return {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
