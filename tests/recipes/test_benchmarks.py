"""Every benchmark that works without a network, by `recipes/evaluate.py` on two tiny models; and the gate."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows, write_rows
from autoif_train.tiny import model_path
from tests.conftest import run_recipe
from tests.unit.chat.mock_server import MockServer

PROMPTS = 2
QUESTION = "What is 1 + 1?,1,2,3,4,B\n"
NO_HUB = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
JUDGED = {"followbench": "ssr", "infobench": "drfr", "mt_bench": "score", "arena_hard": "win_rate"}
OTHERS = {"ifeval": "prompt_strict", "humaneval": "pass_at_1", "gsm8k": "flexible_extract", "mmlu": "acc"}


@pytest.fixture
def folder(tmp_path):
    """A run folder whose base model is the tiny supervisor, and whose SFT model never learned to follow anything."""
    shutil.copytree(model_path("base"), tmp_path / "run" / "sft")
    return tmp_path / "run"


def evaluate(folder, *flags):
    flags = ("--evaluation.max_prompts", PROMPTS, "--evaluation.max_new_tokens", 48, *flags)
    return run_recipe("evaluate", "--model", model_path("supervisor"), "--output_dir", folder, *flags, **NO_HUB)


def judge(body):
    """Likes everything, in every form that a verdict is asked for; the second answer of a pair a little better."""
    asked = body["messages"][-1]["content"]
    if "[[" not in asked:
        levels = asked.count("[Version with")
        return str(["YES"] * levels) if "[First version]" in asked else "All is well.\nYES"
    return "Fine.\n[[B>A]]" if "A>>B" in asked else "Fine.\nRating: [[7]]"


@pytest.fixture
def files(tmp_path, public_data):
    """The flags that name every benchmark's data: public files, and by hand what those lack."""
    pytest.importorskip("lm_eval", reason="the extra `eval` is not installed")
    for split in ("dev", "test"):
        (tmp_path / "mmlu" / split).mkdir(parents=True)
        (tmp_path / "mmlu" / split / f"anatomy_{split}.csv").write_text(QUESTION * 5)
    arena = public_data / "arena_hard" / "v0.1_question.jsonl"
    write_rows(tmp_path / "baseline.jsonl", ({"prompt": row["prompt"], "response": "So."} for row in Rows(arena)))
    named = {
        "ifeval_prompts": public_data / "ifeval" / "input_data.jsonl",
        "followbench_prompts": public_data / "followbench" / "en",
        "infobench_prompts": public_data / "infobench" / "GPT4_output.jsonl",
        "mt_bench_prompts": public_data / "mtbench" / "question.jsonl",
        "mt_bench_references": public_data / "mtbench" / "reference_answer_gpt-4.jsonl",
        "arena_hard_prompts": arena,
        "arena_hard_baseline": tmp_path / "baseline.jsonl",
        "humaneval_prompts": public_data / "humaneval" / "HumanEval.jsonl.gz",
        "gsm8k_data": public_data / "gsm8k",
        "mmlu_data": tmp_path / "mmlu",
    }
    return [part for key, path in named.items() for part in (f"--evaluation.{key}", path)]


def test_every_benchmark_is_answered_graded_and_explained_by_one_command(folder, files):
    benchmarks = {**OTHERS, **JUDGED}
    with MockServer(reply=judge) as server:
        ran = evaluate(
            folder, "--evaluation.benchmarks", f"[{', '.join(benchmarks)}]", *files,
            "--evaluation.judge.model", "arbiter", "--evaluation.judge.base_url", server.base_url,
        )  # fmt: skip
    assert ran.code == 0, ran.err
    results = json.loads((folder / "results.json").read_text())
    assert {(row["stage"], row["benchmark"]) for row in results["scores"]} == {
        (stage, bench) for stage in ("base", "sft") for bench in benchmarks
    }
    for row in results["scores"]:
        assert row["n"] == PROMPTS
        assert 0 <= row["metrics"][benchmarks[row["benchmark"]]] <= 10
        assert {"decoding", "chat_template", "scorer", "files", "commit", "seed"} <= row.keys()
        assert row.get("grader", {}).get("model") == ("arbiter" if row["benchmark"] in JUDGED else None)
        assert all((folder / f"{name}.jsonl").exists() for name in [*row["items"], *row["answers"]])
    of_base = {row["benchmark"]: row["metrics"] for row in results["scores"] if row["stage"] == "base"}
    # What the judge said, through its prompts and their reading.
    assert (of_base["followbench"]["ssr"], of_base["infobench"]["drfr"], of_base["mt_bench"]["score"]) == (1, 1, 7)
    assert (of_base["arena_hard"]["win_rate"], of_base["arena_hard"]["battles"]) == (0.5, 4)
    assert sum(of_base[bench]["unread"] for bench in JUDGED) == 0
    assert len([line for line in ran.out.splitlines() if "against base" in line]) == len(benchmarks)


def test_the_gate_ends_with_exit_code_1_and_says_what_fell(folder):
    flags = ("--evaluation.benchmarks", "[tiny]", "--evaluation.largest_drop", "0.02")
    ran = evaluate(folder, *flags, "--evaluation.max_prompts", "60")
    assert ran.code == 1
    assert "H: sft is" in ran.err
    assert "more than evaluation.largest_drop = 0.02 allows" in ran.err
    assert "Traceback" not in ran.err
    assert (folder / "report.html").exists()
