"""The processes of one launch: which of them this one is, and waiting for what another makes.

They meet in the run folder alone, without a collective that could time out: a step of hours on one of them makes the
others wait. On one machine the launcher ends them all when one fails; over several nobody does, so whoever fails leaves
a note for those who wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path

from autoif_train.types import UserError, content_id

log = logging.getLogger(__name__)

WAITING_SECONDS = 0.5
SILENT_SECONDS = 60.0  # a process that waits for longer says so
STARTED = time.monotonic()
# Until then a note may be an earlier launch's: rank 0 removes it, but machines do not start at the same moment.
GRACE_SECONDS = 300.0


class Ranks:
    """This process among those that share a run folder; `rank` and `size` as the launcher counts them."""

    def __init__(self, folder: Path):
        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        # Two launches at once differ in the address or the port at which their processes meet.
        launch = content_id([os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")])
        self._note = folder / f".failed-{launch}"

    def forget_failures(self) -> None:
        """Remove what an earlier launch left; for rank 0, before anybody heeds it."""
        if time.monotonic() - STARTED < GRACE_SECONDS:
            self._note.unlink(missing_ok=True)

    def tell_failure(self, error: BaseException) -> None:
        """Let those who wait for this process end with what ended it."""
        if self.size == 1 or self._note.exists():
            return
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        with contextlib.suppress(OSError):  # a full disk has its own line already
            self._note.write_text(f"process {self.rank} ended: {text}", encoding="utf-8")

    def wait_for(self, *paths: Path) -> None:
        """Wait until another process has finished one of these files; raises `UserError` where one has failed."""
        started, silent = time.monotonic(), True
        while not any(path.exists() for path in paths):
            now = time.monotonic()
            if silent and now - started >= SILENT_SECONDS:
                log.warning("process %d waits for another to finish %s", self.rank, paths[0])
                silent = False
            if now - STARTED >= GRACE_SECONDS and self._note.exists():
                raise UserError(f"{paths[0]} will not come: {self._note.read_text(encoding='utf-8')}")
            time.sleep(WAITING_SECONDS)
