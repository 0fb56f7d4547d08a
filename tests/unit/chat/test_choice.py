"""Settings to chat models: who is named, and who cannot be had."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager, nullcontext

import pytest

from autoif_train.chat import choice
from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.choice import (
    RespondentSettings,
    SupervisorSettings,
    open_chat,
    open_roles,
    respondent_settings,
    weights_id,
)
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.recorded import RecordedChat
from autoif_train.rows import write_rows
from autoif_train.tiny import model_path
from autoif_train.types import UserError


def opened(tmp_path, policy=None, **settings):
    return open_chat(
        SupervisorSettings(**settings), policy or PolicySettings(), "supervisor", tmp_path / "cache.sqlite"
    )


def test_the_respondent_has_the_same_keys_as_the_supervisor():
    keys = {field.name for field in dataclasses.fields(SupervisorSettings)}
    assert {field.name for field in dataclasses.fields(RespondentSettings)} == keys


def test_the_respondents_settings_have_the_supervisors_types():
    types = {field.name: str(field.type) for field in dataclasses.fields(SupervisorSettings)}
    for field in dataclasses.fields(RespondentSettings):
        assert str(field.type).removesuffix(" | None") == types[field.name].removesuffix(" | None")


def test_an_unset_respondent_is_the_supervisor():
    supervisor = SupervisorSettings(kind="api", model="big", max_retries=9)
    assert respondent_settings(supervisor, RespondentSettings()) == supervisor


def test_a_respondents_own_settings_win_and_the_rest_follows():
    supervisor = SupervisorSettings(kind="api", model="big", max_retries=9)
    found = respondent_settings(supervisor, RespondentSettings(model="small"))
    assert (found.model, found.kind, found.max_retries) == ("small", "api", 9)


@pytest.mark.parametrize("value", [0, 0.0, ""])
def test_a_zero_is_set_and_not_missing(value):
    found = respondent_settings(SupervisorSettings(max_retries=9), RespondentSettings(max_retries=value))
    assert found.max_retries == value


def test_a_recording_is_opened(tmp_path):
    write_rows(tmp_path / "r.jsonl", [{"step": "response", "payload": "a", "answers": ["b"]}])
    with opened(tmp_path, kind="recorded", recordings=str(tmp_path / "r.jsonl")) as chat:
        assert isinstance(chat, RecordedChat)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"kind": "recorded"}, r"supervisor\.recordings"),
        ({"kind": "recorded", "recordings": "/nowhere.jsonl"}, "nowhere"),
        ({"kind": "transformers"}, r"supervisor\.model"),
        ({"kind": "vllm"}, r"supervisor\.model"),
        ({"kind": "api"}, r"supervisor\.(model|base_url)"),
    ],
)
def test_who_cannot_be_had_is_refused_by_key(tmp_path, monkeypatch, settings, key):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UserError, match=key), opened(tmp_path, **settings):
        pass


def test_a_policy_without_a_model_is_refused_by_key(tmp_path):
    with pytest.raises(UserError, match="model"), opened(tmp_path, kind="policy"):
        pass


@pytest.fixture
def asked(monkeypatch):
    """What `open_model` is asked for, instead of a model."""
    asked = []
    monkeypatch.setattr(choice, "open_model", lambda *arguments: asked.append(arguments) or nullcontext())
    return asked


@pytest.mark.parametrize("kind", ["policy", "transformers", "vllm"])
def test_a_local_model_is_opened_from_its_path(tmp_path, asked, kind):
    path = str(model_path("base"))
    with opened(tmp_path, PolicySettings(model=path), kind=kind, model="" if kind == "policy" else path):
        assert asked[0][0] == path


def test_a_bundled_name_is_a_path_in_the_package(tmp_path, asked):
    with opened(tmp_path, kind="transformers", model="bundled:tiny/data/supervisor"):
        assert asked[0][0].endswith("autoif_train/tiny/data/supervisor")
        assert asked[0][2] == "supervisor"


def test_the_kind_is_the_engine_that_samples(tmp_path, asked):
    for kind in ("transformers", "vllm"):
        with opened(tmp_path, kind=kind, model="bundled:tiny/data/supervisor"):
            assert asked[-1][1].sampling_engine == kind


def test_other_weights_are_another_model(tmp_path):
    (tmp_path / "weights").write_text("one")
    before = weights_id(str(tmp_path))
    (tmp_path / "weights").write_text("other")
    assert weights_id(str(tmp_path)) != before


def test_a_local_supervisors_answers_outlive_it(tmp_path, monkeypatch):
    prompts = [Prompt([{"role": "user", "content": "Why?"}])]
    sampling = SamplingSettings(responses_per_query=2, max_new_tokens=8)
    with opened(tmp_path, kind="transformers", model="bundled:tiny/data/supervisor") as chat:
        before = chat.answer(prompts, sampling)
    with opened(tmp_path, kind="transformers", model="bundled:tiny/data/supervisor") as chat:
        monkeypatch.setattr(chat, "_batch", None)  # whoever asks the model now fails
        assert chat.answer(prompts, sampling) == before


@pytest.mark.parametrize(("other", "loads"), [({}, 1), ({"model": "bundled:tiny/data/supervisor"}, 2)])
def test_a_local_model_in_both_roles_is_loaded_once(tmp_path, monkeypatch, other, loads):
    opened = []

    @contextmanager
    def engine(path, *_):
        opened.append(path)
        yield object()

    monkeypatch.setitem(choice.ENGINES, "transformers", engine)
    supervisor = SupervisorSettings(kind="transformers", model="bundled:tiny/data/base")
    respondent = dataclasses.replace(supervisor, **other)
    with open_roles(supervisor, respondent, PolicySettings(), tmp_path / "cache.sqlite") as roles:
        assert set(roles) == {"supervisor", "respondent"}
    assert len(opened) == loads


def test_a_server_in_both_roles_is_counted_by_role(tmp_path):
    supervisor = SupervisorSettings(kind="api", model="big", base_url="http://localhost:1/v1")
    with open_roles(supervisor, supervisor, PolicySettings(), tmp_path / "cache.sqlite") as roles:
        assert roles["supervisor"] is not roles["respondent"]
