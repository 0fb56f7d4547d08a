"""Drift: the KL divergence between two real models, estimated by k1 and k3 on answers of one of them."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import pytest

from autoif_train.chat import transformers
from autoif_train.chat.base import SamplingSettings
from autoif_train.chat.choice import Engines
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.transformers import TransformersChat
from autoif_train.chat.vllm import VllmSettings
from autoif_train.evaluation.drift import drift, drift_summary, measurable
from autoif_train.resources import resolve
from autoif_train.tiny import evaluation_set
from autoif_train.types import Query, QueryFunction

BASE, SUPERVISOR = (resolve(f"bundled:tiny/data/{name}") for name in ("base", "supervisor"))
QUERIES = [
    Query(row["prompt"], ("i",), (QueryFunction("s", "i"),))
    for row, _ in zip(evaluation_set("validation"), range(60), strict=False)
]


@pytest.fixture(scope="module")
def moved():
    """48 answers of the supervisor, measured against itself and against the base model."""
    earlier = {"itself": SUPERVISOR, "base": BASE}
    chat = TransformersChat(SUPERVISOR)
    return list(drift(QUERIES, 48, chat, SUPERVISOR, earlier, SamplingSettings(max_new_tokens=48), 0))


def test_a_policy_has_not_moved_from_itself(moved):
    assert {(row.k1["itself"], row.k3["itself"]) for row in moved} == {(0.0, 0.0)}


def test_k3_is_never_negative(moved):
    assert min(row.k3["base"] for row in moved) >= 0


def test_both_estimators_agree_about_their_mean(moved):
    found = drift_summary([dataclasses.asdict(row) for row in moved])["base"]
    assert found["k3"] > 1
    assert found["k1"] == pytest.approx(found["k3"], rel=0.35)


def test_only_so_many_queries_are_asked_in_their_order(moved):
    ids = [query.id for query in QUERIES]
    places = [ids.index(row.query_id) for row in moved]
    assert len(places) == 48
    assert places == sorted(places)


def test_nothing_measured_is_nothing_said():
    assert drift_summary([]) == {}


def test_the_sampler_is_closed_and_each_model_given_back_before_the_next_is_loaded(monkeypatch):
    chat, alive = TransformersChat(SUPERVISOR), []
    loaded = [weakref.ref(chat.model)]

    def load(path, device):
        alive.append([each() for each in loaded if each() is not None])
        model, tokenizer = transformers.load(path)
        loaded.append(weakref.ref(model))
        return model, tokenizer

    monkeypatch.setattr("autoif_train.evaluation.drift.load", load)
    for module in ("chat.transformers", "evaluation.drift"):
        monkeypatch.setattr(f"autoif_train.{module}.give_back", gc.collect)  # which it does on a GPU alone
    list(drift(QUERIES, 1, chat, SUPERVISOR, {"base": BASE}, SamplingSettings(max_new_tokens=4), 0))
    assert alive == [[], []]


@pytest.mark.parametrize(
    ("engine", "gpus", "said"),
    [("transformers", 1, ""), ("vllm", 1, ""), ("vllm", 8, "vLLM over several GPUs"), ("server", 1, "a server")],
)
def test_policies_that_need_not_fit_are_not_loaded_to_be_measured(engine, gpus, said, caplog):
    policy, engines = PolicySettings(sampling_engine=engine), Engines(VllmSettings(tensor_parallel_size=gpus))
    with caplog.at_level("INFO", logger="autoif_train"):
        assert measurable(policy, engines) is (said == "")
    assert said in caplog.text
