"""Functions and cases out of a supervisor's answers: what cannot be read is counted, and nothing is run."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat.base import Answer
from autoif_train.funnel import Tally
from autoif_train.rows import Rows, write_rows
from autoif_train.synthesis.functions import draft_row, read_answer, read_draft, write_functions
from autoif_train.synthesis.reading import Unreadable
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.types import CheckedInstruction, Instruction, Selection, TestCase, VerificationFunction

SOURCE = "def evaluate(response):\n    return '{' in response"
CASES = [{"input": "{", "output": True}, {"input": "", "output": "false"}]


def written(func=SOURCE, cases=CASES):
    return json.dumps({"func": func, "cases": cases})


class Writer:
    name = "writer"

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def answer(self, prompts, settings):
        self.asked += prompts
        return [self.answers(prompt.payload)[prompt.first :] for prompt in prompts]


def drafts_of(instructions, answers, settings=None):
    tally = Tally("data/functions")
    writer = Writer(answers)
    events = write_functions(instructions, writer, settings or SynthesisSettings(), ["re", "json"], 0)
    return list(tally.passing(events)), {entry["unit"]: entry for entry in tally.entries()}, writer


def test_one_answer_is_a_function_and_its_cases():
    function, cases, unreadable = read_answer(Answer(written()))
    assert function == VerificationFunction(SOURCE)
    assert cases == [TestCase("{", True), TestCase("", False)]
    assert unreadable == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I cannot do that.", "no JSON object"),
        ('{"func": broken}', "not JSON"),
        ('{"cases": []}', "no function source"),
        ('{"func": null, "cases": []}', "no function source"),
        ('{"func": ["a"], "cases": []}', "no function source"),
        ('{"func": "   ", "cases": []}', "no function source"),
        ('{"func": "def evaluate(r): return True"}', "no list of cases"),
        ('{"func": "def evaluate(r): return True", "cases": {"input": "x"}}', "no list of cases"),
        ("", "no JSON object"),
    ],
)
def test_an_unreadable_answer_has_a_reason(text, reason):
    with pytest.raises(Unreadable, match=reason):
        read_answer(Answer(text))


def test_a_cut_answer_is_not_read():
    with pytest.raises(Unreadable, match="cut"):
        read_answer(Answer(written(), finished=False))


def test_a_bad_case_costs_no_more_than_itself():
    cases = [*CASES, {"input": 3, "output": True}, {"input": "x", "output": "maybe"}, "case", None]
    _, readable, unreadable = read_answer(Answer(written(cases=cases)))
    assert (len(readable), len(unreadable)) == (2, 4)


def test_a_lone_surrogate_in_a_source_is_data():
    text = r'{"func": "def evaluate(response):\n    return \"\ud83d\" in response", "cases": []}'
    try:
        function, _, _ = read_answer(Answer(text))
    except Unreadable:
        return
    assert function.source


def test_counts_are_per_unit():
    first, second = Instruction("one {brace}"), Instruction("two")
    answers = {first.text: [Answer(written()), Answer("nothing"), Answer(written(cases=[*CASES, 3]))], second.text: []}
    drafts, entries, _ = drafts_of([first, second], answers.get)
    assert [draft.instruction for draft in drafts] == [first]
    assert (entries["function"]["rows_out"], entries["function"]["dropped"]) == (2, {"no JSON object": 1})
    assert (entries["case"]["rows_out"], entries["case"]["dropped"]) == (4, {"case is not an object": 1})
    assert (entries["instruction"]["rows_out"], entries["instruction"]["dropped"]) == (1, {"no readable function": 1})


def test_braces_in_an_instruction_reach_the_prompt():
    _, _, writer = drafts_of([Instruction("Wrap it in {curly} braces.")], lambda _: [])
    assert "Wrap it in {curly} braces." in writer.asked[0].messages[0]["content"]


def test_a_prompts_seed_depends_on_its_instruction_alone():
    one, two = Instruction("one"), Instruction("two")
    _, _, alone = drafts_of([two], lambda _: [])
    _, _, together = drafts_of([one, two], lambda _: [])
    assert alone.asked[0].seed == together.asked[1].seed


def test_the_imports_stand_in_one_order_whatever_the_set():
    asked = []
    for imports in ({"re", "json", "math"}, ["math", "re", "json"]):
        writer = Writer(lambda _: [])
        list(write_functions([Instruction("x")], writer, SynthesisSettings(), imports, 0))
        asked.append(writer.asked)
    assert asked[0] == asked[1]


def test_drafts_come_back_from_their_file(tmp_path):
    instruction = Instruction("x", "parent")
    draft = CheckedInstruction(instruction, (VerificationFunction(SOURCE),), (TestCase("é", False),))
    write_rows(tmp_path / "functions.jsonl", [draft_row(draft)])
    (row,) = Rows(tmp_path / "functions.jsonl")
    assert read_draft(row, {instruction.id: instruction}) == draft


def test_no_instruction_no_draft():
    assert Selection.of(write_functions([], Writer(None), SynthesisSettings(), [], 0)).rows == []
