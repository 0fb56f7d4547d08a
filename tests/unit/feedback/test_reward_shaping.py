"""Rewards: what the functions pay, and every guard that makes an answer worth nothing, or nothing that is known."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Answer
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.reward_shaping import (
    GrpoSettings,
    constraint_share,
    floor,
    in_band,
    reliabilities,
    reliability,
    repetition,
    shaped_reward,
)
from autoif_train.types import (
    CheckedInstruction,
    Evidence,
    Instruction,
    Judged,
    Outcome,
    Query,
    QueryFunction,
    Response,
    Selection,
    Verdict,
    VerificationFunction,
)

NAMES = {"+": Outcome.FOLLOWED, "-": Outcome.VIOLATED, "c": Outcome.CRASHED}


def share(weights=None, audit=False, **letters):
    """The share of one answer: an instruction per keyword, a function per letter, `audit_…` for audit functions."""
    functions, outcomes = [], []
    for name, row in letters.items():
        for place, letter in enumerate(row):
            functions.append(
                QueryFunction(f"{name}{place}", name.removeprefix("audit_"), audit=name.startswith("audit_"))
            )
            outcomes.append(NAMES[letter])
    query, answer = Query("Say it.", (), tuple(functions)), Response("id", "x", "p")
    return constraint_share(query, Judged(answer, Verdict(tuple(outcomes), None)), weights or {}, audit)


@pytest.mark.parametrize(("letters", "expected"), [("+", 1.0), ("-", 0.0), ("+-", 0.5), ("+c", 1.0), ("c", None)])
def test_an_instruction_is_the_share_of_its_functions_with_an_opinion(letters, expected):
    assert share(one=letters) == expected


def test_an_instruction_that_is_followed_is_credited_beside_one_that_is_not():
    assert share(one="++", two="-") == 0.5


def test_an_instruction_that_nobody_could_judge_leaves_the_answer_without_a_reward():
    assert share(one="+", two="c") is None


def test_a_reliable_function_weighs_more():
    assert share({("one", "one0"): 0.9, ("one", "one1"): 0.3}, one="+-") == pytest.approx(0.75)


def test_one_source_under_two_instructions_has_a_weight_under_each():
    rows = [
        CheckedInstruction(Instruction(text), (VerificationFunction("f", accuracy),), ())
        for text, accuracy in (("Use a.", 0.9), ("Use b.", 0.3))
    ]
    weights = reliabilities(rows)
    assert [weights[row.instruction.id, "f"] for row in rows] == [0.9, 0.3]


def test_audit_functions_are_never_paid():
    assert share(one="+", audit_one="-") == 1.0
    assert share(audit=True, one="+", audit_one="-") == 0.0


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (VerificationFunction("f"), 1.0),
        (VerificationFunction("f", 0.8), 0.8),
        (VerificationFunction("f", 0.9, evidence=Evidence(true_accuracy=1.0, false_accuracy=0.6)), 0.8),
        (VerificationFunction("f", 1.0, evidence=Evidence(agreement=0.7)), 0.7),
    ],
)
def test_reliability_is_balanced_accuracy_times_agreement(function, expected):
    assert reliability(function) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "finished", "reason"),
    [
        ("A good answer.", True, None),
        (" \n", True, "empty"),
        ("It goes on and", False, "unfinished"),
        ("one two three four five six seven", True, "too long"),
        ("so it is so it is so it is so it is", True, "repeats itself"),
        ("All constraints are satisfied.", True, "praises itself"),
        ("This meets all of the requirements", True, "praises itself"),
        ("Every instruction was followed", True, "praises itself"),
    ],
)
def test_the_floor_says_why_an_answer_is_worth_nothing(text, finished, reason):
    most = 6 if reason == "too long" else None
    assert floor(text, finished, GrpoSettings(max_words=most)) == reason


@pytest.mark.parametrize(
    "text", ["All cats follow mice.", "The instructions of the game are long.", "She met every guest."]
)
def test_ordinary_sentences_are_no_self_praise(text):
    assert floor(text, True, GrpoSettings()) is None


def test_self_praise_can_be_let_through():
    assert floor("All constraints are satisfied.", True, GrpoSettings(refuse_self_praise=False)) is None


@pytest.mark.parametrize(("text", "expected"), [("a b c", 0.0), ("a b c d e", 0.0), ("a b c d a b c d", 0.2)])
def test_repetition_is_the_share_of_runs_seen_before(text, expected):
    assert repetition(text.split()) == pytest.approx(expected)


QUERY = Query(
    "Say a.", ("a", "b"), (QueryFunction("a", "a"), QueryFunction("b", "b"), QueryFunction("z", "a", True)), "Q?"
)


def judged(*scores):
    return [Judged(Response(QUERY.id, "x", "p", n), Verdict((), score)) for n, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ((0.0, 1.0), None),
        ((0.0, 0.0), "pass rate too low"),
        ((0.0, 1.0, 1.0), "pass rate too high"),
        ((None, None), "nobody could judge"),
        ((None, 0.0, 1.0), None),
    ],
)
def test_only_queries_in_the_band_of_difficulty_are_trained_on(scores, reason):
    found = Selection.of(in_band([QUERY], judged(*scores), GrpoSettings(), 0.5))
    assert found.rows == ([] if reason else [QUERY])
    assert found.dropped == ({"query": {reason: 1}} if reason else {})


class Letters:
    """An executor whose functions ask for a letter; the function `c` crashes."""

    reasons: dict = {}  # noqa: RUF012

    def run(self, jobs, doubt=True):
        held = {True: Outcome.FOLLOWED, False: Outcome.VIOLATED}
        return [
            [Outcome.CRASHED if source == "c" else held[source in text] for text in texts] for source, texts in jobs
        ]


class Judge:
    """Finds an answer relevant if it has a question mark; unreadable if it says `hm`."""

    name = "judge"

    def __init__(self):
        self.asked = []

    def answer(self, prompts, settings):
        texts = [prompt.payload.partition("\n")[2] for prompt in prompts]
        self.asked += texts
        return [[Answer("?" if "hm" in text else f"Score: {10 if '?' in text else 0}")] for text in texts]


def paid(texts, judge=None, finished=None, query=QUERY, **settings):
    pay = shaped_reward([query], {}, Letters(), GrpoSettings(**settings), QualitySettings(max_asks_again=0), judge, 0)
    return pay([query.id] * len(texts), texts, finished or [True] * len(texts))


def test_an_answer_is_paid_its_share_of_constraints():
    assert paid(["a b", "a", "x"])[0] == [1.0, 0.5, 0.0]


def test_the_floor_takes_the_whole_reward():
    rewards, figures = paid(["a b", "a b"], finished=[True, False])
    assert rewards == [1.0, 0.0]
    assert figures["floor/unfinished"] == 0.5


def test_only_the_text_after_the_reasoning_block_is_judged():
    assert paid(["<think>a b</think>x", "<think>x</think>a b", "<think>a b"])[0] == [0.0, 1.0, 0.0]


def test_an_irrelevant_answer_is_shut_out_at_the_gate():
    rewards, figures = paid(["a b?", "a b"], Judge())
    assert rewards == [1.0, 0.0]
    assert figures["gate/shut"] == 0.5


def test_what_the_gate_could_not_read_has_no_reward():
    assert paid(["a b hm"], Judge())[0] == [None]


def test_the_judge_is_not_asked_about_what_is_worth_nothing():
    paid(["x", "a b?", "a b?"], judge := Judge(), finished=[True, True, False])
    assert judge.asked == ["a b?"]


def test_an_answer_that_nobody_could_judge_has_no_reward():
    query = Query("Say c.", ("c",), (QueryFunction("c", "c"),), "Q?")
    rewards, figures = paid(["a"], query=query)
    assert rewards == [None]
    assert figures["unjudged"] == 1.0


def test_the_audit_gap_is_training_minus_held_back():
    assert paid(["a b", "a b z"])[1]["audit/gap"] == 0.5


def test_without_audit_functions_there_is_no_gap():
    query = Query("Say a.", ("a",), (QueryFunction("a", "a"),), "Q?")
    assert "audit/gap" not in paid(["a"], query=query)[1]


def test_answers_of_several_queries_keep_their_places():
    other = Query("Say b.", ("b",), (QueryFunction("b", "b"),), "R?")
    pay = shaped_reward([QUERY, other], {}, Letters(), GrpoSettings(), QualitySettings(), Judge(), 0)
    ids = [other.id, QUERY.id, other.id, QUERY.id]
    assert pay(ids, ["b?", "a?", "x", "a b?"], [True] * 4)[0] == [1.0, 0.5, 0.0, 1.0]
