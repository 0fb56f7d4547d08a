"""What must hold before a trainer is built: whole checkpoints only, and weights that small steps can move."""

from __future__ import annotations

from autoif_train.chat.policy import PolicySettings
from autoif_train.tiny import model_path
from autoif_train.training.engine import keeps_float32_weights
from autoif_train.training.train import _trained, newest_checkpoint

TINY = str(model_path("base"))


def _checkpoint(folder, step, whole=True):
    (folder / f"checkpoint-{step}").mkdir(parents=True)
    if whole:
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")


def test_the_newest_checkpoint_is_the_one_of_the_highest_step(tmp_path):
    _checkpoint(tmp_path, 9)
    _checkpoint(tmp_path, 200)
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-200")


def test_a_checkpoint_torn_by_a_kill_is_passed_over(tmp_path):
    _checkpoint(tmp_path, 200)
    _checkpoint(tmp_path, 400, whole=False)
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-200")


def test_without_any_checkpoint_training_begins(tmp_path):
    assert newest_checkpoint(tmp_path / "nothing") is None


def test_one_process_trains_float32_weights_whatever_is_stored(monkeypatch):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "none")
    assert _trained(PolicySettings(dtype="bfloat16", attention="sdpa"), TINY)["dtype"] == "float32"


def test_deepspeed_keeps_float32_copies_itself(monkeypatch):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "zero3")
    assert _trained(PolicySettings(dtype="bfloat16", attention="sdpa"), TINY)["dtype"] == "bfloat16"
    assert not keeps_float32_weights("ddp")
