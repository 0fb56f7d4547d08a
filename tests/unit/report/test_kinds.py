"""Pass rate per kind of constraint, read from the answers of every stage."""

from __future__ import annotations

import dataclasses

from autoif_train.evaluation.answers import Shown
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.report.kinds import Share, kind_tables
from autoif_train.rows import write_rows


def lay(folder, stage, *rows, name="H"):
    write_rows(folder / f"evaluation/{stage}/{name}.jsonl", rows)


def tables(folder, *stages, benchmark="tiny", name="H", file="H"):
    """The tables of results that name the file of these stages."""
    split = [(stage, *stage.partition("/round_")[::2]) for stage in stages]
    scores = [
        {
            "stage": stage,
            "round": int(number or 0),
            "benchmark": benchmark,
            "set": name,
            "items": [f"evaluation/{whole}/{file}"],
        }
        for whole, stage, number in split
    ]
    return kind_tables(folder, {"scores": scores})


def answer(kinds, followed):
    return {"prompt": "p", "text": "t", "kinds": kinds, "followed": followed, "relevant": True}


def test_instructions_are_counted_by_kind_and_stage(tmp_path):
    lay(tmp_path, "base", answer(["upper", "json"], [False, True]), answer(["upper"], [True]))
    lay(tmp_path, "sft", answer(["upper", "json"], [True, True]), answer(["upper"], [True]))
    (table,) = tables(tmp_path, "base", "sft")
    assert table.stages == ("Base", "SFT")
    assert {kind.name: kind.shares for kind in table.kinds} == {
        "Use only capital letters.": (Share(1, 2), Share(2, 2)),
        "Answer in JSON format.": (Share(1, 1), Share(1, 1)),
    }


def test_a_set_goes_by_its_name_whichever_prompts_were_asked(tmp_path):
    lay(tmp_path, "base", answer(["a"], [True]), name="H-0123456789ab")
    assert [table.set for table in tables(tmp_path, "base", file="H-0123456789ab")] == ["H"]


def test_the_greatest_gain_stands_first(tmp_path):
    lay(tmp_path, "base", answer(["a", "b"], [True, False]))
    lay(tmp_path, "sft", answer(["a", "b"], [False, True]))
    assert [kind.name for kind in tables(tmp_path, "base", "sft")[0].kinds] == ["b", "a"]


def test_only_the_newest_round_is_shown(tmp_path):
    stages = ("base", "online_dpo/round_1", "online_dpo/round_2")
    for stage in stages:
        lay(tmp_path, stage, answer(["a"], [True]))
    assert tables(tmp_path, *stages)[0].stages == ("Base", "Online DPO, round 2")


def test_official_verdicts_are_read_by_their_strict_marks(tmp_path):
    said = {"key": 1, "prompt": "p", "response": "r", "finished": True}
    lay(tmp_path, "base", {**said, "kinds": ["a", "a"], "strict": [True, False], "loose": [True, True]})
    (table,) = tables(tmp_path, "base", benchmark="ifeval", name="ifeval")
    assert (table.set, table.kinds[0].shares) == ("ifeval", (Share(1, 2),))


def test_answers_without_kinds_make_no_table(tmp_path):
    lay(tmp_path, "base", answer([], [True]))
    assert tables(tmp_path, "base") == []


def test_a_benchmark_whose_rows_name_things_otherwise_is_read_by_its_own_reader(tmp_path, monkeypatch):
    own = dataclasses.replace(
        BENCHMARKS["tiny"],
        read=lambda row: (row["question"], row["said"], row["marks"]),
        shown=lambda row: Shown(row[0], (row[1],), tuple(row[2]), ("a", "b")),
    )
    monkeypatch.setitem(BENCHMARKS, "own", own)
    lay(tmp_path, "base", {"question": "Well?", "said": "Well.", "marks": [True, False]})
    (table,) = tables(tmp_path, "base", benchmark="own")
    assert {kind.name: kind.shares for kind in table.kinds} == {"a": (Share(1, 1),), "b": (Share(0, 1),)}
