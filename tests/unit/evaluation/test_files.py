"""What a benchmark reads is known by its content."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.files import digests
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.types import UserError

FILES = sorted(field.name for field in dataclasses.fields(EvaluationSettings) if field.type == "str | None")


def digest(path, key="ifeval_prompts"):
    return digests(EvaluationSettings(**{key: str(path)}), [key])[key]


def test_a_file_is_known_by_its_content_and_not_by_its_name(tmp_path):
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).write_text(text)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_a_folder_is_known_by_its_files_and_their_names(tmp_path):
    def folder(name, files):
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        return digest(tmp_path / name, "mmlu_data")

    one = folder("one", {"dev/a.csv": "1", "test/a.csv": "2"})
    assert one == folder("same", {"dev/a.csv": "1", "test/a.csv": "2", ".git/HEAD": "x", "__pycache__/a.pyc": "y"})
    assert one != folder("swapped", {"dev/a.csv": "2", "test/a.csv": "1"})


def test_what_the_settings_leave_out_has_no_digest():
    assert digests(EvaluationSettings(), FILES) == {}


def test_a_missing_file_is_one_line_that_names_the_setting(tmp_path):
    with pytest.raises(UserError, match=r"evaluation\.ifeval_prompts: .*nowhere: No such file.*name a file"):
        digest(tmp_path / "nowhere")


def test_every_file_setting_belongs_to_a_benchmark():
    """Else answers to other prompts would be taken for answers to these."""
    read = [key for each in BENCHMARKS.values() for key in each.reads]
    assert sorted(read) == FILES
    assert set(read) <= {field.name for field in dataclasses.fields(EvaluationSettings)}
