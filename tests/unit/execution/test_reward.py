"""The executor as a reward function."""

from __future__ import annotations

import pytest

from autoif_train.execution import Outcome
from autoif_train.execution.reward import score, shares
from autoif_train.types import Query, QueryFunction

LOWER = "def evaluate(r):\n    return r == r.lower()"
SHORT = "def evaluate(r):\n    return len(r) < 5"
BROKEN = "def evaluate(r):\n    return r.missing"


def query(*functions):
    return Query("Say hi.", ("i1",), tuple(functions))


@pytest.mark.parametrize("prompt", ["Say hi.", [{"role": "user", "content": "Say hi."}]], ids=["text", "conversation"])
def test_rewards_are_scores(executor, prompt):
    reward = executor.as_reward_function([query(QueryFunction(LOWER, "i1"), QueryFunction(SHORT, "i2"))])
    answers = ["hi", "HI", "hello there"]
    if isinstance(prompt, list):
        answers = [[{"role": "assistant", "content": answer}] for answer in answers]
    assert reward(prompts=[prompt] * 3, completions=answers, completion_ids=[]) == [1.0, 0.0, 0.0]


def test_what_nobody_can_judge_has_no_reward(executor):
    reward = executor.as_reward_function([query(QueryFunction(BROKEN, "i1"))])
    assert reward(["Say hi.", "unknown"], ["hi", "hi"]) == [None, None]


def test_a_violated_instruction_is_not_hidden_by_another():
    functions = [QueryFunction(LOWER, "i1")] * 5 + [QueryFunction(SHORT, "i2")] * 3
    assert score(functions, [Outcome.FOLLOWED] * 5 + [Outcome.VIOLATED] * 3) == 0.0


def test_audit_functions_do_not_count():
    functions = [QueryFunction(LOWER, "i1"), QueryFunction(SHORT, "i1", audit=True)]
    assert score(functions, [Outcome.FOLLOWED, Outcome.VIOLATED]) == 1.0
    assert score(functions, [Outcome.FOLLOWED, Outcome.VIOLATED], audit=True) == 0.0


def test_a_share_goes_by_the_weights_of_instruction_and_source():
    functions = [QueryFunction(source, name) for name in ("i1", "i2") for source in (LOWER, SHORT)]
    outcomes = [Outcome.FOLLOWED, Outcome.VIOLATED] * 2
    assert shares(functions, outcomes, {("i1", LOWER): 3.0}) == [0.75, 0.5]
    assert shares(functions, outcomes, {("i1", LOWER): 0.0, ("i1", SHORT): 0.0}) is None
