"""The policy behind a server: what it is told, what it is asked, and what is not believed of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys

import pytest

from autoif_train.chat import limits, server
from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.cache import sample_seed
from autoif_train.chat.choice import Engines, open_kept
from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.chat.server import PolicySamplingSettings
from autoif_train.chat.transformers import render, turn_end_id
from autoif_train.tiny import model_path
from autoif_train.types import UserError
from tests.unit.chat.mock_server import MockServer

SERVED = PolicySettings(sampling_engine="server")
PROMPTS = [Prompt([{"role": "user", "content": f"question {number}"}], seed=number) for number in range(8)]
ONE = SamplingSettings(responses_per_query=1)


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    monkeypatch.setattr(limits, "FIRST_BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr(server, "POLL_SECONDS", 0.02)
    server._loaded.clear()
    server._held.clear()


@pytest.fixture
def mock():
    with MockServer() as mock:
        yield mock


@pytest.fixture
def checkpoint(tmp_path):
    return shutil.copytree(model_path("base"), tmp_path / "policy")


def opened(checkpoint, mock, **settings):
    settings = {"base_url": mock.base_url, "max_concurrency": 4} | settings
    cache = checkpoint.with_name("cache.sqlite")
    return open_kept(
        str(checkpoint), SERVED, "round_1/policy", cache, Engines(server=PolicySamplingSettings(**settings))
    )


def adapter(checkpoint):
    config = {"base_model_name_or_path": str(model_path("base"))}
    (checkpoint / "adapter_config.json").write_text(json.dumps(config))
    return checkpoint


def test_prompts_travel_as_the_tokens_of_training(checkpoint, mock):
    with opened(checkpoint, mock) as chat:
        chat.answer(PROMPTS[:1], ONE)
    (body,) = mock.bodies
    tokenizer = load_tokenizer(str(checkpoint), SERVED)
    text = render(tokenizer, PROMPTS[0].messages)
    assert body["prompt"] == tokenizer(text, add_special_tokens=False).input_ids
    assert body["stop_token_ids"] == sorted({tokenizer.eos_token_id, turn_end_id(tokenizer)})
    assert (body["model"], body["seed"]) == (str(checkpoint), sample_seed(PROMPTS[0], 0))


def test_a_checkpoint_is_loaded_once_while_its_weights_stay(checkpoint, mock):
    for _ in range(2):
        with opened(checkpoint, mock):
            pass
    assert mock.loads == [str(checkpoint)]
    (checkpoint / "model.safetensors").touch()
    with opened(checkpoint, mock):
        pass
    assert mock.loads == [str(checkpoint)] * 2


def test_a_server_that_forgot_the_checkpoint_loads_it_again(checkpoint, mock):
    with opened(checkpoint, mock):
        pass
    mock.cards = [{"id": "first", "root": "first"}]
    with opened(checkpoint, mock):
        assert len(mock.loads) == 2


def test_the_manifest_learns_the_engine_and_its_version(checkpoint, mock):
    with opened(checkpoint, mock) as chat:
        assert chat.facts == {"engine": "sglang 1.2.3", "reload": "sglang"}
        assert chat.name == "round_1/policy"


def test_an_adapter_is_loaded_by_name_over_an_older_one(checkpoint):
    with MockServer(engine="vllm") as mock:
        for time in (1, 2):
            server._loaded.clear()
            with opened(adapter(checkpoint), mock, reload="vllm_lora") as chat:
                chat.answer(PROMPTS[:time], ONE)
                assert chat.facts["engine"] == "vllm 1.2.3"
        assert mock.loads == [str(checkpoint)] * 2
        assert [card["id"] for card in mock.cards] == ["first", str(checkpoint)]


def test_a_whole_model_is_no_adapter(checkpoint, mock):
    with (
        pytest.raises(UserError, match=r"sampling\.reload: .*whole model.*lora\.merge"),
        opened(checkpoint, mock, reload="vllm_lora"),
    ):
        pass


def test_a_command_has_the_server_serve_the_folder_under_any_name(checkpoint, mock, tmp_path):
    told = tmp_path / "told"
    program = f"import sys; open({str(told)!r}, 'w').write(sys.argv[1])"
    mock.cards.append({"id": "policy", "root": str(checkpoint)})
    with opened(
        checkpoint, mock, reload="command", reload_command=f'{sys.executable} -c "{program}" {{checkpoint}}'
    ) as chat:
        chat.answer(PROMPTS[:1], ONE)
    assert told.read_text() == str(checkpoint)
    assert mock.bodies[0]["model"] == "policy"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": None}, r"sampling\.base_url: not set"),
        ({"base_url": "http://127.0.0.1:9/v1"}, r"sampling\.base_url: .*cannot be reached"),
        ({"reload": "command"}, r"sampling\.reload_command: not set"),
        ({"reload": "command", "reload_command": "exit 3 # {checkpoint}"}, "exit code 3"),
        (
            {"reload": "command", "reload_command": "true {checkpoint}", "reload_timeout_seconds": 0.1},
            r"serves first, not .*reload_timeout_seconds",
        ),
    ],
)
def test_a_server_that_cannot_be_had_is_one_clear_line(checkpoint, mock, settings, said):
    with pytest.raises(UserError, match=said) as refused, opened(checkpoint, mock, **settings):
        pass
    assert "\n" not in str(refused.value)


def test_a_folder_that_the_server_does_not_see_is_named(checkpoint):
    with (
        MockServer(engine="vllm") as mock,
        pytest.raises(UserError, match=r"refuses .*policy \(404"),
        opened(checkpoint, mock),
    ):
        pass


def test_a_server_that_says_yes_and_loads_nothing_is_not_believed(checkpoint, mock):
    mock.loads_nothing = True
    with pytest.raises(UserError, match="serves first, not"), opened(checkpoint, mock):
        pass


def test_a_server_that_came_back_with_other_weights_is_not_asked_again(checkpoint, tmp_path):
    def forget(body, attempt):
        if len(mock.answered) < 4:
            return None
        mock.cards = [{"id": "first", "root": "first"}]
        return "reset_before"

    with MockServer(fault=forget) as mock, opened(checkpoint, mock) as chat:
        with pytest.raises(UserError, match=r"has begun anew and serves first.*4 answers are kept"):
            chat.answer(PROMPTS, ONE)
        mock.fault = lambda body, attempt: None
        with opened(checkpoint, mock) as again:
            again.answer(PROMPTS, ONE)
        assert sum(mock.answered.values()) == len(PROMPTS)


def test_a_server_that_changed_between_two_batches_is_not_asked(checkpoint, mock):
    with opened(checkpoint, mock) as chat:
        chat.answer(PROMPTS[:1], ONE)
        mock.cards = [{"id": "first", "root": "first"}]
        with pytest.raises(UserError, match="has begun anew and serves first"):
            chat.answer(PROMPTS, ONE)
    assert len(mock.bodies) == 1


def test_the_base_model_below_the_adapters_is_served_as_it_stands(checkpoint):
    with MockServer(engine="vllm") as mock:
        mock.cards = [{"id": str(checkpoint), "root": str(checkpoint)}]
        with opened(checkpoint, mock, reload="vllm_lora") as chat:
            assert len(chat.answer(PROMPTS, ONE)) == len(PROMPTS)
        assert mock.loads == []


def test_further_processes_wait_for_the_first_to_have_it_loaded(checkpoint, mock, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with opened(checkpoint, mock, reload_timeout_seconds=0.1) as chat:
        with pytest.raises(UserError, match="process 0 has not had"):
            chat.answer(PROMPTS, ONE)
        assert not mock.loads
        monkeypatch.setenv("RANK", "0")
        with opened(checkpoint, mock):
            pass
        monkeypatch.setenv("RANK", "1")
        assert len(chat.answer(PROMPTS, ONE)) == len(PROMPTS)
    assert mock.loads == [str(checkpoint)]


def test_only_the_answers_wanted_are_asked_for_again(checkpoint, mock):
    with opened(checkpoint, mock) as chat:
        two = chat.answer(PROMPTS, dataclasses.replace(ONE, responses_per_query=2))
    with opened(checkpoint, mock) as chat:
        assert chat.answer(PROMPTS, ONE) == [answers[:1] for answers in two]
    assert sum(mock.ledger.values()) == 16


def test_a_further_process_does_not_take_a_listed_path_for_its_weights(checkpoint, mock, monkeypatch):
    """The folder was made anew while the server kept what had been in it."""
    with opened(checkpoint, mock):
        pass
    (checkpoint / "model.safetensors").touch()
    monkeypatch.setenv("RANK", "1")
    with (
        pytest.raises(UserError, match="process 0 has not had"),
        opened(checkpoint, mock, reload_timeout_seconds=0.1) as chat,
    ):
        chat.answer(PROMPTS[:1], ONE)
    assert not mock.bodies


def test_two_checkpoints_at_once_are_refused(checkpoint, mock, tmp_path):
    other = shutil.copytree(checkpoint, tmp_path / "refiner")
    with opened(checkpoint, mock), pytest.raises(UserError, match="at once"), opened(other, mock):
        pass
    with opened(other, mock):  # one after the other is no trouble
        pass


def test_a_command_that_does_not_end_is_ended(checkpoint, mock):
    with (
        pytest.raises(UserError, match=r"sampling\.reload_command: .*has not ended"),
        opened(
            checkpoint,
            mock,
            reload="command",
            reload_command="sleep 60; echo {checkpoint}",
            reload_timeout_seconds=0.2,
        ),
    ):
        pass
