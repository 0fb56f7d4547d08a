"""Table 4: runs of words that training prompts share with a benchmark, and tasks that they say in other words."""

from __future__ import annotations

import json
import sys

import pytest

from autoif_train.chat.base import Answer
from autoif_train.evaluation.contamination import line, nearest_texts, read_texts, rephrased, table, text_of
from autoif_train.evaluation.settings import JudgeSettings
from autoif_train.rows import write_rows
from autoif_train.synthesis.contamination import overlap
from autoif_train.types import UserError
from tests.conftest import run_command
from tests.unit.chat.mock_server import MockServer

TEXTS = ["Name three rivers of Asia.", "Write a poem about autumn leaves.", "Sort a list of numbers in Python."]
ITEMS = ["Which three Asian rivers can you name?", "Compose verses about leaves in autumn.", "Explain gravity."]


class Detector:
    """Finds rivers again, cannot make up its mind about poems, and denies the rest."""

    name = "detector"

    def answer(self, prompts, settings):
        def said(text):
            return "YES" if "rivers" in text else "Perhaps." if "poem" in text else "NO"

        return [[Answer(said(prompt.payload))] for prompt in prompts]


@pytest.fixture
def searching():
    pytest.importorskip("sklearn", reason="the extra `eval` is not installed")


def command(*parts):
    return run_command([sys.executable, "-m", "autoif_train.cli", "contamination", *map(str, parts)], timeout=180)


def test_gsm8k_shares_three_of_its_test_questions_with_its_training_questions(public_data):
    folder = public_data / "gsm8k"
    ran = command("--train", folder / "train.jsonl", "--benchmark", folder / "test.jsonl")
    assert ran.code == 0, ran.err
    (found,) = json.loads(ran.out.splitlines()[-1])
    assert (found["train_size"], found["test_size"], found["shared"]) == (7473, 1319, 3)
    assert found["gram_percent"] == pytest.approx(100 * 3 / 1319)
    assert found["rephrased"] is None
    assert "| not run |" in ran.out


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"prompt": "Hi."}, "Hi."),
        ({"prompt": [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hi."}], "chosen": []}, "Hi."),
        ({"turns": ["Hi.", "And?"]}, "Hi.\nAnd?"),
        ({"conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Ho."}]}, "Hi."),
        ({"instruction": "Sum.", "input": "1 2"}, "Sum.\n1 2"),
        ({"question": "Why?", "answer": "So."}, "Why?"),
    ],
)
def test_what_the_user_says_is_found_in_every_usual_form(row, text):
    assert text_of(row) == text


def test_a_row_without_a_text_is_refused_with_its_line(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [{"prompt": "Hi."}, {"answer": "Ho."}])
    with pytest.raises(UserError, match=r"rows\.jsonl, line 2: has none of the keys"):
        read_texts(tmp_path / "rows.jsonl")


def test_a_row_of_an_array_without_a_text_is_refused_with_its_number(tmp_path):
    (tmp_path / "rows.json").write_text('[{"prompt": "Hi."}, {"answer": "Ho."}]')
    with pytest.raises(UserError, match=r"rows\.json, row 2: has none of the keys .*; rename"):
        read_texts(tmp_path / "rows.json")


def test_a_folder_of_arrays_is_one_benchmark(public_data):
    texts = read_texts(public_data / "followbench" / "en")
    assert len(texts) == 944


def test_the_nearest_training_text_is_found(searching):
    assert list(nearest_texts(TEXTS, ITEMS[:2], 1)) == [[0], [1]]


def test_more_candidates_may_be_shown(searching):
    assert [len(nearest) for nearest in nearest_texts(TEXTS, ITEMS, 2)] == [2, 2, 2]


def test_rephrased_items_are_counted_and_unreadable_ones_apart(searching, tmp_path):
    found = list(rephrased(TEXTS, ITEMS, Detector(), JudgeSettings(attempts=1)))
    counted = line(tmp_path / "train.jsonl", tmp_path / "test.jsonl", overlap(TEXTS, ITEMS), found)
    assert (counted.rephrased, counted.unread, counted.percent) == (1, 1, pytest.approx(100 / 3))
    assert "| train.jsonl | test.jsonl | 3 | 3 | 1 | 1 | 33.33 | 0 | 0.00 |" in table([counted])


def test_the_table_is_made_with_a_detector_behind_a_server(searching, tmp_path):
    write_rows(tmp_path / "train.jsonl", [{"prompt": text} for text in TEXTS])
    write_rows(tmp_path / "test.jsonl", [{"prompt": text} for text in ITEMS])
    with MockServer(reply=lambda body: "YES" if "rivers" in body["messages"][-1]["content"] else "NO") as server:
        ran = command(
            *("--train", tmp_path / "train.jsonl", "--benchmark", tmp_path / "test.jsonl"),
            *("--output", tmp_path / "pairs.jsonl", "--evaluation.judge.model", "detector"),
            *("--evaluation.judge.base_url", server.base_url),
        )
    assert ran.code == 0, ran.err
    (found,) = json.loads(ran.out.splitlines()[-1])
    assert (found["rephrased"], found["unread"]) == (1, 0)
    first = json.loads((tmp_path / "pairs.jsonl").read_text().splitlines()[0])
    assert (first["task"], first["text"], first["same"]) == (ITEMS[0], TEXTS[0], True)


def test_a_detector_without_an_output_is_refused(tmp_path):
    write_rows(tmp_path / "train.jsonl", [{"prompt": "Hi."}])
    file = tmp_path / "train.jsonl"
    ran = command("--train", file, "--benchmark", file, "--evaluation.judge.model", "detector")
    assert ran.code == 2
    assert "--output: needed with a detector" in ran.err
