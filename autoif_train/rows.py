"""JSON Lines files read again and again, written once and whole."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from autoif_train.types import Row, UserError

Noun = TypeVar("Noun")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a quota or a file is full."""


class Rows(Generic[Noun]):
    """A re-iterable JSON Lines file: each pass streams it, nothing holds it in memory.

    `read` turns a row (a dict) into the noun it stands for; left out, rows stay dicts. A line that is not JSON, or that
    lacks what the noun needs, raises `UserError` with the file and the line.
    """

    def __init__(self, path: str | Path, read: Callable[[Row], Noun] | None = None, most: int | None = None):
        self.path = Path(path)
        self.read = read
        self.most = most

    def first(self, most: int | None) -> Rows[Noun]:
        """The same file up to its `most`-th row; None = all of it."""
        return Rows(self.path, self.read, most)

    def __iter__(self) -> Iterator[Noun]:
        return islice(self._all(), self.most)

    def _all(self) -> Iterator[Noun]:
        try:
            opened = self.path.open("rb")
        except OSError as error:
            raise UserError(f"{self.path}: {error.strerror}; name a file that can be read") from error
        with opened as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise UserError(
                        f"{self.path}, line {number}: not JSON ({error}); mend or remove the line"
                    ) from error
                try:
                    yield self.read(row) if self.read else row
                except (KeyError, TypeError, ValueError) as error:
                    what = f"lacks the key {error}" if isinstance(error, KeyError) else str(error)
                    raise UserError(f"{self.path}, line {number}: {what}; mend or remove the line") from error

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Rows({str(self.path)!r})"


def plain(value: Any) -> Any:
    """A noun as JSON-serialisable data: its own `to_row` where it has one, else its fields."""
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "to_row"):
        return value.to_row()
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Any]:
    """A text file that appears under its name whole or not at all: written beside it, synced, then renamed.

    Raises `UserError` where nothing can be written there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = temporary.open("w", encoding="utf-8")
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # a second error would hide the first
            temporary.unlink(missing_ok=True)
        raise


def check_writable(path: str | Path) -> None:
    """Raise `UserError` where a file or folder of that name could not be made; leaves nothing behind.

    The file system is tried: permissions alone tell a superuser nothing, and of a mount little.
    """
    folder = Path(path).absolute().parent
    with _refused(path):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        tempfile.TemporaryFile(dir=there).close()


@contextlib.contextmanager
def _refused(path: str | Path) -> Iterator[None]:
    """What the system says against writing a file, as the user's to mend; a full disk is told elsewhere."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        mend = "let this user write there, or name another place"
        raise UserError(f"{path}: cannot be written ({error.strerror}); {mend}") from error


def json_line(value: Any) -> str:
    """JSON on one line, readable; escaped to ASCII where it holds half a surrogate pair, which UTF-8 cannot write."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def write_rows(path: str | Path, rows: Iterable[Any]) -> int:
    """Stream rows (nouns or dicts) into a JSON Lines file; returns how many."""
    count = 0
    with atomic_file(path) as file:
        for row in rows:
            file.write(json_line(plain(row)) + "\n")
            count += 1
    return count
