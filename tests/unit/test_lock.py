"""The lock of a run folder: who holds it, and looking without touching."""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
import sys

import pytest

from autoif_train import lock
from autoif_train.types import UserError

HOLD = "import sys, pathlib; from autoif_train import lock; held = lock.take(pathlib.Path(sys.argv[1]), 'sft'); "


def test_who_holds_a_folder_is_told_and_stays_told(tmp_path):
    held = lock.take(tmp_path, "sft")
    for _ in range(2):
        with pytest.raises(UserError, match="sft, process"):
            lock.take(tmp_path, "evaluate")
    assert lock.is_held(tmp_path)
    lock.release(held)
    assert not lock.is_held(tmp_path)


def test_a_killed_holder_holds_nothing(tmp_path):
    ended = subprocess.run([sys.executable, "-c", HOLD + "import os; os._exit(9)", str(tmp_path)], check=False)
    assert ended.returncode == 9
    assert json.loads((tmp_path / ".lock").read_text())["recipe"] == "sft"
    assert not lock.is_held(tmp_path)
    lock.release(lock.take(tmp_path, "sft"))


@pytest.mark.parametrize("told", ["", json.dumps({"recipe": "sft", "pid": 2**22 + 1, "host": socket.gethostname()})])
def test_looking_takes_no_lock_where_nobody_can_hold_it(tmp_path, monkeypatch, told):
    """A recipe that starts in the same moment would be refused."""
    (tmp_path / ".lock").write_text(told)
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("the lock was taken"))
    assert not lock.is_held(tmp_path)
