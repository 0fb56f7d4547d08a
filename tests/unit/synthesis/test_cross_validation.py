"""Cross validation: the traps that the released samples hold, each preset's rule, and the released survivors."""

from __future__ import annotations

import dataclasses
import random
from typing import ClassVar

import pytest

from autoif_train.cli.cross_validate import main as command
from autoif_train.config import resolve
from autoif_train.execution import Executor, Outcome
from autoif_train.funnel import Tally
from autoif_train.rows import Rows, write_rows
from autoif_train.synthesis import reading
from autoif_train.synthesis.cross_validation import CrossValidationSettings, cross_validate, cross_validate_one
from autoif_train.types import CheckedInstruction, Dropped, Instruction, TestCase, VerificationFunction

LONG = "def evaluate(response):\n    return len(response) > 3"
CASES = (TestCase("a long text", True), TestCase("another text", True), TestCase("no", False), TestCase("", False))


def constant(value):
    return f"def evaluate(response):\n    return {value}"


def draft(*sources, cases=CASES, text="Write more than three letters."):
    return CheckedInstruction(Instruction(text), tuple(map(VerificationFunction, sources)), tuple(cases))


def preset(name):
    return resolve(preset=name, model="qwen2-7b").cross_validation


@pytest.fixture(scope="module")
def executor():
    with Executor(workers=1, timeout_seconds=0.5) as opened:
        yield opened


class Table:
    """A fake executor: what a source says of a text stands in a table, e.g. `+-c` for three texts."""

    reasons: ClassVar[dict] = {}

    def __init__(self, letters):
        self.letters = letters

    def run(self, jobs, doubt=True):
        names = {
            "+": Outcome.FOLLOWED,
            "-": Outcome.VIOLATED,
            "c": Outcome.CRASHED,
            "t": Outcome.TIMED_OUT,
            "i": Outcome.INVALID,
        }
        return [[names[self.letters[source][text]] for text in texts] for source, texts in jobs]


def by_table(rows, expected, settings):
    """What survives where each row of letters is a function and `expected` has a sign per case."""
    texts = [str(number) for number in range(len(expected))]
    cases = [TestCase(text, sign == "+") for text, sign in zip(texts, expected, strict=True)]
    table = Table({f"f{n}": dict(zip(texts, row, strict=True)) for n, row in enumerate(rows)})
    survivor, events = cross_validate_one(draft(*table.letters, cases=cases), table, settings)
    if survivor is None:
        return None, None, {event.reason for event in events if event.unit == "instruction"}
    functions = {function.source: function.accuracy for function in survivor.functions}
    return functions, [case.text for case in survivor.cases], {event.reason for event in events}


# --- traps of the released code ---------------------------------------------------------------------------------------


def test_a_function_sees_its_own_helpers_and_imports(executor):
    source = (
        "import re\nLEAST = 3\ndef helper(text):\n    return len(re.sub(' ', '', text)) > LEAST\n"
        "def evaluate(response):\n    return any(helper(part) for part in [response])"
    )
    survivor, _ = cross_validate_one(draft(source), executor, CrossValidationSettings())
    assert survivor.functions[0].accuracy == 1.0


def test_names_of_one_function_do_not_reach_another(executor):
    first = "HELPER = 1\n" + LONG
    second = "def evaluate(response):\n    return HELPER == 1 and len(response) > 3"
    survivor, events = cross_validate_one(draft(first, second, LONG), executor, CrossValidationSettings())
    assert [function.source for function in survivor.functions] == [first, LONG]
    assert [event.reason for event in events] == ["crashed"]


@pytest.mark.parametrize("value", ["'true' if len(response) > 3 else 'false'", "int(len(response) > 3)", "None", "[1]"])
def test_what_is_not_a_bool_is_invalid(executor, value):
    survivor, events = cross_validate_one(draft(constant(value), LONG), executor, CrossValidationSettings())
    assert [function.source for function in survivor.functions] == [LONG]
    assert [(event.unit, event.reason) for event in events] == [("function", "invalid")]


def test_strings_never_match_a_label_under_the_released_rule(executor):
    strings = constant("'true' if len(response) > 3 else 'false'")
    settings = dataclasses.replace(preset("reference"), min_functions=1, min_cases=1)
    survivor, _ = cross_validate_one(draft(strings, LONG), executor, settings)
    assert [function.source for function in survivor.functions] == [LONG]


def test_zero_equals_false_under_the_released_rule(executor):
    numbers = constant("int(len(response) > 3)")
    settings = dataclasses.replace(preset("reference"), min_functions=1, min_cases=1)
    survivor, _ = cross_validate_one(draft(numbers), executor, settings)
    assert survivor.functions[0].accuracy == 1.0


