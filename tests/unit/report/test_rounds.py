"""What each round asked and learnt from, and what it cost."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat.base import Usage
from autoif_train.feedback.summary import AnswerCounts, PairCounts
from autoif_train.report.costs import asked, costs, duration, setting_sections
from autoif_train.report.html import environment
from autoif_train.report.page import write_report
from autoif_train.report.rounds import rounds
from tests.unit.report.conftest import noted

STEPS = {"online_dpo/round_1/judged": {"seconds": 2.0}, "online_dpo/round_1/policy": {"seconds": 3.0}}


@pytest.fixture
def first(run_folder):
    return rounds(run_folder, STEPS, {})[1]


def test_the_offline_data_come_before_the_rounds(run_folder):
    assert [each.title for each in rounds(run_folder, {}, {})] == [
        "Offline",
        "Online DPO, round 1",
        "Online DPO, round 2",
    ]


def test_answers_are_counted_by_what_became_of_them(first):
    expected = AnswerCounts(queries=4, with_signal=4, answers=12, followed=4, unjudged=4, distinct=12, words=2.0)
    assert first.answered == expected


def test_the_lengths_of_chosen_and_rejected_answers_are_means(first):
    assert first.contrasted == PairCounts(pairs=6, chosen_words=5.0, rejected_words=4.0)


def test_the_validation_stands_with_its_interval(first):
    assert first.validation == (0.5, 0.3, 0.7)


def test_the_seconds_of_a_round_are_those_of_its_steps(first):
    assert first.seconds == 5.0


def test_a_round_that_only_sampled_is_left_out(run_folder):
    (run_folder / "online_dpo/round_3").mkdir()
    assert len(rounds(run_folder, {}, {})) == 3


def test_parts_stand_in_the_order_in_which_they_build_on_each_other():
    names = ("evaluation/base/H", "online_dpo/round_1/judged", "sft", "data/judged")
    timed = {name: {"seconds": 1.0, "cpu_seconds": 0.5} for name in names}
    assert [part.name for part in costs(timed)] == ["Data", "SFT", "Online DPO", "Evaluation"]


def test_the_shares_of_all_parts_make_the_whole():
    timed = {name: {"seconds": 3.0, "cpu_seconds": 1.0} for name in ("data/a", "data/b", "sft")}
    assert sum(part.share for part in costs(timed)) == pytest.approx(1.0)


def usage(**counted):
    return {**vars(Usage()), "calls": 2, "prompt_tokens": 10, "completion_tokens": 1_000, **counted}


def test_what_was_asked_stands_by_role_and_step_with_its_sum():
    calls = {
        "supervisor": {"self_instruct": usage(money=1.5)},
        "policy": {"response": usage(), "drift": usage(calls=0)},
    }
    assert [(each.name, each.calls, each.money) for each in asked(calls)] == [
        ("Supervisor: self instruct", 2, "1.50"),
        ("Policy: response", 2, ""),
        ("Together", 4, "1.50"),
    ]


def test_the_page_shows_money_where_a_price_was_set_alone(run_folder):
    manifest = json.loads((run_folder / "manifest.json").read_text())
    for money, said in ((0.25, True), (0.0, False)):
        known = {**manifest, "calls": {"supervisor": {"function": usage(money=money)}}}
        (run_folder / "manifest.json").write_text(json.dumps(known))
        page = write_report(run_folder).read_text(encoding="utf-8")
        assert "Tokens written" in page
        assert ("0.2500" in page, "<th>Cost</th>" in page) == (said, said)


@pytest.mark.parametrize(
    ("seconds", "said"), [(42.51, "42.5 s"), (59.97, "1 min 00 s"), (200, "3 min 20 s"), (18_420, "5 h 07 min")]
)
def test_durations_are_readable(seconds, said):
    assert duration(seconds) == said


def test_settings_outside_any_section_are_general():
    assert setting_sections({"seed": 0, "dpo": {"beta": 0.3}}) == {"general": {"seed": "0"}, "dpo": {"beta": "0.3"}}


def test_a_gap_that_rounds_to_nothing_has_no_sign():
    percent = environment().filters["percent"]
    assert (percent(-0.0004), percent(0.0), percent(-0.004)) == ("0.0", "0.0", "-0.4")


def test_what_a_round_made_of_the_policy_is_shown_where_it_was_noted(run_folder):
    of_round = {
        "answers": {"distinct_share": 0.9, "relevance": None, "audit": {"gap": 0.125}},
        "training": {"margin": [0.0, 1.25], "chosen_log_prob": [-8.0, -9.5]},
        "drift": {"round_start": {"k3": 0.29}, "sft": {"k3": 0.57}},
        "validation": {**noted()["validation"], "before": 0.5, "after": 0.25, "p": 0.01, "harmed": True},
        "tokens": {"sampling": 70554},
    }
    (run_folder / "online_dpo/round_1/summary.json").write_text(json.dumps(of_round))
    page = write_report(run_folder).read_text(encoding="utf-8")
    for shown in ("0.00 → 1.25", "-8.00 → -9.50", "0.29", "0.57", "12.5", "50.0 → 25.0", "harmed", "70,554"):
        assert shown in page
