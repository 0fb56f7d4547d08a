"""User queries and their combination with instructions: lengths, forms, even turns, one seed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from autoif_train.funnel import Tally
from autoif_train.synthesis.queries import check_queries, combine, pilot_queries, user_queries
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.types import CheckedInstruction, Instruction, Query, Selection, UserError, VerificationFunction

SETTINGS = SynthesisSettings(queries_per_instruction=4)


def checked(count, sources=("def evaluate(response):\n    return bool(response)",)):
    return [
        CheckedInstruction(
            Instruction(f"Instruction number {number}."),
            tuple(VerificationFunction(f"{source}  # {number}") for source in sources),
            (),
        )
        for number in range(count)
    ]


@pytest.fixture
def texts(tmp_path):
    file = tmp_path / "queries.jsonl"
    file.write_text("".join(json.dumps({"query": f"What is the question number {n}?"}) + "\n" for n in range(30)))
    return QueriesSettings(str(file))


def queries_file(tmp_path, *rows, name="queries.jsonl"):
    file = tmp_path / name
    file.write_text(json.dumps(list(rows)) if name.endswith("json") else "\n".join(map(json.dumps, rows)))
    return QueriesSettings(str(file))


@pytest.mark.parametrize(("length", "kept"), [(20, False), (21, True), (299, True), (300, False)])
def test_the_papers_limits_are_exclusive(tmp_path, length, kept):
    settings = queries_file(tmp_path, {"query": "x" * length}, {"query": "y" * 50})
    assert ("x" * length in user_queries(settings)[0]) == kept


def test_drops_say_too_short_or_too_long(tmp_path):
    settings = queries_file(
        tmp_path, {"query": "x"}, {"query": "x" * 400}, {"query": "y" * 50}, {"query": " " + "y" * 50}
    )
    assert [event.reason for event in user_queries(settings)[1]] == ["too short", "too long", "duplicate"]


@pytest.mark.parametrize(
    "row",
    [
        {"query": "What is the right question?"},
        {"prompt": "What is the right question?"},
        {"messages": [{"role": "system", "content": "no"}, {"role": "user", "content": "What is the right question?"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is the right question?"}]}]},
        {"conversations": [{"from": "gpt", "value": "no"}, {"from": "human", "value": "What is the right question?"}]},
    ],
)
@pytest.mark.parametrize("name", ["queries.jsonl", "queries.json"])
def test_the_forms_that_people_have(tmp_path, row, name):
    assert user_queries(queries_file(tmp_path, row, name=name))[0] == ["What is the right question?"]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"query": None},
        {"query": 3},
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"messages": "What is the right question?"},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        {"conversations": [None]},
        "What is the right question?",
        ["What is the right question?"],
        None,
        3,
    ],
)
def test_a_row_without_a_query_is_refused_with_its_number(tmp_path, row):
    with pytest.raises(UserError, match=r"(row|line) 2"):
        user_queries(queries_file(tmp_path, {"query": "What is the first question?"}, row))


@pytest.mark.parametrize("content", ["", "{", '{"query": "What is the right question?"}', "3", '"text"', "[]"])
def test_a_json_file_of_another_form_is_refused(tmp_path, content):
    (tmp_path / "queries.json").write_text(content)
    with pytest.raises(UserError, match="queries"):
        user_queries(QueriesSettings(str(tmp_path / "queries.json")))


@pytest.mark.parametrize("name", ["missing.jsonl", "missing.json"])
def test_a_missing_file_is_refused_by_name(tmp_path, name):
    with pytest.raises(UserError, match=name):
        user_queries(QueriesSettings(str(tmp_path / name)))


def test_a_file_where_nothing_fits_is_refused_with_the_limits(tmp_path):
    with pytest.raises(UserError, match=r"queries\.min_characters"):
        user_queries(queries_file(tmp_path, {"query": "short"}))


def test_the_bundled_queries_fit_the_papers_limits():
    kept, dropped = user_queries(QueriesSettings())
    assert len(kept) > 100
    assert dropped == []


def test_each_instruction_has_its_queries(texts):
    rows = Selection.of(combine(checked(5), SETTINGS, texts, 0)).rows
    counts = Counter(row.instruction_ids[0] for row in rows)
    assert len(counts) == 5
    assert max(counts.values()) <= 4


def test_any_beginning_covers_the_instructions_evenly(texts):
    rows = Selection.of(combine(checked(10), SETTINGS, texts, 0)).rows
    assert len({row.instruction_ids for row in rows[:10]}) == 10


def test_queries_are_different(texts):
    rows = Selection.of(combine(checked(3), dataclasses.replace(SETTINGS, queries_per_instruction=200), texts, 0)).rows
    assert len({row.id for row in rows}) == len(rows) <= 90


def test_numbers_of_instructions_take_turns(texts):
    settings = dataclasses.replace(SETTINGS, instructions_per_query=[1, 2, 3])
    rows = Selection.of(combine(checked(9), settings, texts, 0)).rows
    assert [len(row.instruction_ids) for row in rows[:6]] == [1, 2, 3, 1, 2, 3]
    assert all(len(set(row.instruction_ids)) == len(row.instruction_ids) for row in rows)


def test_a_function_knows_its_instruction(texts):
    settings = dataclasses.replace(SETTINGS, instructions_per_query=[2])
    rows = Selection.of(combine(checked(6, ("a", "b")), settings, texts, 0)).rows
    assert all(
        [f.instruction_id for f in row.functions] == [i for i in row.instruction_ids for _ in "ab"] for row in rows
    )


def test_more_instructions_than_there_are_is_all_of_them(texts):
    settings = dataclasses.replace(SETTINGS, instructions_per_query=[5])
    assert {len(row.instruction_ids) for row in Selection.of(combine(checked(2), settings, texts, 0)).rows} == {2}


def test_families_take_turns_when_they_are_balanced(texts):
    crowd = checked(9, ("def evaluate(response):\n    return 'word' in response",))
    loner = [CheckedInstruction(Instruction("Shout."), (VerificationFunction("return response.isupper()"),), ())]
    settings = dataclasses.replace(SETTINGS, balance_families=True)
    crowd = [dataclasses.replace(row, functions=(VerificationFunction("return 'word' in response"),)) for row in crowd]
    rows = Selection.of(combine(crowd + loner, settings, texts, 0)).rows
    share = sum(row.instruction_ids == (loner[0].instruction.id,) for row in rows) / len(rows)
    assert share > 0.35


def test_no_instruction_no_query(texts):
    assert Selection.of(combine([], SETTINGS, texts, 0)).rows == []


@pytest.fixture
def patience():
    """A test that would hang fails instead."""

    def stop(*_):
        raise TimeoutError("still drawing")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(2)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_equal_instructions_do_not_hang_the_draw(texts, patience):
    twice = checked(1) * 2
    settings = dataclasses.replace(SETTINGS, instructions_per_query=[2])
    assert len(Selection.of(combine(twice, settings, texts, 0)).rows) <= 8


@pytest.mark.parametrize("sizes", [[], [0], [-1], [1, 0]])
def test_a_query_of_no_instruction_is_refused_by_key(texts, sizes):
    with pytest.raises(UserError, match=r"synthesis\.instructions_per_query"):
        list(combine(checked(3), dataclasses.replace(SETTINGS, instructions_per_query=sizes), texts, 0))


@pytest.mark.parametrize(("order", "first"), [("query_first", "What"), ("instruction_first", "Instruction")])
def test_the_order_is_the_settings(texts, order, first):
    settings = dataclasses.replace(SETTINGS, prompt_order=order)
    assert all(row.prompt.startswith(first) for row in Selection.of(combine(checked(3), settings, texts, 0)).rows)


def test_a_drawn_order_is_both(texts):
    settings = dataclasses.replace(SETTINGS, prompt_order="drawn")
    rows = Selection.of(combine(checked(9), settings, texts, 0)).rows
    assert {row.prompt.split()[0] for row in rows} == {"What", "Instruction"}


@pytest.mark.parametrize(
    ("query", "prompt"),
    [
        ("Tell me about the rivers of Asia", "Tell me about the rivers of Asia. Instruction number 0."),
        ("What are the rivers of Asia?", "What are the rivers of Asia? Instruction number 0."),
        ("اذكر لي أنهار آسيا الكبرى؟", "اذكر لي أنهار آسيا الكبرى؟ Instruction number 0."),
        (
            "请告诉我亚洲有哪些河流？请告诉我亚洲有哪些河流？",
            "请告诉我亚洲有哪些河流？请告诉我亚洲有哪些河流？ Instruction number 0.",
        ),
    ],
)
def test_query_and_instruction_do_not_run_together(tmp_path, query, prompt):
    (row,) = Selection.of(combine(checked(1), SETTINGS, queries_file(tmp_path, {"query": query}), 0)).rows
    assert row.prompt == prompt


def test_the_user_query_stays_as_it_was_asked(texts):
    kept, _ = user_queries(texts)
    assert all(row.user_query in kept for row in Selection.of(combine(checked(3), SETTINGS, texts, 0)).rows)


def test_the_funnel_shows_how_many_user_queries_passed(tmp_path):
    settings = queries_file(
        tmp_path, *({"query": f"What is the question number {n}?"} for n in range(9)), {"query": "x"}
    )
    tally = Tally("data/queries")
    list(tally.passing(combine(checked(3), SETTINGS, settings, 0)))
    entry = next(entry for entry in tally.entries() if entry["unit"] == "user query")
    assert (entry["rows_in"], entry["rows_out"], entry["dropped"]) == (10, 9, {"too short": 1})


def test_queries_that_were_drawn_twice_are_counted(tmp_path):
    tally = Tally("data/queries")
    one = queries_file(tmp_path, {"query": "What is the only question?"})
    rows = list(tally.passing(combine(checked(2), SETTINGS, one, 0)))
    entry = next(entry for entry in tally.entries() if entry["unit"] == "query")
    assert entry.get("rows_in") == 8
    assert len(rows) == 2


def test_one_seed_gives_one_set_of_queries(texts):
    settings = dataclasses.replace(SETTINGS, instructions_per_query=[1, 2], prompt_order="drawn", balance_families=True)
    first, again, other = (list(combine(checked(7), settings, texts, seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


PROGRAM = """
import sys
from autoif_train.synthesis.queries import combine
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.types import CheckedInstruction, Instruction, Selection, VerificationFunction
rows = [CheckedInstruction(Instruction(str(n)), (VerificationFunction(f"f{n % 3}(x)"),), ()) for n in range(9)]
settings = SynthesisSettings(queries_per_instruction=3, instructions_per_query=[1, 2], balance_families=True,
                             prompt_order="drawn")
