"""Who refines, who verifies, which answers are refined, and what the refiner learns from."""

from __future__ import annotations

import dataclasses
import json

import pytest

from autoif_train.chat.base import Answer, SamplingSettings
from autoif_train.feedback.judge import verified
from autoif_train.feedback.pairs import PairsSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.refinement import (
    SparSettings,
    by_functions,
    by_votes,
    ends,
    failing_roots,
    refine_messages,
    refinements,
    refining,
    searched,
    verifying,
)
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, Selection, Verdict

SAMPLING = SamplingSettings(8, 0.8, 1.0, 96, 256)
UPPER, LONG = "upper", "long"
QUERY = Query(
    "Say it. Loudly. At length.", ("loud", "long"), (QueryFunction(UPPER, "loud"), QueryFunction(LONG, "long"))
)
INSTRUCTIONS = {"loud": "Loudly.", "long": "At length."}
CHECKS = {UPPER: str.isupper, LONG: lambda text: len(text) > 5}


class Checks:
    """An executor of two trusted functions."""

    def __init__(self):
        self.reasons = {}

    def run(self, jobs, doubt=True):
        return [
            [Outcome.FOLLOWED if CHECKS[source](text) else Outcome.VIOLATED for text in texts] for source, texts in jobs
        ]


class Chat:
    """Says the same to every prompt, and remembers what it was asked."""

    name = "somebody"

    def __init__(self, *said):
        self.said, self.prompts = said, []

    def answer(self, prompts, settings):
        self.prompts += prompts
        self.settings = settings
        return [[Answer(text) for text in self.said] for _ in prompts]


def response(text, query=QUERY, index=0):
    return Response(query.id, text, "policy", index)


def judged(text, score, outcomes=(), **fields):
    return Judged(response(text, index=fields.pop("index", 0)), Verdict(outcomes, score), **fields)


def roots_of(*rows, seed=0, **changes):
    return Selection.of(failing_roots([QUERY], rows, PairsSettings(**changes), 0.5, seed))


def test_a_critique_names_the_instructions_that_are_violated():
    verify = by_functions(Checks(), INSTRUCTIONS)
    texts = ("LOUDLY", "LOUD", "quietly", "hush")
    found = verify([(QUERY, response(text)) for text in texts])
    assert [each.verdict.score for each in found] == [1.0, 0.0, 0.0, 0.0]
    assert [each.critique for each in found] == [
        "",
        "Not followed: At length.",
        "Not followed: Loudly.",
        "Not followed: Loudly.\nNot followed: At length.",
    ]


def test_an_instruction_without_a_text_is_named_by_its_function():
    (found,) = by_functions(Checks(), {})([(QUERY, response("quietly"))])
    assert found.critique == f"Not followed: {UPPER}"


def test_audit_functions_are_not_named():
    audited = dataclasses.replace(QUERY, functions=(QueryFunction(UPPER, "loud", audit=True), QUERY.functions[1]))
    (found,) = by_functions(Checks(), INSTRUCTIONS)([(audited, response("quietly"))])
    assert (found.critique, found.verdict.score) == ("", 1.0)


def test_votes_are_a_share_and_the_first_no_is_the_critique():
    chat = Chat("Fine.\nYes", "It is short.\nNo", "Perhaps.", "<think>yes</think>Nothing is said.\n**No**", "Yes")
    (found,) = by_votes(chat, SparSettings(), SAMPLING, 0)([(QUERY, response("LOUD"))])
    assert found.verdict == Verdict((), 0.5)
    assert found.critique == "It is short.\nNo"
    assert (chat.settings.responses_per_query, chat.settings.temperature) == (5, 0.7)
    assert QUERY.prompt in chat.prompts[0].messages[0]["content"]


def test_votes_that_nobody_can_read_are_no_verdict():
    (found,) = by_votes(Chat("Perhaps."), SparSettings(), SAMPLING, 0)([(QUERY, response("LOUD"))])
    assert found.verdict.score is None


@pytest.mark.parametrize(
    ("verify", "text", "score"),
    [
        ("functions", "LOUDLY", 1.0),
        ("judge", "LOUDLY", 0.5),
        ("both", "LOUDLY", 0.5),
        ("both", "quietly", 0.0),
    ],
)
def test_the_settings_say_whose_verdict_counts(verify, text, score):
    settings = SparSettings(verify=verify)
    votes = by_votes(Chat("Yes", "No"), settings, SAMPLING, 0)
    (found,) = verifying(by_functions(Checks(), INSTRUCTIONS), votes, settings)([(QUERY, response(text))])
    assert found.verdict.score == score


def test_the_judge_alone_decides_where_a_query_has_no_functions():
    settings = SparSettings(verify="both")
    bare = Query("Say it.", (), ())
    votes = by_votes(Chat("Yes", "No"), settings, SAMPLING, 0)
    (found,) = verifying(by_functions(Checks(), {}), votes, settings)([(bare, response("so", bare))])
    assert found.verdict.score == 0.5


def test_a_refinement_is_asked_for_with_the_failing_answer_and_its_critique():
    chat = Chat("LOUDLY", "<think>hm</think>LOUD")
    refine = refining(chat, SparSettings(), SAMPLING, 0)
    root = judged("quietly", 0.0, critique="Not followed: Loudly.")
    (found,) = refine([(QUERY, root, 3)])
    assert [each.text for each in found] == ["LOUDLY", "LOUD"]
    (prompt,) = chat.prompts
    assert (prompt.step, prompt.first) == ("refinement", 3)
    assert prompt.messages == refine_messages(QUERY, root)
    assert all(part in prompt.messages[0]["content"] for part in (QUERY.prompt, "quietly", "Not followed: Loudly."))
    assert json.loads(prompt.payload) == [QUERY.prompt, "quietly", "Not followed: Loudly."]
    assert (chat.settings.responses_per_query, chat.settings.temperature) == (3, 0.9)


