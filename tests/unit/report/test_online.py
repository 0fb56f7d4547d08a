"""A round's summary as the terminal shows it."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.config import resolve
from autoif_train.feedback.progress import change
from autoif_train.report.online import round_summary, summary_lines
from autoif_train.rows import write_rows
from autoif_train.types import Query, QueryFunction

NAME = "online_dpo/round_1"


def summary(folder, *, moved=None, audit=False):
    functions = (QueryFunction("s", "i"), QueryFunction("t", "i", audit=audit))
    judged = [
        {"query_id": "q", "text": "a text", "author": "p", "outcomes": ["followed", "violated"], "score": 1.0},
        {"query_id": "q", "text": "another", "author": "p", "outcomes": ["violated", "violated"], "score": 0.0},
    ]
    write_rows(folder / f"{NAME}/judged.jsonl", judged)
    sides = {"chosen": [{"content": "a text"}], "rejected": [{"content": "another"}]}
    write_rows(folder / f"{NAME}/pairs.jsonl", [sides])
    write_rows(folder / f"{NAME}/metrics.jsonl", [{"step": 1, "loss": 0.5, "rewards/margins": 1.5, "num_tokens": 90.0}])
    query = Query("prompt", ("i",), functions, id="q")
    return round_summary(folder, NAME, resolve(), [query], moved, lambda texts: sum(len(text) for text in texts))


def test_answers_and_training_are_told(tmp_path):
    lines = summary_lines(NAME, summary(tmp_path), {})
    assert "passed 50.0 % of 2 answers; signal in 100.0 % of 1 queries" in lines[0]
    assert "1 pairs of 2.0 and 1.0 words, margin 1.50 → 1.50" in lines[1]


def test_audit_functions_are_told_where_there_are_any(tmp_path):
    found = summary(tmp_path, audit=True)
    assert found["answers"]["audit"]["gap"] == 0.5
    assert "training functions 50.0 %, audit functions 0.0 %" in summary_lines(NAME, found, {})[0]
    assert summary(tmp_path)["answers"]["audit"] is None


@pytest.mark.parametrize(("after", "flagged"), [([False] * 20, True), ([True] * 20, False)])
def test_a_round_that_did_harm_is_flagged(tmp_path, after, flagged):
    lines = summary_lines(NAME, summary(tmp_path, moved=change([True] * 20, after)), {})
    assert ("WORSE THAN BEFORE BEYOND NOISE" in "\n".join(lines)) == flagged


def test_seconds_are_told_by_phase(tmp_path):
    steps = {f"{NAME}/responses": {"seconds": 2.0}, f"{NAME}/resampled": {"seconds": 1.0}}
    assert summary_lines(NAME, summary(tmp_path), steps)[-1] == f"{NAME}  sampling 3.0 s"


def test_tokens_are_told_beside_the_seconds(tmp_path):
    write_rows(
        tmp_path / f"{NAME}/responses.jsonl", [{"query_id": "q", "text": "abcd", "author": "p", "index": 0}] * 300
    )
    write_rows(tmp_path / f"{NAME}/drift.jsonl", [{"text": "ab", "tokens": 2, "k1": {}, "k3": {}}])
    found = summary(tmp_path)
    assert found["tokens"] == {"sampling": 1200, "training": 90, "drift": 2}
    steps = {f"{NAME}/{part}": {"seconds": 2.0} for part in ("responses", "judged", "policy")}
    expected = f"{NAME}  sampling 2.0 s (1,200 tokens), judging 2.0 s, training 2.0 s (90 tokens)"
    assert summary_lines(NAME, found, steps)[-1] == expected


def test_a_summary_holds_the_change_of_validation(tmp_path):
    moved = change([False, True], [True, True])
    assert summary(tmp_path, moved=moved)["validation"] == {**dataclasses.asdict(moved), "harmed": False}