def test_a_function_that_calls_itself_is_judged_alike_under_the_released_rule(executor):
    source = (
        "def evaluate(response):\n    return False if not response else response[0] == 'x' or evaluate(response[1:])"
    )
    cases = (TestCase("aax", True), TestCase("xa", True), TestCase("aaa", False), TestCase("ab", False))
    settings = dataclasses.replace(preset("reference"), min_functions=1, min_cases=1)
    survivor, _ = cross_validate_one(draft(source, cases=cases), executor, settings)
    assert survivor is not None
    assert survivor.cases == cases


def test_a_label_written_as_a_string_counts_as_the_label():
    assert reading.case({"input": "x", "output": "True"}) == TestCase("x", True)


def test_a_suite_of_false_alone_does_not_crown_return_false(executor):
    cases = [TestCase(text, False) for text in ("a", "b", "c")]
    survivor, events = cross_validate_one(draft(constant(False), cases=cases), executor, CrossValidationSettings())
    assert survivor is None
    assert "cases of one label only" in {event.reason for event in events if event.unit == "instruction"}


@pytest.mark.parametrize("value", [True, False])
def test_a_constant_function_does_not_survive_both_labels(executor, value):
    survivor, events = cross_validate_one(
        draft(constant(value), LONG, LONG + "  "), executor, CrossValidationSettings()
    )
    assert constant(value) not in [function.source for function in survivor.functions]
    assert "constant" in {event.reason for event in events}


@pytest.mark.parametrize("name", ["recommended", "paper", "reference"])
def test_a_function_of_accuracy_zero_never_survives(name):
    settings = dataclasses.replace(preset(name), min_functions=1, min_cases=1, reference_equality=False)
    functions, _, _ = by_table(["++--", "++--", "--++"], "++--", settings)
    assert "f2" not in functions


@pytest.mark.parametrize("letter", "cti")
@pytest.mark.parametrize("name", ["recommended", "paper"])
def test_an_error_never_agrees_with_a_false_label(letter, name):
    functions, _, _ = by_table(["++--", "++--", f"++{letter * 2}"], "++--", preset(name))
    assert "f2" not in functions


@pytest.mark.parametrize("letter", "cti")
def test_a_case_on_which_all_crash_does_not_survive_as_false(letter):
    _, cases, _ = by_table([f"+-{letter}", f"+-{letter}"], "+--", preset("recommended"))
    assert cases == ["0", "1"]


def test_a_function_that_ends_the_process_costs_only_itself(executor):
    quits = "import sys\ndef evaluate(response):\n    sys.exit(0)"
    survivor, _ = cross_validate_one(draft(quits, LONG, LONG + "\n"), executor, CrossValidationSettings())
    assert [function.source for function in survivor.functions] == [LONG, LONG + "\n"]


def test_a_function_that_swallows_everything_still_times_out(executor):
    source = (
        "def evaluate(response):\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            return len(response) > 3"
    )
    _, events = cross_validate_one(draft(source, LONG, LONG + "\n"), executor, CrossValidationSettings())
    assert {event.reason for event in events if event.unit == "function"} <= {"timed out", "invalid", "crashed"}


def test_eval_of_the_answer_does_not_survive(executor):
    source = "def evaluate(response):\n    return bool(eval(response))"
    cases = (TestCase("1", True), TestCase("2", True), TestCase("0", False), TestCase("''", False))
    survivor, _ = cross_validate_one(draft(source, cases=cases), executor, CrossValidationSettings())
    assert survivor is None


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_functions_and_cases_decides_nothing(seed):
    chance = random.Random(seed)
    rows = ["".join(chance.choices("++--c", k=6)) for _ in range(4)]
    texts = [str(number) for number in range(6)]
    cases = [TestCase(text, chance.random() < 0.5) for text in texts]
    table = Table({f"f{n}": dict(zip(texts, row, strict=True)) for n, row in enumerate(rows)})
    settings = dataclasses.replace(preset("paper"))
    found = []
    for _ in range(4):
        sources = list(table.letters)
        chance.shuffle(sources)
        chance.shuffle(cases)
        survivor, _ = cross_validate_one(draft(*sources, cases=cases), table, settings)
        kept = survivor or draft(cases=())
        found.append(({(f.source, f.accuracy) for f in kept.functions}, set(kept.cases)))
    assert all(each == found[0] for each in found)


def test_survivors_stand_in_the_order_of_the_input(executor):
    drafts = [draft(LONG, text=f"number {number}") for number in range(70)]
    rows = [each for each in cross_validate(drafts, executor, CrossValidationSettings()) if hasattr(each, "cases")]
    assert [row.instruction.text for row in rows] == [f"number {number}" for number in range(70)]


# --- the rules, by hand -----------------------------------------------------------------------------------------------


def test_paper_a_case_needs_more_than_half():
    _, cases, _ = by_table(["++-", "+--", "++-", "+--"], "++-", preset("paper"))
    assert cases == ["0", "2"]


