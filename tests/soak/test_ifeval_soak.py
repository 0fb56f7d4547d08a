"""IFEval's scorer gives one answer, whatever the process it runs in."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import run_command

RUNS = 10


@pytest.mark.soak
def test_ten_runs_write_the_same_bytes(public_data, tmp_path):
    pytest.importorskip("lm_eval", reason="the extra `eval` is not installed")
    written = set()
    for number in range(RUNS):
        output = tmp_path / f"{number}.jsonl"
        command = [sys.executable, "-m", "autoif_train.cli", "score", "--benchmark", "ifeval", "--output", str(output)]
        command += ["--prompts", str(public_data / "ifeval" / "input_data_2023-11_version.jsonl")]
        command += ["--responses", str(public_data / "ifeval_responses" / "mistralai__Mistral-7B-Instruct-v0.3.jsonl")]
        ran = run_command(command, timeout=300, PYTHONHASHSEED=str(number))
        assert ran.code == 0, ran.err
        written.add(output.read_bytes() + ran.out.splitlines()[-1].encode())
    assert len(written) == 1
