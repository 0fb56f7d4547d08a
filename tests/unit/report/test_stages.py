"""The table of stages and the paired tests in words."""

from __future__ import annotations

import pytest

from autoif_train.report.stages import PairedTest, paired_tests, relevant_tests, stage_tables


def paired(p: float, difference: float = 0.142) -> PairedTest:
    return PairedTest("sft", "online_dpo/round_3", "H", 80, 20, difference, difference - 0.05, difference + 0.05, p)


def test_stages_keep_the_order_of_the_results(example_results):
    names = [stage.name for stage in stage_tables(example_results)[0].stages]
    assert names == ["base", "sft", "offline_dpo", "online_dpo/round_1", "online_dpo/round_2"]


def test_only_the_newest_round_is_marked(example_results):
    assert [stage.name for stage in stage_tables(example_results)[0].stages if stage.last] == ["online_dpo/round_2"]


def test_a_set_that_a_stage_did_not_answer_is_an_empty_cell(example_results):
    scores = [score for score in example_results["scores"] if (score["stage"], score["set"]) != ("sft", "Q")]
    assert stage_tables({"scores": scores})[0].stages[1].cells[1] is None


def test_the_newest_round_is_the_highest_number(example_results):
    later = [{**score, "round": 10} for score in example_results["scores"] if score["round"] == 1]
    (table,) = stage_tables({"scores": [*later, *example_results["scores"]]})
    assert [stage.name for stage in table.stages if stage.last] == ["online_dpo/round_10"]


def test_a_difference_is_said_in_points_with_its_p_value():
    assert paired(0.0003).sentence == "online_dpo/round_3 against sft on H: +14.2 points [+9.2, +19.2] (p=0.0003)"


def test_a_loss_keeps_its_sign():
    assert "-14.2 points" in paired(0.0003, -0.142).sentence


@pytest.mark.parametrize(
    ("p", "said"), [(0.00001, "p<0.0001"), (0.0123, "p=0.012"), (0.314, "p=0.31"), (1.0, "p=1.00")]
)
def test_p_values_are_rounded(p, said):
    assert paired(p).chance == said


@pytest.mark.parametrize(("p", "noise"), [(0.049, False), (0.05, True)])
def test_a_difference_inside_the_noise_is_said_to_be_so(p, noise):
    assert paired(p).sentence.endswith("inside the noise") is noise


def test_the_relevant_tests_compare_each_step_with_the_base_and_with_what_it_builds_on(example_results):
    pairs = {(test.before, test.after) for test in relevant_tests(example_results)}
    last = "online_dpo/round_2"
    steps = {("sft", "offline_dpo"), ("sft", last), ("offline_dpo", last)}
    assert pairs == {("base", "sft"), ("base", "offline_dpo"), ("base", last)} | steps


def test_no_comparisons_give_no_tests():
    assert relevant_tests({"scores": []}) == []


def test_what_two_scorers_graded_shares_no_table(example_results):
    scores = [
        {**score, "scorer": "newer" if score["stage"] == "online_dpo" else "older"}
        for score in example_results["scores"]
    ]
    assert [[stage.name for stage in table.stages] for table in stage_tables({"scores": scores})] == [
        ["base", "sft", "offline_dpo"],
        ["online_dpo/round_1", "online_dpo/round_2"],
    ]
    assert [table.name for table in stage_tables({"scores": scores})] == ["tiny", "tiny, in another way"]


def test_the_newest_round_of_every_stage_is_marked(example_results):
    spun = [{**score, "stage": "spin"} for score in example_results["scores"] if score["stage"] == "online_dpo"]
    (table,) = stage_tables({"scores": [*example_results["scores"], *spun]})
    assert [stage.name for stage in table.stages if stage.last] == ["online_dpo/round_2", "spin/round_2"]


def test_marks_on_a_scale_are_not_shown_as_shares():
    row = {"before": "base", "after": "sft", "set": "mt_bench", "gained": 5, "lost": 1, "difference": 0.4}
    row |= {"difference_low": 0.1, "difference_high": 0.7, "p": 0.01, "benchmark": "mt_bench"}
    (test,) = paired_tests({"comparisons": [row]})
    assert test.sentence == "sft against base on mt_bench: +0.40 points [+0.10, +0.70] (p=0.01)"
