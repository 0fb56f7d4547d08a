"""Back-translation: contradictions drop functions or instructions, and everything is accounted for."""

from __future__ import annotations

import dataclasses
import random

import pytest

from autoif_train.chat.base import Answer
from autoif_train.funnel import Tally
from autoif_train.synthesis.back_translation import BackTranslationSettings, back_translate, supervisor_judge
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.types import CheckedInstruction, Dropped, Instruction, Selection, VerificationFunction

SETTINGS = BackTranslationSettings(kind="supervisor")


class Supervisor:
    """Describes a function by its source; its entailment label is the source's first word."""

    name = "supervisor"

    def __init__(self):
        self.asked = []

    def answer(self, prompts, settings):
        self.asked += prompts
        return [[Answer(self._say(prompt))] for prompt in prompts]

    def _say(self, prompt):
        return prompt.payload if prompt.step == "back_translation" else prompt.payload.split("\n")[1].split()[0]


def checked(*functions, text="Do it."):
    made = tuple(VerificationFunction(source, accuracy) for source, accuracy in functions)
    return CheckedInstruction(Instruction(text), made, ())


def run(rows, supervisor=None, **changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    events = list(back_translate(rows, supervisor or Supervisor(), settings, SynthesisSettings(), 0))
    kept = [[function.source for function in row.functions] for row in Selection.of(events).rows]
    return kept, [(event.unit, event.reason, event.count) for event in events if isinstance(event, Dropped)]


def test_what_agrees_stays():
    assert run([checked(("entailment a", 1.0), ("neutral b", 1.0))]) == ([["entailment a", "neutral b"]], [])


def test_a_contradiction_costs_the_function():
    kept, dropped = run([checked(("entailment a", 1.0), ("contradiction b", 1.0))])
    assert kept == [["entailment a"]]
    assert dropped == [("function", "contradicts the instruction", 1)]


def test_a_contradiction_costs_the_instruction_under_the_papers_rule():
    kept, dropped = run([checked(("entailment a", 1.0), ("contradiction b", 1.0))], drop="instruction")
    assert kept == []
    assert ("instruction", "contradicted by its functions", 1) in dropped
    assert ("function", "instruction dropped", 1) in dropped


def test_an_instruction_goes_when_no_function_is_left():
    kept, dropped = run([checked(("contradiction a", 1.0))])
    assert kept == []
    assert [reason for unit, reason, _ in dropped if unit == "instruction"] == ["contradicted by its functions"]


def test_the_most_accurate_are_described_in_their_order():
    rows = [checked(("entailment a", 0.8), ("entailment b", 1.0), ("entailment c", 0.9), ("entailment d", 1.0))]
    assert run(rows, max_functions=2)[0] == [["entailment b", "entailment d"]]


def test_all_are_described_without_a_limit():
    supervisor = Supervisor()
    run([checked(*((f"entailment {n}", 1.0) for n in range(9)))], supervisor, max_functions=None)
    assert sum(prompt.step == "back_translation" for prompt in supervisor.asked) == 9


def test_the_rest_may_be_kept_unchecked():
    rows = [checked(("entailment a", 1.0), ("contradiction b", 0.5))]
    assert run(rows, max_functions=1, keep_rest=True)[0] == [["entailment a", "contradiction b"]]


def test_nobody_can_say_is_not_agreement():
    kept, dropped = run([checked(("hm a", 1.0), ("entailment b", 1.0))])
    assert kept == [["entailment b"]]
    assert dropped == [("function", "entailment unreadable", 1)]


def test_an_instruction_lost_to_unreadable_answers_does_not_read_contradicted():
    _, dropped = run([checked(("hm a", 1.0))])
    assert ("instruction", "contradicted by its functions", 1) not in dropped


def test_a_supervisor_without_an_answer_is_survived():
    class Silent(Supervisor):
        def answer(self, prompts, settings):
            return [[] for _ in prompts]

    assert run([checked(("entailment a", 1.0))], Silent())[0] == []


def test_the_reasoning_of_the_describer_is_not_the_description():
    class Thinking(Supervisor):
        def _say(self, prompt):
            said = super()._say(prompt)
            return f"<think>contradiction</think>{said}" if prompt.step == "back_translation" else said

    supervisor = Thinking()
    run([checked(("entailment a", 1.0))], supervisor)
    assert "<think>" not in supervisor.asked[-1].messages[0]["content"]


def test_braces_in_a_source_reach_the_prompt():
    supervisor = Supervisor()
    run([checked(("entailment {brace}", 1.0))], supervisor)
    assert "{brace}" in supervisor.asked[0].messages[0]["content"]


def test_a_prompts_seed_does_not_depend_on_its_neighbours():
    alone, together = Supervisor(), Supervisor()
    run([checked(("entailment b", 1.0))], alone)
    run([checked(("entailment a", 1.0), text="Other."), checked(("entailment b", 1.0))], together)
    seeds = {prompt.payload: prompt.seed for prompt in together.asked if prompt.step == "back_translation"}
    assert alone.asked[0].seed == seeds["entailment b"]


@pytest.mark.parametrize("seed", range(20))
def test_all_that_goes_in_comes_out_or_has_a_reason(seed):
    chance = random.Random(seed)
    words = ("entailment", "neutral", "contradiction", "hm")
    rows = [
        checked(*((f"{chance.choice(words)} {n}", chance.random()) for n in range(chance.randrange(1, 6))), text=str(k))
        for k in range(40)
    ]
    settings = BackTranslationSettings(
        "supervisor",
        max_functions=chance.choice([None, 1, 3]),
        keep_rest=chance.random() < 0.5,
        drop=chance.choice(["function", "instruction"]),
    )
    tally = Tally("data/checked")
    out = list(tally.passing(back_translate(rows, Supervisor(), settings, SynthesisSettings(), 0)))
    entries = {entry["unit"]: entry for entry in tally.entries()}
    assert entries["instruction"]["rows_in"] == 40
    assert entries["instruction"]["rows_out"] == len(out)
    assert entries["function"]["rows_in"] == sum(len(row.functions) for row in rows)
    assert entries["function"]["rows_out"] == sum(len(row.functions) for row in out)


@pytest.mark.parametrize(("said", "label"), [("So: Neutral.", "neutral"), ("", None), ("no idea", None)])
def test_the_supervisors_last_word_is_its_label(said, label):
    class Says:
        name = "says"

        def answer(self, prompts, settings):
            return [[Answer(said)] for _ in prompts]

    assert supervisor_judge([("a", "b")], Says(), SynthesisSettings(), 0) == [label]
