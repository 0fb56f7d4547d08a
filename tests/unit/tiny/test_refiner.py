"""The script that mends answers of the tiny world."""

from __future__ import annotations

import json
import random

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.tiny import evaluation_set
from autoif_train.tiny.composer import compose
from autoif_train.tiny.constraints import KINDS, check, constraint_of
from autoif_train.tiny.questions import question_of, relevant
from autoif_train.tiny.refiner import EDITS, SLIPS
from autoif_train.tiny.writer import TinyWriter

DRAWN = SamplingSettings(40, 0.9, 1.0, 96, 256)
QUESTION = "What color is the fox?"


def refinements(text, *instructions, named=None):
    asked = " ".join((QUESTION, *instructions))
    critique = "\n".join(f"Not followed: {each}" for each in named or instructions)
    prompt = Prompt([], "refinement", json.dumps([asked, text, critique]), 0)
    (found,) = TinyWriter().answer([prompt], DRAWN)
    return [answer.text for answer in found]


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_makes_its_constraint_hold_and_mostly_keeps_the_fact(kind):
    chance, tried, relevance = random.Random(0), 0, 0
    for row in (*evaluation_set("heldout_h"), *evaluation_set("heldout_q")):
        question = question_of(row["user_query"])
        for constraint in map(constraint_of, row["instructions"]):
            text = compose(question, [], chance)
            if constraint.kind == kind and not check(constraint, text, question.text):
                edited = EDITS[kind](text, question, chance, *constraint.params)
                assert check(constraint, edited, question.text), (constraint, text, edited)
                tried += 1
                relevance += relevant(question.text, edited)
    assert tried >= 10
    assert relevance >= 0.7 * tried


def test_only_what_the_critique_names_is_mended():
    instructions = ("Write in all uppercase.", "Start with the word Today.")
    found = refinements("The fox is red.", *instructions, named=instructions[:1])
    assert set(found) == {"The fox is red.", "THE FOX IS RED."}


def test_what_holds_is_left_alone_whatever_the_critique_says():
    assert set(refinements("THE FOX IS RED.", "Write in all uppercase.")) == {"THE FOX IS RED."}


def test_it_slips_now_and_then():
    mended = refinements("The fox is red.", "Write in all uppercase.").count("THE FOX IS RED.")
    assert 0.5 * (1 - SLIPS) < mended / 40 < 1
