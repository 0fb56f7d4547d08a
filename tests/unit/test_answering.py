"""What the rounds of every recipe begin with: who is asked, and under which names it is kept."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest

from autoif_train.answering import judged_answers, scored_answers
from autoif_train.chat.base import Answer, SamplingSettings
from autoif_train.config import resolve
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, Selection, Verdict

QUERY = Query("Say it.", ("i",), (QueryFunction("s", "i"),), user_query="Say it.", id="q")
JUDGED = [Judged(Response("q", "so", "policy"), Verdict((Outcome.FOLLOWED,), 1.0))]


class Run:
    """A run that keeps nothing but the names of its steps; it has one executor, policy and supervisor."""

    def __init__(self, **quality):
        self.settings = resolve()
        section = dataclasses.replace(self.settings.quality, judge="supervisor", **quality)
        self.settings = dataclasses.replace(self.settings, quality=section)
        self.kept, self.asked, self.reasons, self.name = [], [], {}, "policy"

    def keep(self, name, step, *inputs, read):
        self.kept.append(name)
        return Selection.of(step(*inputs)).rows

    keep_split = keep

    def open_executor(self):
        return nullcontext(self)

    def open_policy(self, model):
        self.asked.append(model)
        return nullcontext(self)

    def open_supervisor(self):
        self.asked.append("supervisor")
        return nullcontext(self)

    def run(self, jobs, doubt):
        return [[Outcome.FOLLOWED for _ in texts] for _, texts in jobs]

    def answer(self, prompts, settings):
        return [[Answer("10/10")] * settings.responses_per_query for _ in prompts]


def test_answers_are_sampled_from_the_policy_and_judged_under_the_names_given():
    run = Run()
    found = judged_answers(run, "sft", [QUERY], SamplingSettings(2), (0, "spar", 1), responses="r", judged="j")
    assert (run.kept, run.asked) == (["r", "j"], ["sft"])
    assert [row.verdict.score for row in found] == [1.0, 1.0]


@pytest.mark.parametrize(("enabled", "kept", "asked"), [(True, ["s"], ["supervisor"]), (False, [], [])])
def test_relevance_is_asked_for_where_the_settings_want_it(enabled, kept, asked):
    run = Run(enabled=enabled)
    found = scored_answers(run, [QUERY], JUDGED, 0.5, (0,), scored="s")
    assert (run.kept, run.asked) == (kept, asked)
    assert [row.response.text for row in found] == ["so"]
