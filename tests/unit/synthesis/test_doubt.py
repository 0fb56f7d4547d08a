"""Probes, agreement and sharp cases on real functions: what goes, what stays, what is said of it."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.chat.base import Answer
from autoif_train.execution import Executor
from autoif_train.funnel import Tally
from autoif_train.synthesis.agreement import AgreementSettings, agree, read_answers, trust_of
from autoif_train.synthesis.arbitration import arbitrate
from autoif_train.synthesis.probes import ProbesSettings, probe
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.synthesis.sharpening import SharpeningSettings, sharpen
from autoif_train.types import CheckedInstruction, Instruction, Selection, TestCase, UserError, VerificationFunction

TEXT = "Use at least 5 words."
RIGHT = "def evaluate(response):\n    return len(response.split()) >= 5"
ALSO_RIGHT = "def evaluate(response):\n    return not len(response.split()) < 5"
OFF_BY_ONE = "def evaluate(response):\n    return len(response.split()) > 5"
LETTERS = "def evaluate(response):\n    return len(response) >= 5"
CASES = (TestCase("one two three four five six seven", True), TestCase("one two", False))


def true_label(text):
    return len(text.split()) >= 5


class Asked:
    """An arbiter that is always right, and remembers."""

    def __init__(self):
        self.questions = []

    def __call__(self, questions):
        self.questions += questions
        return [true_label(text) for _, text in questions]


def draft(*sources, cases=CASES):
    return CheckedInstruction(Instruction(TEXT), tuple(map(VerificationFunction, sources)), tuple(cases))


@pytest.fixture(scope="module")
def executor():
    with Executor(workers=1, timeout_seconds=0.2) as opened:
        yield opened


def agreed(executor, *drafts, arbiter=None, **changes):
    settings = dataclasses.replace(AgreementSettings(), **changes)
    return Selection.of(agree(drafts, executor, arbiter or Asked(), settings, (), 0))


def sharpened(executor, *drafts, arbiter=None, **changes):
    settings, trust = dataclasses.replace(SharpeningSettings(), **changes), trust_of(AgreementSettings())
    return Selection.of(sharpen(drafts, executor, arbiter or Asked(), settings, trust, 0))


def sources(selection):
    return [function.source for row in selection.rows for function in row.functions]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("response.split()[0] == 'a'", "crashes on probe: empty"),
        ("1", "invalid"),
        ("bool(eval(response))", "invalid"),
        ("while len(response) < 3: pass", "hangs on probe: empty"),
        ("response.isascii() or 1 / 0 > 1", "crashes on probe: other scripts"),
    ],
)
def test_a_function_that_does_not_stand_a_probe_goes(executor, body, reason):
    body = body if body.startswith("while") else f"return {body}"
    source = f"def evaluate(response):\n    {body}\n    return True"
    found = Selection.of(probe([draft(RIGHT, source)], executor, ProbesSettings()))
    assert sources(found) == [RIGHT]
    assert found.dropped["function"] == {reason: 1}


def test_an_empty_answer_that_follows_is_flagged(executor):
    short = "def evaluate(response):\n    return len(response) < 9"
    [row] = Selection.of(probe([draft(RIGHT, short)], executor, ProbesSettings())).rows
    assert [function.evidence.flags for function in row.functions] == [(), ("an empty answer follows",)]


def test_crashes_can_be_noted_instead(executor):
    crashing = "def evaluate(response):\n    return response[0] == 'a'"
    [row] = Selection.of(probe([draft(crashing)], executor, ProbesSettings(reject_crash=False))).rows
    assert row.functions[0].evidence.flags == ("no opinion on probe: empty",)


def test_an_instruction_without_a_sane_function_goes(executor):
    found = Selection.of(probe([draft("no python")], executor, ProbesSettings()))
    assert found.rows == []
    assert found.dropped["instruction"] == {"no function stands the probes": 1}


def test_the_supervisor_decides_against_a_majority(executor):
    found = agreed(executor, draft(RIGHT, OFF_BY_ONE, OFF_BY_ONE + "\n", LETTERS))
    assert sources(found) == [RIGHT]
    assert found.dropped["function"] == {"outvoted": 3}


def test_decided_texts_become_cases(executor):
    arbiter = Asked()
    [row] = agreed(executor, draft(RIGHT, OFF_BY_ONE), arbiter=arbiter).rows
    added = [case for case in row.cases if case not in CASES]
    assert [case.text for case in added] == [text for _, text in arbiter.questions]
    assert all(case.expected == true_label(case.text) for case in added)
    assert row.functions[0].evidence.arbitrated == len(arbiter.questions)


def test_functions_that_agree_cost_no_question_once_the_cases_are_clear(executor):
    arbiter = Asked()
    cases = [TestCase(f"{'word ' * count}", count >= 5) for count in range(1, 9)]
    [row] = agreed(executor, draft(RIGHT, ALSO_RIGHT, cases=cases), arbiter=arbiter).rows
    assert [function.evidence.agreement for function in row.functions] == [1.0, 1.0]
    assert arbiter.questions == []


@pytest.mark.parametrize("constant", ["True", "False"])
def test_constant_functions_go(executor, constant):
    found = agreed(executor, draft(RIGHT, f"def evaluate(response):\n    return {constant}"))
    assert found.dropped["function"] == {"constant": 1}


def test_an_instruction_with_constant_functions_alone_goes(executor):
    found = agreed(executor, draft("def evaluate(response):\n    return True"))
    assert found.dropped["instruction"] == {"only constant functions": 1}


def test_labels_that_no_function_fits_drop_the_instruction(executor):
    cases = [TestCase(f"{'word ' * count}", count % 2 == 0) for count in range(1, 13)]
    found = agreed(executor, draft(LETTERS, cases=cases), arbitrations=0)
    assert found.dropped["instruction"] == {"no function fits the cases and answers": 1}


def test_without_questions_what_the_cases_leave_open_is_dropped_where_it_is_not_alike(executor):
    half = "def evaluate(response):\n    return len(response.split()) >= 5 and len(response) % 2 == 0"
    found = agreed(executor, draft(RIGHT, half, cases=CASES[1:]), arbitrations=0)
    assert found.dropped["instruction"] == {"undecided": 1}


def test_without_questions_functions_that_differ_in_taste_stand_together(executor):
    taste = "def evaluate(response):\n    return len(response.split()) >= 5 and 'é' not in response"
    cases = [TestCase(f"{'word ' * count}", count >= 5) for count in range(1, 9)]
    assert len(sources(agreed(executor, draft(RIGHT, taste, cases=cases), arbitrations=0))) == 2


def test_what_goes_in_is_what_stays_and_what_is_dropped(executor):
    tally = Tally("agreed")
    events = agree([draft(RIGHT, OFF_BY_ONE, LETTERS)], executor, Asked(), AgreementSettings(), (), 0)
    list(tally.passing(events))
    entries = {entry["unit"]: entry for entry in tally.entries()}
    assert (entries["function"]["rows_in"], entries["function"]["rows_out"]) == (3, 1)
    assert (entries["instruction"]["rows_in"], entries["instruction"]["rows_out"]) == (1, 1)


def test_real_answers_are_read_once_each(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"text": "one"}\n{"text": "two"}\n{"text": "one"}\n', encoding="utf-8")
    assert read_answers(AgreementSettings(answers=str(file))) == ["one", "two"]


def test_a_file_without_answers_is_refused(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"query": "one"}\n', encoding="utf-8")
    with pytest.raises(UserError, match="no row has a `text`"):
        read_answers(AgreementSettings(answers=str(file)))


def test_a_lone_function_off_by_one_goes_for_a_mutant(executor):
    found = sharpened(executor, draft(OFF_BY_ONE))
    assert found.rows == []
    assert found.dropped["function"] == {"a mutant fits better": 1}


def test_weak_cases_are_sharpened_by_texts_at_the_border(executor):
    [row] = sharpened(executor, draft(RIGHT)).rows
    assert len(row.cases) > len(CASES)
    assert all(case.expected == true_label(case.text) for case in row.cases)


def test_sharper_cases_kill_more_mutants(executor):
    [blunt] = sharpened(executor, draft(RIGHT), arbitrations=0).rows
    [sharp] = sharpened(executor, draft(RIGHT)).rows
    assert blunt.functions[0].evidence.kill_rate < sharp.functions[0].evidence.kill_rate


def test_a_kill_rate_can_be_asked_for(executor):
    found = sharpened(executor, draft(RIGHT), arbitrations=0, kill_rate_at_least=1.0)
    assert found.dropped["function"] == {"cases too weak for its mutants": 1}


class Supervisor:
    """Answers with these texts in turn, whatever it is asked, and with the last for ever; `cut` says how many are."""

    name = "supervisor"

    def __init__(self, *texts, cut=0):
        self.texts, self.cut, self.asked = texts, cut, 0

    def answer(self, prompts, settings):
        self.asked += 1
        text = self.texts[min(self.asked, len(self.texts)) - 1]
        return [[Answer(text, finished=self.asked > self.cut)] for _ in prompts]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Six words.\nfollowed", True),
        ("followed? No.\nViolated", False),
        ("Hard to say.", None),
        ("The requirement is not followed.", None),
        ("It is not violated.", None),
        ("unfollowed", None),
    ],
)
def test_the_label_of_an_arbitration_is_read(text, label):
    assert arbitrate([(TEXT, "a b")], Supervisor(text), SynthesisSettings(), 0) == [label]


def test_an_unreadable_arbitration_is_asked_for_again():
    assert arbitrate([(TEXT, "a b")], Supervisor("Not followed.", "violated"), SynthesisSettings(), 0) == [False]


def test_a_cut_arbitration_is_asked_for_again():
    supervisor = Supervisor("followed, at first sight", "violated", cut=1)
    assert arbitrate([(TEXT, "a b")], supervisor, SynthesisSettings(), 0) == [False]


def test_without_a_budget_an_arbitration_is_asked_for_once():
    supervisor = Supervisor("Hm.")
    assert arbitrate([(TEXT, "a b")], supervisor, SynthesisSettings(max_asks_again=0), 0) == [None]
    assert supervisor.asked == 1
