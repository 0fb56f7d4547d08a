"""What a run has done and spent can be seen while it lasts, and is not forgotten with a kill."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest

from autoif_train import progress
from autoif_train.chat.base import Usage
from autoif_train.funnel import Tally
from autoif_train.progress import Progress, read_progress, spent_lines
from autoif_train.types import Dropped, Kept


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.01)


def chat(**usage):
    return SimpleNamespace(usage={"function": Usage(**usage)})


def seen(path):
    for _ in range(500):
        if (found := read_progress(path)) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("nothing was written")


def test_a_running_step_can_be_seen(tmp_path):
    path, tally = tmp_path / "progress.json", Tally("data/functions")
    list(tally.passing([Kept("function"), Dropped("function", "not JSON")]))
    with Progress(path, {}).during("data/functions", tally, lambda tally: None):
        found = seen(path)
    assert found["step"] == "data/functions"
    assert found["funnel"][0]["dropped"] == {"not JSON": 1}


def test_what_is_spent_can_be_seen_while_it_is(tmp_path):
    path, asked = tmp_path / "progress.json", Progress(tmp_path / "progress.json", {})
    asked.watch("supervisor", chat(calls=3, money=0.5))
    with asked.during("data/functions", Tally("x"), lambda tally: None):
        spent = seen(path)["calls"]["supervisor"]["function"]
    assert (spent["calls"], spent["money"]) == (3, 0.5)


def test_answers_are_counted_from_where_the_step_began(tmp_path):
    earlier = {"supervisor": {"function": {"calls": 5, "cached": 1}}}
    path, asked, model = tmp_path / "progress.json", Progress(tmp_path / "progress.json", earlier), chat()
    asked.watch("supervisor", model)
    with asked.during("data/agreed", Tally("x"), lambda tally: None):
        model.usage["arbitration"] = Usage(calls=3, cached=4)
        while seen(path)["answers"] == 0:
            time.sleep(0.01)
        assert read_progress(path)["answers"] == 7


def test_what_earlier_processes_spent_counts(tmp_path):
    later = Progress(tmp_path / "progress.json", {"supervisor": {"function": {"calls": 5, "money": 1.0}}})
    later.watch("supervisor", chat(calls=3, money=0.5))
    spent = later.spent()["supervisor"]["function"]
    assert (spent["calls"], spent["money"]) == (8, 1.5)


def test_what_a_killed_process_spent_is_taken_over(tmp_path):
    """The manifest is behind: it is written after a step, the file while one lasts."""
    path = tmp_path / "progress.json"
    path.write_text(json.dumps({"calls": {"supervisor": {"function": {"calls": 9}}}}))
    later = Progress(path, {"supervisor": {"function": {"calls": 5}, "quality": {"calls": 2}}})
    assert later.spent()["supervisor"] == {"function": {"calls": 9}, "quality": {"calls": 2}}


def test_a_model_in_two_roles_is_counted_once(tmp_path):
    both, asked = chat(calls=3), Progress(tmp_path / "progress.json", {})
    asked.watch("supervisor", both)
    asked.watch("respondent", both)
    assert list(asked.spent()) == ["supervisor"]


def test_a_closed_run_leaves_no_file(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text("{}")
    Progress(path, {}).close()
    assert not path.exists()


def test_a_torn_file_is_none(tmp_path):
    (tmp_path / "progress.json").write_text('{"step": ')
    assert read_progress(tmp_path / "progress.json") is None


def test_costs_are_lines_with_their_sum():
    usage = {**vars(Usage(calls=2, money=0.25))}
    lines = spent_lines({"supervisor": {"function": usage, "quality": usage}})
    assert [line.split("  ")[0] for line in lines] == ["supervisor, function", "supervisor, quality", "together"]
    assert lines[-1].endswith("cost 0.5000 (in the unit of the prices)")


def test_refusals_are_shown_where_there_are_any():
    (refused, *_), (none, *_) = (spent_lines({"supervisor": {"function": vars(Usage(refused=n))}}) for n in (3, 0))
    assert "3 refused" in refused
    assert "refused" not in none


def test_no_price_no_cost():
    assert "cost" not in spent_lines({"supervisor": {"function": vars(Usage(calls=2))}})[0]
