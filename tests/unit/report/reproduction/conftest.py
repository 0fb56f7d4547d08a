"""A grid on the tiny model whose runs are written by hand, as they would stand after training."""

from __future__ import annotations

import json

import pytest

from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.way import way
from autoif_train.report.reproduction.grid import read_arguments
from autoif_train.rows import write_rows

PROMPTS = 40


@pytest.fixture
def grid(tmp_path):
    """A function that reads a command line whose output lies in the test's own folder."""
    return lambda *flags: read_arguments("reproduce.py", "", ["--output_dir", str(tmp_path), *flags])


def passing(count):
    """Verdicts on `PROMPTS` prompts of which the first `count` are passed."""
    return [number < count for number in range(PROMPTS)]


def write_run(run, passed, rounds=1):
    """The folder of a finished run: `passed` maps stages to how many prompts of H and Q are passed."""
    scores, asked = [], way(BENCHMARKS["tiny"], run.settings.evaluation)
    for stage, count in passed.items():
        numbers = range(1, rounds + 1) if stage == "online_dpo" else (0,)
        for number in numbers:
            name = f"{stage}/round_{number}" if number else stage
            for of_set in ("H", "Q"):
                rows = [
                    {"prompt": f"p {n}", "text": "x", "followed": [ok], "relevant": True}
                    for n, ok in enumerate(passing(count))
                ]
                write_rows(run.folder / f"evaluation/{name}/{of_set}.jsonl", rows)
                metrics = {"pass_rate": count / PROMPTS, "relevance": 1.0}
                place = {"stage": stage, "round": number, "seed": run.seed, **asked}
                scores.append({**place, "benchmark": "tiny", "set": of_set, "n": PROMPTS, "metrics": metrics})
                scores[-1]["items"] = scores[-1]["answers"] = [f"evaluation/{name}/{of_set}"]
    (run.folder / "results.json").write_text(json.dumps({"scores": scores}))
