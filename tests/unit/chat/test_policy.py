"""The policy's base model: found, or refused by key before any work."""

from __future__ import annotations

import pytest

from autoif_train.chat import policy as policy_module
from autoif_train.chat.policy import (
    PolicySettings,
    attention_implementation,
    base_model,
    first_line,
    load_tokenizer,
    model_arguments,
)
from autoif_train.resources import PACKAGE
from autoif_train.types import UserError

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
    monkeypatch.setattr(policy_module, "_flash_attention_usable", lambda: usable)
    assert attention_implementation("auto") == found


def test_flash_attention_where_it_cannot_run_is_refused_by_key(monkeypatch):
    monkeypatch.setattr(policy_module, "_flash_attention_usable", lambda: False)
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
