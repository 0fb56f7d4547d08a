"""Samples are even, repeatable and bounded; files are streamed."""

from __future__ import annotations

import dataclasses
import re
import tracemalloc
from collections import Counter

import pytest

from autoif_train.evaluation.answers import Shown
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.report.answers import comparisons
from autoif_train.report.cards import cards, evidence_of
from autoif_train.report.difference import contrasts, word_difference
from autoif_train.report.folder import clip, draw
from autoif_train.report.plots import training_plots
from autoif_train.report.training import Training, smoothed, thinned, trainings
from autoif_train.rows import Rows, write_rows
from autoif_train.types import Evidence, VerificationFunction
from tests.unit.report.conftest import pairs, results

MEGABYTE = 1_000_000


def test_a_draw_is_repeatable():
    assert draw(range(1_000), 5, "seed") == draw(range(1_000), 5, "seed")


def test_a_draw_keeps_the_order_of_the_file():
    drawn = draw(range(1_000), 20, "seed")
    assert drawn == sorted(drawn)


def test_few_rows_are_all_drawn():
    assert draw(range(3), 5, "seed") == [0, 1, 2]


def test_every_place_is_drawn_about_equally_often():
    counts = Counter(place for seed in range(2_000) for place in draw(range(10), 2, seed))
    assert all(300 < counts[place] < 500 for place in range(10))


def test_drawing_holds_only_what_is_drawn(tmp_path):
    write_rows(tmp_path / "rows.jsonl", ({"text": "word " * 200, "number": number} for number in range(10_000)))
    tracemalloc.start()
    draw(Rows(tmp_path / "rows.jsonl"), 5, "seed")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "rows.jsonl").stat().st_size > 10 * MEGABYTE
    assert peak < MEGABYTE


def test_a_long_text_is_cut_and_says_by_how_much():
    assert clip("a" * 1_300, 100) == f"{'a' * 100} … (+1,200 characters)"


def test_words_that_the_other_text_lacks_are_marked():
    first, second = word_difference("the old cat sat", "the cat sat down")
    assert [piece.strip() for piece, differs in first if differs] == ["old"]
    assert [piece.strip() for piece, differs in second if differs] == ["down"]


@pytest.mark.parametrize("text", ["", " \n two  spaces ", "naïve, “quoted” 🙂"])
def test_the_pieces_of_a_difference_make_the_whole_text(text):
    marked, _ = word_difference(text, "another text")
    assert "".join(piece for piece, _ in marked) == text


def test_pairs_are_shown_for_the_data_and_the_newest_round(run_folder):
    assert list(contrasts(run_folder, {})) == ["Offline pairs", "Online DPO, round 2"]


def test_an_answer_that_follows_and_is_rejected_was_rejected_for_its_quality(run_folder):
    [pair, *_] = contrasts(run_folder, {"pairs": {"rejected_at_or_below": -1.0}})["Offline pairs"]
    assert pair.for_quality


def test_a_root_of_a_search_was_rejected_for_its_score(run_folder):
    (pair, *_) = pairs()
    write_rows(run_folder / "spar/round_1/pairs.jsonl", [{**pair, "rejected_score": 0.25}])
    assert not contrasts(run_folder, {"spar": {"accept_above": 0.5}})["SPaR, round 1"][0].for_quality


def test_answers_to_one_prompt_come_from_base_sft_offline_and_the_newest_round(run_folder):
    titles = [reply.stage for reply in comparisons(run_folder, results())[0].replies]
    assert titles == ["Base", "SFT", "Offline DPO", "Online DPO, round 2"]


def test_replies_stand_under_their_own_prompt(run_folder):
    for each in comparisons(run_folder, results()):
        number = each.prompt.split(".")[0].removeprefix("Prompt ")
        assert all(f"Answer {number} " in reply.text for reply in each.replies)


