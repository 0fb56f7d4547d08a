"""Who is right: evidence, the choice of questions, budgets."""

from __future__ import annotations

import pytest

from autoif_train.synthesis.dispute import Dispute, Trust, posterior, question, settle
from autoif_train.types import TestCase

TRUST = Trust(cases=0.85, answers=0.9, sure_above=0.99, odds=0.1)
TEXTS = ("a", "b", "c", "d")
SIGNS = {"+": True, "-": False, ".": None}


def dispute(*rows, weights=None, cases=""):
    """One hypothesis per row of signs over `TEXTS`; `cases` has a sign for each text that is a case, else a blank."""
    labels = tuple(TestCase(text, SIGNS[sign]) for text, sign in zip(TEXTS, cases, strict=False) if sign in "+-")
    found = tuple(tuple(SIGNS[sign] for sign in row) for row in rows)
    return Dispute(TEXTS, found, tuple(weights or [1.0] * len(rows)), labels)


def test_cases_speak_for_the_behaviour_they_fit():
    right, wrong, nobody = posterior(dispute("++--", "--++", cases="++--"), {}, TRUST)
    assert right > 0.85 > nobody > wrong


def test_labels_that_fit_no_behaviour_speak_for_nobody():
    chances = posterior(dispute("++++", "+++-", cases="----"), {}, TRUST)
    assert max(range(3), key=chances.__getitem__) == 2


def test_an_answer_takes_the_place_of_the_cases_on_the_same_text():
    twice = dispute("+---", "-+--", cases="+")
    without_case = dispute("+---", "-+--")
    assert posterior(twice, {"a": False}, TRUST) == pytest.approx(posterior(without_case, {"a": False}, TRUST))


def test_no_opinion_never_fits_a_label():
    silent, right, _ = posterior(dispute(".+++", "++++", cases="+"), {}, TRUST)
    assert silent < right


def test_the_question_is_about_a_text_on_which_the_likely_ones_part():
    assert question(dispute("+++-", "++--", "-+--", weights=[9, 9, 1]), {}, TRUST) == "c"


def test_nothing_is_asked_once_all_is_clear():
    assert question(dispute("++--", "--++", weights=[1e6, 1]), {}, TRUST) is None


def test_a_text_is_asked_about_once():
    asked = []

    def arbiter(questions):
        asked.extend(text for _, text in questions)
        return [None for _ in questions]

    settle([dispute("+-+-", "-+-+")], ["instruction"], arbiter, 10, TRUST)
    assert len(asked) == len(set(asked)) > 1


@pytest.mark.parametrize("budget", [0, 1, 2])
def test_no_more_is_asked_than_the_budget(budget):
    [answers] = settle(
        [dispute("+-+-", "-+-+")], ["instruction"], lambda questions: [None] * len(questions), budget, TRUST
    )
    assert len(answers) == budget


def test_the_right_behaviour_wins_over_a_larger_cluster():
    truth = dict(zip(TEXTS, "++--", strict=True))

    def arbiter(questions):
        return [SIGNS[truth[text]] for _, text in questions]

    contested = dispute("++--", "+-+-", "--++", weights=[1, 4, 2])
    [answers] = settle([contested], ["instruction"], arbiter, 4, TRUST)
    chances = posterior(contested, answers, TRUST)
    assert max(range(4), key=chances.__getitem__) == 0
