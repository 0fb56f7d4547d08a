"""The files of a run folder have the names and the keys that other tools rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from autoif_train.rows import Rows

MESSAGE = {"role", "content"}
ROWS = {
    "data/instructions.jsonl": {"id", "text", "parent_id"},
    "data/functions.jsonl": {"instruction_id", "functions", "cases"},
    "data/checked.jsonl": {"instruction", "functions", "cases"},
    "data/queries.jsonl": {"id", "prompt", "instruction_ids", "functions"},
    "data/responses.jsonl": {"query_id", "text", "author", "index"},
    "data/judged.jsonl": {"query_id", "text", "author", "outcomes", "score"},
    "data/demonstrations.jsonl": {"prompt", "completion", "query_id", "score"},
    "data/pairs.jsonl": {"prompt", "chosen", "rejected", "chosen_score", "rejected_score", "query_id"},
    "online_dpo/round_1/responses.jsonl": {"query_id", "text", "author", "index"},
    "online_dpo/round_2/judged.jsonl": {"query_id", "text", "author", "outcomes", "score"},
    "online_dpo/round_2/pairs.jsonl": {"prompt", "chosen", "rejected", "chosen_score", "rejected_score", "query_id"},
    "sft/metrics.jsonl": {"step", "loss"},
    "offline_dpo/metrics.jsonl": {"step", "loss"},
    "online_dpo/round_2/metrics.jsonl": {"step", "loss"},
}
MODELS = ("sft", "offline_dpo", "online_dpo/round_1/policy", "online_dpo/round_2/policy")


@pytest.mark.parametrize(("file", "keys"), ROWS.items())
def test_rows_hold_the_keys_of_the_contract(tiny_run, file, keys):
    rows = list(Rows(tiny_run.folder / file))
    assert rows
    assert all(keys <= row.keys() for row in rows)


@pytest.mark.parametrize(
    ("file", "inner", "keys"),
    [
        ("data/functions.jsonl", "functions", {"id", "source"}),
        ("data/functions.jsonl", "cases", {"text", "expected"}),
        ("data/checked.jsonl", "functions", {"id", "source", "accuracy"}),
        ("data/queries.jsonl", "functions", {"source", "instruction_id", "audit"}),
        ("data/demonstrations.jsonl", "completion", MESSAGE),
        ("data/pairs.jsonl", "chosen", MESSAGE),
        ("data/pairs.jsonl", "prompt", MESSAGE),
    ],
)
def test_inner_rows_hold_the_keys_of_the_contract(tiny_run, file, inner, keys):
    assert all(keys <= item.keys() for row in Rows(tiny_run.folder / file) for item in row[inner])


def test_outcomes_are_the_five_names(tiny_run):
    names = {outcome for row in Rows(tiny_run.folder / "data/judged.jsonl") for outcome in row["outcomes"]}
    assert names <= {"followed", "violated", "crashed", "timed_out", "invalid"}


def test_pairs_prefer_what_followed_over_what_was_violated(tiny_run):
    for row in Rows(tiny_run.folder / "data/pairs.jsonl"):
        assert row["chosen_score"] > 0.5
        assert row["chosen"] != row["rejected"]


def test_funnel_adds_up_in_every_entry(tiny_run):
    for entry in json.loads((tiny_run.folder / "funnel.json").read_text()):
        if "made" not in entry:
            assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values()), entry["stage"]


def test_funnel_shows_instructions_without_a_passing_answer(tiny_run):
    entries = json.loads((tiny_run.folder / "funnel.json").read_text())
    (teachable,) = [entry for entry in entries if entry["stage"] == "data/teachable"]
    assert teachable["dropped"]["no passing answer"] > 0
    assert teachable["examples"]["no passing answer"]


@pytest.mark.parametrize("name", MODELS)
def test_models_load_with_their_tokenizer_and_template(tiny_run, name):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny_run.folder / name
    assert AutoModelForCausalLM.from_pretrained(folder).num_parameters() > 0
    assert AutoTokenizer.from_pretrained(folder).chat_template
    assert (folder / "README.md").exists()


def test_results_hold_every_stage_on_both_sets(tiny_run):
    scores = json.loads((tiny_run.folder / "results.json").read_text())["scores"]
    expected = {("base", 0), ("sft", 0), ("offline_dpo", 0), ("online_dpo", 1), ("online_dpo", 2)}
    assert {(row["stage"], row["round"]) for row in scores if row["set"] == "H"} == expected
    assert {(row["stage"], row["round"]) for row in scores if row["set"] == "Q"} == expected


def test_results_hold_the_metrics_of_the_contract(tiny_run):
    keys = {"pass_rate", "instruction_pass_rate", "relevance", "mean_words", "distinct"}
    for row in json.loads((tiny_run.folder / "results.json").read_text())["scores"]:
        assert keys <= row["metrics"].keys()
        assert row["metrics"]["pass_rate_low"] <= row["metrics"]["pass_rate"] <= row["metrics"]["pass_rate_high"]


def test_manifest_holds_versions_sandbox_seed_and_training_facts(tiny_run):
    manifest = json.loads((tiny_run.folder / "manifest.json").read_text())
    assert manifest["versions"]["trl"]
    assert manifest["execution"]["sandbox"]
    assert manifest["seed"] == 0
    for name in ("sft", "offline_dpo", "online_dpo/round_1/policy"):
        assert {"seconds", "world_size", "distributed_type", "precision"} <= manifest["steps"][name].keys()


def test_config_is_the_resolved_settings(tiny_run):
    config = yaml.safe_load((tiny_run.folder / "config.yaml").read_text())
    assert config["model"] == "tiny"
    assert config["online_dpo"]["rounds"] == 2


def test_data_files_carry_no_path_of_the_machine(tiny_run):
    for file in (tiny_run.folder / "data").glob("*.jsonl"):
        assert str(Path(tiny_run.folder)) not in file.read_text(), file.name


def test_report_is_one_page(tiny_run):
    assert "<html" in (tiny_run.folder / "report.html").read_text()