@pytest.mark.parametrize("row", [{"response": "Well."}, {"responses": ["Well.", "Well."]}])
def test_plain_answers_stand_side_by_side_where_others_grade_them(tmp_path, row):
    place = {"round": 0, "benchmark": "mt_bench", "set": "mt_bench", "items": ["evaluation/graded"]}
    scores = [{**place, "stage": stage, "answers": [f"evaluation/{stage}/mt_bench-1"]} for stage in ("base", "sft")]
    for stage in ("base", "sft"):
        write_rows(tmp_path / f"evaluation/{stage}/mt_bench-1.jsonl", [{"prompt": "Go on.", **row}])
    (found,) = comparisons(tmp_path, {"scores": scores})
    said = "\n\n".join(row.get("responses", ["Well."]))
    assert [(reply.stage, reply.text, reply.relevant) for reply in found.replies] == [
        ("Base", said, None),
        ("SFT", said, None),
    ]


def test_answers_to_a_benchmark_whose_rows_name_things_otherwise_stand_side_by_side(tmp_path, monkeypatch):
    own = dataclasses.replace(
        BENCHMARKS["tiny"],
        read=lambda row: (row["question"], row["said"]),
        shown=lambda row: Shown(row[0], (row[1],), (True,)),
    )
    monkeypatch.setitem(BENCHMARKS, "own", own)
    write_rows(tmp_path / "evaluation/base/O.jsonl", [{"question": "Well?", "said": "Well."}])
    score = {"stage": "base", "round": 0, "benchmark": "own", "set": "O", "items": ["evaluation/base/O"]}
    (found,) = comparisons(tmp_path, {"scores": [score]})
    assert (found.prompt, found.replies[0].text, found.replies[0].followed) == ("Well?", "Well.", (True,))


def test_a_benchmark_with_figures_alone_has_no_answers_to_show(tmp_path):
    write_rows(tmp_path / "evaluation/base/mmlu.jsonl", [{"key": "mmlu 1", "marks": {"acc": 1.0}}])
    score = {"stage": "base", "round": 0, "benchmark": "mmlu", "set": "mmlu", "items": ["evaluation/base/mmlu"]}
    assert comparisons(tmp_path, {"scores": [score]}) == []


def test_a_card_counts_what_was_written_and_what_survived(run_folder):
    [card] = cards(run_folder)
    assert (card.function_count, card.functions_written, card.case_count, card.cases_written) == (1, 3, 2, 4)


def test_a_long_curve_is_thinned_to_means():
    assert thinned([(step, step % 2) for step in range(1_000)], 10) == [
        (49.5 + 100 * place, 0.5) for place in range(10)
    ]


def test_a_curve_is_smoothed_over_a_fifth_of_it():
    found = smoothed([(step, step % 2) for step in range(20)])
    assert [value for _, value in found[2:18]] == [(2 + step % 2) / 5 for step in range(2, 18)]
    assert [step for step, _ in found] == list(range(20))


@pytest.mark.parametrize("curve", [[(1, 3.0)], [(1, 3.0), (2, 4.0)]])
def test_a_short_curve_is_left_as_it_is(curve):
    assert smoothed(curve) == curve


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_an_axis_of_one_value_begins_at_zero(value):
    (drawing,) = training_plots([Training("SFT", False, "SFT", {"loss": [(step, value) for step in (100, 200)]})])
    low = min(float(tick.replace("−", "-")) for tick in re.findall(r">([−.0-9]+)</text>", drawing))
    assert low == 0


def test_every_training_has_its_curves(run_folder):
    titles = [training.title for training in trainings(run_folder, ("loss",))]
    assert titles == ["SFT", "offline", "round 1", "round 2"]


def test_a_function_shows_its_evidence():
    evidence = Evidence(true_accuracy=1.0, agreement=0.75, kill_rate=0.5, flags=("an empty answer follows",))
    function = VerificationFunction("def evaluate(response): ...", 0.9, evidence=evidence)
    assert evidence_of(function) == (
        "accuracy 90% · on True-cases 100% · agreement 75% · kill rate 50% · an empty answer follows"
    )


def test_a_function_without_evidence_shows_its_accuracy_alone():
    assert evidence_of(VerificationFunction("def evaluate(response): ...", 1.0)) == "accuracy 100%"
