"""A supervisor behind a server and a base model of one's own: the path of every real experiment, at toy size."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows
from tests.conftest import ROOT, run_recipe
from tests.unit.chat.mock_server import MockServer, some_faults

BASE = ROOT / "autoif_train" / "tiny" / "data" / "base"
FUNCTIONS = {
    "capital letters": ("def evaluate(response):\n    return response.isupper()", "ALL LOUD", "all quiet"),
    "without any digit": (
        "def evaluate(response):\n    return not any(c.isdigit() for c in response)",
        "no number",
        "number 7",
    ),
}


def supervise(body: dict) -> str:
    """What a supervisor writes, told by the purpose of the prompt; every other answer to a query follows."""
    asked = body["messages"][-1]["content"]
    if "def evaluate" in asked:
        return "The text is checked as the instruction says."
    if "evaluate" in asked and "cases" in asked:
        return _function(asked)
    if "followed or violated" in asked:
        return _label(asked)
    if "contradiction" in asked:
        return "They agree.\nentailment"
    if "Score" in asked:
        return "It answers the query.\nScore: 9"
    if "what we already have" in asked:
        return "1. Write in capital letters only.\n2. Answer without any digit."
    return "A LOUD ANSWER WITHOUT NUMBERS" if body["seed"] % 2 else "a quiet answer with 7 numbers"


def _label(asked: str) -> str:
    text = asked.split("\n-----\n")[1]
    loud, bare = text.isupper(), not any(c.isdigit() for c in text)
    return "followed" if (loud if "capital letters" in asked else bare) else "violated"


def _function(asked: str) -> str:
    for words, (source, good, bad) in FUNCTIONS.items():
        if words in asked:
            cases = [{"input": good, "output": True}, {"input": bad, "output": "false"}, {"input": "", "output": False}]
            return f"```json\n{json.dumps({'func': source, 'cases': cases[:2]})}\n```"
    return "I cannot write this one."


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Data from the server, with a fifth of its answers going wrong, for a base model named by its path."""
    work = tmp_path_factory.mktemp("server")
    model = work / "my-model"
    shutil.copytree(BASE, model)
    (work / "seeds.txt").write_text("Write in capital letters only.\nUse exactly two paragraphs.\n")
    folder = work / "run"
    with MockServer(fault=some_faults(0.2, ("busy", "broken", "truncated", "empty")), reply=supervise) as server:
        flags = [
            *("--model", model, "--output_dir", folder, "--seed", "3"),
            *("--supervisor.kind", "api", "--supervisor.model", "teacher", "--supervisor.base_url", server.base_url),
            *("--synthesis.seeds", work / "seeds.txt", "--synthesis.instruction_calls", "2"),
            *("--synthesis.queries_per_instruction", "6", "--sampling.responses_per_query", "4"),
            *("--back_translation.kind", "supervisor", "--sampling.max_new_tokens", "32"),
            *("--sft.bf16", "false", "--sft.max_steps", "2", "--sft.global_batch_size", "2"),
            *("--dpo.bf16", "false", "--dpo.max_steps", "2", "--dpo.global_batch_size", "2", "--dpo.max_length", "256"),
            *("--online_dpo.rounds", "1", "--online_dpo.queries_per_round", "4"),
        ]
        done = {}
        for recipe in ("generate_data", "sft", "offline_dpo", "online_dpo"):
            done[recipe] = run_recipe(recipe, *flags)
    return folder, done


@pytest.mark.parametrize("recipe", ["generate_data", "sft", "offline_dpo", "online_dpo"])
def test_each_recipe_ends_well(run, recipe):
    _, done = run
    assert done[recipe].code == 0, done[recipe].err


def test_the_server_answers_the_queries_too(run):
    folder, _ = run
    assert {row["author"] for row in Rows(folder / "data/responses.jsonl")} == {"teacher"}


def test_instructions_without_a_readable_function_are_lost_with_their_reason(run):
    folder, _ = run
    entries = json.loads((folder / "funnel.json").read_text())
    (lost,) = [row for row in entries if row["stage"] == "data/functions" and row["unit"] == "instruction"]
    assert lost["dropped"] == {"no readable function": 1}


def test_pairs_prefer_what_the_functions_follow(run):
    folder, _ = run
    pairs = list(Rows(folder / "data/pairs.jsonl"))
    assert pairs
    assert all("LOUD" in row["chosen"][0]["content"] for row in pairs)


def test_the_online_round_is_answered_by_the_policy(run):
    folder, _ = run
    assert {row["author"] for row in Rows(folder / "online_dpo/round_1/responses.jsonl")} == {"sft"}
