"""The policy's base model: found, or refused by key before any work."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat import policy as policy_module
from autoif_train.chat.policy import (
    PolicySettings,
    attention_implementation,
    base_model,
    check_model,
    check_weights,
    first_line,
    load_tokenizer,
    model_arguments,
    plain_attention,
)
from autoif_train.resources import PACKAGE
from autoif_train.types import UserError
from tests.families import build

TINY = "bundled:tiny/data/base"
FOLDER = str(PACKAGE / "tiny" / "data" / "base")


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_bundled_model_is_found():
    assert base_model(PolicySettings(TINY)) == FOLDER


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("model", ["/no/such/folder", "no-such-owner/no-such-model", "", None])
def test_a_model_that_is_not_there_is_refused_by_flag(model):
    with pytest.raises(UserError, match="--model"):
        base_model(PolicySettings(model))


@pytest.mark.usefixtures("offline")
def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="--model"):
        base_model(PolicySettings(str(tmp_path)))


@pytest.mark.parametrize(("usable", "found"), [(True, "flash_attention_2"), (False, "sdpa")])
def test_auto_takes_what_the_machine_can_run(monkeypatch, usable, found):
    monkeypatch.setattr(policy_module, "flash_attention_usable", lambda: usable)
    assert attention_implementation("auto") == found


def test_flash_attention_where_it_cannot_run_is_refused_by_key(monkeypatch):
    monkeypatch.setattr(policy_module, "flash_attention_usable", lambda: False)
    with pytest.raises(UserError, match=r"policy\.attention.*sdpa"):
        attention_implementation("flash_attention_2")


@pytest.mark.parametrize("name", ["sdpa", "eager"])
def test_a_named_implementation_is_taken(name):
    assert model_arguments(PolicySettings(TINY, attention=name, dtype="float32")) == {
        "dtype": "float32",
        "attn_implementation": name,
    }


def test_a_template_file_becomes_the_tokenizers(tmp_path):
    file = tmp_path / "template.jinja"
    file.write_text("{{ messages[0]['content'] }}!")
    tokenizer = load_tokenizer(FOLDER, PolicySettings(TINY, chat_template=str(file)))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False) == "a!"


def test_a_missing_template_file_is_refused_by_key():
    with pytest.raises(UserError, match=r"policy\.chat_template.*nowhere"):
        load_tokenizer(FOLDER, PolicySettings(TINY, chat_template="/nowhere.jinja"))


def test_a_tokenizer_without_a_template_is_refused_with_the_mend(tmp_path):
    for name in ("tokenizer.json", "config.json", "tokenizer_config.json"):
        (tmp_path / name).write_text((PACKAGE / "tiny" / "data" / "base" / name).read_text())
    with pytest.raises(UserError, match=r"--policy\.chat_template"):
        load_tokenizer(str(tmp_path), PolicySettings(str(tmp_path)))


def test_there_is_something_to_pad_with():
    assert load_tokenizer(FOLDER, PolicySettings(TINY)).pad_token is not None


@pytest.mark.parametrize(
    ("error", "line"), [(OSError("a\nb"), "a"), (OSError(""), "OSError"), (OSError("\n\n a\nb"), "a")]
)
def test_an_error_is_told_in_a_line(error, line):
    assert first_line(error) == line


@pytest.fixture
def llama(tmp_path):
    return tmp_path / "model", build("llama3", tmp_path / "model")


def test_attention_with_capped_logits_is_not_left_to_sdpa(tmp_path):
    gemma = build("gemma2", tmp_path)
    assert attention_implementation("auto", gemma) == plain_attention(gemma) == "eager"
    with pytest.raises(UserError, match=r"policy\.attention: sdpa"):
        attention_implementation("sdpa", gemma)


def test_attention_without_a_cap_is_sdpa(llama):
    assert attention_implementation("auto", llama[1]) == "sdpa"


def test_a_folder_without_weights_is_refused(llama):
    folder, model = llama
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"lacks the weights model\.safetensors"):
        check_model(model)


def test_weights_cut_short_are_refused(llama):
    folder, model = llama
    with open(folder / "model.safetensors", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(UserError, match="cut short"):
        check_model(model)


def test_a_missing_shard_is_refused_by_name(llama):
    folder, model = llama
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1-of-2.safetensors"}}')
    with pytest.raises(UserError, match=r"model-1-of-2\.safetensors"):
        check_model(model)


def test_weights_that_lack_a_tensor_are_refused_by_its_name(llama):
    from safetensors.torch import load_file, save_file

    folder, model = llama
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack model\.layers\.1\.mlp\.up_proj\.weight"):
        check_weights(model)


def test_whole_weights_are_taken(llama):
    check_weights(llama[1])


def test_a_tokenizer_larger_than_the_embedding_is_refused(llama):
    folder, model = llama
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 300}))
    with pytest.raises(UserError, match="300 embeddings"):
        load_tokenizer(model, PolicySettings(model))
