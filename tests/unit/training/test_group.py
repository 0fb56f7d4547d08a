"""What TRL's group trainers are told of answers: what they are worth, and what ends them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from autoif_train.chat.policy import PolicySettings
from autoif_train.rows import Rows
from autoif_train.training.adapter import NO_ADAPTER, LoraSettings
from autoif_train.training.group import as_reward_function, declare_ends
from autoif_train.training.train import train_grpo
from tests.families import build

ENDS = frozenset({2, 3})


def called(ids):
    seen, logged = [], {}

    def reward(*arguments):
        seen.extend(arguments)
        return [0.5] * len(ids), {"gate/shut": 0.25}

    completions = [[{"role": "assistant", "content": f"text {place}"}] for place, _ in enumerate(ids)]
    paid = as_reward_function(reward, ENDS)(
        prompts=["ignored"] * len(ids),
        completions=completions,
        completion_ids=ids,
        query_id=[f"id {place}" for place, _ in enumerate(ids)],
        log_metric=logged.__setitem__,
        trainer_state=None,
    )
    return paid, seen, logged


def test_the_reward_sees_ids_texts_and_whether_each_ended():
    paid, seen, _ = called([[5, 2], [5, 7], [], [3]])
    assert seen == [
        [f"id {place}" for place in range(4)],
        [f"text {place}" for place in range(4)],
        [True, False, False, True],
    ]
    assert paid == [0.5] * 4


def test_the_figures_are_logged():
    assert called([[2]])[2] == {"gate/shut": 0.25}


# --- the sampling of a training --------------------------------------------------------------------------------------

SECTION = {
    "max_steps": 1, "global_batch_size": 2, "per_device_train_batch_size": 2, "num_generations": 2, "beta": 0.0,
    "max_completion_length": 8, "learning_rate": 1e-6, "bf16": False, "gradient_checkpointing": False,
    "logging_steps": 1, "save_strategy": "no",
}  # fmt: skip
KEPT = LoraSettings(enabled=True, r=4, merge=False)


def saying(token, folder):
    """A model of Llama's form that says nothing but one token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = build("llama3", folder)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 100.0
        model.lm_head.weight[tokenizer.convert_tokens_to_ids(token), 0] = 10.0
    model.save_pretrained(base)
    return base


def trained(start, base, output, lora=NO_ADAPTER):
    """The figures of one step on a prompt, and whether each answer was said to have ended."""
    (output.parent / "prompts.jsonl").write_text(
        json.dumps({"prompt": [{"role": "user", "content": "Write."}], "query_id": "q"}) + "\n"
    )
    ended = []

    def reward(ids, texts, finished):
        ended.extend(finished)
        return [0.0, 1.0], {}

    policy = PolicySettings(base, attention="sdpa", dtype="float32")
    train_grpo(start, Rows(output.parent / "prompts.jsonl"), reward, SECTION, policy, 0, output, lora)
    return next(iter(Rows(output / "metrics.jsonl"))), ended


@pytest.mark.parametrize("token", ["<|eot_id|>", "<|end_of_text|>"])
def test_an_answer_stops_at_the_end_of_turn_and_at_the_end_of_text(token, tmp_path):
    base = saying(token, tmp_path / "base")
    figures, ended = trained(base, base, tmp_path / "policy")
    assert (figures["completions/mean_length"], figures["completions/clipped_ratio"]) == (1, 0)
    assert ended == [True, True]


def test_an_answer_of_an_adapter_stops_at_the_end_of_turn(tmp_path):
    base = saying("<|eot_id|>", tmp_path / "base")
    for start, name in ((base, "first"), (str(tmp_path / "first"), "second")):
        figures, ended = trained(start, base, tmp_path / name, KEPT)
        assert (figures["completions/mean_length"], figures["completions/clipped_ratio"]) == (1, 0)
        assert ended == [True, True]


@pytest.mark.parametrize(("vllm", "name"), [(False, "eos_token_id"), (True, "stop_token_ids")])
def test_ends_that_a_user_names_stay(vllm, name):
    arguments = SimpleNamespace(use_vllm=vllm, generation_kwargs=None)
    declare_ends(arguments, ENDS)
    assert arguments.generation_kwargs == {name: [2, 3]}
    arguments.generation_kwargs = {name: [7], "seed": 1}
    declare_ends(arguments, ENDS)
    assert arguments.generation_kwargs == {name: [7], "seed": 1}
