"""The lock of a run folder: who holds it, and looking without touching."""

from __future__ import annotations

import errno
import fcntl
import json
import os
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


def test_a_process_that_was_forked_meanwhile_holds_nothing(tmp_path):
    held = lock.take(tmp_path, "sft")
    with subprocess.Popen(["sleep", "30"], pass_fds=[held.fileno()]) as child:
        lock.release(held)
        lock.release(lock.take(tmp_path, "evaluate"))
        child.kill()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, code):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match="name a folder on a file system with locks"):
        lock.take(tmp_path, "sft")


def test_a_lock_of_somebody_else_is_told(tmp_path):
    (tmp_path / ".lock").mkdir()  # nobody may write here, root included
    with pytest.raises(UserError, match="name a folder of your own"):
        lock.take(tmp_path, "sft")


@pytest.mark.parametrize("told", ["", json.dumps({"recipe": "sft", "pid": 2**22 + 1, "host": socket.gethostname()})])
def test_looking_takes_no_lock_where_nobody_can_hold_it(tmp_path, monkeypatch, told):
    """A recipe that starts in the same moment would be refused."""
    (tmp_path / ".lock").write_text(told)
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("the lock was taken"))
    assert not lock.is_held(tmp_path)
