"""Adapters begin, go on, merge and come back, and need no second model for the preference loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoif_train.chat.policy import PolicySettings, base_of, load_tokenizer
from autoif_train.resources import is_model, resolve
from autoif_train.rows import Rows, write_rows
from autoif_train.training.adapter import LoraSettings, trained_model
from autoif_train.training.train import _loading, train_dpo, train_sft
from autoif_train.types import UserError
from tests.families import build
from tests.families import write_rows as family_rows
from tests.unit.training.test_group import trained as train_group
from tests.unit.training.test_preference import pairs

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402
from transformers import PreTrainedModel  # noqa: E402

BASE = resolve("bundled:tiny/data/base")
POLICY = PolicySettings(model=BASE, attention="sdpa", dtype="float32")
SECTION = {
    "global_batch_size": 4, "per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-2, "bf16": False,
    "gradient_checkpointing": False, "logging_steps": 1, "save_strategy": "no", "max_length": 256,
}  # fmt: skip
KEPT, MERGED = (LoraSettings(enabled=True, r=4, merge=merge) for merge in (False, True))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows = pairs(8).to_list()
    write_rows(folder / "pairs.jsonl", rows)
    write_rows(folder / "demonstrations.jsonl", ({"prompt": r["prompt"], "completion": r["chosen"]} for r in rows))
    return folder


@pytest.fixture(scope="module", params=[KEPT, MERGED], ids=["kept", "merged"])
def stages(request, data, tmp_path_factory):
    """SFT, DPO of what it left, and a second DPO held to the SFT model, all by the same settings."""
    folder, lora = tmp_path_factory.mktemp("stages"), request.param
    train_sft(BASE, Rows(data / "demonstrations.jsonl"), SECTION, POLICY, 0, folder / "sft", lora)
    start = BASE
    for name, start, reference in (("dpo", "sft", "sft"), ("round", "dpo", "sft")):
        train_dpo(
            str(folder / start), Rows(data / "pairs.jsonl"), SECTION, POLICY, 0, folder / name, str(folder / reference),
            lora,
        )  # fmt: skip
    return folder, lora


def logits(model):
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(str(model), dtype="float32").eval()
    with torch.no_grad():
        return loaded(torch.arange(5, 15)[None]).logits


def first_margin(folder):
    return next(iter(Rows(folder / "metrics.jsonl")))["rewards/margins"]


def test_every_stage_loads_and_differs_from_the_one_before(stages):
    folder, _ = stages
    before = logits(BASE)
    for name in ("sft", "dpo", "round"):
        assert is_model(folder / name)
        after = logits(folder / name)
        assert (after - before).abs().max() > 1e-3
        before = after


def test_a_stage_is_held_to_what_it_began_with(stages):
    folder, _ = stages
    assert first_margin(folder / "dpo") == pytest.approx(0, abs=1e-4)
    assert abs(first_margin(folder / "round")) > 1e-3


def test_what_is_saved_is_an_adapter_over_the_base_or_a_whole_model(stages):
    folder, lora = stages
    for name in ("sft", "dpo", "round"):
        files = {path.name for path in (folder / name).iterdir()}
        assert ("model.safetensors" in files) == lora.merge
        assert ("adapter_model.safetensors" in files) != lora.merge
        assert base_of(str(folder / name)) == (str(folder / name) if lora.merge else BASE)
        assert "ref" not in files


def test_kept_and_merged_begin_alike(data, tmp_path):
    for name, lora in (("kept", KEPT), ("merged", MERGED)):
        train_sft(BASE, Rows(data / "demonstrations.jsonl"), SECTION, POLICY, 0, tmp_path / name, lora)
    torch.testing.assert_close(logits(tmp_path / "merged"), logits(tmp_path / "kept"), atol=1e-4, rtol=1e-4)


def test_a_merged_model_says_what_ends_an_answer_of_the_template(tmp_path):
    base = build("llama3", tmp_path / "base")
    demonstrations, _ = family_rows(tmp_path)
    policy = PolicySettings(base, attention="sdpa", dtype="float32")
    train_sft(base, Rows(demonstrations), {**SECTION, "max_steps": 1}, policy, 0, tmp_path / "sft", MERGED)
    declared = json.loads((tmp_path / "sft/generation_config.json").read_text())["eos_token_id"]
    tokenizer = load_tokenizer(base, policy)
    assert set(tokenizer.convert_ids_to_tokens(declared)) == {"<|end_of_text|>", "<|eot_id|>"}


def test_an_adapter_is_not_trained_as_if_it_were_a_whole_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": BASE}))
    with pytest.raises(UserError, match=r"lora\.enabled"):
        trained_model(str(tmp_path), LoraSettings(), {})


def test_without_adapter_the_trainer_loads_the_path_itself():
    assert trained_model(BASE, LoraSettings(), {}) == (BASE, {})


def test_four_bits_without_a_gpu_are_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"lora\.quantize.*CUDA"):
        trained_model(BASE, LoraSettings(enabled=True, quantize="nf4"), {})


def test_four_bits_are_asked_for_as_qlora_does(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    model, arguments = trained_model(BASE, LoraSettings(enabled=True, quantize="nf4"), {})
    assert model == BASE
    assert arguments["quantization_config"].bnb_4bit_quant_type == "nf4"
    assert arguments["peft_config"].target_modules == "all-linear"


@pytest.fixture
def four_bits(monkeypatch):
    """Models that say they are held in 4 bits, though they are not: what trainers go by."""
    monkeypatch.setattr(PreTrainedModel, "is_loaded_in_4bit", True, raising=False)
    monkeypatch.setattr(PreTrainedModel, "num_parameters", lambda *_, **__: 1)  # would count by bitsandbytes
    monkeypatch.setattr("autoif_train.training.adapter._quantization", lambda: None)
    return LoraSettings(enabled=True, r=4, merge=False, quantize="nf4")


def adapter_weights(folder):
    return load_file(folder / "adapter_model.safetensors")


def test_the_adapter_over_four_bits_moves_by_small_steps(four_bits, data, tmp_path):
    small = {**SECTION, "learning_rate": 5e-6}
    train_sft(BASE, Rows(data / "demonstrations.jsonl"), SECTION, POLICY, 0, tmp_path / "sft", four_bits)
    train_dpo(str(tmp_path / "sft"), Rows(data / "pairs.jsonl"), small, POLICY, 0, tmp_path / "dpo", lora=four_bits)
    before, after = adapter_weights(tmp_path / "sft"), adapter_weights(tmp_path / "dpo")
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    moved = {name: (after[name] - weight).abs() for name, weight in before.items()}
    assert min(step.max() for step in moved.values()) > 1e-6
    assert max(step.max() for step in moved.values()) < 2e-5  # as it was saved, not as bfloat16 would round it
    assert first_margin(tmp_path / "dpo") == pytest.approx(0, abs=1e-4)


def test_so_does_that_of_group_relative_optimisation(four_bits, tmp_path):
    train_group(BASE, BASE, tmp_path / "policy", four_bits)
    assert {weight.dtype for weight in adapter_weights(tmp_path / "policy").values()} == {torch.float32}


def test_frozen_weights_keep_their_precision_below_an_adapter(monkeypatch):
    monkeypatch.setattr("autoif_train.training.train.launched_engine", lambda: "none")
    stored = PolicySettings(dtype="bfloat16", attention="sdpa")
    assert _loading(stored, BASE, KEPT)["dtype"] == "bfloat16"
    assert _loading(stored, BASE)["dtype"] == "float32"


def test_the_folder_of_an_adapter_is_a_model(tmp_path):
    assert not is_model(tmp_path)
    Path(tmp_path / "adapter_config.json").write_text("{}")
    assert is_model(tmp_path)
