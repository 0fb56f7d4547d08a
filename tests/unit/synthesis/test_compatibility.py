"""Instructions that no known answer follows together are found by running their functions, and not combined."""

from __future__ import annotations

import pytest

from autoif_train.funnel import Tally
from autoif_train.synthesis.compatibility import compatible_by, known_answers
from autoif_train.synthesis.queries import combine
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.types import CheckedInstruction, Instruction, Outcome, TestCase, VerificationFunction


class InProcess:
    """Trusted functions, run here; counts the calls."""

    calls = 0

    def run(self, jobs, doubt=True):
        self.calls += sum(len(texts) for _, texts in jobs)
        return [[self._one(source, text) for text in texts] for source, texts in jobs]

    def _one(self, source, text):
        names = {}
        exec(source, names)
        return Outcome.FOLLOWED if names["evaluate"](text) else Outcome.VIOLATED


def checked(text, expression, *cases):
    functions = (VerificationFunction(f"def evaluate(response): return {expression}", 1.0),)
    return CheckedInstruction(Instruction(text), functions, tuple(TestCase(*case) for case in cases))


LOUD = checked("Use capitals only.", "response.isupper()", ("ALL OF IT", True), ("none", False))
QUIET = checked("Use small letters only.", "response.islower()", ("all of it", True), ("NONE", False))
SHORT = checked("Use at most two words.", "len(response.split()) <= 2", ("Yes", True), ("YES SIR", True))


def test_two_that_one_answer_follows_are_compatible():
    rows = [LOUD, QUIET, SHORT]
    compatible = compatible_by(rows, known_answers(rows, (), 100, 0), InProcess())
    assert compatible(LOUD, SHORT)
    assert compatible(QUIET, SHORT)
    assert not compatible(LOUD, QUIET)


def test_every_function_runs_once_on_every_answer():
    executor, rows = InProcess(), [LOUD, QUIET, SHORT]
    compatible = compatible_by(rows, ["a", "b"], executor)
    compatible(LOUD, QUIET)
    assert executor.calls == 6


def test_an_answer_of_the_pilot_can_show_it():
    rows = [checked("a", "'a' in response"), checked("b", "'b' in response")]
    for others, expected in (((), False), (["a and b"], True)):
        assert compatible_by(rows, known_answers(rows, others, 10, 0), InProcess())(*rows) is expected


def test_known_answers_are_of_every_instruction_before_the_second_of_any():
    texts = known_answers([LOUD, QUIET, SHORT], (), 3, 0)
    assert [texts[0], texts[1]] == ["ALL OF IT", "all of it"]
    assert texts[2] in ("Yes", "YES SIR")


def test_known_answers_are_different_and_as_many_as_allowed():
    same = [checked(str(number), "True", ("same", True), (f"own {number}", True)) for number in range(20)]
    texts = known_answers(same, [], 7, 0)
    assert len(texts) == len(set(texts)) == 7


@pytest.fixture
def source(tmp_path):
    (tmp_path / "queries.jsonl").write_text(
        "".join(f'{{"query": "What is the answer to question {number}?"}}\n' for number in range(50))
    )
    return QueriesSettings(path=str(tmp_path / "queries.jsonl"))


def combined(source, executor, **changes):
    settings = SynthesisSettings(queries_per_instruction=8, instructions_per_query=[2], **changes)
    tally = Tally("data/queries")
    queries = list(tally.passing(combine([LOUD, QUIET, SHORT], settings, source, 0, executor)))
    return queries, {entry["unit"]: entry for entry in tally.entries()}


def test_what_cannot_be_followed_together_is_not_combined(source):
    queries, entries = combined(source, InProcess())
    together = {frozenset(query.instruction_ids) for query in queries}
    assert frozenset({LOUD.instruction.id, QUIET.instruction.id}) not in together
    assert len(together) == 2
    assert entries["combination"]["dropped"]["no known answer follows both"] > 0


def test_without_the_test_anything_is_combined(source):
    queries, _ = combined(source, InProcess(), known_answers=0)
    assert len({frozenset(query.instruction_ids) for query in queries}) == 3


def test_where_nothing_fits_a_query_carries_less(source):
    settings = SynthesisSettings(queries_per_instruction=4, instructions_per_query=[2])
    queries = [row for row in combine([LOUD, QUIET], settings, source, 0, InProcess()) if hasattr(row, "prompt")]
    assert queries
    assert {len(query.instruction_ids) for query in queries} == {1}
