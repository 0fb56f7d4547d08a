"""The learning curve is real: at full size, in both modes, each stage beats the one before where it is said to."""

from __future__ import annotations

import json

import pytest

from autoif_train.evaluation.statistics import mcnemar
from autoif_train.evaluation.tiny import Scored
from autoif_train.rows import Rows
from tests.conftest import run_recipe

pytestmark = pytest.mark.soak
SEED = "11"  # not among the seeds that settings were looked at with


@pytest.fixture(scope="module", params=["strong_to_weak", "self_alignment"])
def full_run(request, tmp_path_factory):
    """One whole run at the default sizes."""
    folder = tmp_path_factory.mktemp(request.param) / "run"
    ran = run_recipe("evaluate", "--mode", request.param, "--seed", SEED, "--output_dir", str(folder), timeout=1500)
    assert ran.code == 0, ran.err
    return folder


def _passed(folder, stage):
    return [
        row.passed for name in ("H", "Q") for row in Rows(folder / f"evaluation/{stage}/{name}.jsonl", Scored.from_row)
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("base", "sft"), ("sft", "online_dpo/round_3"), ("base", "online_dpo/round_3")]
)
def test_the_later_stage_passes_more_prompts_beyond_noise(full_run, before, after):
    test = mcnemar(_passed(full_run, before), _passed(full_run, after))
    assert test["difference"] > 0
    assert test["p"] < 0.05


def test_the_last_round_still_states_the_right_facts(full_run):
    scores = json.loads((full_run / "results.json").read_text())["scores"]
    last = [row["metrics"]["relevance"] for row in scores if row["round"] == 3]
    assert min(last) >= 0.93
