"""Pass rate per kind of constraint, read from the answers of every stage."""

from __future__ import annotations

from autoif_train.report.kinds import Share, kind_tables
from autoif_train.rows import write_rows


def lay(folder, stage, *rows, name="H"):
    write_rows(folder / f"evaluation/{stage}/{name}.jsonl", rows)


def answer(kinds, followed):
    return {"prompt": "p", "text": "t", "kinds": kinds, "followed": followed}


def test_instructions_are_counted_by_kind_and_stage(tmp_path):
    lay(tmp_path, "base", answer(["upper", "json"], [False, True]), answer(["upper"], [True]))
    lay(tmp_path, "sft", answer(["upper", "json"], [True, True]), answer(["upper"], [True]))
    (table,) = kind_tables(tmp_path)
    assert table.stages == ("Base", "SFT")
    assert {kind.name: kind.shares for kind in table.kinds} == {
        "upper": (Share(1, 2), Share(2, 2)),
        "json": (Share(1, 1), Share(1, 1)),
    }


def test_a_set_goes_by_its_name_whichever_prompts_were_asked(tmp_path):
    lay(tmp_path, "base", answer(["a"], [True]), name="ifeval-0123456789ab")
    assert [table.set for table in kind_tables(tmp_path)] == ["ifeval"]


def test_the_greatest_gain_stands_first(tmp_path):
    lay(tmp_path, "base", answer(["a", "b"], [True, False]))
    lay(tmp_path, "sft", answer(["a", "b"], [False, True]))
    assert [kind.name for kind in kind_tables(tmp_path)[0].kinds] == ["b", "a"]


def test_only_the_newest_round_is_shown(tmp_path):
    for stage in ("base", "online_dpo/round_1", "online_dpo/round_2"):
        (tmp_path / stage).mkdir(parents=True)
        lay(tmp_path, stage, answer(["a"], [True]))
    assert kind_tables(tmp_path)[0].stages == ("Base", "Online DPO, round 2")


def test_official_verdicts_are_read_by_their_strict_marks(tmp_path):
    row = {"kinds": ["length:words", "length:words"], "strict": [True, False], "loose": [True, True]}
    lay(tmp_path, "base", row, name="ifeval")
    (table,) = kind_tables(tmp_path)
    assert (table.set, table.kinds[0].shares) == ("ifeval", (Share(1, 2),))


def test_answers_without_kinds_make_no_table(tmp_path):
    lay(tmp_path, "base", {"prompt": "p", "text": "t", "followed": [True]})
    assert kind_tables(tmp_path) == []
