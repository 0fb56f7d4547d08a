"""What must hold before a trainer is built: weights that small steps can move."""

from __future__ import annotations

import pytest

from autoif_train.chat.policy import PolicySettings
from autoif_train.tiny import model_path
from autoif_train.training.engine import keeps_float32_weights
from autoif_train.training.train import _loading

TINY = str(model_path("base"))


def test_one_process_trains_float32_weights_whatever_is_stored(monkeypatch):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "none")
    assert _loading(PolicySettings(dtype="bfloat16", attention="sdpa"), TINY)["dtype"] == "float32"


def test_deepspeed_keeps_float32_copies_itself(monkeypatch):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "zero3")
    assert _loading(PolicySettings(dtype="bfloat16", attention="sdpa"), TINY)["dtype"] == "bfloat16"
    assert not keeps_float32_weights("ddp")


@pytest.mark.parametrize(
    ("usable", "said"), [(True, "attention: flash_attention_2"), (False, "attention: sdpa; Flash")]
)
def test_one_line_says_which_attention_trains(monkeypatch, caplog, usable, said):
    for module in ("autoif_train.chat.policy", "autoif_train.training.train"):
        monkeypatch.setattr(f"{module}.flash_attention_usable", lambda: usable)
    with caplog.at_level("INFO", logger="autoif_train"):
        _loading(PolicySettings(dtype="float32"), TINY)
    assert [record.getMessage()[: len(said)] for record in caplog.records] == [said]


@pytest.mark.parametrize(
    ("wanted", "said"), [("bfloat16", ["weights: float32"]), ("auto", ["weights: float32"]), ("float32", [])]
)
def test_a_precision_that_is_overruled_is_said(monkeypatch, caplog, wanted, said):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "none")
    with caplog.at_level("INFO", logger="autoif_train"):
        _loading(PolicySettings(dtype=wanted, attention="sdpa"), TINY)
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == said
