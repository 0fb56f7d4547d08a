"""The traps of the code released with the paper, on the samples released with it.

Each is one that the released scripts fall into (docs/method.md); here the same files go through the recommended rules.
The last part shows that the preset `reference` gives what those scripts intend.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from autoif_train.chat.base import Answer
from autoif_train.config import resolve
from autoif_train.execution import Executor
from autoif_train.feedback.demonstrations import demonstrations
from autoif_train.feedback.judge import judge
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.quality import QualitySettings
from autoif_train.funnel import Tally, hint_lines
from autoif_train.rows import Rows
from autoif_train.synthesis import reading
from autoif_train.synthesis.back_translation import _most_accurate
from autoif_train.synthesis.cross_validation import cross_validate
from autoif_train.synthesis.functions import read_answer
from autoif_train.types import (
    CheckedInstruction,
    Instruction,
    Outcome,
    Query,
    QueryFunction,
    Response,
    Selection,
    TestCase,
    VerificationFunction,
)

RECOMMENDED, REFERENCE = resolve(model="qwen2-7b"), resolve(model="qwen2-7b", preset="reference")
NO_QUALITY = QualitySettings(enabled=False)


@pytest.fixture(scope="module")
def executor():
    with Executor(workers=1, timeout_seconds=1.0) as executor:
        yield executor


@pytest.fixture(scope="module")
def sample(public_data):
    return lambda name: list(Rows(public_data / "autoif_sample" / f"{name}.jsonl"))


@pytest.fixture(scope="module")
def drafts(sample):
    """The released drafts, read from what the supervisor wrote: five instructions, eight answers each."""
    found = []
    for row in sample("eval_func_rft"):
        functions, cases = [], []
        for text in row["gpt-answer"]:
            try:
                function, of_answer, _ = read_answer(Answer(text))
            except reading.Unreadable:
                continue
            functions.append(function)
            cases.extend(of_answer)
        found.append(CheckedInstruction(Instruction(row["instruction"]), tuple(functions), tuple(cases)))
    return found


def queries_of(rows):
    for row in rows:
        functions = tuple(QueryFunction(source, "one") for source, _ in row["eval_func"])
        yield Query(row["prompt"], ("one",), functions)


def judged_of(rows, executor):
    queries = list(queries_of(rows))
    responses = [
        Response(query.id, text, "gpt", index)
        for query, row in zip(queries, rows, strict=True)
        for index, text in enumerate(row["gpt-answer"])
    ]
    return queries, list(judge(queries, responses, executor))


@pytest.fixture(scope="module")
def answers_for_sft(sample, executor):
    return judged_of(sample("query_rft"), executor)


@pytest.fixture(scope="module")
def answers_for_dpo(sample, executor):
    return judged_of(sample("dpo_query_w_funcs"), executor)


# --- traps ------------------------------------------------------------------------------------------------------------


def test_a_functions_own_helpers_are_found(answers_for_sft):
    """Released: 256 of 704 calls raise NameError."""
    _, judged = answers_for_sft
    assert len(judged) == 320
    assert sum(len(row.verdict.outcomes) for row in judged) == 704
    assert all(outcome.judged for row in judged for outcome in row.verdict.outcomes)


def test_an_error_is_not_a_rejected_answer(answers_for_dpo):
    """Released: each of 168 calls crashes, and a crash scores 0, which is what `rejected` means."""
    queries, judged = answers_for_dpo
    assert Counter(outcome for row in judged for outcome in row.verdict.outcomes) == {Outcome.CRASHED: 168}
    assert all(row.verdict.score is None for row in judged)
    found = Selection.of(pairs_by_score(queries, judged, RECOMMENDED.pairs, NO_QUALITY, 0))
    assert (found.rows, found.dropped["query"]) == ([], {"nobody could judge": 21})


def test_a_function_that_says_true_in_a_string_has_no_say(sample, executor):
    """Released: all 21 functions return 'true' or 'false', and both count as true."""
    sources = [source for row in sample("dpo_query_w_funcs") for source, _ in row["eval_func"]]
    assert len(sources) == 21
    primes, others = "2, 3, 5", "4, 6"
    assert called(sources[0], primes) == "true"
    assert called(sources[0], others) == "false"
    assert executor.run([(source, [primes, others]) for source in sources]) == [[Outcome.INVALID] * 2] * 21


def test_labels_written_as_strings_are_labels(drafts):
    """Released: 15 of 111 labels are strings, which never equal a verdict."""
    cases = [case for draft in drafts for case in draft.cases]
    assert len(cases) == 111
    assert all(isinstance(case.expected, bool) for case in cases)


def checked_of(rows):
    """The released instructions with the functions and cases that the released rule kept, each once."""
    for row in {row["instruction"]: row for row in rows}.values():
        yield CheckedInstruction(
            Instruction(row["instruction"]),
            tuple(VerificationFunction(source, accuracy) for source, accuracy in row["eval_func"]),
            tuple(TestCase(text, reading.label(expected)) for text, expected in row["cases"]),
        )


def test_a_function_that_agrees_with_nothing_does_not_survive(sample, executor):
    """Released: one instruction keeps three functions of accuracy 0, since its labels are strings."""
    released = list(checked_of(sample("query_rft")))
    assert [[function.accuracy for function in row.functions] for row in released] == [[1.0, 1.0], [0.0, 0.0, 0.0]]
    kept = Selection.of(cross_validate(released, executor, RECOMMENDED.cross_validation)).rows
    assert all(function.accuracy >= 0.8 for row in kept for function in row.functions)


def test_a_suite_of_one_label_does_not_make_a_constant_function_right(sample, executor):
    """Released: one suite is all False, so `return False` is always right."""
    always_false = VerificationFunction("def evaluate(response):\n    return False")
    suites = [row for row in checked_of(sample("back_trans")) if not any(case.expected for case in row.cases)]
    assert len(suites) == 1
    draft = CheckedInstruction(suites[0].instruction, (always_false,), suites[0].cases)
    assert Selection.of(cross_validate([draft], executor, RECOMMENDED.cross_validation)).rows == []
    assert (
        Selection.of(cross_validate([draft], executor, resolve(model="qwen2-7b", preset="paper").cross_validation)).rows
        != []
    )


def test_equal_answers_are_not_set_against_each_other(sample):
    """Released: 56 of 160 answers for DPO are exact duplicates."""
    rows = sample("dpo_query_eval_score_results")
    texts = [text for row in rows for text, _ in row["response"]]
    assert (len(texts), sum(len(row["response"]) - len({text for text, _ in row["response"]}) for row in rows)) == (
        160,
        56,
    )
    source = "def evaluate(response):\n    return len(response) % 2 == 0"
    queries = [Query(row["query"], ("one",), (QueryFunction(source, "one"),)) for row in rows]
    responses = [
        Response(query.id, text, "gpt", index)
        for query, row in zip(queries, rows, strict=True)
        for index, (text, _) in enumerate(row["response"])
    ]
    with Executor(workers=1) as executor:
        judged = list(judge(queries, responses, executor))
    pairs = Selection.of(pairs_by_score(queries, judged, RECOMMENDED.pairs, NO_QUALITY, 0)).rows
    shown = [(pair.query_id, pair.chosen[0]["content"], pair.rejected[0]["content"]) for pair in pairs]
    assert shown
    assert len(shown) == len(set(shown))


def test_which_functions_are_described_does_not_hang_on_the_hash_seed():
    """Released: the first three of a set."""
    program = (
        "from autoif_train.synthesis.back_translation import _most_accurate\n"
        "from autoif_train.types import VerificationFunction\n"
        "functions = tuple(VerificationFunction(str(n), (n % 3) / 2) for n in range(9))\n"
        "print([function.source for function in _most_accurate(functions, 3)])\n"
    )
    said = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        said.add(
            subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout
        )
    assert said == {"['2', '5', '8']\n"}


def test_the_most_accurate_functions_are_described(sample):
    for row in checked_of(sample("back_trans")):
        chosen = _most_accurate(row.functions, RECOMMENDED.back_translation.max_functions)
        rest = [function.accuracy for function in row.functions if function not in chosen]
        assert min(function.accuracy for function in chosen) >= max(rest, default=0.0)


def test_a_timeout_cannot_be_swallowed(executor):
    """Released: it is an exception that a function's own `except` takes."""
    stubborn = "    while True:\n        try:\n            while True: pass\n        except Exception: pass"
    source = f"def evaluate(response):\n{stubborn}"
    assert executor.run([(source, ["text"])]) == [[Outcome.TIMED_OUT]]


