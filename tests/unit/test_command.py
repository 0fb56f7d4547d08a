"""Exit codes, the one clear line, and what is set before heavy libraries come."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings

import pytest

from autoif_train import command
from autoif_train.command import exit_with_code, prepare, run_recipe
from autoif_train.types import UserError


def failing(error):
    def action():
        raise error

    return action


def test_a_users_mistake_is_one_line_and_two(capsys):
    with pytest.raises(SystemExit) as stop:
        exit_with_code(failing(UserError("file.yaml: unknown setting x; did you mean y?")))
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: file.yaml: unknown setting x; did you mean y?\n"


def test_nothing_goes_to_stdout_on_a_mistake(capsys):
    with pytest.raises(SystemExit):
        exit_with_code(failing(UserError("x")))
    assert capsys.readouterr().out == ""


def test_a_mistake_of_many_lines_is_said_in_one(capsys):
    with pytest.raises(SystemExit):
        exit_with_code(failing(UserError("first\n  second\nthird")))
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError("x"), RuntimeError("x")])
def test_any_other_error_is_raised(error):
    with pytest.raises(type(error)):
        exit_with_code(failing(error))


def test_a_place_without_access_is_one_line_and_two(capsys):
    with pytest.raises(SystemExit) as stop:
        exit_with_code(failing(PermissionError(13, "Permission denied", "/closed/run")))
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: /closed/run: Permission denied; ")


def test_an_interrupt_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as stop:
        exit_with_code(failing(KeyboardInterrupt()))
    assert stop.value.code == 130
    assert "same command" in capsys.readouterr().err


def test_success_returns():
    assert exit_with_code(lambda: None) is None


@pytest.fixture
def clean_process(monkeypatch):
    """`prepare` sets variables, loggers and warning filters of the whole process: put them back."""
    levels = {name: logging.getLogger(name).level for name in ("autoif_train", "trl", "transformers", "torch")}
    before = dict(os.environ)
    with warnings.catch_warnings():
        yield monkeypatch
    os.environ.clear()
    os.environ.update(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_variable_that_the_user_set_is_left_alone(clean_process):
    clean_process.setenv("OMP_NUM_THREADS", "7")
    prepare()
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_one_thread_where_the_user_said_nothing(clean_process):
    clean_process.delenv("OMP_NUM_THREADS", raising=False)
    prepare()
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("rank", "level"), [("0", logging.INFO), ("3", logging.WARNING)])
def test_only_the_first_rank_tells(clean_process, rank, level):
    clean_process.setenv("RANK", rank)
    prepare()
    assert logging.getLogger("autoif_train").level == level


def test_settings_are_parsed_without_heavy_libraries():
    code = (
        "import sys; from autoif_train.config import resolve; resolve(model='qwen2-7b', **{'sft.learning_rate': 1e-6});"
        "print([name for name in ('torch', 'transformers', 'trl', 'datasets', 'vllm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("trains", "code"), [(True, 2), (False, 0)])
def test_only_a_recipe_that_trains_asks_for_an_engine(monkeypatch, trains, code):
    monkeypatch.setattr(command, "prepare", lambda: None)
    monkeypatch.setattr(sys, "argv", ["recipes/x.py", "--model", "qwen2-7b"])
    monkeypatch.delenv("ACCELERATE_USE_DEEPSPEED", raising=False)
    found = 0
    try:
        run_recipe(lambda settings: None, "recipes/x.py", "", trains=trains)
    except SystemExit as stop:
        found = stop.code
    assert found == code
