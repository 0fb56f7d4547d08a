"""A returned training has left nothing behind, whatever its libraries hold on to."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from types import SimpleNamespace

import pytest

from autoif_train.chat.policy import PolicySettings
from autoif_train.resources import resolve
from autoif_train.rows import Rows, write_rows
from autoif_train.training import train
from autoif_train.training.adapter import NO_ADAPTER, LoraSettings
from autoif_train.training.memory import forget_sharded_models

pytest.importorskip("trl")
BASE = resolve("bundled:tiny/data/base")
SECTION = {
    "global_batch_size": 4, "per_device_train_batch_size": 4, "max_steps": 1, "learning_rate": 1e-2, "bf16": False,
    "gradient_checkpointing": False, "logging_steps": 1, "save_strategy": "no", "max_length": 64,
}  # fmt: skip
ZERO = "deepspeed.runtime.zero"


def turn(role, text):
    return [{"role": role, "content": text}]


ROW = {
    "prompt": turn("user", "name a colour"),
    "completion": turn("assistant", "red"),
    "chosen": turn("assistant", "red"),
    "rejected": turn("assistant", "a boat"),
}


@pytest.mark.parametrize("lora", [NO_ADAPTER, LoraSettings(enabled=True, r=4)], ids=["full", "lora"])
@pytest.mark.parametrize("training", [train.train_sft, train.train_dpo])
def test_nothing_of_a_training_that_has_returned_is_alive(training, lora, tmp_path, monkeypatch):
    held = []

    def finish(trainer, *rest):
        original(trainer, *rest)
        held.extend(weakref.ref(each) for each in (trainer, trainer.model, trainer.optimizer.optimizer))

    original = train._finish
    monkeypatch.setattr(train, "_finish", finish)
    write_rows(tmp_path / "rows.jsonl", [ROW] * 4)
    frozen = gc.get_freeze_count()
    gc.disable()  # no collection may come by that the training did not ask for
    try:
        training(
            BASE, Rows(tmp_path / "rows.jsonl"), SECTION, PolicySettings(BASE, attention="sdpa"), 0, tmp_path, lora=lora
        )
    finally:
        gc.enable()
    assert [each() for each in held] == [None] * 3
    assert gc.get_freeze_count() <= frozen


def cached_inside(function):
    """As DeepSpeed decorates the method in question: a cache below a wrapper that does not say what it wraps."""
    cached = functools.lru_cache(maxsize=None)(function)
    return lambda *arguments: cached(*arguments)


def test_what_deepspeed_holds_on_to_is_let_go(monkeypatch):
    class PartitionedParameterCoordinator:
        @cached_inside
        def release(self):
            return 0

    held = PartitionedParameterCoordinator()
    held.release()
    alive = weakref.ref(held)
    offload = SimpleNamespace(FWD_MODULE_STACK=[held])
    coordinating = SimpleNamespace(PartitionedParameterCoordinator=PartitionedParameterCoordinator)
    monkeypatch.setitem(sys.modules, f"{ZERO}.parameter_offload", offload)
    monkeypatch.setitem(sys.modules, f"{ZERO}.partitioned_param_coordinator", coordinating)
    del held
    forget_sharded_models()
    gc.collect()
    assert alive() is None


def test_a_deepspeed_without_these_names_is_left_alone(monkeypatch):
    for name in ("parameter_offload", "partitioned_param_coordinator"):
        monkeypatch.setitem(sys.modules, f"{ZERO}.{name}", SimpleNamespace())
    forget_sharded_models()
