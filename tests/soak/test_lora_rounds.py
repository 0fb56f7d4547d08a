"""Adapters through the rounds: kept or merged, sampled from, referred to, and gone on with after a kill."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pytest

from autoif_train.chat.base import SamplingSettings
from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import PolicySettings
from autoif_train.feedback.sample import sample
from autoif_train.rows import Rows
from autoif_train.types import Query
from tests.conftest import ROOT, SMALL, run_recipe

pytestmark = pytest.mark.soak
SIZES = (
    *SMALL, "--online_dpo.queries_per_round", "24", "--online_dpo.drift_queries", "4", "--evaluation.max_prompts", "16",
    "--lora.enabled", "true", "--sft.learning_rate", "1e-2", "--dpo.learning_rate", "3e-3",
    "--dpo.max_steps", "8", "--dpo.save_strategy", "steps", "--dpo.save_steps", "2",
)  # fmt: skip
WEIGHTS = {"false": "adapter_model.safetensors", "true": "model.safetensors"}


@pytest.fixture(scope="module", params=["false", "true"], ids=["kept", "merged"])
def run(request, tiny_run, tmp_path_factory):
    """Two rounds over an SFT model of its own, and whether its adapters are merged."""
    folder = tmp_path_factory.mktemp("lora") / "run"
    shutil.copytree(tiny_run.folder / "data", folder / "data")
    ran = run_recipe("online_dpo", "--output_dir", folder, *SIZES, "--lora.merge", request.param)
    assert ran.code == 0, ran.err
    return folder, request.param


def test_each_round_leaves_an_adapter_or_a_whole_model(run):
    folder, merged = run
    for name in ("sft", "online_dpo/round_1/policy", "online_dpo/round_2/policy"):
        assert [(folder / name / weights).exists() for weights in WEIGHTS.values()] == [
            merged == value for value in WEIGHTS
        ]


def test_a_round_is_held_to_the_adapter_at_its_start(run):
    for number in (1, 2):
        steps = list(Rows(run[0] / f"online_dpo/round_{number}/metrics.jsonl"))
        assert steps[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
        assert abs(steps[-1]["rewards/margins"]) > 1e-3


def test_answers_are_those_of_the_adapter_as_it_stands(run):
    folder, _ = run
    queries = {row["id"]: Query.from_row(row) for row in Rows(folder / "data/queries.jsonl")}
    asked = [queries[row["query_id"]] for row in Rows(folder / "online_dpo/round_2/asked.jsonl")]
    settings = SamplingSettings(responses_per_query=4, max_new_tokens=64)
    said = {}
    for name in ("sft", "online_dpo/round_1/policy"):
        with open_model(str(folder / name), PolicySettings(), name) as chat:
            said[name] = [row.text for row in sample(asked[:4], chat, settings, 0, "online", 2)]
    kept = [row["text"] for row in Rows(folder / "online_dpo/round_2/responses.jsonl")][:16]
    assert said["online_dpo/round_1/policy"] == kept != said["sft"]


def test_a_killed_round_goes_on_with_its_adapter(run, tmp_path):
    whole, merged = run
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for path in (folder / "online_dpo/round_2").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    flags = ["--output_dir", str(folder), *SIZES, "--lora.merge", merged]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "recipes/online_dpo.py"), *flags], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    checkpoints = folder / "online_dpo/round_2/policy.part/trainer"
    while process.poll() is None and not list(checkpoints.glob("checkpoint-*")):
        time.sleep(0.02)
    process.kill()
    assert process.wait() != 0
    ran = run_recipe("online_dpo", *flags)
    assert ran.code == 0, ran.err
    weights = f"online_dpo/round_2/policy/{WEIGHTS[merged]}"
    assert (folder / weights).read_bytes() == (whole / weights).read_bytes()