def test_an_exit_in_a_function_ends_nothing(executor):
    """Released: `sys.exit()` ends the pipeline with status 0."""
    exits = "import sys\ndef evaluate(response):\n    sys.exit()"
    (ended,), (after,) = executor.run([(exits, ["text"]), ("def evaluate(response):\n    return True", ["text"])])
    assert not ended.judged
    assert after is Outcome.FOLLOWED


def test_a_function_that_evaluates_the_answer_is_refused(executor):
    """Released: one function calls `eval` on what the model wrote."""
    assert executor.run([("def evaluate(response):\n    return bool(eval(response))", ["1"])]) == [[Outcome.INVALID]]


@pytest.mark.parametrize("text", ["Score: 8/10", "Score: 8.0", "Score: 8 ", "**Score: 8**", "score 8"])
def test_a_score_in_another_form_is_not_zero(text):
    """Released: only `Score: 8` at the very end is 8, the rest is 0."""
    assert reading.score(text) == 8.0


def test_every_released_analysis_has_a_score(sample):
    for row in (*sample("query_rft_score"), *sample("query_score_filter")):
        assert all(0 <= reading.score(text) <= 10 for text in row["gen"])


def test_a_collapse_of_the_yield_can_be_seen(drafts, executor):
    """Users of the released code report 10,000 → 700 and cannot tell why."""
    tally = Tally("data/cross_validated")
    list(tally.passing(cross_validate(drafts, executor, RECOMMENDED.cross_validation)))
    for entry in tally.entries():
        assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values())
        assert set(entry["examples"]) == set(entry["dropped"])
    lost = {
        "stage": "data/checked",
        "unit": "function",
        "rows_in": 10_000,
        "rows_out": 700,
        "dropped": {"invalid": 9_300},
    }
    assert len(hint_lines([lost])) == 1


