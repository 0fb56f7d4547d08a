"""Base models of many families through the recipes' command line: SFT, then a round that samples, judges and trains."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows
from tests.conftest import run_recipe
from tests.families import LLAMA3, build, write_rows

STEPS = {"max_steps": 2, "per_device_train_batch_size": 2, "global_batch_size": 2, "max_length": 256}
FLAGS = (
    *(f"--{section}.{key}={value}" for section in ("sft", "dpo") for key, value in STEPS.items()),
    *("--sft.bf16=false", "--dpo.bf16=false", "--quality.enabled=false", "--online_dpo.rounds=1"),
    *(
        "--sampling.temperature=1.0",
        "--sampling.max_new_tokens=96",
        "--sampling.responses_per_query=8",
        "--pairs.match_length=false",
    ),
)
# A random model's answers pass about every second time; one in five ends within so many tokens.
QUERIES = 40
FUNCTION = {
    "source": "def evaluate(response):\n    return sum(map(ord, response)) % 2 == 0",
    "instruction_id": "even",
    "audit": False,
}


def run_folder(folder):
    data = folder / "data"
    data.mkdir(parents=True)
    write_rows(data)
    queries = [
        {"id": f"q{number}", "prompt": f"Write {number} words.", "instruction_ids": ["even"], "functions": [FUNCTION]}
        for number in range(QUERIES)
    ]
    (data / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    return folder


@pytest.mark.parametrize(
    "family",
    [
        "llama3",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("qwen3", "mistral", "gemma2", "phi3", "olmo2")),
    ],
)
def test_a_family_trains_and_samples_through_the_recipes(family, tmp_path):
    model = build(family, tmp_path / "model")
    folder = run_folder(tmp_path / "run")
    for recipe in ("sft", "online_dpo"):
        ran = run_recipe(recipe, "--model", model, "--output_dir", str(folder), *FLAGS)
        assert ran.code == 0, ran.err
    assert len(list(Rows(folder / "sft" / "metrics.jsonl"))) == 2
    assert len(list(Rows(folder / "online_dpo" / "round_1" / "responses.jsonl"))) == 8 * QUERIES


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda model: (model / "chat_template.jinja").write_text("{{ bos_token }}" + LLAMA3), "token is doubled"),
        (lambda model: (model / "model.safetensors").unlink(), "lacks the weights"),
        (lambda model: shutil.rmtree(model), "neither a file under"),
    ],
    ids=["template", "weights", "folder"],
)
def test_a_spoilt_model_is_one_line(spoil, said, tmp_path):
    model = build("llama3", tmp_path / "model")
    spoil(tmp_path / "model")
    folder = run_folder(tmp_path / "run")
    ran = run_recipe("sft", "--model", model, "--output_dir", str(folder), *FLAGS, HF_HUB_OFFLINE="1")
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
