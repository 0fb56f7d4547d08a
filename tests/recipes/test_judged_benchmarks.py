"""Judged benchmarks end to end: a policy or a file of responses, and a judge behind a server."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from autoif_train.chat.policy import base_model
from autoif_train.config import resolve
from autoif_train.evaluation.choice import evaluate_stage
from autoif_train.evaluation.results import write_results
from autoif_train.evaluation.stages import Stage
from autoif_train.rows import Rows, write_rows
from autoif_train.run import Run
from autoif_train.types import UserError
from tests.conftest import ROOT, run_command
from tests.unit.chat.mock_server import MockServer, some_faults

QUESTIONS = [
    {
        "id": str(number),
        "instruction": f"Name {number} rivers.",
        "input": "",
        "decomposed_questions": ["Are rivers named?", "Is the number right?"],
        "subset": "Easy_set",
    }
    for number in range(4)
]
RESPONSES = [{"prompt": f"Name {number} rivers.", "response": f"Rivers: {number}"} for number in range(4)]


def judge(body: dict) -> str:
    """A judge that likes rivers, doubts numbers, and loses its tongue over the prompt of number 3."""
    asked = body["messages"][-1]["content"]
    if "Name 3" in asked and "Is the number right?" in asked:
        return "Who can say."
    return "It names some.\nYES" if "Are rivers named?" in asked else "I count again.\nNO"


@pytest.fixture
def files(tmp_path):
    write_rows(tmp_path / "questions.jsonl", QUESTIONS)
    write_rows(tmp_path / "responses.jsonl", RESPONSES)
    return tmp_path


def command_line(folder, base_url):
    command = [sys.executable, "-m", "autoif_train.cli", "score", "--benchmark", "infobench"]
    command += ["--prompts", folder / "questions.jsonl", "--responses", folder / "responses.jsonl"]
    command += ["--output", folder / "graded.jsonl", "--evaluation.judge.model", "arbiter"]
    return [*map(str, command), "--evaluation.judge.base_url", base_url]


def score(folder, base_url):
    return run_command(command_line(folder, base_url), timeout=120)


def test_a_file_of_responses_is_judged_and_the_unreadable_counted_apart(files):
    with MockServer(reply=judge, fault=some_faults(0.2, ("busy", "broken", "truncated"))) as server:
        ran = score(files, server.base_url)
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out.splitlines()[-1])
    assert figures["drfr"] == pytest.approx(4 / 7)
    assert (figures["questions"], figures["unread"], figures["asked"]) == (8, 1, 10)
    assert (figures["grader"]["model"], figures["grader"]["temperature"]) == ("arbiter", 0.0)
    rows = list(Rows(files / "graded.jsonl"))
    assert [row["verdicts"] for row in rows] == [[1, 0], [1, 0], [1, 0], [1, None]]
    assert rows[-1]["unread"] == ["Who can say."]


def test_judging_again_pays_for_nothing(files):
    with MockServer(reply=judge) as server:
        first = score(files, server.base_url)
        paid = server.ledger.total()
        again = score(files, server.base_url)
        assert again.out == first.out
        assert server.ledger.total() == paid


def test_a_kill_costs_the_verdicts_under_way_and_no_other(files):
    with MockServer(reply=lambda body: "YES", latency_seconds=0.3) as server:
        command = [
            str(part) for part in [*command_line(files, server.base_url), "--evaluation.judge.max_concurrency", 2]
        ]
        begun = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while server.ledger.total() < 5:
            assert begun.poll() is None
            time.sleep(0.02)
        begun.kill()
        begun.wait()
        ran = run_command(command, timeout=120)
        assert json.loads(ran.out.splitlines()[-1])["drfr"] == 1
        assert server.ledger.total() <= 8 + 2


def test_a_judge_without_a_name_is_one_clear_line(files):
    command = [sys.executable, "-m", "autoif_train.cli", "score", "--benchmark", "infobench"]
    command += ["--prompts", str(files / "questions.jsonl"), "--responses", str(files / "responses.jsonl")]
    ran = run_command([*command, "--output", str(files / "graded.jsonl")], timeout=120)
    assert ran.code == 2
    assert "evaluation.judge.model: not set" in ran.err
    assert "Traceback" not in ran.err


@pytest.fixture
def folder(files, monkeypatch):
    """Runs the tiny base model through the benchmark in a run folder; more settings come from the caller."""
    monkeypatch.delenv("RANK", raising=False)

    def evaluate(**settings):
        resolved = resolve(
            output_dir=str(files / "run"),
            **{
                "evaluation.benchmarks": "[infobench]",
                "evaluation.infobench_prompts": str(files / "questions.jsonl"),
                "evaluation.max_new_tokens": 8,
                **{f"evaluation.{key}": value for key, value in settings.items()},
            },
        )
        with Run(resolved, "evaluate") as run:
            evaluate_stage(run, resolved, Stage("base", 0, base_model(resolved.policy)))
            return run, write_results(run, resolved)

    return evaluate


def test_a_judge_without_a_name_is_told_before_a_policy_answers(folder, files):
    with pytest.raises(UserError, match=r"evaluation\.judge\.model: not set"):
        folder()
    assert not list((files / "run").rglob("*.jsonl"))


def test_a_policy_is_judged_and_the_result_names_its_judge_and_decoding(folder):
    with MockServer(reply=judge) as server:
        _, results = folder(**{"judge.model": "arbiter", "judge.base_url": server.base_url})
    (row,) = results["scores"]
    assert (row["benchmark"], row["n"], row["metrics"]["drfr"]) == ("infobench", 4, pytest.approx(4 / 7))
    assert row["grader"]["model"] == "arbiter"
    assert row["decoding"] == {"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 8}
    assert row["chat_template"]
    assert {"commit", "transformers"} <= results["versions"].keys()


def test_another_judge_gives_verdicts_of_its_own_on_the_same_answers(folder):
    with MockServer(reply=judge) as server:
        run, first = folder(**{"judge.model": "arbiter", "judge.base_url": server.base_url})
    (answers,) = first["scores"][0]["answers"]
    kept = run.path(f"{answers}.jsonl").read_bytes()
    with MockServer(reply=lambda body: "YES") as server:
        run, second = folder(**{"judge.model": "friend", "judge.base_url": server.base_url})
    assert second["scores"][0]["answers"] == [answers]
    assert run.path(f"{answers}.jsonl").read_bytes() == kept
    assert (first["scores"][0]["metrics"]["drfr"], second["scores"][0]["metrics"]["drfr"]) == (
        pytest.approx(4 / 7),
        1.0,
    )
    assert first["scores"][0]["items"] != second["scores"][0]["items"]


def test_sampled_answers_are_averaged_over_seeds_with_their_spread(folder):
    sampled = {"temperature": 0.8, "seeds": 3}
    with MockServer(reply=judge) as server:
        run, results = folder(**{"judge.model": "arbiter", "judge.base_url": server.base_url, **sampled})
    (row,) = results["scores"]
    assert (row["seeds"], row["n"], row["metrics"]["drfr"]) == (3, 4, pytest.approx(4 / 7))
    assert row["spread"]["drfr"] == pytest.approx(0)
    texts = [tuple(each["responses"][0] for each in Rows(run.path(f"{name}.jsonl"))) for name in row["answers"]]
    assert len(set(texts)) > 1


def test_other_prompts_are_answered_and_judged_anew(folder, files):
    with MockServer(reply=judge) as server:
        judged_by = {"judge.model": "arbiter", "judge.base_url": server.base_url}
        _, first = folder(**judged_by)
        write_rows(files / "questions.jsonl", [{**row, "input": "In Asia."} for row in QUESTIONS])
        run, second = folder(**judged_by)
    (answers,) = second["scores"][0]["answers"]
    assert [row["prompt"][-8:] for row in Rows(run.path(f"{answers}.jsonl"))] == ["In Asia."] * 4
    assert first["scores"][0]["files"] != second["scores"][0]["files"]


def test_prompts_that_were_only_moved_are_not_answered_again(folder, files, monkeypatch):
    with MockServer(reply=judge) as server:
        judged_by = {"judge.model": "arbiter", "judge.base_url": server.base_url}
        folder(**judged_by)
        monkeypatch.setattr("autoif_train.run.Run.open_policy", None)
        (files / "questions.jsonl").rename(files / "moved.jsonl")
        _, again = folder(infobench_prompts=str(files / "moved.jsonl"), **judged_by)
    assert again["scores"][0]["metrics"]["drfr"] == pytest.approx(4 / 7)
