"""Whole checkpoints are gone on from, torn ones are not, and a full disk is told in one line."""

from __future__ import annotations

import errno

import pytest

from autoif_train.training.checkpoints import (
    full_disk_told,
    is_no_room,
    is_whole,
    newest_checkpoint,
    read_numbered_cpus,
    remove_torn,
    seal,
)
from autoif_train.types import UserError


def checkpoint(folder, step, sealed=True):
    path = folder / f"checkpoint-{step}"
    (path / "global_step").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"0" * 100)
    (path / "global_step" / "rank_1.pt").write_bytes(b"1" * 50)
    if sealed:
        seal(path)
    return path


def test_the_newest_is_the_one_of_the_highest_step(tmp_path):
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 200)
    assert newest_checkpoint(tmp_path) == str(newest)


def test_one_that_a_kill_left_unsealed_is_passed_over(tmp_path):
    whole = checkpoint(tmp_path, 200)
    checkpoint(tmp_path, 400, sealed=False)
    assert newest_checkpoint(tmp_path) == str(whole)


@pytest.mark.parametrize("name", ["model.safetensors", "global_step/rank_1.pt"])
def test_a_file_cut_short_or_gone_tears_it(tmp_path, name):
    path = checkpoint(tmp_path, 200)
    (path / name).write_bytes(b"0" * 10)
    assert not is_whole(path)
    (path / name).unlink()
    assert not is_whole(path)


def test_a_damaged_seal_is_none(tmp_path):
    path = checkpoint(tmp_path, 200)
    (path / "sealed.json").write_text("{")
    assert not is_whole(path)


def test_without_any_checkpoint_training_begins(tmp_path):
    assert newest_checkpoint(tmp_path / "nothing") is None


def test_torn_ones_are_removed_and_whole_ones_stay(tmp_path):
    whole, torn = checkpoint(tmp_path, 200), checkpoint(tmp_path, 400, sealed=False)
    remove_torn(tmp_path)
    assert (whole.exists(), torn.exists()) == (True, False)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "quota"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:862] . PytorchStreamWriter failed writing file data/3"),
    ],
)
def test_what_libraries_say_of_a_full_disk_is_understood(error):
    assert is_no_room(error)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "denied"), RuntimeError("CUDA out of memory"), KeyError("x")])
def test_other_errors_are_not_taken_for_it(error):
    assert not is_no_room(error)


def test_a_cause_counts_as_well():
    outer = RuntimeError("could not save")
    outer.__cause__ = OSError(errno.ENOSPC, "full")
    assert is_no_room(outer)


def test_a_full_disk_is_told_with_what_is_left(tmp_path):
    checkpoint(tmp_path, 200)
    torn = checkpoint(tmp_path, 400, sealed=False)
    with pytest.raises(UserError, match=r"no room left.*goes on from checkpoint-200"), full_disk_told(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    assert not torn.exists()


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), full_disk_told(tmp_path):
        raise KeyError("x")


def test_what_one_of_several_cpu_processes_wrote_can_be_read(tmp_path):
    import torch

    torch.save({"state": torch.ones(3)}, tmp_path / "optimizer.pt")
    read_numbered_cpus()
    read = torch.load(tmp_path / "optimizer.pt", map_location=torch.device("cpu:1"), weights_only=True)
    assert read["state"].tolist() == [1, 1, 1]


def test_a_second_training_of_the_same_process_may_tell_pytorch_again():
    pytest.importorskip("torch")
    read_numbered_cpus()
    read_numbered_cpus()
