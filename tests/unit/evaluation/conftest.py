"""A run folder that is evaluated without a model."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.config import resolve
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.tiny import Scored
from autoif_train.rows import write_rows
from autoif_train.run import Run

SETTINGS = resolve()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr("autoif_train.evaluation.choice.base_model", lambda policy: policy.model)
    with Run(dataclasses.replace(SETTINGS, output_dir=str(tmp_path)), "evaluate") as opened:
        yield opened


def lay_model(run, name):
    run.path(name).mkdir(parents=True)
    (run.path(name) / "config.json").write_text("{}")


def lay_scores(run, stage, passed, first=0):
    for name in BENCHMARKS["tiny"].sets:
        rows = [Scored(str(number), "text", (each,), True) for number, each in enumerate(passed, first)]
        write_rows(run.path(f"evaluation/{stage}/{name}.jsonl"), rows)