def test_paper_a_function_needs_more_than_half():
    functions, _, _ = by_table(["++--", "++--", "++--", "++++", "+++-"], "++--", preset("paper"))
    assert functions == {"f0": 1.0, "f1": 1.0, "f2": 1.0, "f4": 0.75}


def test_paper_one_of_each_is_enough():
    functions, cases, _ = by_table(["-"], "-", preset("paper"))
    assert (functions, cases) == ({"f0": 1.0}, ["0"])


def test_recommended_asks_for_both_labels_separately():
    rows = ["++++++++--", "++++++++--", "+++++++++-"]
    functions, _, reasons = by_table(rows, "++++++++--", preset("recommended"))
    assert functions == {"f0": 1.0, "f1": 1.0}
    assert "cases disagree" in reasons


def test_recommended_exactly_four_fifths_is_enough():
    functions, _, _ = by_table(["+++++--", "+++++--", "++++---"], "+++++--", preset("recommended"))
    assert functions["f2"] == pytest.approx(6 / 7)


def test_recommended_needs_two_cases():
    _, _, reasons = by_table(["+"], "+", preset("recommended"))
    assert reasons == {"too few cases"}


def reference(**changes):
    return dataclasses.replace(preset("reference"), reference_equality=False, **changes)


def test_reference_one_agreeing_function_saves_a_case():
    _, cases, _ = by_table(["+" * 5 + "-" * 5, "+" * 10, "+" * 10], "+" * 5 + "-" * 5, reference())
    assert len(cases) == 10


def test_reference_a_case_that_no_function_reads_right_goes():
    _, cases, _ = by_table(["+" * 10 + "-"] * 3, "+" * 11, reference(merge_duplicate_functions=False))
    assert cases == [str(number) for number in range(10)]


def test_reference_does_not_weigh_labels_apart():
    functions, _, _ = by_table(["+" * 10, "+" * 8 + "--", "-" * 10], "+" * 8 + "--", reference())
    assert functions == {"f0": 0.8, "f1": 1.0}


def test_reference_counts_before_it_filters():
    right, wrong = "+" * 5 + "-" * 5, "-" * 5 + "+" * 5
    functions, _, _ = by_table([right, wrong, wrong], "+" * 5 + "-" * 5, reference())
    assert functions is not None


@pytest.mark.parametrize(
    ("functions", "cases", "reason"),
    [(2, 10, "too few functions"), (3, 9, "too few cases"), (0, 0, "too few functions")],
)
def test_reference_has_its_minima(functions, cases, reason):
    assert by_table(["+" * cases] * functions, "+" * cases, reference())[2] == {reason}


def test_reference_counts_distinct_functions(executor):
    cases = [TestCase(f"text {number}", True) for number in range(10)]
    survivor, events = cross_validate_one(draft(LONG, LONG, LONG, cases=cases), executor, preset("reference"))
    assert survivor is None
    assert [event.reason for event in events if event.unit == "instruction"] == ["too few functions"]


def test_equal_functions_and_equal_cases_are_merged(executor):
    survivor, events = cross_validate_one(
        draft(LONG, LONG, cases=[*CASES, *CASES]), executor, CrossValidationSettings()
    )
    assert (len(survivor.functions), len(survivor.cases)) == (1, 4)
    assert [(event.unit, event.reason) for event in events].count(("case", "duplicate")) == 4


def test_merging_can_be_left_out(executor):
    settings = CrossValidationSettings(merge_duplicate_cases=False, merge_duplicate_functions=False)
    survivor, _ = cross_validate_one(draft(LONG, LONG, cases=[*CASES, *CASES]), executor, settings)
    assert (len(survivor.functions), len(survivor.cases)) == (2, 8)


@pytest.mark.parametrize(
    ("sources", "cases", "reason"),
    [
        ([], CASES, "no surviving function"),
        ([LONG], [], "no surviving function"),
        ([], [], "no surviving function"),
        (["not python ("], CASES, "no surviving function"),
        (["x = 1"], CASES, "no surviving function"),
        ([""], CASES, "no surviving function"),
    ],
)
def test_nothing_to_check_is_a_reason(executor, sources, cases, reason):
    survivor, events = cross_validate_one(draft(*sources, cases=cases), executor, CrossValidationSettings())
    assert survivor is None
    assert [event.reason for event in events if event.unit == "instruction"] == [reason]


def test_accuracy_is_the_share_of_the_surviving_cases():
    functions, cases, _ = by_table(["++--", "++-+", "++-+"], "++--", preset("paper"))
    assert cases == ["0", "1", "2"]
    assert set(functions.values()) == {1.0}