# --- what the released scripts intend ---------------------------------------------------------------------------------


def called(source, text):
    """What a released function returns, run plainly, as the scripts run it but with its helpers in sight."""
    names: dict = {}
    try:
        exec(source, names)
        return names["evaluate"](text)
    except Exception as error:
        return error


def intended(draft):
    """The released cross validation with its crashes mended: sources and cases that survive, or None."""
    sources = list(dict.fromkeys(function.source for function in draft.functions))
    sources = [source for source in sources if not isinstance(called(source, ""), SyntaxError)]
    cases = list(dict.fromkeys(draft.cases))
    if len(sources) < 3 or len(cases) < 10:
        return None
    table = {(source, case): called(source, case.text) == case.expected for source in sources for case in cases}
    cases = [case for case in cases if any(table[source, case] for source in sources)]
    kept = [source for source in sources if sum(table[source, case] for case in cases) >= 0.8 * len(cases)]
    return (kept, cases) if kept else None


def test_the_reference_preset_keeps_what_the_released_rule_keeps(drafts, executor):
    expected = {draft.instruction.text: kept for draft in drafts if (kept := intended(draft))}
    assert expected
    found = Selection.of(cross_validate(drafts, executor, REFERENCE.cross_validation)).rows
    assert {
        row.instruction.text: ([function.source for function in row.functions], list(row.cases)) for row in found
    } == expected


def test_the_reference_preset_trains_on_the_answers_that_some_function_accepts(sample, executor):
    """The texts of the released cases stand for answers: of the released answers no function accepts any."""
    rows = [
        {"prompt": row["instruction"], "eval_func": row["eval_func"], "gpt-answer": [text for text, _ in row["cases"]]}
        for row in sample("back_trans")
    ]
    expected = [
        (row["prompt"], text)
        for row in rows
        for text in dict.fromkeys(row["gpt-answer"])
        if any(called(source, text) is True for source, _ in row["eval_func"])
    ]
    assert expected
    queries, judged = judged_of(rows, executor)
    found = Selection.of(demonstrations(queries, judged, REFERENCE.demonstrations, NO_QUALITY, 0)).rows
    assert [(row.prompt[0]["content"], row.completion[0]["content"]) for row in found] == expected
