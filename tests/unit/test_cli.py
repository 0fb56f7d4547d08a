"""`autoif`: files in, files out, and one clear line for what the user got wrong."""

from __future__ import annotations

import json
import sys

import pytest

from autoif_train import cli
from autoif_train.cli import COMMANDS
from autoif_train.funnel import Tally
from autoif_train.rows import Rows, write_rows

SOURCE = "def evaluate(response):\n    return len(response) > 3"
CASES = [
    {"text": "a long text", "expected": True},
    {"text": "another text", "expected": True},
    {"text": "no", "expected": False},
    {"text": "", "expected": False},
]
FAST = ["--execution.workers", "1"]


@pytest.fixture
def autoif(monkeypatch, capsys, tmp_path):
    """Runs the console script in this process; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "prepare", lambda: None)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autoif", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return code or 0, said.out, said.err

    return run


def lay(name, *rows):
    with open(name, "w", encoding="utf-8") as file:
        file.writelines((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def refused(found, *words):
    code, _, err = found
    assert code == 2, err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err


# --- the commands -----------------------------------------------------------------------------------------------------


def test_without_arguments_it_says_what_it_can(autoif):
    code, out, _ = autoif()
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", ["doctor", "cross-validate", "judge", "score", "export", "report", "status"])
def test_the_commands_of_the_contract_are_there(name):
    assert name in COMMANDS


def test_an_unknown_command_lists_the_known(autoif):
    refused(autoif("typo"), "typo", "cross-validate")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_explains_itself(autoif, name):
    code, out, _ = autoif(name, "--help")
    assert code == 0
    assert name in out


@pytest.mark.parametrize(
    "arguments", [["cross-validate"], ["judge", "--functions", "f"], ["export", "run", "--output", "o"]]
)
def test_a_missing_option_is_a_users_mistake(autoif, arguments):
    code, _, err = autoif(*arguments)
    assert code == 2
    assert "Traceback" not in err


# --- cross-validate ---------------------------------------------------------------------------------------------------


def cross_validate(autoif, *rows, flags=()):
    lay("in.jsonl", *rows)
    return autoif("cross-validate", "--input", "in.jsonl", "--output", "out.jsonl", *FAST, *flags)


def test_survivors_stand_in_the_order_of_the_input_and_the_rest_beside_them(autoif):
    rows = [{"instruction": str(n), "functions": [SOURCE], "cases": CASES if n % 2 else []} for n in range(4)]
    code, out, _ = cross_validate(autoif, *rows)
    assert code == 0
    assert [row["instruction"] for row in Rows("out.jsonl")] == ["1", "3"]
    assert [row["instruction"] for row in Rows("out.dropped.jsonl")] == ["0", "2"]
    assert "2 instructions survive" in out


def test_a_survivor_holds_the_keys_of_the_contract(autoif):
    cross_validate(autoif, {"instruction": "x", "functions": [SOURCE], "cases": CASES})
    assert list(Rows("out.jsonl")) == [
        {"instruction": "x", "functions": [{"source": SOURCE, "accuracy": 1.0}], "cases": CASES}
    ]


def test_a_dropped_row_holds_instruction_reason_and_detail(autoif):
    cross_validate(autoif, {"instruction": "x", "functions": ["not python ("], "cases": CASES})
    (row,) = Rows("out.dropped.jsonl")
    assert row.keys() == {"instruction", "reason", "detail"}
    assert row["reason"] == "no surviving function"
    assert any(line.startswith("function: invalid: does not compile") for line in row["detail"])


def test_a_dropped_row_tells_of_its_own_functions_and_cases_only(autoif):
    broken = {"functions": ["not python ("], "cases": CASES}
    rows = [{"instruction": str(n), **broken} for n in range(2)]
    cross_validate(autoif, *rows, {"instruction": "good", "functions": [SOURCE, SOURCE], "cases": CASES}, rows[0])
    details = [row["detail"] for row in Rows("out.dropped.jsonl")]
    assert len(details) == 3
    assert details[0] == details[1] == details[2]
    assert "function: duplicate" not in details[2]


def test_what_went_of_a_survivor_stands_beside_with_its_reason(autoif):
    wrong = {"text": "a long text that nobody agrees with", "expected": False}
    constant = "def evaluate(response):\n    return True"
    row = {"instruction": "x", "functions": [SOURCE, constant, SOURCE, f"# again\n{SOURCE}"], "cases": [*CASES, wrong]}
    cross_validate(autoif, row)
    assert [row["instruction"] for row in Rows("out.jsonl")] == ["x"]
    assert list(Rows("out.dropped_parts.jsonl")) == [
        {"instruction": "x", "unit": "function", "reason": "duplicate", "error": "", "source": SOURCE},
        {"instruction": "x", "unit": "case", "reason": "functions disagree", **wrong},
        {"instruction": "x", "unit": "function", "reason": "constant", "error": "", "source": constant},
    ]


def test_every_function_and_case_is_found_again(autoif):
    broken = "not python ("
    rows = [
        {"instruction": "kept", "functions": [SOURCE, broken, SOURCE], "cases": [*CASES, CASES[0]]},
        {"instruction": "lost", "functions": [broken], "cases": CASES},
    ]
    cross_validate(autoif, *rows)
    kept, parts = list(Rows("out.jsonl")), list(Rows("out.dropped_parts.jsonl"))
    of_kept = [part for part in parts if part["instruction"] == "kept"]
    found = [function["source"] for row in kept for function in row["functions"]]
    found += [part["source"] for part in of_kept if part["unit"] == "function"]
    assert sorted(found) == sorted(rows[0]["functions"])
    assert len(kept[0]["cases"]) + sum(part["unit"] == "case" for part in of_kept) == len(rows[0]["cases"])


def test_too_few_says_how_many_are_needed(autoif):
    row = {"instruction": "x", "functions": [SOURCE], "cases": CASES}
    cross_validate(autoif, row, flags=["--cross_validation.min_cases", "9"])
    (row,) = Rows("out.dropped.jsonl")
    assert row["reason"] == "too few cases"
    assert row["detail"] == ["instruction: too few cases: 4 of the 9 that cross_validation.min_cases asks for"]


@pytest.mark.parametrize("label", ["true", "True", " TRUE "])
def test_a_label_may_be_written_as_a_word(autoif, label):
    cases = [{**case, "expected": label if case["expected"] else "False"} for case in CASES]
    assert cross_validate(autoif, {"instruction": "x", "functions": [SOURCE], "cases": cases})[0] == 0
    assert next(iter(Rows("out.jsonl")))["cases"] == CASES


def test_an_unreadable_label_is_refused_with_its_line(autoif):
    row = {"instruction": "x", "functions": [SOURCE], "cases": [{"text": "a", "expected": "yes"}]}
    refused(cross_validate(autoif, row), "in.jsonl, line 1", "label")


def test_instructions_share_the_executor(autoif, monkeypatch):
    from autoif_train.execution import Executor

    asked = []
    run = Executor.run
    monkeypatch.setattr(Executor, "run", lambda self, jobs: asked.append(len(jobs)) or run(self, jobs))
    cross_validate(autoif, *({"instruction": str(n), "functions": [SOURCE], "cases": CASES} for n in range(5)))
    assert asked == [5]


def test_no_row_is_no_survivor(autoif):
    code, out, _ = cross_validate(autoif)
    assert code == 0
    assert "0 instructions survive" in out
    assert list(Rows("out.jsonl")) == []


def test_a_file_may_be_its_own_output(autoif):
    lay("in.jsonl", {"instruction": "x", "functions": [SOURCE], "cases": CASES})
    assert autoif("cross-validate", "--input", "in.jsonl", "--output", "in.jsonl", *FAST)[0] == 0
    assert len(Rows("in.jsonl")) == 1


def test_flags_of_the_recipes_are_taken(autoif):
    rows = [{"instruction": "x", "functions": [SOURCE], "cases": CASES[:2]}]
    assert cross_validate(autoif, *rows)[0] == 0
    assert len(Rows("out.jsonl")) == 0
    assert cross_validate(autoif, *rows, flags=["--cross_validation.require_both_labels", "false"])[0] == 0
    assert len(Rows("out.jsonl")) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("not json", ["in.jsonl, line 2", "not JSON"]),
        ("{", ["line 2"]),
        ("[1]", ["line 2"]),
        ('"text"', ["line 2"]),
        ("null", ["line 2"]),
        ({"functions": [], "cases": []}, ["line 2", "instruction"]),
        ({"instruction": "x", "cases": []}, ["line 2", "functions"]),
        ({"instruction": "x", "functions": []}, ["line 2", "cases"]),
        ({"instruction": "x", "functions": [3], "cases": []}, ["line 2"]),
        ({"instruction": "x", "functions": [{"source": 3}], "cases": []}, ["line 2"]),
        ({"instruction": "x", "functions": "def evaluate(response): return True", "cases": []}, ["line 2"]),
        ({"instruction": 3, "functions": [SOURCE], "cases": CASES}, ["line 2", "instruction"]),
        ({"instruction": None, "functions": [SOURCE], "cases": CASES}, ["line 2", "instruction"]),
        ({"instruction": "x", "functions": [SOURCE], "cases": [{"text": 3, "expected": True}]}, ["line 2"]),
        ({"instruction": "x", "functions": [SOURCE], "cases": [{"text": "a", "expected": 1}]}, ["line 2"]),
        ({"instruction": "x", "functions": [SOURCE], "cases": {"text": "a"}}, ["line 2"]),
    ],
)
def test_a_malformed_row_is_refused_with_file_and_line(autoif, row, words):
    refused(cross_validate(autoif, {"instruction": "x", "functions": [SOURCE], "cases": CASES}, row), *words)


def test_a_refused_file_leaves_no_output(autoif, tmp_path):
    cross_validate(autoif, {"instruction": "x", "functions": [SOURCE], "cases": CASES}, "not json")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cross_validation.min_casse", "3"], ["min_cases"]),
        (["--cross_validation.min_cases", "x"], ["cross_validation.min_cases"]),
        (["--preset", "typo"], ["typo", "reference"]),
        (["--execution.workers", "0"], ["execution.workers"]),
    ],
)
def test_a_wrong_flag_is_refused_by_key(autoif, flags, words):
    refused(cross_validate(autoif, flags=flags), *words)


@pytest.mark.parametrize("command", ["cross-validate", "judge"])
def test_a_setting_that_would_not_be_heeded_is_refused(autoif, command):
    files = {"cross-validate": ["--input", "i"], "judge": ["--functions", "f", "--responses", "r"]}[command]
    found = autoif(command, *files, "--output", "out.jsonl", "--dpo.beta", "2")
    refused(found, "--dpo.beta", f"autoif {command} takes", "execution")


def test_a_missing_input_is_refused_by_name(autoif):
    refused(autoif("cross-validate", "--input", "nowhere.jsonl", "--output", "out.jsonl", *FAST), "nowhere.jsonl")


def test_an_output_that_is_a_folder_is_refused_by_name(autoif, tmp_path):
    (tmp_path / "folder").mkdir()
    lay("in.jsonl")
    refused(autoif("cross-validate", "--input", "in.jsonl", "--output", "folder", *FAST), "folder")


@pytest.mark.parametrize(
    ("command", "inputs"),
    [
        ("cross-validate", ["--input"]),
        ("judge", ["--functions", "--responses"]),
        ("score", ["--benchmark", "ifeval", "--prompts", "--responses"]),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_an_input_is_read(autoif, command, inputs):
    files = [part for each in inputs for part in ([each] if each in ("--benchmark", "ifeval") else [each, "nowhere"])]
    refused(autoif(command, *files, "--output", "/proc/out.jsonl"), "/proc/out.jsonl: cannot be written")


def test_hostile_unicode_goes_through(autoif):
    lone = (
        r'{"instruction": "\ud83d", "functions": ["def evaluate(response):\n    return len(response) > 3 # \ud83d"], '
    )
    code, _, err = cross_validate(autoif, lone + f'"cases": {json.dumps(CASES)}}}')
    assert (code, "Traceback" in err) in ((0, False), (2, False))


# --- judge ------------------------------------------------------------------------------------------------------------


def judge(autoif, functions, responses):
    lay("f.jsonl", *functions)
    lay("r.jsonl", *responses)
    return autoif("judge", "--functions", "f.jsonl", "--responses", "r.jsonl", "--output", "out.jsonl", *FAST)


def test_responses_are_judged_in_their_order(autoif):
    responses = [{"id": "a", "text": text} for text in ("a long text", "no")]
    assert judge(autoif, [{"id": "a", "functions": [SOURCE, "not python ("]}], responses)[0] == 0
    assert list(Rows("out.jsonl")) == [
        {"id": "a", "text": "a long text", "outcomes": ["followed", "invalid"], "score": 1.0},
        {"id": "a", "text": "no", "outcomes": ["violated", "invalid"], "score": 0.0},
    ]


def test_why_there_is_no_judgement_stands_beside(autoif):
    sources = [SOURCE, "def evaluate(r):\n    return r.missing", "import socket"]
    judge(autoif, [{"id": "a", "functions": sources}], [{"id": "a", "text": text} for text in ("one", "two")])
    crashed, refused = Rows("out.reasons.jsonl")
    assert (crashed["function"], crashed["outcome"], crashed["line"], crashed["count"]) == (1, "crashed", 1, 2)
    assert crashed["reason"] == "AttributeError: 'str' object has no attribute 'missing' (line 2)"
    assert (refused["function"], refused["outcome"]) == (2, "invalid")


def test_nobody_could_judge_is_null(autoif):
    judge(
        autoif,
        [{"id": 1, "functions": ["not python ("]}, {"id": 2, "functions": []}],
        [{"id": 1, "text": "a"}, {"id": 2, "text": "a"}],
    )
    assert [row["score"] for row in Rows("out.jsonl")] == [None, None]


@pytest.mark.parametrize(
    ("functions", "responses", "words"),
    [
        ([{"id": "a", "functions": [SOURCE]}], [{"id": "b", "text": "x"}], ["r.jsonl", "'b'"]),
        ([{"id": "a", "functions": [SOURCE]}], [{"id": "a"}], ["r.jsonl", "line 1", "text"]),
        ([{"id": "a", "functions": [SOURCE]}], [{"id": "a", "text": 3}], ["r.jsonl", "line 1", "text"]),
        ([{"id": "a", "functions": [SOURCE]}], [{"id": "a", "text": None}], ["r.jsonl", "line 1", "text"]),
        ([{"id": "a", "functions": [SOURCE]}], [{"id": ["a"], "text": "x"}], ["r.jsonl", "line 1", "id"]),
        ([{"id": "a", "functions": [SOURCE]}], ["[1]"], ["r.jsonl", "line 1"]),
        ([{"functions": [SOURCE]}], [], ["f.jsonl", "line 1", "id"]),
        ([{"id": "a"}], [], ["f.jsonl", "line 1", "functions"]),
        ([{"id": "a", "functions": SOURCE}], [{"id": "a", "text": "x"}], ["f.jsonl", "line 1", "functions"]),
        ([{"id": "a", "functions": [3]}], [{"id": "a", "text": "x"}], ["f.jsonl", "line 1", "functions"]),
        ([{"id": {}, "functions": []}], [], ["f.jsonl", "line 1", "id"]),
        ([{"id": "a", "functions": []}] * 2, [], ["f.jsonl", "line 2", "'a'"]),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(autoif, functions, responses, words):
    refused(judge(autoif, functions, responses), *words)


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_that_is_no_run_is_refused(autoif, command):
    refused(autoif(command, "nowhere"), "nowhere", "config.yaml")


def test_status_shows_funnel_and_steps(autoif, tmp_path):
    (tmp_path / "config.yaml").write_text("model: tiny\n")
    (tmp_path / "funnel.json").write_text(json.dumps([{"stage": "data/x", "unit": "query", "made": 3}]))
    (tmp_path / "manifest.json").write_text(json.dumps({"steps": {"data/x": {"seconds": 1.5}}}))
    code, out, _ = autoif("status", tmp_path)
    assert code == 0
    assert "3 queries made" in out
    assert "1.5 s" in out


def test_status_of_a_step_without_rows_shows_what_was_asked(autoif, tmp_path):
    (tmp_path / "config.yaml").write_text("model: tiny\n")
    counted = {"step": "data/agreed", "began": 0.0, "answers": 129, "calls": {}}
    (tmp_path / "progress.json").write_text(json.dumps(counted | {"funnel": Tally("data/agreed").entries()}))
    _, out, _ = autoif("status", tmp_path)
    assert "129 answers of models so far" in out
    assert "0 rows" not in out


def test_several_folders_are_compared(autoif, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"model: {name}\n")
    code, out, _ = autoif("report", "a", "b")
    assert code == 0
    assert "model: a  |  b" in out
    assert (tmp_path / "comparison.html").exists()


@pytest.fixture
def run_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("model: tiny\n")
    return tmp_path / "run"


def test_a_report_that_cannot_be_written_is_refused_by_name(autoif, run_folder):
    (run_folder / ".report.html.part").mkdir()
    refused(autoif("report", run_folder), "report.html: cannot be written")


def test_the_report_of_one_run_needs_no_place_for_a_comparison(autoif, run_folder, monkeypatch):
    monkeypatch.chdir("/proc")
    assert autoif("report", run_folder)[0] == 0


def test_an_export_that_cannot_be_written_is_refused_by_name(autoif, tmp_path):
    write_rows(tmp_path / "run" / "data" / "pairs.jsonl", [{"prompt": []}])
    refused(autoif("export", "run", "--format", "trl", "--output", "/proc/self"), "/proc/self")


def test_export_tells_what_it_wrote(autoif, tmp_path):
    write_rows(tmp_path / "run" / "data" / "pairs.jsonl", [{"prompt": [], "chosen": [{}], "rejected": [{}]}])
    code, out, _ = autoif("export", "run", "--format", "trl", "--output", "o")
    assert code == 0
    assert "pairs.jsonl" in out


def test_export_of_nothing_is_refused(autoif):
    refused(autoif("export", "nowhere", "--format", "trl", "--output", "o"), "nowhere")
