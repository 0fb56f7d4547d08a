"""A signal ends a training with a checkpoint from which it goes on to the same losses; a full disk leaves one too."""

from __future__ import annotations

import os
import resource
import signal
import sys

import pytest

from autoif_train.chat.policy import PolicySettings
from autoif_train.rows import Rows
from autoif_train.tiny import model_path
from autoif_train.training.checkpoints import is_whole, newest_checkpoint
from autoif_train.training.interruption import Stopped, asked, deferred, obey_signals
from autoif_train.training.train import train_sft
from autoif_train.types import UserError
from tests.families import write_rows

SECTION = {
    "max_steps": 6,
    "global_batch_size": 2,
    "per_device_train_batch_size": 2,
    "max_length": 256,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "save_strategy": "steps",
    "save_steps": 2,
    "save_total_limit": 2,
}


@pytest.fixture
def obeying():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    obey_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def rows(tmp_path):
    return Rows(write_rows(tmp_path, rows=10)[0])


def sft(rows, output):
    output.mkdir(exist_ok=True)
    train_sft(str(model_path("base")), rows, SECTION, PolicySettings(), 0, output)
    return [row["loss"] for row in Rows(output / "metrics.jsonl")]


def at_step(monkeypatch, step, action):
    """Call `action` before the optimizer step of that number."""
    from transformers import TrainerCallback

    from autoif_train.training import callbacks

    class Acting(callbacks.StopWhenAsked):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step + 1 == step:
                action()

    assert issubclass(Acting, TrainerCallback)
    monkeypatch.setattr(callbacks, "StopWhenAsked", Acting)


@pytest.mark.usefixtures("obeying")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_outside_of_training_a_signal_ends_the_run_at_once(number):
    with pytest.raises(Stopped, match=f"by {number.name}"):
        os.kill(os.getpid(), number)


@pytest.mark.usefixtures("obeying")
def test_a_deferred_signal_is_noted_until_the_next_block():
    with deferred():
        os.kill(os.getpid(), signal.SIGUSR1)
        assert asked()
    with deferred():
        assert not asked()


@pytest.mark.usefixtures("obeying")
def test_a_signal_saves_the_step_it_came_in_and_the_rest_has_the_same_losses(monkeypatch, rows, tmp_path):
    whole = sft(rows, tmp_path / "whole")
    with monkeypatch.context() as patched:
        at_step(patched, 3, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Stopped, match="saved at step 3 of 6"):
            sft(rows, tmp_path / "stopped")
    assert newest_checkpoint(tmp_path / "stopped" / "trainer").endswith("checkpoint-3")
    assert sft(rows, tmp_path / "stopped") == pytest.approx(whole, abs=1e-5)


def test_a_disk_that_fills_up_leaves_the_last_checkpoint_and_one_line(monkeypatch, rows, tmp_path):
    def fill_up():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What is imported meanwhile must not leave byte code cut off at the limit in the environment.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with monkeypatch.context() as patched:
        at_step(patched, 3, fill_up)
        try:
            with pytest.raises(UserError, match=r"no room left on the disk.*goes on from checkpoint-2"):
                sft(rows, tmp_path / "full")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_whole(tmp_path / "full" / "trainer" / "checkpoint-2")
    assert not (tmp_path / "full" / "trainer" / "checkpoint-4").exists()
    assert len(sft(rows, tmp_path / "full")) == 6


def test_rotation_keeps_whole_checkpoints(rows, tmp_path):
    sft(rows, tmp_path / "done")
    kept = sorted(path.name for path in (tmp_path / "done" / "trainer").glob("checkpoint-*"))
    assert kept == ["checkpoint-4", "checkpoint-6"]
