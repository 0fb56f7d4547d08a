"""Rounds whose answers a server draws: told of each policy, lost in the middle, and gone on with."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections import Counter

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.rows import Rows
from autoif_train.tiny import model_path
from autoif_train.tiny.writer import TinyWriter
from tests.conftest import ROOT, SMALL, run_command, run_recipe
from tests.unit.chat.mock_server import MockServer

SERVED = (
    *SMALL,
    "--policy.sampling_engine", "server",
    "--sampling.max_concurrency", "8",
    "--sampling.max_retries", "1",
    "--online_dpo.queries_per_round", "24",
    "--online_dpo.drift_queries", "4",
    "--evaluation.max_prompts", "16",
    "--dpo.max_steps", "4",
)  # fmt: skip
ONE = SamplingSettings(responses_per_query=1)
ANSWERS_BEFORE_DEATH = 60


@pytest.fixture(scope="module")
def write():
    """What the served model says: an answer of the tiny world's writer, by the prompt and the seed alone."""
    tokenizer = load_tokenizer(str(model_path("base")), PolicySettings())

    def reply(body: dict) -> str:
        asked = [{"role": "user", "content": tokenizer.decode(body["prompt"], skip_special_tokens=True)}]
        ((answer,),) = TinyWriter().answer([Prompt(asked, seed=body["seed"])], ONE)
        return answer.text

    return reply


def prepared(tiny_run, folder):
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


def recipe(folder, base_url):
    return run_recipe("online_dpo", "--output_dir", folder, "--sampling.base_url", base_url, *SERVED)


@pytest.fixture(scope="module")
def undisturbed(tiny_run, tmp_path_factory, write):
    folder = prepared(tiny_run, tmp_path_factory.mktemp("served") / "run")
    with MockServer(reply=write) as server:
        ran = recipe(folder, server.base_url)
        assert ran.code == 0, ran.err
        return folder, server


def test_the_server_is_told_of_each_policy_once(undisturbed):
    folder, server = undisturbed
    policies = [folder / "sft", *(folder / f"online_dpo/round_{number}/policy" for number in (1, 2))]
    assert server.loads == [str(policy) for policy in policies]


def test_answers_are_signed_by_the_policy_that_was_served(undisturbed):
    folder, server = undisturbed
    authors = [{row["author"] for row in Rows(folder / f"online_dpo/round_{n}/responses.jsonl")} for n in (1, 2)]
    assert authors == [{"sft"}, {"online_dpo/round_1/policy"}]
    assert Counter(body["model"] for body in server.bodies)[str(folder / "sft")] >= 24 * 4


def test_a_policy_that_only_a_server_holds_is_not_loaded_to_be_measured(undisturbed):
    summary = json.loads((undisturbed[0] / "online_dpo/round_1/summary.json").read_text())
    assert summary["drift"] == {}
    assert not list(undisturbed[0].rglob("drift.jsonl"))


def test_the_manifest_names_the_engine_and_its_version(undisturbed):
    manifest = json.loads((undisturbed[0] / "manifest.json").read_text())
    assert manifest["chats"]["policy"]["engine"] == "sglang 1.2.3"
    assert manifest["calls"]["policy"]["response"]["calls"] == 2 * 24 * 4


def test_a_server_that_dies_in_mid_round_costs_one_line_and_what_was_in_flight(undisturbed, tiny_run, tmp_path, write):
    """Then it comes back as it was first started, and the same command has it load the checkpoint and goes on."""
    folder = prepared(tiny_run, tmp_path / "run")
    enough = threading.Event()

    def reply(body: dict) -> str:
        if len(first.answered) >= ANSWERS_BEFORE_DEATH:
            enough.set()
        return write(body)

    with MockServer(reply=reply, latency_seconds=0.01) as first:
        killer = threading.Thread(target=lambda: enough.wait() and first.die())
        killer.start()
        ran = recipe(folder, first.base_url)
        killer.join()
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    line = ran.err.strip().splitlines()[-1]
    assert line.startswith("error: sampling.base_url: ")
    assert "answers are kept" in line
    with MockServer(reply=write, port=first.port) as second:
        ran = recipe(folder, second.base_url)
    assert ran.code == 0, ran.err
    lost = sum((first.answered + second.answered).values()) - sum(undisturbed[1].answered.values())
    assert 0 <= lost <= 8
    names = sorted(path.relative_to(folder) for path in (folder / "online_dpo").rglob("*.json*"))
    different = [str(name) for name in names if (folder / name).read_bytes() != (undisturbed[0] / name).read_bytes()]
    assert different == []


@pytest.mark.soak
def test_processes_of_a_launcher_share_the_server(undisturbed, tiny_run, tmp_path, write):
    folder = prepared(tiny_run, tmp_path / "run")
    config = ROOT / "deepspeed_configs/ddp_cpu.yaml"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    with MockServer(reply=write) as server:
        flags = ["--output_dir", str(folder), "--sampling.base_url", server.base_url, *SERVED]
        halves = ["--dpo.per_device_train_batch_size", "8"]
        ran = run_command([*launch, str(ROOT / "recipes/online_dpo.py"), *flags, *halves])
    assert ran.code == 0, ran.err
    assert [path.removeprefix(str(folder)) for path in server.loads] == [
        path.removeprefix(str(undisturbed[0])) for path in undisturbed[1].loads
    ]
    for number in (1, 2):
        for name in ("responses", "judged", "pairs"):
            found, expected = (where / f"online_dpo/round_{number}/{name}.jsonl" for where in (folder, undisturbed[0]))
            assert found.read_bytes() == expected.read_bytes()


def test_a_server_that_is_not_there_is_one_line(tiny_run, tmp_path):
    ran = recipe(prepared(tiny_run, tmp_path / "run"), "http://127.0.0.1:9/v1")
    assert ran.code == 2, ran.err
    assert ran.err.strip().splitlines()[-1].startswith("error: sampling.base_url: http://127.0.0.1:9/")