print([(row.id, row.prompt) for row in Selection.of(combine(rows, settings, QueriesSettings(), 5)).rows])
"""


def test_the_hash_seed_decides_nothing():
    said = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(said) == 1


def test_a_pilot_asks_each_instruction_once(texts):
    rows = list(pilot_queries(checked(5), SETTINGS, texts, 0))
    assert [len(row.instruction_ids) for row in rows] == [1] * 5
    assert all(isinstance(row, Query) for row in rows)


@pytest.mark.parametrize(("functions", "held_back"), [(1, 0), (2, 0), (3, 1), (4, 2), (8, 2)])
def test_audit_functions_leave_at_least_two_for_training(functions, held_back, texts):
    settings = dataclasses.replace(SETTINGS, audit_functions=2)
    row = checked(1, [f"source {number}" for number in range(functions)])
    queries = Selection.of(combine(row, settings, texts, 0)).rows
    flags = [tuple(function.audit for function in query.functions) for query in queries]
    assert sum(flags[0]) == held_back
    assert len(set(flags)) == 1


# --- sources and filters ----------------------------------------------------------------------------------------------

GERMAN, ENGLISH = "Wie kocht man am besten Reis für zehn Personen?", "How does one cook rice for ten people at once?"


def reasons(dropped):
    return {event.reason for event in dropped}


def rows_of(tmp_path, *texts, name="queries.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps({"query": text}) + "\n" for text in texts))
    return str(path)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_datasets_opens_is_a_source(tmp_path, form):
    import datasets

    found = datasets.Dataset.from_dict({"prompt": [ENGLISH, "short"]})
    getattr(found, f"to_{form}")(str(tmp_path / f"q.{form}"))
    kept, dropped = user_queries(QueriesSettings(path=str(tmp_path / f"q.{form}")))
    assert kept == [ENGLISH]
    assert reasons(dropped) == {"too short"}


def test_a_folder_is_a_source_with_its_split(tmp_path):
    import datasets

    (tmp_path / "set").mkdir()
    for split, text in (("train", ENGLISH), ("test", GERMAN)):
        datasets.Dataset.from_dict({"prompt": [text]}).to_parquet(str(tmp_path / "set" / f"{split}-0.parquet"))
    assert user_queries(QueriesSettings(path=str(tmp_path / "set"), split="test"))[0] == [GERMAN]


def test_a_column_can_be_named(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(
        json.dumps({"query": "not this one, but another", "dialogue": [{"role": "user", "content": ENGLISH}]})
    )
    assert user_queries(QueriesSettings(path=str(path), column="dialogue"))[0] == [ENGLISH]


def test_a_source_that_nobody_has_is_one_clear_line(tmp_path, monkeypatch):
    # The variable is read at import: without a network every attempt would be repeated for half a minute.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"^queries\.path: nobody/nothing: .*hub id"):
        user_queries(QueriesSettings(path="nobody/nothing"))


def test_queries_of_another_language_are_dropped(tmp_path):
    pytest.importorskip("py3langid")
    kept, dropped = user_queries(QueriesSettings(path=rows_of(tmp_path, GERMAN, ENGLISH), language="en"))
    assert kept == [ENGLISH]
    assert reasons(dropped) == {"another language"}


def test_without_the_library_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid", None)
    with pytest.raises(UserError, match=r"\.\[language\]"):
        user_queries(QueriesSettings(path=rows_of(tmp_path, ENGLISH), language="en"))


def test_queries_that_differ_in_case_blanks_and_closing_marks_are_one(tmp_path):
    path = rows_of(tmp_path, ENGLISH, ENGLISH.upper(), ENGLISH.rstrip("?"), ENGLISH.replace(" ", "  "))
    kept, dropped = user_queries(QueriesSettings(path=path))
    assert kept == [ENGLISH]
    assert sum(event.count for event in dropped) == 3


def test_prompts_of_benchmarks_are_no_queries(tmp_path):
    item = "Name the seven largest lakes of the world and say in one sentence why each of them matters to us."
    inside = f"Please help. {item[:95]} and more of it"
    blocked = rows_of(tmp_path, item, "Is it?", name="benchmark.jsonl")
    path = rows_of(tmp_path, item.upper(), inside, ENGLISH, "But is it really so, as you say?")
    kept, dropped = user_queries(QueriesSettings(path=path, block_lists=[blocked]))
    assert kept == [ENGLISH, "But is it really so, as you say?"]
    assert reasons(dropped) == {"of a benchmark"}


def test_reading_stops_when_there_are_enough(tmp_path):
    path = rows_of(tmp_path, *(f"{ENGLISH} {number}" for number in range(5)))
    with open(path, "a") as file:
        file.write("not JSON")
    assert len(user_queries(QueriesSettings(path=path, max_queries=3))[0]) == 3


def test_rows_that_will_not_be_read_are_not_looked_at_before(tmp_path):
    path = rows_of(tmp_path, ENGLISH, f"{ENGLISH} Why?")
    with open(path, "a") as file:
        file.write("not JSON")
    check_queries(QueriesSettings(path=path, max_queries=2))
    with pytest.raises(UserError, match="line 3"):
        check_queries(QueriesSettings(path=path))


def test_drops_are_counted_and_few_are_shown(tmp_path):
    _, dropped = user_queries(QueriesSettings(path=rows_of(tmp_path, ENGLISH, *"abcdefghij")))
    assert sum(event.count for event in dropped) == 10
    assert len(dropped) == 3


def test_the_prompts_of_ifeval_can_be_blocked(public_data):
    prompts = str(public_data / "ifeval" / "input_data.jsonl")
    with pytest.raises(UserError, match="of a benchmark"):
        user_queries(QueriesSettings(path=prompts, max_characters=10_000, min_characters=0, block_lists=[prompts]))
