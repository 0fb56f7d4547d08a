"""The faster preference step trains as TRL's own trainer does, whatever the loss, the reference and the adapter."""

from __future__ import annotations

import json

import pytest

from autoif_train.resources import resolve

pytest.importorskip("torch")
trl = pytest.importorskip("trl")
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from autoif_train.training.preference import PreferenceTrainer  # noqa: E402

BASE = resolve("bundled:tiny/data/base")
WORDS = "the small boy did see a red ball and then he ran home to eat".split()


def pairs(count=12):
    """Conversational preference rows whose prompts and answers differ in length."""

    def turn(role, words):
        return [{"role": role, "content": " ".join(words)}]

    return Dataset.from_list(
        [
            {
                "prompt": turn("user", WORDS[: 2 + row % 5]),
                "chosen": turn("assistant", WORDS[row % 7 :]),
                "rejected": turn("assistant", WORDS[: 1 + row % 9]),
            }
            for row in range(count)
        ]
    )


def history(trainer_class, folder, peft_config=None, **settings):
    arguments = trl.DPOConfig(
        str(folder), use_cpu=True, per_device_train_batch_size=4, learning_rate=1e-3, logging_steps=1,
        save_strategy="no", report_to="none", beta=0.3, disable_tqdm=True,
        **{"gradient_checkpointing": False, "bf16": False, "max_steps": 3, **settings},
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    ours = (
        {"start": BASE, "reference": BASE, "cache": folder / "reference"} if trainer_class is PreferenceTrainer else {}
    )
    trainer = trainer_class(
        BASE, args=arguments, train_dataset=pairs(), processing_class=tokenizer, peft_config=peft_config, **ours
    )
    trainer.train()
    return [entry for entry in trainer.state.log_history if "loss" in entry]


SETTINGS = {
    "sigmoid": {},
    "with an NLL term": {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1]},
    "ipo": {"loss_type": ["ipo"]},
    "apo_zero": {"loss_type": ["apo_zero"]},
    "LD-DPO": {"ld_alpha": 0.5},
    "reference once": {"precompute_ref_log_probs": True},
    "checkpointed": {"gradient_checkpointing": True},
    "end kept": {"max_length": 8, "truncation_mode": "keep_end"},
    "weighting, which falls back": {"use_weighting": True},
}


@pytest.mark.parametrize(
    ("name", "adapter"),
    [*((name, False) for name in SETTINGS), *((name, True) for name in ("sigmoid", "reference once", "checkpointed"))],
    ids=lambda value: value if isinstance(value, str) else ["full", "lora"][value],
)
def test_losses_and_metrics_are_those_of_trl(name, adapter, tmp_path):
    config = LoraConfig(r=4, target_modules="all-linear") if adapter else None
    expected = history(trl.DPOTrainer, tmp_path / "trl", config, **SETTINGS[name])
    found = history(PreferenceTrainer, tmp_path / "ours", config, **SETTINGS[name])
    for theirs, ours in zip(expected, found, strict=True):
        assert ours.keys() == theirs.keys()
        assert ours == pytest.approx(theirs, abs=1e-4, rel=1e-4), json.dumps(ours)


def test_in_bfloat16_the_losses_are_those_of_trl_to_its_precision(tmp_path):
    expected = history(trl.DPOTrainer, tmp_path / "trl", bf16=True, max_steps=1)
    found = history(PreferenceTrainer, tmp_path / "ours", bf16=True, max_steps=1)
    assert found[0]["logps/chosen"] == pytest.approx(expected[0]["logps/chosen"], rel=1e-2)
    assert found[0]["grad_norm"] == pytest.approx(expected[0]["grad_norm"], rel=2e-2)


def trained(folder, reference=None, rows=12, **settings):
    """Our trainer after two steps, the reference asked once and kept in `folder/reference`."""
    arguments = trl.DPOConfig(
        str(folder), use_cpu=True, bf16=False, learning_rate=1e-3, logging_steps=1, save_strategy="no",
        report_to="none", disable_tqdm=True, gradient_checkpointing=False,
        **{"precompute_ref_log_probs": True, "per_device_train_batch_size": 4, "max_steps": 2, **settings},
    )  # fmt: skip
    trainer = PreferenceTrainer(
        BASE,
        args=arguments,
        cache=folder / "reference",
        start=BASE,
        reference=reference or BASE,
        train_dataset=pairs(rows),
        processing_class=AutoTokenizer.from_pretrained(BASE),
    )
    trainer.train()
    return trainer


def losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_the_reference_is_not_asked_again(tmp_path, monkeypatch):
    first = losses(trained(tmp_path))
    monkeypatch.setattr(PreferenceTrainer, "_ask_reference", lambda *_: pytest.fail("asked again"))
    assert losses(trained(tmp_path)) == first


def test_what_changes_the_reference_is_asked_anew(tmp_path):
    trained(tmp_path)
    trained(tmp_path, max_length=9)
    trained(tmp_path, ld_alpha=0.5)
    assert len(list((tmp_path / "reference").iterdir())) == 3


def test_a_reference_of_its_own_leaves_no_second_model(tmp_path):
    other = resolve("bundled:tiny/data/supervisor")
    once = trained(tmp_path / "once", reference=other)
    assert once.ref_model is None
    every_step = trained(tmp_path / "every", reference=other, precompute_ref_log_probs=False)
    assert losses(once) == pytest.approx(losses(every_step), abs=1e-5)
    assert losses(once)[0] != pytest.approx(losses(trained(tmp_path / "start"))[0], abs=1e-3)


@pytest.mark.parametrize("loss", [["sigmoid"], ["sigmoid", "sft"]], ids=" and ".join)
def test_micro_batches_do_not_change_a_step(tmp_path, loss):
    """13 rows in batches of 4: the last one is filled up, however it is split."""
    settings = {"loss_type": loss, "loss_weights": [1.0, 0.5][: len(loss)], "max_steps": 5}
    whole = losses(trained(tmp_path, rows=13, **settings))
    split = losses(trained(tmp_path, rows=13, per_device_train_batch_size=1, gradient_accumulation_steps=4, **settings))
    assert split == pytest.approx(whole, abs=1e-5)
