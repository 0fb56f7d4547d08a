"""The shipped models, as a user loads them."""

from __future__ import annotations

import json

import pytest
import torch

from autoif_train.chat.transformers import TransformersChat
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.tiny import answer_set, metrics
from autoif_train.tiny import DATA, model_path
from autoif_train.tiny.constraints import training_instructions
from autoif_train.tiny.pretrain import Pretraining, batches, encode, pretrain
from autoif_train.tiny.questions import ALL

MODELS = ("base", "supervisor")


@pytest.fixture(scope="module", params=MODELS)
def chat(request):
    torch.set_num_threads(1)
    with TransformersChat(model_path(request.param), device="cpu") as chat:
        yield chat


def test_a_model_reaches_its_recorded_figures(chat):
    recorded = json.loads((DATA / "figures.json").read_text())[chat.name]["Q"]
    reached = metrics(answer_set("Q", chat, EvaluationSettings(max_new_tokens=96)))
    assert {name: reached[name] for name in recorded} == pytest.approx(recorded, abs=0.01, rel=0.01)


def test_a_model_is_small(chat):
    size = sum(file.stat().st_size for file in model_path(chat.name).iterdir())
    assert sum(weights.numel() for weights in chat.model.parameters()) == 624_640
    assert size < 1.4e6


def test_the_tokenizer_keeps_every_text(chat):
    texts = [question.text for question in ALL] + training_instructions() + ["* A\n<<B>>\nP.S. Ünïcode ☃!"]
    assert [chat.tokenizer.decode(chat.tokenizer(text).input_ids) for text in texts] == texts


def test_pretraining_saw_prompts_as_sampling_renders_them(chat):
    prompt_ids, answer_ids = encode(chat.tokenizer, "What color is the fox?", "It is red.")
    messages = [{"role": "user", "content": "What color is the fox?"}, {"role": "assistant", "content": "It is red."}]
    assert prompt_ids + answer_ids == chat.tokenizer.apply_chat_template(messages, return_dict=True).input_ids


def test_pretraining_repeats_itself_and_gives_two_models():
    tokenizer = TransformersChat(model_path("base"), device="cpu").tokenizer
    settings = Pretraining(batch_size=4, warmup_steps=1, base_steps=(2, 1), supervisor_steps=(3, 1))
    first, again = (pretrain(tokenizer, settings) for _ in range(2))
    weights = [model.lm_head.weight for models in (first, again) for model in models.values()]
    assert list(first) == ["base", "supervisor"]
    assert torch.equal(weights[0], weights[2])
    assert torch.equal(weights[1], weights[3])
    assert not torch.equal(weights[0], weights[1])


def test_pretraining_batches_are_repeatable_and_count_answers_only():
    tokenizer = TransformersChat(model_path("base"), device="cpu").tokenizer
    first, again = (next(batches(tokenizer, Pretraining(batch_size=4), 0.5, seed=3)) for _ in range(2))
    inputs, targets = first
    assert all(bool((one == other).all()) for one, other in zip(first, again, strict=True))
    assert bool((targets[:, 0] == -100).all())
    assert bool((targets[targets != -100] == inputs[targets != -100]).all())
