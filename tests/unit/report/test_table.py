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


def test_a_benchmark_with_figures_of_its_own_is_printed_by_its_figures(capsys):
    metrics = {"prompt_strict": 0.25, "prompt_loose": 0.5}
    score = {"stage": "sft", "round": 0, "seed": 0, "benchmark": "ifeval", "set": "ifeval", "n": 4, "metrics": metrics}
    print_stages({"scores": [score], "comparisons": []})
    printed = capsys.readouterr().out
    assert "prompt_strict 0.25" in printed
    assert "no stage was evaluated" not in printed
