"""Programs run in the executor: right ones pass, wrong ones fail, and nothing else decides."""

from __future__ import annotations

import gzip
import json

import pytest

from autoif_train.evaluation.answers import Answered
from autoif_train.evaluation.programs import code_of, grade, load_items, metrics, open_executor, program
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.execution import ExecutionSettings, Outcome
from autoif_train.rows import write_rows
from autoif_train.types import UserError

HUMANEVAL = "humaneval/HumanEval.jsonl.gz"
ADD = {
    "task_id": "T/0",
    "prompt": 'def add(a, b):\n    """Add two numbers."""\n',
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(0, 0) == 0\n",
}


@pytest.fixture(scope="module")
def executor():
    with open_executor(ExecutionSettings()) as opened:
        yield opened


@pytest.fixture
def outcome(executor, tmp_path):
    """What becomes of one response to `ADD`."""
    write_rows(tmp_path / "tasks.jsonl", [ADD])
    settings = EvaluationSettings(humaneval_prompts=str(tmp_path / "tasks.jsonl"))

    def run(response):
        (row,) = grade("humaneval", [Answered("T/0", ADD["prompt"], (response,))], executor, settings)
        return row.outcome

    return run


@pytest.fixture(scope="module")
def official(public_data, executor):
    """Grades one response per official task; `write` makes it from the task's row."""
    settings = EvaluationSettings(humaneval_prompts=str(public_data / HUMANEVAL))
    with gzip.open(public_data / HUMANEVAL, "rt") as file:
        rows = [json.loads(line) for line in file]

    def run(write):
        answered = [Answered(row["task_id"], row["prompt"], (write(row),)) for row in rows]
        return list(grade("humaneval", answered, executor, settings))

    return run


def test_canonical_solutions_all_pass(official):
    rows = official(lambda row: row["canonical_solution"])
    assert (len(rows), [row.key for row in rows if not row.passed]) == (164, [])


def test_canonical_solutions_pass_as_chat_models_write_them(official):
    rows = official(lambda row: f"Here it is:\n```python\n{row['prompt']}{row['canonical_solution']}```\nDone.")
    assert [row.key for row in rows if not row.passed] == []


def test_solutions_that_return_nothing_all_fail(official):
    assert [row.key for row in official(lambda row: "    return None\n") if row.passed] == []


def test_solutions_with_their_last_result_spoilt_all_fail(official):
    def spoilt(row):
        body, _, last = row["canonical_solution"].rpartition("return ")
        wrong = {"True": "False", "False": "True"}.get(last.strip(), f"[({last.strip()}), None]")
        return f"{body}return {wrong}\n"

    rows = official(spoilt)
    assert [row.key for row in rows if row.passed] == []


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("    return a + b", Outcome.FOLLOWED),
        ("```python\ndef add(a, b):\n    return a + b\n```", Outcome.FOLLOWED),
        ("Try `add`:\n```\nx = 1\n```\nthen\n```python\ndef add(a, b):\n    return a + b\n```", Outcome.FOLLOWED),
        ("```python\nimport math\n\ndef add(a, b):\n    return int(math.fsum([a, b]))\n```", Outcome.FOLLOWED),
        ("<think>def add</think>```python\ndef add(a, b):\n    return a + b\n```", Outcome.FOLLOWED),
        (
            "```python\ndef evaluate(x):\n    return x\ndef add(a, b):\n    return evaluate(a) + b\n```",
            Outcome.FOLLOWED,
        ),
        ("```python\ndef add(a, b):\n    return eval(f'{a} + {b}')\n```", Outcome.FOLLOWED),
        ("    return a - b", Outcome.VIOLATED),
        ("", Outcome.VIOLATED),
        ("    return a + undefined", Outcome.CRASHED),
        ("    while True: pass", Outcome.TIMED_OUT),
        ("    return a +", Outcome.INVALID),
        ("```python\nimport socket\ndef add(a, b):\n    return a + b\n```", Outcome.INVALID),
        ("    import sys; sys.exit(0)", Outcome.CRASHED),
    ],
)
def test_what_becomes_of_an_answer(outcome, response, expected):
    assert outcome(response) is expected


def test_an_answer_cannot_bring_its_own_tests(outcome):
    assert outcome("```python\ndef add(a, b):\n    return 0\ndef check(candidate):\n    pass\n```") is Outcome.VIOLATED


def test_the_first_block_that_defines_the_function_is_the_answer():
    text = "```\nnothing\n```\n```py\ndef f(): pass\n```\n```py\ndef f(): return 1\n```"
    assert code_of(text, "f") == "def f(): pass\n"


def test_an_unclosed_block_is_read_to_its_end():
    assert code_of("```python\ndef f(): pass", "f") == "def f(): pass"


MBPP = {
    "task_id": 11,
    "text": "Write a function to add.",
    "code": "def add(a, b):\n    return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
    "test_setup_code": "",
    "challenge_test_list": [],
}


def test_mbpp_is_run_with_its_asserts(executor, tmp_path):
    write_rows(tmp_path / "mbpp.jsonl", [MBPP, {**MBPP, "task_id": 12}, {**MBPP, "task_id": 601}])
    settings = EvaluationSettings(mbpp_prompts=str(tmp_path / "mbpp.jsonl"))
    answered = [
        Answered("11", MBPP["text"], (MBPP["code"],)),
        Answered("12", MBPP["text"], ("def add(a, b):\n    return a - b",)),
    ]
    rows = list(grade("mbpp", answered, executor, settings))
    assert [(row.key, row.outcome) for row in rows] == [("11", Outcome.FOLLOWED), ("12", Outcome.VIOLATED)]


def test_mbpp_asks_with_the_tests_in_view(tmp_path):
    write_rows(tmp_path / "mbpp.jsonl", [MBPP])
    (item,) = load_items("mbpp", tmp_path / "mbpp.jsonl")
    assert "assert add(0, 0) == 0" in item.question
    assert item.name == "add"


def test_a_file_without_test_tasks_is_refused(tmp_path):
    write_rows(tmp_path / "mbpp.jsonl", [{**MBPP, "task_id": 601}])
    with pytest.raises(UserError, match=r"mbpp\.jsonl: holds no task .*; name the official file"):
        load_items("mbpp", tmp_path / "mbpp.jsonl")


def test_a_program_holds_answer_and_tests_in_that_order(tmp_path):
    write_rows(tmp_path / "tasks.jsonl", [ADD])
    (item,) = load_items("humaneval", tmp_path / "tasks.jsonl")
    source = program(item, "    return a + b")
    assert source.index("return a + b") < source.index("def check") < source.index("def evaluate")


def test_metrics_show_what_else_became_of_programs(outcome, executor, tmp_path):
    write_rows(tmp_path / "tasks.jsonl", [ADD, {**ADD, "task_id": "T/1"}])
    settings = EvaluationSettings(humaneval_prompts=str(tmp_path / "tasks.jsonl"))
    answered = [Answered("T/0", ADD["prompt"], ("    return a + b",)), Answered("T/1", ADD["prompt"], ("    oops(",))]
    figures = metrics(grade("humaneval", answered, executor, settings))
    assert (figures["pass_at_1"], figures["invalid"], figures["crashed"]) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"{}\n"), gzip.compress(b"{")[:-9], gzip.compress(b"{")])
def test_a_gzipped_file_that_cannot_be_read_is_refused_with_its_row(tmp_path, content):
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"HumanEval\.jsonl\.gz, row 1: .*; name the official file"):
        load_items("humaneval", tmp_path / "HumanEval.jsonl.gz")
