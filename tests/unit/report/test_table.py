"""The table of stages on the terminal and in a file."""

from __future__ import annotations

import pytest

from autoif_train.report.table import print_stages


@pytest.fixture
def plain(capsys, example_results) -> list[str]:
    print_stages(example_results)
    return capsys.readouterr().out.splitlines()


def test_plain_text_has_a_line_per_stage(plain):
    assert [line.split()[0] for line in plain[1:6]] == [
        "base",
        "sft",
        "offline_dpo",
        "online_dpo/round_1",
        "online_dpo/round_2",
    ]


def test_a_rate_stands_with_its_interval(plain):
    assert "20.0 [8.1–41.6]" in plain[1]


def test_the_last_round_is_marked_in_plain_text(plain):
    assert [line.endswith("last round") for line in plain[1:6]] == [False] * 4 + [True]


def test_plain_text_has_no_control_codes(plain):
    assert not any("\x1b" in line for line in plain)


def test_paired_tests_follow_the_table(plain):
    assert any(line.startswith("online_dpo/round_2 against sft on H: +45.0 points") for line in plain)


def test_a_terminal_gets_whole_names_within_80_columns(capsys, monkeypatch, example_results):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_stages(example_results)
    shown = capsys.readouterr().out
    assert "online_dpo/round_2" in shown
    assert "…" not in shown


def test_no_scores_are_said_in_words(capsys):
    print_stages({"scores": [], "comparisons": []})
    assert capsys.readouterr().out == "no stage was evaluated\n"


METRICS = {"prompt_strict": 0.25, "prompt_strict_low": 0.1, "prompt_strict_high": 0.5, "mean_words": 7.5}
SCORE = {"stage": "sft", "round": 0, "seed": 0, "benchmark": "ifeval", "set": "ifeval", "n": 4, "metrics": METRICS}


@pytest.mark.parametrize("said", ["prompt strict %", "25.0 [10.0–50.0]", "words", "7.5", "ifeval, 4 prompts"])
def test_any_benchmark_has_a_table_of_its_figures(capsys, said):
    print_stages({"scores": [SCORE], "comparisons": []})
    assert said in capsys.readouterr().out


def test_every_benchmark_has_its_own_table(capsys):
    judged = {**SCORE, "benchmark": "mt_bench", "set": "mt_bench", "metrics": {"score": 6.25}}
    print_stages({"scores": [SCORE, judged], "comparisons": []})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["stage", "sft", "ifeval,", "stage", "sft", "mt_bench,"]
    assert lines[4].split() == ["sft", "6.2"]
