"""A small run folder with every file that the page reads, whose generated texts try to be HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from autoif_train.evaluation.statistics import compare, wilson_interval
from autoif_train.report.page import write_report
from autoif_train.rows import write_rows

HOSTILE = "<script>alert('x')</script>"
SOURCE = f"def evaluate(response):\n    return '{HOSTILE[:8]}' not in response  # </pre>{HOSTILE}"
STAGES = ("base", "sft", "offline_dpo", "online_dpo/round_1", "online_dpo/round_2")
ROUNDS = STAGES[3:]


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def answered(stage: int) -> list[dict[str, Any]]:
    """Twenty scored answers, of which each later stage follows more."""
    return [
        {
            "prompt": f"Prompt {number}. {HOSTILE}",
            "text": f"Answer {number} of stage {stage}. {HOSTILE}",
            "followed": [True, number < 4 + 3 * stage],
            "relevant": number != 7,
            "kinds": ["upper", "json" if number % 2 else f"kind {HOSTILE}"],
        }
        for number in range(20)
    ]


def results() -> dict[str, Any]:
    """What `results.json` holds after every stage answered twenty prompts of both sets."""
    passed = {name: [all(row["followed"]) for row in answered(number)] for number, name in enumerate(STAGES)}
    scores, comparisons = [], []
    for set_name in ("H", "Q"):
        for name, marks in passed.items():
            stage, _, number = name.partition("/round_")
            low, high = wilson_interval(sum(marks), len(marks))
            rates = {"pass_rate": sum(marks) / len(marks), "pass_rate_low": low, "pass_rate_high": high}
            metrics = {**rates, "instruction_pass_rate": 0.7, "relevance": 0.95, "mean_words": 6.0, "distinct": 1.0}
            place = {"stage": stage, "round": int(number or 0), "seed": 0}
            scores.append({**place, "benchmark": "tiny", "set": set_name, "n": len(marks), "metrics": metrics})
        comparisons += [
            {"benchmark": "tiny", "set": set_name, "before": before, "after": after}
            | compare(passed[before], passed[after])
            for place, before in enumerate(STAGES)
            for after in STAGES[place + 1 :]
        ]
    return {"scores": scores, "comparisons": comparisons}


def judged(count: int = 12) -> Iterable[dict[str, Any]]:
    """Answers to queries of three each: one followed, one violated, one that nobody could judge."""
    for number in range(count):
        score = (1.0, 0.0, None)[number % 3]
        yield {"query_id": f"q{number // 3}", "text": f"Text {number}", "author": "sft", "outcomes": [], "score": score}


def pairs(count: int = 6, words: str = "one two three") -> Iterable[dict[str, Any]]:
    for number in range(count):
        yield {
            "prompt": user(f"Ask {number} {HOSTILE}"),
            "chosen": assistant(f"{words} four {HOSTILE}"),
            "rejected": assistant(f"{words} five"),
            "chosen_score": 1.0,
            "rejected_score": 0.0,
            "query_id": f"q{number}",
        }


def noted() -> dict[str, Any]:
    """What a round of no particular interest notes of itself."""
    answers = {"distinct_share": 0.9, "relevance": None, "audit": None}
    validation = {"before": 0.4, "after": 0.5, "after_low": 0.3, "after_high": 0.7, "p": 0.5, "harmed": False}
    return {"answers": answers, "training": {}, "drift": {}, "validation": validation, "tokens": {}}


def write_data(folder: Path) -> None:
    instruction = {"id": "i1", "text": f"Use no commas. {HOSTILE}", "parent_id": None}
    function = {"id": "f1", "source": SOURCE, "accuracy": 0.9}
    cases = [{"text": f"fine {HOSTILE}", "expected": True}, {"text": "a, b", "expected": False}]
    drafts = {"instruction_id": "i1", "functions": [function] * 3, "cases": cases * 2}
    write_rows(folder / "data/instructions.jsonl", [instruction])
    write_rows(folder / "data/functions.jsonl", [drafts])
    checked = {"instruction": instruction, "functions": [function], "cases": cases}
    write_rows(folder / "data/checked.jsonl", [checked])
    functions = [{"source": SOURCE, "instruction_id": "i1"}]
    queries = ({"id": f"q{number}", "prompt": "Ask", "instruction_ids": ["i1"]} for number in range(4))
    write_rows(folder / "data/queries.jsonl", ({**query, "functions": functions} for query in queries))
    write_rows(folder / "data/judged.jsonl", judged())
    write_rows(folder / "data/pairs.jsonl", pairs())
    dropped = {"cases disagree": 8, f"because {HOSTILE}": 1}
    filtered = {"stage": "data/cross_validated", "unit": "function", "rows_in": 10, "rows_out": 1, "dropped": dropped}
    entries = [
        {"stage": "data/instructions", "unit": "instruction", "made": 1},
        {**filtered, "examples": {"cases disagree": [HOSTILE]}},
        {"stage": "online_dpo/round_1/responses", "unit": "response", "made": 12},
        {"stage": "evaluation/base/H", "unit": "answer", "made": 20},
    ]
    write_json(folder / "funnel.json", entries)


def write_training(folder: Path) -> None:
    steps = [{"step": step, "loss": 1 / step, "rewards/margins": step, "rewards/accuracies": 0.5} for step in (1, 2, 3)]
    for name in ("sft", "offline_dpo", *ROUNDS):
        write_rows(folder / name / "metrics.jsonl", steps)
    for name in ("sft", "offline_dpo", *(f"{name}/policy" for name in ROUNDS)):
        write_json(folder / name / "config.json", {})
    for name in ROUNDS:
        write_rows(folder / name / "judged.jsonl", judged())
        write_rows(folder / name / "pairs.jsonl", pairs())
        write_json(folder / name / "summary.json", noted())


def write_run(folder: Path) -> Path:
    write_data(folder)
    write_training(folder)
    for number, name in enumerate(STAGES):
        for set_name in ("H", "Q"):
            write_rows(folder / f"evaluation/{name}/{set_name}.jsonl", answered(number))
    write_json(folder / "results.json", results())
    timed = {"seconds": 60.0, "cpu_seconds": 30.0}
    steps = dict.fromkeys(("data/judged", "sft", "offline_dpo", "online_dpo/round_1/policy"), timed)
    versions = {"python": "3.11", "autoif_train": "0.1.0", "vllm": None}
    write_json(folder / "manifest.json", {"versions": versions, "seed": 0, "steps": steps})
    (folder / "config.yaml").write_text(
        "model: tiny\nmode: strong_to_weak\npreset: recommended\nseed: 0\n"
        "supervisor: {kind: recorded}\nquality: {judge: tiny}\nevaluation: {max_prompts: null}\n"
    )
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The whole run folder, for tests that change it."""
    return write_run(tmp_path / "run")


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the whole run folder, made once for the tests that only read it."""
    return write_report(write_run(tmp_path_factory.mktemp("run"))).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def example_results() -> dict[str, Any]:
    """The results of the whole run folder."""
    return results()
