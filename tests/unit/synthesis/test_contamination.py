"""Contamination: runs of words that a benchmark shares with training texts."""

from __future__ import annotations

import json

import pytest

from autoif_train.synthesis.contamination import overlap

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen".split()


def test_a_run_of_thirteen_words_is_shared_and_one_of_twelve_is_not():
    item = " ".join([*WORDS[:13], "and", "so", "on"])
    assert overlap([" ".join(WORDS[:13])], [item]).shared_items == 1
    assert overlap([" ".join(WORDS[:12])], [item]).shared_items == 0


def test_case_and_punctuation_do_not_count():
    assert overlap([", ".join(WORDS).upper()], [" ".join(WORDS)]).shared_items == 1


def test_a_short_item_is_compared_whole():
    assert overlap(["Say hello to the world, will you?"], ["Hello to the world"]).shared_items == 1
    assert overlap(["Say hello to the"], ["Hello to the world"]).shared_items == 0


def test_empty_items_share_nothing():
    found = overlap(["some text"], ["", "!!"])
    assert (found.items, found.shared_items, found.item_percent, found.gram_percent) == (2, 0, 0.0, 0.0)


def test_an_example_names_the_text_and_the_item():
    found = overlap(["nothing", " ".join(WORDS)], ["else", " ".join(WORDS)])
    assert found.examples == ((1, 1, " ".join(WORDS[:13])),)


def test_gsm8k_shares_three_questions_between_its_splits(public_data):
    def questions(split):
        with open(public_data / "gsm8k" / f"{split}.jsonl", encoding="utf-8") as file:
            return [json.loads(line)["question"] for line in file]

    found = overlap(questions("train"), questions("test"))
    assert (found.texts, found.items, found.shared_items) == (7473, 1319, 3)
    assert found.item_percent == pytest.approx(0.227, abs=0.001)
