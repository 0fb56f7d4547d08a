"""Sampling and training must see the same tokens: TRL's own preparation of conversational rows is the judge."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Prompt
from autoif_train.chat.transformers import TransformersChat
from autoif_train.tiny import evaluation_set, model_path

ANSWERS = ("* The FOX is red!\nP.S. 25 words?", '{"answer": "red"}')


@pytest.fixture(scope="module")
def chat():
    with TransformersChat(model_path("base"), device="cpu") as chat:
        yield chat


@pytest.fixture(scope="module")
def conversations():
    return [[{"role": "user", "content": row["prompt"]}] for row in evaluation_set("heldout_h")]


def prepared(trainer_class, config_class, chat, rows, folder):
    from datasets import Dataset

    settings = config_class(str(folder), use_cpu=True, bf16=False, report_to="none", disable_tqdm=True)
    trainer = trainer_class(
        chat.model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=chat.tokenizer
    )
    return list(trainer.train_dataset)


def answer_ids(chat, text):
    return [*chat.tokenizer(text, add_special_tokens=False).input_ids, chat.tokenizer.eos_token_id]


def test_sft_trains_on_the_tokens_that_sampling_sees(chat, conversations, tmp_path):
    from trl import SFTConfig, SFTTrainer

    completion = [{"role": "assistant", "content": ANSWERS[0]}]
    rows = [{"prompt": prompt, "completion": completion} for prompt in conversations]
    expected = [chat.encode(Prompt(prompt)) for prompt in conversations]
    for row, prompt_ids in zip(prepared(SFTTrainer, SFTConfig, chat, rows, tmp_path), expected, strict=True):
        assert row["input_ids"] == prompt_ids + answer_ids(chat, ANSWERS[0])
        assert row["labels"].count(-100) == len(prompt_ids)


def test_dpo_trains_on_the_tokens_that_sampling_sees(chat, conversations, tmp_path):
    from trl import DPOConfig, DPOTrainer

    chosen, rejected = ([{"role": "assistant", "content": text}] for text in ANSWERS)
    rows = [{"prompt": prompt, "chosen": chosen, "rejected": rejected} for prompt in conversations]
    expected = [chat.encode(Prompt(prompt)) for prompt in conversations]
    for row, prompt_ids in zip(prepared(DPOTrainer, DPOConfig, chat, rows, tmp_path), expected, strict=True):
        assert row["prompt_ids"] == prompt_ids
        assert [row["chosen_ids"], row["rejected_ids"]] == [answer_ids(chat, text) for text in ANSWERS]
