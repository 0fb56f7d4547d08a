"""TRL's names known without importing TRL, and the stated global batch."""

from __future__ import annotations

import os

import pytest

from autoif_train.config import FREE_KEYS
from autoif_train.training.arguments import (
    FREE_ARGUMENTS,
    OURS,
    accumulation_steps,
    fits,
    known_names,
    trainer_arguments,
)
from autoif_train.types import UserError


@pytest.mark.parametrize("section", ["sft", "dpo"])
@pytest.mark.parametrize("name", ["learning_rate", "num_train_epochs", "max_length", "bf16", "global_batch_size"])
def test_shared_names_are_known(section, name):
    assert name in known_names(section)


@pytest.mark.parametrize(
    ("section", "name", "known"), [("dpo", "beta", True), ("sft", "beta", False), ("sft", "packing", True)]
)
def test_each_trainer_has_its_own(section, name, known):
    assert (name in known_names(section)) == known


def test_every_free_name_is_one_of_a_trainer():
    assert set(FREE_ARGUMENTS) <= known_names("sft") | known_names("dpo") | known_names("grpo")


@pytest.mark.parametrize("section", ["sft", "dpo", "spar.dpo", "grpo.trainer"])
@pytest.mark.parametrize("name", ["ddp_timeout", "dataset_num_proc", "dataloader_prefetch_factor", "log_level"])
def test_what_only_waits_speeds_up_or_logs_may_change_in_a_begun_folder(section, name):
    assert f"{section}.{name}" in FREE_KEYS


DECIDING = (
    "learning_rate optim bf16 max_length max_steps packing beta temperature dataloader_drop_last dataloader_in_order "
    "data_seed auto_find_batch_size save_only_model"
)


@pytest.mark.parametrize("name", DECIDING.split())
def test_what_decides_the_result_may_not(name):
    assert name not in FREE_ARGUMENTS


@pytest.mark.parametrize("name", ["learnin_rate", "", "__post_init__", "SFTConfig", "lr"])
def test_a_misspelt_name_is_unknown(name):
    assert name not in known_names("sft")


def test_what_is_read_as_text_is_what_the_class_declares():
    dataclasses = pytest.importorskip("dataclasses")
    trl = pytest.importorskip("trl")
    for section, config in (("sft", trl.SFTConfig), ("dpo", trl.DPOConfig)):
        declared = {field.name for field in dataclasses.fields(config) if field.init}
        assert declared <= known_names(section)
        assert known_names(section) - OURS - {field.name for field in dataclasses.fields(config)} == set()


@pytest.mark.parametrize(
    ("together", "per_device", "world", "steps"),
    [(128, 1, 8, 16), (128, 2, 8, 8), (16, 16, 1, 1), (64, 1, 64, 1), (512, 1, 64, 8), (1, 1, 1, 1)],
)
def test_micro_batches_make_the_global_batch(together, per_device, world, steps):
    assert accumulation_steps(together, per_device, world) == steps


@pytest.mark.parametrize("world", [1, 2, 4, 8, 16, 32, 64])
def test_the_number_of_processes_never_changes_the_batch(world):
    assert accumulation_steps(64, 1, world) * world == 64


@pytest.mark.parametrize(("together", "per_device", "world"), [(128, 1, 3), (16, 32, 1), (10, 4, 2), (1, 1, 2)])
def test_a_batch_that_cannot_be_reached_is_refused_with_its_numbers(together, per_device, world):
    with pytest.raises(UserError, match=rf"global_batch_size {together} .*{world} processes.*{per_device}"):
        accumulation_steps(together, per_device, world)


def test_the_mend_is_one_that_works():
    with pytest.raises(UserError, match="use 4 processes"):
        accumulation_steps(16, 2, 5)


def test_no_mend_is_offered_where_none_works():
    with pytest.raises(UserError) as found:
        accumulation_steps(7, 2, 1)
    assert "use " not in str(found.value)


@pytest.mark.parametrize(
    ("together", "per_device"), [(0, 1), (-16, 1), (16, 0), (16, -1), ("16", 1), (16, "2"), (1.5, 1), (None, 1)]
)
def test_a_batch_that_is_no_count_is_refused(together, per_device):
    with pytest.raises(UserError, match="batch_size"):
        accumulation_steps(together, per_device, 1)


@pytest.mark.parametrize(
    ("value", "declared", "fitting"),
    [
        (1, "float", True),
        (1.5, "int", False),
        (True, "int", False),
        (True, "bool | None", True),
        (None, "str | None", True),
        (None, "str", False),
        ("cosine", "SchedulerType | str", True),
        (False, "SaveStrategy | str", False),
        (["sigmoid"], "list[str]", True),
        ("[sigmoid", "list[str]", False),
        ({"a": 1}, "dict[str, Any] | str | None", True),
    ],
)
def test_a_value_fits_its_declared_type(value, declared, fitting):
    assert fits(value, declared) is fitting


def test_the_global_batch_decides_the_accumulation():
    assert trainer_arguments({"global_batch_size": 16}, {}, 0)["gradient_accumulation_steps"] == 16


def test_an_accumulation_that_disagrees_is_refused_and_one_that_agrees_is_not():
    sizes = {"global_batch_size": 16, "per_device_train_batch_size": 4}
    assert trainer_arguments({**sizes, "gradient_accumulation_steps": 4}, {}, 0)["gradient_accumulation_steps"] == 4
    with pytest.raises(UserError, match="gradient_accumulation_steps 2"):
        trainer_arguments({**sizes, "gradient_accumulation_steps": 2}, {}, 0)


def test_without_a_global_batch_the_accumulation_is_the_users():
    section = {"global_batch_size": None, "gradient_accumulation_steps": 3}
    assert trainer_arguments(section, {}, 0)["gradient_accumulation_steps"] == 3


def test_without_a_key_wandb_works_offline(monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    trainer_arguments({"report_to": "wandb"}, {}, 0)
    assert os.environ["WANDB_MODE"] == "offline"
    monkeypatch.delenv("WANDB_MODE")


def test_with_a_key_wandb_is_left_alone(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    trainer_arguments({"report_to": ["wandb"]}, {}, 0)
    assert "WANDB_MODE" not in os.environ
