"""Processes that share a run folder: waiting for each other, and ending with whoever failed."""

from __future__ import annotations

import pytest

from autoif_train import ranks
from autoif_train.config import resolve
from autoif_train.ranks import Ranks
from autoif_train.run import Run
from autoif_train.types import UserError


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A process of a launch of two, by its rank; launches differ in the port at which they meet."""

    def of(rank, port="29500"):
        for name, value in {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "first", "MASTER_PORT": port}.items():
            monkeypatch.setenv(name, str(value))
        return Ranks(tmp_path)

    return of


@pytest.fixture
def long_after_the_start(monkeypatch):
    monkeypatch.setattr(ranks, "GRACE_SECONDS", 0.0)


def failing_to_sleep(_):
    raise AssertionError("went on waiting")


def test_a_process_that_waits_long_says_once_for_what(process, tmp_path, monkeypatch, caplog):
    slept = []

    def sleep(_):
        slept.append(len(caplog.messages))
        if len(slept) == 4:
            (tmp_path / "x.jsonl").touch()

    clock = iter([0, 0, 59, 60, 61])
    monkeypatch.setattr(ranks.time, "sleep", sleep)
    monkeypatch.setattr(ranks.time, "monotonic", lambda: next(clock))
    process(1).wait_for(tmp_path / "x.jsonl")
    assert slept == [0, 0, 1, 1]
    assert str(tmp_path / "x.jsonl") in caplog.text


@pytest.mark.parametrize(("fails", "waits"), [(0, 1), (1, 0)])
def test_who_waits_ends_with_what_ended_the_other(process, tmp_path, monkeypatch, long_after_the_start, fails, waits):
    monkeypatch.setattr(ranks.time, "sleep", failing_to_sleep)
    process(fails).tell_failure(ValueError("the disk is gone\nand more"))
    with pytest.raises(UserError, match=f"x.jsonl will not come: process {fails} ended: the disk is gone$"):
        process(waits).wait_for(tmp_path / "x.jsonl")


def test_what_was_finished_before_the_failure_is_taken(process, tmp_path, long_after_the_start):
    (tmp_path / "x.jsonl").touch()
    process(0).tell_failure(ValueError("later"))
    process(1).wait_for(tmp_path / "x.jsonl")


def test_a_failure_of_another_launch_ends_nobody(process, tmp_path, monkeypatch, long_after_the_start):
    """It was refused, say, because this one works in the folder."""
    process(0, port="29501").tell_failure(UserError("another process works in this folder"))
    monkeypatch.setattr(ranks.time, "sleep", lambda _: (tmp_path / "x.jsonl").touch())
    process(1).wait_for(tmp_path / "x.jsonl")


def test_a_failure_of_the_launch_before_is_forgotten(process, tmp_path, monkeypatch):
    process(0).tell_failure(ValueError("mended since"))
    second = process(1)
    # The first machine may start later than this one.
    monkeypatch.setattr(ranks.time, "sleep", lambda _: (tmp_path / "x.jsonl").touch())
    second.wait_for(tmp_path / "x.jsonl")
    process(0).forget_failures()
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


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
