"""General abilities through lm-eval on pinned local data, without a network."""

from __future__ import annotations

import shutil

import pytest

from autoif_train.chat.choice import open_model
from autoif_train.chat.policy import PolicySettings
from autoif_train.evaluation import abilities
from autoif_train.evaluation.abilities import Measured, answer, metrics
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.resources import resolve
from autoif_train.types import UserError

MMLU = "What is 1 + 1?,1,2,3,4,B\n"


@pytest.fixture
def offline(monkeypatch):
    """No way to the hub, whatever the machine has."""
    pytest.importorskip("lm_eval", reason="the extra `eval` is not installed")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def mmlu(tmp_path):
    for split, rows in (("dev", MMLU * 5), ("test", MMLU * 3)):
        (tmp_path / "mmlu" / split).mkdir(parents=True)
        (tmp_path / "mmlu" / split / f"abstract_algebra_{split}.csv").write_text(rows)
    return tmp_path / "mmlu"


def asked(name, **settings):
    """The tiny base model asked without a network."""
    with open_model(resolve("bundled:tiny/data/base"), PolicySettings(), "base") as chat:
        return list(answer(name, chat, EvaluationSettings(max_prompts=3, max_new_tokens=8, **settings)))


def test_gsm8k_runs_offline_with_both_filters(offline, public_data):
    rows = asked("gsm8k", gsm8k_data=str(public_data / "gsm8k"))
    assert [row.key for row in rows] == ["gsm8k 0", "gsm8k 1", "gsm8k 2"]
    assert all(set(row.marks) == {"strict-match", "flexible-extract"} for row in rows)
    assert {row.measure for row in rows} == {"flexible-extract"}


def test_a_subject_of_mmlu_runs_offline(offline, mmlu):
    rows = asked("mmlu", mmlu_data=str(mmlu))
    assert [(row.key, set(row.marks)) for row in rows] == [
        (f"mmlu_abstract_algebra {number}", {"acc"}) for number in range(3)
    ]
    # Equal questions have equal answers.
    assert len({row.passed for row in rows}) == 1


@pytest.mark.parametrize("header", ["", "question,choice0,choice1,choice2,choice3,answer\n"])
def test_tables_are_read_with_and_without_a_header_and_by_letter_or_number(mmlu, header):
    (mmlu / "test" / "abstract_algebra_test.csv").write_text(header + MMLU + MMLU.replace(",B", ",1"))
    rows = abilities.ABILITIES["mmlu"].read(mmlu)["mmlu_abstract_algebra"]["test"]
    assert rows == [{"question": "What is 1 + 1?", "choices": ["1", "2", "3", "4"], "answer": 1}] * 2


def test_c_eval_reads_the_official_tables(tmp_path):
    for split in ("dev", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"law_{split}.csv").write_text("id,question,A,B,C,D,answer\n0,问,一,二,三,四,C\n")
    splits = abilities.ABILITIES["ceval"].read(tmp_path)["ceval-valid_law"]
    assert splits["val"] == [{"question": "问", "A": "一", "B": "二", "C": "三", "D": "四", "answer": "C"}]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no test/\*_test\.csv"):
        abilities.ABILITIES["mmlu"].read(tmp_path)


def test_a_row_that_is_no_question_is_refused_with_its_file(mmlu):
    (mmlu / "test" / "abstract_algebra_test.csv").write_text("What?,1,2,3\n")
    with pytest.raises(UserError, match=r"abstract_algebra_test\.csv.*four choices"):
        abilities.ABILITIES["mmlu"].read(mmlu)


def test_a_missing_split_is_refused_with_its_file(mmlu):
    shutil.rmtree(mmlu / "dev")
    with pytest.raises(UserError, match=r"abstract_algebra_dev\.csv"):
        abilities.ABILITIES["mmlu"].read(mmlu)


def test_metrics_keep_filters_apart():
    rows = [
        Measured("gsm8k 0", "gsm8k", "flexible-extract", {"strict-match": 0.0, "flexible-extract": 1.0}),
        Measured("gsm8k 1", "gsm8k", "flexible-extract", {"strict-match": 0.0, "flexible-extract": 0.0}),
    ]
    figures = metrics(rows)
    assert (figures["strict_match"], figures["flexible_extract"]) == (0.0, 0.5)
    assert figures["flexible_extract_low"] < 0.5 < figures["flexible_extract_high"]
    assert [row.passed for row in rows] == [True, False]


def test_the_scorer_names_task_shots_and_measure():
    pytest.importorskip("lm_eval", reason="the extra `eval` is not installed")
    assert abilities.ABILITIES["gsm8k"].scorer.endswith("gsm8k, 0-shot, flexible-extract")


def test_a_missing_lm_eval_comes_with_the_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"lm_eval is not installed.*pip install"):
        next(abilities.answer("gsm8k", None, EvaluationSettings()))


def test_a_policy_that_another_process_serves_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"^policy\.sampling_engine: .*gsm8k"):
        next(abilities.answer("gsm8k", object(), EvaluationSettings()))
