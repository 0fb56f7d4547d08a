"""Runs side by side: what differs, what each scored, and which differences are more than noise."""

from __future__ import annotations

import json

import pytest

from autoif_train.report.arms import lines_of, sides
from autoif_train.report.page import write_comparison
from autoif_train.rows import write_rows
from autoif_train.types import UserError


def run(folder, passed, seed=1, beta=0.3, prompts="prompt", stage="sft"):
    """A run folder whose `stage` answered one set, with the marks of `passed`."""
    rows = [
        {"prompt": f"{prompts} {place}", "text": "t", "followed": [mark], "relevant": True}
        for place, mark in enumerate(passed)
    ]
    write_rows(folder / f"evaluation/{stage}/H.jsonl", rows)
    (folder / "config.yaml").write_text(f"model: tiny\nseed: {seed}\ndpo:\n  beta: {beta}\noutput_dir: {folder}\n")
    return scored(folder, stage=stage, seed=seed, items=[f"evaluation/{stage}/H"])


def scored(folder, **facts):
    """The folder with one score of its results, on which `facts` are laid."""
    place = {"stage": "sft", "round": 0, "seed": 1, "benchmark": "tiny", "set": "H"}
    (folder / "results.json").write_text(json.dumps({"scores": [{**place, "metrics": {}, **facts}]}))
    return folder


def judged(folder, verdicts, judge="a", samples=1, beta=0.3):
    """A run folder with verdicts on instructions of two questions each, kept under names of their own."""
    names = [f"evaluation/sft/infobench_{judge}_{number}" for number in range(samples)]
    facts = {"tags": {}, "asked": 2, "words": 1, "finished": True, "unread": []}
    for number, name in enumerate(names):
        rows = [{"key": str(key), "verdicts": said[number], **facts} for key, said in enumerate(verdicts)]
        write_rows(folder / f"{name}.jsonl", rows)
    (folder / "config.yaml").write_text(f"model: tiny\nseed: 1\ndpo:\n  beta: {beta}\n")
    return scored(folder, benchmark="infobench", set="infobench", items=names, grader={"model": judge})


def test_only_the_settings_that_differ_are_named(tmp_path):
    folders = [run(tmp_path / "a", [True]), run(tmp_path / "b", [True], beta=0.1)]
    assert sides(folders).differences == {"dpo.beta": ("0.3", "0.1")}


def test_runs_that_differ_in_their_seed_make_one_arm(tmp_path):
    folders = [run(tmp_path / "b", [True, True], seed=2), run(tmp_path / "a", [True, False], seed=1)]
    (arm,) = sides(folders).arms
    assert (arm.seeds, arm.folders) == ((1, 2), (tmp_path / "a", tmp_path / "b"))


def test_runs_that_were_asked_in_two_ways_are_two_arms_which_share_no_line(tmp_path):
    folders = [run(tmp_path / name, [True]) for name in ("a", "b")]
    for folder, tokens in zip(folders, (96, 24), strict=True):
        with (folder / "config.yaml").open("a") as file:
            file.write(f"evaluation:\n  max_new_tokens: {tokens}\n  batch_size: {tokens}\n")
        (score,) = json.loads((folder / "results.json").read_text())["scores"]
        scored(folder, **score, decoding={"max_new_tokens": tokens})
    compared = sides(folders)
    assert compared.differences == {"evaluation.max_new_tokens": ("96", "24")}
    assert [[score is None for score in line.scores] for line in compared.lines] == [[False, True], [True, False]]


def test_runs_whose_answers_two_engines_drew_are_two_arms_which_share_no_line(tmp_path):
    folders = [run(tmp_path / name, [True], seed=seed) for seed, name in enumerate(("a", "b"))]
    for folder, engine in zip(folders, ("transformers", "vllm"), strict=True):
        with (folder / "config.yaml").open("a") as file:
            file.write(f"policy:\n  sampling_engine: {engine}\n")
        (score,) = json.loads((folder / "results.json").read_text())["scores"]
        scored(folder, **score, engine=engine)
    compared = sides(folders)
    assert compared.differences == {"policy.sampling_engine": ("transformers", "vllm")}
    assert [[score is None for score in line.scores] for line in compared.lines] == [[False, True], [True, False]]


def test_an_arm_of_several_seeds_shows_mean_and_spread(tmp_path):
    folders = [run(tmp_path / "a", [True, True], seed=1), run(tmp_path / "b", [True, False], seed=2)]
    (line,) = sides(folders).lines
    assert line.scores[0].text == "75.0 ± 35.4"


def test_a_single_run_shows_its_interval(tmp_path):
    (line,) = sides([run(tmp_path / "a", [True] * 5 + [False] * 5)]).lines
    assert line.scores[0].text == "50.0 [23.7–76.3]"


