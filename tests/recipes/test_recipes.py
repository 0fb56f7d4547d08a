"""Each recipe as a user runs it: without arguments, again, and with mistakes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from autoif_train.rows import Rows, write_rows
from tests.conftest import ROOT, SMALL, run_command, run_recipe

RECIPES = ("generate_data", "sft", "offline_dpo", "online_dpo", "evaluate")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_second_call_finds_everything_done(tiny_run, recipe):
    before = {path: path.stat().st_mtime_ns for path in tiny_run.folder.rglob("*.jsonl")}
    again = run_recipe(recipe, *tiny_run.flags)
    assert again.code == 0, again.err
    assert {path: path.stat().st_mtime_ns for path in tiny_run.folder.rglob("*.jsonl")} == before


def test_the_command_says_where_the_report_is_and_shows_every_stage(tiny_run):
    assert f"report: {tiny_run.folder}/report.html" in tiny_run.ran.out
    for stage in ("base", "sft", "offline", "online"):
        assert stage in tiny_run.ran.out.lower()


def test_a_normal_run_prints_no_library_warnings(tiny_run):
    assert "Warning" not in tiny_run.ran.err
    assert "Traceback" not in tiny_run.ran.err


def test_more_rounds_extend_a_finished_run(tiny_run, tmp_path):
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(tiny_run.folder), str(folder)], check=True)
    flags = ["--output_dir", str(folder), *SMALL, "--online_dpo.rounds", "3"]
    first = (folder / "online_dpo/round_2/pairs.jsonl").read_bytes()
    assert run_recipe("online_dpo", *flags).code == 0
    assert (folder / "online_dpo/round_3/policy/config.json").exists()
    assert (folder / "online_dpo/round_2/pairs.jsonl").read_bytes() == first


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_explains_settings(recipe):
    ran = run_recipe(recipe, "--help")
    assert ran.code == 0
    assert "paper §3.3" in ran.out
    assert "--pairs.chosen_above" in ran.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--sampling.temprature", "1"), "sampling.temperature"),
        (("--sft.learning_rat", "1"), "sft.learning_rate"),
        (("--pairs.max_per_query", "many"), "pairs.max_per_query"),
        (("--config", "/nowhere/settings.yaml"), "/nowhere/settings.yaml"),
        (("--mode", "both"), "strong_to_weak"),
        (("--queries.path", "/nowhere/queries.jsonl"), "/nowhere/queries.jsonl"),
        (("--synthesis.seeds", "/nowhere/seeds.txt"), "/nowhere/seeds.txt"),
        (("--policy.model", "/nowhere/model"), "/nowhere/model"),
        (("--execution.level", "steel"), "execution.level"),
        (("--supervisor.kind", "api", "--supervisor.base_url", "http://127.0.0.1:9/v1"), "supervisor."),
        (("--dpo.global_batch_size", "7", "--sft.global_batch_size", "7"), "global_batch_size"),
        (("--engine", "zero3"), "accelerate launch --config_file deepspeed_configs/zero3.yaml"),
    ],
)
def test_a_mistake_gives_one_line_that_names_it(flags, said, tmp_path):
    ran = run_recipe("sft", "--output_dir", str(tmp_path / "run"), *SMALL, *flags)
    assert ran.code == 2, ran.err
    last = ran.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    assert "Traceback" not in ran.err


def test_a_benchmark_without_its_file_is_refused_before_the_earlier_stages_are_run(tmp_path):
    flags = ("--evaluation.benchmarks", "[tiny, ifeval]", "--evaluation.ifeval_prompts", "/nowhere/prompts.jsonl")
    ran = run_recipe("evaluate", "--output_dir", str(tmp_path / "run"), *SMALL, *flags)
    assert ran.code == 2
    assert "evaluation.ifeval_prompts: /nowhere/prompts.jsonl" in ran.err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_configuration_is_refused_with_the_differing_key(tiny_run):
    ran = run_recipe("sft", *tiny_run.flags, "--sampling.temperature", "0.5")
    assert ran.code == 2
    assert "sampling.temperature: 0.8 → 0.5" in ran.err


def test_another_model_without_its_earlier_stages_is_told_the_command(tmp_path):
    model = ROOT / "autoif_train" / "tiny" / "data" / "base"
    ran = run_recipe("sft", "--model", str(model), "--output_dir", str(tmp_path / "run"))
    assert ran.code == 2
    assert "python recipes/generate_data.py --model" in ran.err


def test_a_model_without_chat_template_is_refused(tmp_path):
    from transformers import AutoTokenizer

    source = ROOT / "autoif_train" / "tiny" / "data" / "base"
    model = tmp_path / "bare"
    subprocess.run(["cp", "-r", str(source), str(model)], check=True)
    (model / "chat_template.jinja").unlink()
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(model)
    demonstration = {
        "prompt": [{"role": "user", "content": "Hi"}],
        "completion": [{"role": "assistant", "content": "Yo"}],
    }
    (tmp_path / "run" / "data").mkdir(parents=True)
    flags = ("--model", str(model), "--output_dir", str(tmp_path / "run"), "--sft.bf16", "false")
    write_rows(tmp_path / "run" / "data" / "demonstrations.jsonl", [demonstration] * 4)
    ran = run_recipe("sft", *flags, "--sft.global_batch_size", "4", "--sft.per_device_train_batch_size", "4")
    assert ran.code == 2, ran.err
    assert "chat_template" in ran.err


def test_an_empty_dataset_is_refused_before_training(tmp_path):
    (tmp_path / "run" / "data").mkdir(parents=True)
    write_rows(tmp_path / "run" / "data" / "demonstrations.jsonl", [])
    ran = run_recipe("sft", "--output_dir", str(tmp_path / "run"))
    assert ran.code == 2
    assert "demonstrations.jsonl" in ran.err
    assert "Traceback" not in ran.err


def test_accelerate_launch_runs_a_recipe(tiny_run):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", str(ROOT / "recipes" / "sft.py")]
    ran = run_command([*launch, *tiny_run.flags])
    assert ran.code == 0, ran.err


def test_self_alignment_answers_with_the_base_model(tmp_path):
    folder = tmp_path / "run"
    ran = run_recipe("generate_data", "--mode", "self_alignment", "--output_dir", str(folder), *SMALL)
    assert ran.code == 0, ran.err
    assert {row["author"] for row in Rows(folder / "data/responses.jsonl")} == {"base"}


def test_completions_become_pairs_that_offline_dpo_trains_on(public_data, tmp_path):
    """Real functions and real answers: judge them by command, pair them, and train two steps on the pairs."""
    folder = tmp_path / "run"
    pairs = _real_pairs(public_data / "autoif_llama3", tmp_path)
    write_rows(folder / "data" / "pairs.jsonl", pairs)
    model = ROOT / "autoif_train" / "tiny" / "data" / "base"
    subprocess.run(["cp", "-r", str(model), str(folder / "sft")], check=True)
    (folder / "config.yaml").unlink(missing_ok=True)
    flags = ["--dpo.max_steps", "2", "--dpo.bf16", "false", "--dpo.global_batch_size", "4", "--dpo.max_length", "256"]
    ran = run_recipe("offline_dpo", "--model", str(model), "--output_dir", str(folder), *flags)
    assert ran.code == 0, ran.err
    assert len(list(Rows(folder / "offline_dpo" / "metrics.jsonl"))) >= 1


def _real_pairs(data, work):
    rows = [json.loads(line) for line in (data / "completions-0.jsonl").read_text().splitlines()]
    functions, responses = [], []
    for number, row in enumerate(rows):
        functions.append({"id": str(number), "functions": row["verifiers"]})
        responses.extend({"id": str(number), "text": text} for text in row["completions"])
    write_rows(work / "functions.jsonl", functions)
    write_rows(work / "responses.jsonl", responses)
    files = ("--functions", "functions.jsonl", "--responses", "responses.jsonl", "--output", "judged.jsonl")
    files = [str(work / part) if part.endswith(".jsonl") else part for part in files]
    ran = run_command([sys.executable, "-m", "autoif_train.cli", "judge", *files])
    assert ran.code == 0, ran.err
    by_id = {}
    for row in Rows(work / "judged.jsonl"):
        by_id.setdefault(row["id"], []).append(row)
    pairs = []
    for number, row in enumerate(rows):
        judged = by_id[str(number)]
        chosen = [item["text"] for item in judged if item["score"] is not None and item["score"] > 0.5]
        rejected = [item["text"] for item in judged if item["score"] == 0]
        prompt = [{"role": "user", "content": f"{row['query']} {row['instruction']}"}]
        pairs.extend(
            {
                "prompt": prompt,
                "chosen": [{"role": "assistant", "content": good[:200]}],
                "rejected": [{"role": "assistant", "content": bad[:200]}],
                "chosen_score": 1.0,
                "rejected_score": 0.0,
                "query_id": str(number),
            }
            for good, bad in zip(chosen, rejected, strict=False)
        )
    assert pairs
    return pairs
