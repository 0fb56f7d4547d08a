"""Every family of base models trains by SFT and DPO and answers; its template, ends and attention are right."""

from __future__ import annotations

import json
import math

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.chat.transformers import TransformersChat
from autoif_train.rows import Rows
from autoif_train.training.train import train_dpo, train_sft
from tests.families import FAMILIES, build, write_rows

SECTION = {
    "max_steps": 2,
    "global_batch_size": 2,
    "per_device_train_batch_size": 2,
    "max_length": 256,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "save_strategy": "no",
}


@pytest.fixture(scope="module", params=FAMILIES)
def trained(request, tmp_path_factory):
    """A family's name, its base model, and the model after two steps of SFT and two of DPO."""
    folder = tmp_path_factory.mktemp(request.param)
    base = build(request.param, folder / "base")
    demonstrations, pairs = write_rows(folder)
    policy = PolicySettings(base)
    for name, train, start, rows in (("sft", train_sft, base, demonstrations), ("dpo", train_dpo, "sft", pairs)):
        (folder / name).mkdir()
        train(str(folder / start), Rows(rows), SECTION, policy, 0, folder / name)
    return request.param, base, folder / "dpo"


def test_two_steps_of_each_are_logged(trained):
    _, _, model = trained
    for name in ("sft", "dpo"):
        losses = [row["loss"] for row in Rows(model.parent / name / "metrics.jsonl")]
        assert len(losses) == 2
        assert all(map(math.isfinite, losses))


def test_what_was_trained_answers(trained):
    _, _, model = trained
    settings = SamplingSettings(responses_per_query=2, max_new_tokens=4)
    with TransformersChat(model) as chat:
        ((first, second),) = chat.answer([Prompt(({"role": "user", "content": "Write 2 words."},))], settings)
    assert first.text != second.text


def test_the_saved_model_says_what_ends_an_answer(trained):
    name, _, model = trained
    declared = json.loads((model / "generation_config.json").read_text())
    ids = declared["eos_token_id"]
    tokenizer = load_tokenizer(str(model), PolicySettings(str(model)))
    ends = set(tokenizer.convert_ids_to_tokens(ids if isinstance(ids, list) else [ids]))
    assert {FAMILIES[name].ends_with, FAMILIES[name].eos} <= ends
    assert declared["pad_token_id"] == tokenizer.pad_token_id


def test_the_template_is_saved_with_the_model(trained):
    name, _, model = trained
    assert load_tokenizer(str(model), PolicySettings(str(model))).chat_template == FAMILIES[name].template


def test_the_saved_tokenizer_makes_the_same_tokens(trained):
    _, base, model = trained
    turns = [{"role": "user", "content": "Ünlikely  words\n\n'tis"}, {"role": "assistant", "content": "\tA b."}]
    before, after = (load_tokenizer(str(path), PolicySettings(str(path))) for path in (base, model))
    assert after.apply_chat_template(turns) == before.apply_chat_template(turns)


def test_a_base_model_without_a_template_takes_the_one_that_the_settings_name(tmp_path):
    base = build("llama3", tmp_path / "base", template=None)
    demonstrations, _ = write_rows(tmp_path)
    (tmp_path / "sft").mkdir()
    policy = PolicySettings(base, chat_template="bundled:chat/templates/llama3.jinja")
    train_sft(base, Rows(demonstrations), SECTION, policy, 0, tmp_path / "sft")
    saved = load_tokenizer(str(tmp_path / "sft"), PolicySettings())
    assert saved.chat_template == load_tokenizer(base, policy).chat_template
