"""The key of reference log-probabilities holds whatever changes them, and nothing else."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.resources import resolve
from autoif_train.training.reference import read_log_probs, reference_key, write_log_probs

ROWS = [{"prompt_ids": [5, 6], "chosen_ids": [7], "rejected_ids": [8, 9]}]
SETTINGS = {"max_length": 64}


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(resolve("bundled:tiny/data/base"), tmp_path / "model")


def test_a_copy_elsewhere_has_the_same_key(model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "copy")
    assert reference_key(str(copy), ROWS, SETTINGS) == reference_key(str(model), ROWS, SETTINGS)


@pytest.mark.parametrize(
    "rows",
    [
        [{**ROWS[0], "prompt_ids": [5, 7]}],
        [{"prompt_ids": [5], "chosen_ids": [6, 7], "rejected_ids": [8, 9]}],
        [{"prompt_ids": [5, 6], "chosen_ids": [8, 9], "rejected_ids": [7]}],
        ROWS * 2,
        [],
    ],
    ids=["token", "boundary", "exchanged", "more", "none"],
)
def test_other_rows_have_another_key(model, rows):
    assert reference_key(str(model), rows, SETTINGS) != reference_key(str(model), ROWS, SETTINGS)


def test_another_setting_has_another_key(model):
    assert reference_key(str(model), ROWS, {"max_length": 32}) != reference_key(str(model), ROWS, SETTINGS)


def test_changed_weights_have_another_key(model):
    before = reference_key(str(model), ROWS, SETTINGS)
    weights = next(model.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert reference_key(str(model), ROWS, SETTINGS) != before


def test_the_base_of_an_adapter_counts(model, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"adapter")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(model)}))
    before = reference_key(str(adapter), ROWS, SETTINGS)
    (model / "config.json").write_text("{}")
    assert reference_key(str(adapter), ROWS, SETTINGS) != before


def test_figures_come_back_exactly(tmp_path):
    found = [(-1.1920928955078125e-07, -93.35530090332031), (0.0, -5.0)]
    write_log_probs(tmp_path / "reference.jsonl", found)
    assert read_log_probs(tmp_path / "reference.jsonl", 2) == found


@pytest.mark.parametrize("count", [1, 3])
def test_a_file_of_another_number_of_pairs_is_not_taken(tmp_path, count):
    write_log_probs(tmp_path / "reference.jsonl", [(-1.0, -2.0), (-3.0, -4.0)])
    assert read_log_probs(tmp_path / "reference.jsonl", count) is None


def test_no_file_is_no_figures(tmp_path):
    assert read_log_probs(tmp_path / "reference.jsonl", 0) is None