def test_a_difference_is_tested_on_the_same_prompts_over_all_seeds(tmp_path):
    before = [run(tmp_path / f"a{seed}", [False] * 4, seed=seed) for seed in (1, 2)]
    after = [run(tmp_path / f"b{seed}", [True] * 4, seed=seed, beta=0.1) for seed in (1, 2)]
    (line,) = sides([*before, *after]).lines
    (test,) = line.tests
    assert (test.gained, test.lost, test.difference) == (8, 0, 1.0)
    assert test.p == pytest.approx(2 / 2**8)


def test_prompts_are_paired_by_text_whatever_their_order(tmp_path):
    first = run(tmp_path / "a", [True, False])
    second = run(tmp_path / "b", [True, False], beta=0.1)
    rows = (second / "evaluation/sft/H.jsonl").read_text().splitlines()
    (second / "evaluation/sft/H.jsonl").write_text("\n".join(reversed(rows)) + "\n")
    (test,) = sides([first, second]).lines[0].tests
    assert (test.gained, test.lost) == (0, 0)


def test_other_prompts_are_not_compared(tmp_path):
    folders = [run(tmp_path / "a", [True]), run(tmp_path / "b", [True], beta=0.1, prompts="another")]
    assert sides(folders).lines[0].tests == (None,)


def test_a_stage_that_one_arm_lacks_is_left_blank(tmp_path):
    folders = [run(tmp_path / "a", [True]), run(tmp_path / "b", [True], beta=0.1, stage="offline_dpo")]
    assert [[score is None for score in line.scores] for line in sides(folders).lines] == [[False, True], [True, False]]


def test_what_a_judge_graded_is_compared_as_well(tmp_path):
    before = judged(tmp_path / "a", [[[0, 1]], [[0, 0]], [[None, None]]])
    after = judged(tmp_path / "b", [[[1, 1]], [[0, 1]], [[1, 1]]], beta=0.1)
    (line,) = sides([before, after]).lines
    assert [round(100 * score.rate) for score in line.scores] == [25, 83]
    assert (line.tests[0].gained, line.tests[0].lost, line.tests[0].difference) == (2, 0, 0.5)


def test_an_item_answered_several_times_counts_as_their_mean(tmp_path):
    (line,) = sides([judged(tmp_path / "a", [[[0, 0], [1, 1]], [[1, 1], [1, 1]]], samples=2)]).lines
    assert line.scores[0].rate == 0.75


def test_what_two_judges_graded_shares_no_line(tmp_path):
    one = judged(tmp_path / "a", [[[1, 1]]])
    other = judged(tmp_path / "b", [[[0, 0]]], judge="b", beta=0.1)
    assert [[score is None for score in line.scores] for line in sides([one, other]).lines] == [
        [False, True],
        [True, False],
    ]


def test_results_that_name_no_files_are_found_by_stage_and_set(tmp_path):
    (line,) = sides([scored(run(tmp_path / "a", [True, False]))]).lines
    assert line.scores[0].rate == 0.5


def test_a_folder_named_twice_is_refused(tmp_path):
    folder = run(tmp_path / "a", [True])
    with pytest.raises(UserError, match="named twice"):
        sides([folder, folder])


def test_the_text_calls_noise_by_its_name(tmp_path):
    folders = [run(tmp_path / "a", [True, False, True]), run(tmp_path / "b", [True, True, True], beta=0.1)]
    assert any("inside the noise" in line for line in lines_of(sides(folders)))


def test_the_page_shows_differences_and_scores(tmp_path):
    folders = [run(tmp_path / "a", [True]), run(tmp_path / "b", [False], beta=0.1)]
    write_comparison(folders, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "dpo.beta" in page
    assert "-100.0" in page


def test_runs_of_one_arm_are_said_to_be_pooled(tmp_path):
    folders = [run(tmp_path / "a", [True], seed=1), run(tmp_path / "b", [True], seed=2)]
    compared = write_comparison(folders, tmp_path / "page.html")
    for said in ((tmp_path / "page.html").read_text(encoding="utf-8"), " ".join(lines_of(compared))):
        assert "runs that differ in a setting are tested" in said
        assert "against" not in said
        assert "interval" not in said


def test_the_spread_of_seeds_is_explained_where_there_is_one(tmp_path):
    alone = [run(tmp_path / "a", [True]), run(tmp_path / "b", [False], beta=0.1)]
    assert sides(alone).unit == "Percent or marks; 95 % interval over prompts."
    more = [*alone, run(tmp_path / "c", [False], beta=0.1, seed=2)]
    assert sides(more).unit == "Percent or marks; 95 % interval over prompts; mean ± standard deviation over seeds."