def test_best_of_n_asks_the_query_itself():
    chat = Chat("LOUDLY")
    refining(chat, SparSettings(strategy="best_of_n"), SAMPLING, 0)([(QUERY, judged("quietly", 0.0), 0)])
    assert chat.prompts[0].messages == QUERY.messages


def test_two_failures_of_one_query_are_refined_with_different_seeds():
    chat = Chat("LOUDLY")
    asked = [(QUERY, judged(text, 0.0), 0) for text in ("quietly", "hush")]
    refining(chat, SparSettings(), SAMPLING, 0)(asked)
    assert len({prompt.seed for prompt in chat.prompts}) == 2


def test_the_root_is_one_of_the_failing_answers():
    rows = [judged("LOUDLY", 1.0, index=0), judged("quietly", 0.0, index=1), judged("hush", 0.5, index=2)]
    drawn = {roots_of(*rows, seed=seed).rows[0].response.text for seed in range(9)}
    assert drawn == {"quietly", "hush"}


@pytest.mark.parametrize(
    ("score", "reason"), [(1.0, "no answer failed"), (None, "nobody could judge"), (0.51, "no answer failed")]
)
def test_a_query_without_a_root_says_why(score, reason):
    found = roots_of(judged("so", score))
    assert (found.rows, found.dropped["query"]) == ([], {reason: 1})


def test_an_answer_that_no_pair_could_reject_is_no_root():
    crashed = judged("hush", 0.0, outcomes=(Outcome.VIOLATED, Outcome.CRASHED))
    certain = judged("quietly", 0.0, outcomes=(Outcome.VIOLATED, Outcome.FOLLOWED), index=1)
    assert {roots_of(crashed, certain, seed=seed).rows[0] for seed in range(9)} == {certain}
    assert roots_of(crashed).dropped["query"] == {"nobody could judge": 1}


@pytest.mark.parametrize(
    ("band", "dropped"),
    [
        ({}, {}),
        ({"pass_rate_above": 0.5}, {"pass rate too low": 1}),
        ({"pass_rate_at_most": 0.25}, {"pass rate too high": 1}),
    ],
)
def test_a_query_outside_the_band_of_pass_rates_has_no_root(band, dropped):
    found = roots_of(judged("LOUDLY", 1.0), judged("quietly", 0.0, index=1), **band)
    assert (len(found.rows), found.dropped.get("query", {})) == (not dropped, dropped)


def test_a_query_that_no_answer_follows_has_a_root_where_there_is_no_band():
    assert roots_of(judged("quietly", 0.0)).rows
    assert roots_of(judged("quietly", 0.0), pass_rate_above=0.1).dropped["query"] == {"pass rate too low": 1}


def test_a_search_goes_from_the_root_to_the_first_that_passes():
    verify = by_functions(Checks(), INSTRUCTIONS)
    roots = list(verified([response("quietly")], [QUERY], verify))
    chat = Chat("quietly still", "LOUDLY", "LOUDER")
    nodes = list(searched(roots, [QUERY], refining(chat, SparSettings(), SAMPLING, 0), verify, SparSettings()))
    assert [each.response.text for each in nodes] == ["quietly", "quietly still", "LOUDLY", "LOUDER"]
    assert [each.response.text for each in ends([QUERY], nodes)] == ["quietly", "LOUDLY"]


def test_a_search_that_found_nothing_better_has_one_end():
    nodes = [judged("quietly", 0.0), judged("hush", 0.0, index=1)]
    assert list(ends([QUERY], nodes)) == nodes[:1]


def refinement_of(parent, leaf):
    return dataclasses.replace(leaf, response=dataclasses.replace(leaf.response, parent_id=parent.response.id))


@pytest.mark.parametrize(
    ("score", "quality", "learnt"), [(1.0, 10.0, 1), (0.5, 10.0, 0), (1.0, 0.0, 0), (1.0, None, 0)]
)
def test_the_refiner_learns_from_good_refinements_as_the_search_asks(score, quality, learnt):
    root = judged("quietly", 0.0, critique="Not followed: Loudly.")
    leaf = refinement_of(root, judged("LOUDLY", score, index=1, quality=quality))
    found = list(refinements([QUERY], [root, leaf], [root, leaf], SparSettings(), QualitySettings()))
    assert len(found) == learnt
    for row in found:
        assert row.prompt == refine_messages(QUERY, root)
        assert row.completion == [{"role": "assistant", "content": "LOUDLY"}]


def test_the_refiner_learns_what_it_was_asked_with_and_not_the_root():
    root = judged("hush", 0.0, critique="Not followed: Loudly.\nNot followed: At length.")
    middle = refinement_of(root, judged("quietly", 0.0, index=1, critique="Not followed: Loudly."))
    leaf = refinement_of(middle, judged("LOUDLY", 1.0, index=2))
    scored = dataclasses.replace(leaf, quality=10.0)
    (row,) = refinements([QUERY], [root, middle, leaf], [root, scored], SparSettings(), QualitySettings())
    assert row.prompt == refine_messages(QUERY, middle)
