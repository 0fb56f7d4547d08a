"""Reading which word a text answers with. A wrong word is worse than none: an unreadable answer is asked for again.

`answers.jsonl` holds sentences as models write them, each with the word that is read, or null where it is asked
for again: where it is no plain answer, and where only who understands the sentence could tell.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest

from autoif_train.synthesis.labels import answer_word, yes_or_no
from autoif_train.synthesis.reading import Unreadable

ANSWERS = list(map(json.loads, Path(__file__).with_name("answers.jsonl").read_text(encoding="utf-8").splitlines()))


def read(row):
    if row["words"] == ["yes", "no"]:
        return "yes" if yes_or_no(row["text"]) else "no"
    return answer_word(row["text"], tuple(row["words"]))


@pytest.mark.parametrize("row", [row for row in ANSWERS if row["answer"]], ids=lambda row: row["text"])
def test_an_answer_is_read_in_the_forms_that_models_write(row):
    assert read(row) == row["answer"]


@pytest.mark.parametrize("row", [row for row in ANSWERS if not row["answer"]], ids=lambda row: row["text"])
def test_what_is_not_plain_is_not_guessed(row):
    with pytest.raises(Unreadable):
        read(row)


@pytest.mark.parametrize("text", ["no. " * 2000, "yes or " * 2000, " " * 20000 + "yes x", "the answer is not " * 2000])
def test_an_endless_answer_takes_no_endless_time(text):
    start = time.process_time()
    with contextlib.suppress(Unreadable):
        yes_or_no(text)
    assert time.process_time() - start < 3


LABELS = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("It is no contradiction.\nentailment", "entailment"),
        ("Neutral", "neutral"),
        ("So: Neutral.", "neutral"),
        ("**Contradiction**.", "contradiction"),
        ("__neutral__", "neutral"),
        ('{"label": "neutral"}', "neutral"),
        ("<think>neutral</think>entailment", "entailment"),
        ("It asks for no comma, so it is a contradiction.", "contradiction"),
        ("Contradiction: the numbers differ.", "contradiction"),
        ("Neutral - at first sight.\nBut the numbers differ.\ncontradiction", "contradiction"),
    ],
)
def test_a_label_is_read(text, word):
    assert answer_word(text, LABELS) == word


@pytest.mark.parametrize("text", ["", "yes", "<think>neutral", "Contradictions abound.", "neutrality"])
def test_no_label_has_a_reason(text):
    with pytest.raises(Unreadable, match="no label"):
        answer_word(text, LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "All in all the answer is not followed.",
        "It is not violated.",
        "It isn't violated.",
        "It isn’t the case, I think, that it is violated.",
        "Nothing in it is violated",
        "It is only partly followed.",
        "Not followed",
        "The rules it followed are odd.",
        "Followed?",
    ],
)
def test_a_denied_or_doubted_label_is_none(text):
    with pytest.raises(Unreadable):
        answer_word(text, ("followed", "violated"))


@pytest.mark.parametrize("text", ["unfollowed", "non-followed", "followed-up"])
def test_a_word_that_only_holds_the_label_is_none(text):
    with pytest.raises(Unreadable, match="no label"):
        answer_word(text, ("followed", "violated"))


@pytest.mark.parametrize(
    "text",
    [
        "followed, or rather violated",
        "It is followed or violated",
        "followed\nviolated, on second thought",
        "violated.\nfollowed.\nThat is all.",
    ],
)
def test_contradictory_labels_are_unreadable(text):
    with pytest.raises(Unreadable, match="no plain label"):
        answer_word(text, ("followed", "violated"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("YES", True),
        ("no.", False),
        ("The text is a title.\n\nYES", True),
        ("**Answer: NO**", False),
        ("Final answer: yes", True),
        ("Yes, the generated text is a post title.", True),
        ("Yes. Everything is followed; there are no violations.", True),
        ("Yes.\nThere are no headings.", True),
        ("The answer is yes, since it is short.\nIt has no headings.", True),
        ("No (it has no title)", False),
        ("There is no title here, so it fails.\nNO", False),
        ("It has no title, so the answer is NO", False),
        ("It lists three.\nVerdict - **YES**.", True),
        ("Reason: it has no heading.\nThe answer to the question is NO", False),
        ("YES at first sight.\nBut it lacks a date.\nNO", False),
        ("<think>NO</think>YES", True),
    ],
)
def test_yes_and_no_are_read(text, answer):
    assert yes_or_no(text) is answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "There is no title.",
        "YES or NO?",
        "Yes?",
        "I cannot say yes.",
        "I cannot tell.",
        "Notable, yesterday.",
        "Yes, nearly.\nNo, on second thought.",
    ],
)
def test_neither_yes_nor_no_is_unreadable(text):
    with pytest.raises(Unreadable):
        yes_or_no(text)