# --- the funnel -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_all_that_goes_in_comes_out_or_has_a_reason(seed):
    chance = random.Random(seed)
    settings = CrossValidationSettings(
        case_rule=chance.choice(["majority", "any"]),
        function_accept_at_least=chance.choice([0.0, 0.5, 0.8, 1.0]),
        balanced=chance.random() < 0.5,
        min_functions=chance.randrange(4),
        min_cases=chance.randrange(5),
        minima_apply=chance.choice(["before", "after"]),
        require_both_labels=chance.random() < 0.5,
        reject_constant=chance.random() < 0.5,
        merge_duplicate_cases=chance.random() < 0.5,
        merge_duplicate_functions=chance.random() < 0.5,
        reference_equality=chance.random() < 0.5,
    )

    class Chance:
        reasons: ClassVar[dict] = {}

        def run(self, jobs, doubt=True):
            return [[chance.choice(list(Outcome)[: chance.choice([2, 5])]) for _ in texts] for _, texts in jobs]

    drafts = [
        draft(
            *chance.choices("abcd", k=chance.randrange(5)),
            cases=[TestCase(chance.choice("xyz"), chance.random() < 0.5) for _ in range(chance.randrange(7))],
            text=str(number),
        )
        for number in range(80)
    ]
    tally = Tally("data/checked")
    rows = list(tally.passing(cross_validate(drafts, Chance(), settings)))
    entries = {entry["unit"]: entry for entry in tally.entries()}
    went_in = {
        "instruction": len(drafts),
        "function": sum(len(each.functions) for each in drafts),
        "case": sum(len(each.cases) for each in drafts),
    }
    came_out = {
        "instruction": len(rows),
        "function": sum(len(row.functions) for row in rows),
        "case": sum(len(row.cases) for row in rows),
    }
    assert {unit: entry["rows_in"] for unit, entry in entries.items()} == went_in
    assert {unit: entry["rows_out"] for unit, entry in entries.items()} == came_out


def test_no_draft_no_event(executor):
    assert list(cross_validate([], executor, CrossValidationSettings())) == []


def test_every_drop_of_a_function_shows_its_source(executor):
    _, events = cross_validate_one(draft("not python (", LONG), executor, CrossValidationSettings())
    assert all("not python (" in event.example for event in events if isinstance(event, Dropped))


# --- the released survivors -------------------------------------------------------------------------------------------

RELEASED_RULE = (
    "--preset", "reference",
    "--cross_validation.case_rule", "any",
    "--cross_validation.function_accept_at_least", "0.8",
    "--cross_validation.min_functions", "1",
    "--cross_validation.min_cases", "1",
    "--cross_validation.merge_duplicate_cases", "false",
    "--cross_validation.merge_duplicate_functions", "false",
    "--cross_validation.reference_equality", "true",
)  # fmt: skip


@pytest.fixture(scope="module")
def released(public_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    drafts = []
    for row in Rows(public_data / "autoif_llama3" / "verifiers.jsonl"):
        cases, _ = reading.cases_by_line("\n".join(row["testcases"]))
        drafts.append({"instruction": row["instruction"], "functions": row["verifiers"], "cases": cases})
    write_rows(folder / "in.jsonl", drafts)
    files = ["--input", str(folder / "in.jsonl"), "--output", str(folder / "out.jsonl")]
    command([*files, *RELEASED_RULE, "--execution.timeout_seconds", "1"])
    expected = list(Rows(public_data / "autoif_llama3" / "filtered_verifiers.jsonl"))
    return list(Rows(folder / "out.jsonl")), list(Rows(folder / "out.dropped.jsonl")), expected


def test_the_released_instructions_survive_and_no_others(released):
    out, _, expected = released
    assert [row["instruction"] for row in out] == [row["instruction"] for row in expected]
    assert len(out) == 79


def test_the_released_functions_survive_and_no_others(released):
    out, _, expected = released
    assert [[function["source"] for function in row["functions"]] for row in out] == [
        row["verifiers"] for row in expected
    ]


def test_the_released_cases_survive_and_no_others(released):
    out, _, expected = released
    assert [[[case["text"], case["expected"]] for case in row["cases"]] for row in out] == [
        row["test_cases"] for row in expected
    ]


def test_the_rest_has_reasons(released):
    out, dropped, _ = released
    assert len(out) + len(dropped) == 100
    assert all(row["reason"] for row in dropped)


def test_switched_off_everything_stays_but_duplicates_and_nothing_is_run():
    given = draft("def evaluate(response):\n    return nonsense", LONG, LONG, cases=(*CASES, CASES[0]))
    off = dataclasses.replace(CrossValidationSettings(), enabled=False)
    survivor, dropped = cross_validate_one(given, None, off)
    assert [function.source for function in survivor.functions] == [given.functions[0].source, LONG]
    assert survivor.functions[0].accuracy is None
    assert survivor.cases == CASES
    assert [(event.unit, event.reason) for event in dropped] == [("function", "duplicate"), ("case", "duplicate")]
