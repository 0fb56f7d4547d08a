"""vLLM in a process of its own, with a module of the same interface in its place: no GPU is needed, none is tried."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.choice import Engines, open_model
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.vllm import VllmChat, VllmSettings, _without_launcher
from autoif_train.tiny import model_path
from autoif_train.types import UserError
from tests.unit.chat.test_contract import FAKE_VLLM

PROMPT = Prompt([{"role": "user", "content": "Why is the river wide?"}], seed=7)
ONE = SamplingSettings(responses_per_query=1, max_new_tokens=24)
WITH_VLLM = PolicySettings(sampling_engine="vllm")


@pytest.fixture(autouse=True)
def fake_vllm(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{FAKE_VLLM}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def opened(**settings):
    return open_model(str(model_path("supervisor")), WITH_VLLM, "policy", Engines(vllm=VllmSettings(**settings)))


def test_the_policys_engine_is_a_setting():
    with opened() as chat:
        assert chat.version == "0.0.fake"


def test_vllm_is_never_imported_here():
    with opened() as chat:
        chat.answer([PROMPT], ONE)
    assert "vllm" not in sys.modules


def test_the_engine_is_opened_with_its_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("FAKE_VLLM_LOG", str(tmp_path / "log"))
    with opened(tensor_parallel_size=4):
        pass
    assert json.loads((tmp_path / "log").read_text()) == {"tensor_parallel_size": 4, "enable_prefix_caching": True}


def test_the_templates_end_of_turn_ends_an_answer():
    with opened() as chat:
        ((answer,),) = chat.answer([PROMPT], ONE)
        assert str([chat.tokenizer.eos_token_id]) in answer.text


def test_an_answer_that_reaches_the_limit_is_cut():
    with opened() as chat:
        ((answer,),) = chat.answer([PROMPT], dataclasses.replace(ONE, max_new_tokens=2))
    assert not answer.finished


def test_an_answer_is_held_to_its_schema():
    schema = {"type": "object"}
    with opened() as chat:
        ((answer,),) = chat.answer([dataclasses.replace(PROMPT, schema=schema)], ONE)
    assert json.loads(answer.text) == schema


def test_its_process_ends_with_the_block():
    with opened() as chat:
        process = chat._process
        assert process.poll() is None
    assert process.poll() == 0


def test_a_model_that_it_cannot_load_is_one_clear_line(tmp_path):
    shutil.copytree(model_path("supervisor"), tmp_path / "broken")
    chat = open_model(str(tmp_path / "broken"), WITH_VLLM, "policy")
    with pytest.raises(UserError, match="broken is not a model"), chat:
        pass
    assert chat._process.poll() is not None


def test_an_engine_that_dies_is_one_clear_line():
    with opened() as chat, pytest.raises(UserError, match="ended with exit code 9"):
        chat.answer([PROMPT], dataclasses.replace(ONE, max_new_tokens=13))


def test_without_vllm_the_line_says_what_to_install(monkeypatch):
    if subprocess.run([sys.executable, "-c", "import vllm"], env={"PATH": ""}, capture_output=True).returncode == 0:
        pytest.skip("vLLM is installed")
    monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"].removeprefix(str(FAKE_VLLM)).lstrip(os.pathsep))
    with pytest.raises(UserError, match=r"pip install -e '\.\[vllm\]'"), opened():
        pass


def test_it_does_not_outlive_a_killed_parent(tmp_path):
    code = (
        "import time\nfrom tests.unit.chat.test_vllm import opened\n"
        "with opened() as chat:\n    print(chat._process.pid, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        engine = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not _alive(engine):
            break
        time.sleep(0.1)
    assert not _alive(engine)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_several_processes_of_a_launcher_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="one process"), VllmChat("model", None, (), VllmSettings()):
        pass


def test_the_engine_is_not_told_of_a_launcher():
    given = {"RANK": "0", "TORCHELASTIC_RUN_ID": "x", "ACCELERATE_MIXED_PRECISION": "no", "HOME": "/home"}
    assert _without_launcher(given) == {"HOME": "/home"}
