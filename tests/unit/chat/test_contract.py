"""What every chat model keeps, whoever is behind it."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.choice import Engines, SupervisorSettings, open_chat, open_kept
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.server import PolicySamplingSettings
from autoif_train.rows import write_rows
from autoif_train.tiny import model_path
from autoif_train.tiny.questions import ALL
from tests.unit.chat.mock_server import MockServer

FAKE_VLLM = Path(__file__).parent / "fake_vllm"
PROMPTS = [
    Prompt([{"role": "user", "content": question.text}], payload=str(number), seed=number)
    for number, question in enumerate(ALL[:4])
]
FOUR = SamplingSettings(responses_per_query=4, temperature=0.8, max_new_tokens=24, batch_size=8)
TINY = str(model_path("supervisor"))


@contextmanager
def api(cache: Path):
    with MockServer() as server:
        settings = SupervisorSettings(kind="api", model="mock", base_url=server.base_url)
        with open_chat(settings, PolicySettings(), "supervisor", cache) as chat:
            yield chat


@contextmanager
def recorded(cache: Path):
    path = cache.with_suffix(".jsonl")
    answers = {prompt.payload: [f"{prompt.payload}: {n}" for n in range(8)] for prompt in PROMPTS}
    write_rows(path, [{"step": "response", "payload": key, "answers": texts} for key, texts in answers.items()])
    settings = SupervisorSettings(kind="recorded", recordings=str(path))
    with open_chat(settings, PolicySettings(), "supervisor", cache) as chat:
        yield chat


@contextmanager
def transformers(cache: Path):
    settings = SupervisorSettings(kind="transformers", model=TINY)
    with open_chat(settings, PolicySettings(), "supervisor", cache) as chat:
        yield chat


@contextmanager
def policy(cache: Path):
    with open_chat(SupervisorSettings(kind="policy"), PolicySettings(model=TINY), "supervisor", cache) as chat:
        yield chat


@contextmanager
def served(cache: Path):
    with MockServer() as server:
        engines = Engines(server=PolicySamplingSettings(base_url=server.base_url))
        policy = PolicySettings(sampling_engine="server")
        with open_kept(TINY, policy, "served", cache, engines) as chat:
            yield chat


@contextmanager
def tiny(cache: Path):
    with open_chat(SupervisorSettings(kind="tiny"), PolicySettings(), "supervisor", cache) as chat:
        yield chat


@contextmanager
def vllm(cache: Path):
    settings = SupervisorSettings(kind="vllm", model=TINY)
    with open_chat(settings, PolicySettings(), "supervisor", cache) as chat:
        yield chat


@contextmanager
def vllm_protocol(cache: Path):
    """The whole path of vLLM with another module of that name in its process."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{FAKE_VLLM}{os.pathsep}{before}"
    try:
        with vllm(cache) as chat:
            yield chat
    finally:
        os.environ["PYTHONPATH"] = before


NO_VLLM = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; it needs a GPU of its own kind"
)
REAL_VLLM = pytest.param(vllm, marks=[NO_VLLM, pytest.mark.gpu])
BACKENDS = [api, recorded, transformers, policy, served, tiny, vllm_protocol, REAL_VLLM]


@pytest.fixture(scope="module", params=BACKENDS)
def chat(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("chat") / "cache.sqlite") as chat:
        yield chat


def texts(found):
    return [[answer.text for answer in answers] for answers in found]


def test_each_prompt_has_as_many_answers_as_asked(chat):
    assert [len(answers) for answers in chat.answer(PROMPTS, FOUR)] == [4] * len(PROMPTS)


def test_no_prompts_are_no_answers(chat):
    assert chat.answer([], FOUR) == []


def test_the_same_question_has_the_same_answers(chat):
    assert texts(chat.answer(PROMPTS, FOUR)) == texts(chat.answer(PROMPTS, FOUR))


def test_answers_follow_their_prompts_and_not_their_neighbours(chat):
    backwards = chat.answer(PROMPTS[::-1], FOUR)[::-1]
    alone = [chat.answer([prompt], FOUR)[0] for prompt in PROMPTS]
    assert texts(chat.answer(PROMPTS, FOUR)) == texts(backwards) == texts(alone)


def test_answers_to_one_prompt_differ(chat):
    assert all(len(set(answers)) > 1 for answers in texts(chat.answer(PROMPTS, FOUR)))


def test_more_answers_begin_with_the_fewer(chat):
    six = chat.answer(PROMPTS, dataclasses.replace(FOUR, responses_per_query=6))
    assert [answers[:4] for answers in texts(six)] == texts(chat.answer(PROMPTS, FOUR))


def test_further_answers_go_on_where_earlier_ones_ended(chat):
    further = [dataclasses.replace(prompt, first=2) for prompt in PROMPTS]
    two = chat.answer(further, dataclasses.replace(FOUR, responses_per_query=2))
    assert texts(two) == [answers[2:] for answers in texts(chat.answer(PROMPTS, FOUR))]


def test_it_has_a_name_that_is_no_path(chat):
    assert "/" not in chat.name


def test_what_was_spent_is_counted_by_step(chat):
    usage = getattr(chat, "usage", None)
    if usage is None:
        pytest.skip("this one costs nothing")
    asked = [dataclasses.replace(prompt, step="counted", seed=100 + prompt.seed) for prompt in PROMPTS]
    chat.answer(asked, FOUR)
    spent = usage["counted"]
    assert spent.calls == 16
    assert min(spent.prompt_tokens, spent.completion_tokens, spent.seconds) > 0
