"""The processes of one launch: which of them this one is, and waiting for what another makes.

They meet in the run folder alone, without a collective that could time out: a step of hours on one of them makes the
others wait. On one machine the launcher ends them all when one fails; over several nobody does, so whoever fails leaves
a note for those who wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path

from autoif_train.rows import atomic_file
from autoif_train.types import UserError, content_id

log = logging.getLogger(__name__)

WAITING_SECONDS = 0.5
SILENT_SECONDS = 60.0  # a process that waits for longer says so
STARTED = time.monotonic()
# The processes of a launch start within so long; a note that is older than this process by more is an earlier launch's.
APART_SECONDS = 30.0


class Ranks:
    """This process among those that share a run folder; `rank` and `size` as the launcher counts them."""

    def __init__(self, folder: Path):
        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self._several_machines = int(os.environ.get("LOCAL_WORLD_SIZE", self.size)) < self.size
        # Launches over several machines at once differ in the address or the port at which their processes meet.
        launch = content_id([os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")])
        self._folder, self._note = folder, folder / f".failed-{launch}"

    def forget_failures(self) -> None:
        """Remove what an earlier launch left; for whoever holds the folder's lock."""
        if self._note.exists() and not self._failure():
            self._note.unlink(missing_ok=True)

    def tell_failure(self, error: BaseException) -> None:
        """Let those on other machines who wait for this process end with what ended it."""
        if not self._several_machines or self._failure():
            return
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        # A full disk has its own line already, and so has a folder that is not there.
        with contextlib.suppress(OSError, UserError), atomic_file(self._note) as note:
            note.write(f"process {self.rank} ended: {text}")

    def wait_for(self, *paths: Path) -> None:
        """Wait until another process has finished one of these files; raises `UserError` where one has failed."""
        started, silent = time.monotonic(), True
        while not any(path.exists() for path in paths):
            if silent and time.monotonic() - started >= SILENT_SECONDS:
                log.warning("process %d waits for another to finish %s", self.rank, paths[0])
                silent = False
            if failure := self._failure():
                raise UserError(f"{paths[0]} will not come: {failure}")
            time.sleep(WAITING_SECONDS)

    def _failure(self) -> str:
        """What a process of this launch left when it failed; empty where none has."""
        try:
            left = self._note.stat().st_mtime
            with tempfile.TemporaryFile(dir=self._folder) as file:  # machines' clocks differ, this is the folder's own
                age = os.fstat(file.fileno()).st_mtime - left
            return self._note.read_text(encoding="utf-8") if age < time.monotonic() - STARTED + APART_SECONDS else ""
        except OSError:
            return ""
