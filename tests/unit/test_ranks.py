"""Processes that share a run folder: waiting for each other, and ending with whoever failed."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from autoif_train import ranks
from autoif_train.config import resolve
from autoif_train.ranks import Ranks
from autoif_train.run import Run
from autoif_train.types import UserError


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A process of a launch of two, each on a machine of its own, by its rank; launches differ in their port."""
    monkeypatch.setattr(ranks, "STARTED", time.monotonic())

    def of(rank, port="29500", machines=2):
        environment = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2 // machines}
        for name, value in {**environment, "MASTER_ADDR": "first", "MASTER_PORT": port}.items():
            monkeypatch.setenv(name, str(value))
        return Ranks(tmp_path)

    return of


def grow_old(folder):
    """What lies in a folder, as if left a minute before this process started."""
    for path in folder.glob(".failed-*"):
        os.utime(path, (time.time() - 60,) * 2)


def failing_to_sleep(_):
    raise AssertionError("went on waiting")


def test_a_process_that_waits_long_says_once_for_what(process, tmp_path, monkeypatch, caplog):
    slept = []

    def sleep(_):
        slept.append(len(caplog.messages))
        if len(slept) == 4:
            (tmp_path / "x.jsonl").touch()

    clock = iter([0, 0, 59, 60])
    monkeypatch.setattr(ranks, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: next(clock)))
    process(1).wait_for(tmp_path / "x.jsonl")
    assert slept == [0, 0, 1, 1]
    assert str(tmp_path / "x.jsonl") in caplog.text


@pytest.mark.parametrize(("fails", "waits"), [(0, 1), (1, 0)])
def test_who_waits_ends_with_what_ended_the_other(process, tmp_path, monkeypatch, fails, waits):
    monkeypatch.setattr(ranks.time, "sleep", failing_to_sleep)
    process(fails).tell_failure(ValueError("the disk is gone\nand more"))
    with pytest.raises(UserError, match=f"x.jsonl will not come: process {fails} ended: the disk is gone$"):
        process(waits).wait_for(tmp_path / "x.jsonl")


def test_what_was_finished_before_the_failure_is_taken(process, tmp_path):
    (tmp_path / "x.jsonl").touch()
    process(0).tell_failure(ValueError("later"))
    process(1).wait_for(tmp_path / "x.jsonl")


def test_a_failure_of_another_launch_ends_nobody(process, tmp_path, monkeypatch):
    """It was refused, say, because this one works in the folder."""
    process(0, port="29501").tell_failure(UserError("another process works in this folder"))
    monkeypatch.setattr(ranks.time, "sleep", lambda _: (tmp_path / "x.jsonl").touch())
    process(1).wait_for(tmp_path / "x.jsonl")


def test_a_failure_of_the_launch_before_ends_nobody_and_is_forgotten(process, tmp_path, monkeypatch):
    process(0).tell_failure(ValueError("mended since"))
    grow_old(tmp_path)
    monkeypatch.setattr(ranks.time, "sleep", lambda _: (tmp_path / "x.jsonl").touch())
    process(1).wait_for(tmp_path / "x.jsonl")
    process(0).forget_failures()
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_failure_of_this_launch_is_not_forgotten(process, tmp_path):
    """The second process failed before the first had looked."""
    process(1).tell_failure(ValueError("no such path here"))
    process(0).forget_failures()
    with pytest.raises(UserError, match="no such path here"):
        process(0).wait_for(tmp_path / "x.jsonl")


def test_the_first_failure_is_told(process, tmp_path):
    process(0).tell_failure(ValueError("the cause"))
    process(1).tell_failure(ValueError("its consequence"))
    (note,) = tmp_path.glob(".failed-*")
    assert "the cause" in note.read_text()


def test_a_new_failure_takes_the_place_of_an_old_one(process, tmp_path):
    process(0).tell_failure(ValueError("old"))
    grow_old(tmp_path)
    process(0).tell_failure(ValueError("new"))
    (note,) = tmp_path.glob(".failed-*")
    assert "new" in note.read_text()


def test_processes_of_one_machine_leave_no_note(process, tmp_path):
    """Their launcher ends them all, and every launch on one machine may meet at the same address and port."""
    process(0, machines=1).tell_failure(ValueError("gone"))
    assert not list(tmp_path.iterdir())


def test_a_refused_run_tells_the_others(process, tmp_path):
    process(0)
    (tmp_path / "rows.jsonl").touch()
    with pytest.raises(UserError, match="holds files but no config"), Run(resolve(output_dir=str(tmp_path)), "sft"):
        pass
    (note,) = tmp_path.glob(".failed-*")
    assert "process 0 ended: output_dir:" in note.read_text()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_run_that_ends_with_an_error_tells_the_others(process, tmp_path, rank):
    process(rank)
    with pytest.raises(KeyError), Run(resolve(output_dir=str(tmp_path)), "sft"):
        raise KeyError("gone")
    (note,) = tmp_path.glob(".failed-*")
    assert note.read_text() == f"process {rank} ended: 'gone'"


def test_a_process_alone_leaves_no_note(tmp_path, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(KeyError), Run(resolve(output_dir=str(tmp_path)), "sft"):
        raise KeyError("gone")
    assert not list(tmp_path.glob(".failed-*"))
