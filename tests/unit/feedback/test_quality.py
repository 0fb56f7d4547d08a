"""Quality: only answers that follow are scored, unreadable scores are nobody's opinion."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.chat.base import Answer
from autoif_train.feedback.quality import QualitySettings, good_quality, poor_quality, quality_judge, score_quality
from autoif_train.funnel import Tally
from autoif_train.types import Judged, Query, QueryFunction, Response, Verdict

QUERY = Query("What is a river? Use no commas.", ("i",), (QueryFunction("s", "i"),), "What is a river?", id="q")


class Judge:
    name = "judge"

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []
        self.settings = []

    def answer(self, prompts, settings):
        self.asked += prompts
        self.settings.append(settings)
        return [[Answer(text) for text in self.answers] for _ in prompts]


def answer(text, score, index=0, finished=True):
    return Judged(Response("q", text, "a", index, finished), Verdict((), score))


def scored(judge, *rows, settings=None, query=QUERY):
    tally = Tally("scored")
    found = list(tally.passing(score_quality([query], rows, judge, settings or QualitySettings(), 0.5, 0)))
    return found, {entry["unit"]: entry for entry in tally.entries()}


def test_a_score_is_the_answers_quality():
    found, _ = scored(Judge("fine\nScore: 8"), answer("a", 1.0))
    assert found[0].quality == 8.0


def test_answers_come_back_in_order_scored_or_not():
    rows = [answer("a", 1.0, 0), answer("b", 0.0, 1), answer("c", None, 2), answer("d", 1.0, 3)]
    found, _ = scored(Judge("Score: 8"), *rows)
    assert [row.response for row in found] == [row.response for row in rows]
    assert [row.quality for row in found] == [8.0, None, None, 8.0]


@pytest.mark.parametrize(
    "row", [answer("a", 0.5), answer("a", 0.0), answer("a", None), answer("a", 1.0, finished=False)]
)
def test_what_cannot_be_chosen_is_not_paid_for(row):
    judge = Judge("Score: 8")
    scored(judge, row)
    assert judge.asked == []


def test_the_mean_of_several_scores_counts():
    assert scored(Judge("Score: 8", "Score: 9"), answer("a", 1.0))[0][0].quality == 8.5


def test_unreadable_scores_are_left_out_of_the_mean():
    assert scored(Judge("Score: 8", "no idea"), answer("a", 1.0))[0][0].quality == 8.0


@pytest.mark.parametrize("answers", [("no idea",), (), ("",), ("Score: 99",)])
def test_no_readable_score_is_no_quality(answers):
    found, entries = scored(Judge(*answers), answer("a", 1.0))
    assert found[0].quality is None
    assert entries["scored response"]["dropped"] == {"score unreadable": 1}


def test_several_scores_are_really_drawn():
    judge = Judge("Score: 8")
    scored(judge, answer("a", 1.0), settings=QualitySettings(samples=4))
    assert judge.settings[0].responses_per_query == 4
    assert judge.settings[0].temperature > 0, "four greedy scores are one score four times"


def test_the_judge_is_not_shown_the_reasoning():
    judge = Judge("Score: 8")
    scored(judge, answer("<think>secret</think>public", 1.0))
    assert "secret" not in judge.asked[0].messages[0]["content"]


def test_braces_in_an_answer_reach_the_judge():
    judge = Judge("Score: 8")
    scored(judge, answer("{user_query} {0} {", 1.0))
    assert "{user_query} {0} {" in judge.asked[0].messages[0]["content"]


def test_question_and_requirements_are_shown_apart():
    judge = Judge("Score: 8")
    scored(judge, answer("a", 1.0))
    assert judge.asked[0].messages[0]["content"].count("What is a river?") == 1


def test_a_full_stop_that_was_added_is_not_shown_as_a_requirement():
    judge = Judge("Score: 8")
    query = dataclasses.replace(QUERY, prompt="Tell me of rivers. Use no commas.", user_query="Tell me of rivers")
    scored(judge, answer("a", 1.0), query=query)
    assert "\n. Use no commas." not in judge.asked[0].messages[0]["content"]


def test_each_answer_has_a_seed_of_its_own():
    judge = Judge("Score: 8")
    scored(judge, answer("a", 1.0, 0), answer("b", 1.0, 1))
    assert len({prompt.seed for prompt in judge.asked}) == 2


@pytest.mark.parametrize(("quality", "good"), [(8.0, True), (7.99, False), (10.0, True), (None, False)])
def test_good_is_at_least_the_threshold(quality, good):
    assert good_quality(dataclasses.replace(answer("a", 1.0), quality=quality), QualitySettings()) == good


def test_without_scoring_everything_is_good_and_nothing_poor():
    off = QualitySettings(enabled=False, reject_at_or_below=10)
    assert good_quality(answer("a", 1.0), off)
    assert not poor_quality(dataclasses.replace(answer("a", 1.0), quality=0.0), off)


@pytest.mark.parametrize(
    ("limit", "quality", "poor"), [(None, 0.0, False), (2, 2.0, True), (2, 2.1, False), (2, None, False)]
)
def test_poor_is_at_or_below_its_limit(limit, quality, poor):
    settings = QualitySettings(reject_at_or_below=limit)
    assert poor_quality(dataclasses.replace(answer("a", 1.0), quality=quality), settings) == poor


def test_the_supervisor_judges_unless_the_embedded_world_does():
    supervisor = Judge()
    assert quality_judge(QualitySettings(), supervisor) is supervisor
    assert quality_judge(QualitySettings(judge="tiny"), supervisor) is not supervisor
