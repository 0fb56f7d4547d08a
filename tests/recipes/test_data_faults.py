"""A server of which every fifth request fails changes nothing in the data, and every row is accounted for.

One that filters some prompts costs those alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest

from tests.conftest import run_command
from tests.data_run import command, data_files
from tests.mock_supervisor import reply
from tests.unit.chat.mock_server import FAULTS, MockServer, some_faults


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of a run whose server is well and of one whose server is not, and how often each fault struck."""
    folder = tmp_path_factory.mktemp("faults")
    struck = dict.fromkeys(FAULTS, 0)
    draw = some_faults(0.2)

    def fault(body, attempt):
        kind = draw(body, attempt)
        if kind:
            struck[kind] += 1
        return kind

    with MockServer(reply=reply) as server:
        well = run_command(command(folder / "well", server.base_url))
    with MockServer(fault=fault, reply=reply, slow_seconds=2) as server:
        flags = ("--supervisor.timeout_seconds", "1", "--supervisor.max_concurrency", "32")
        ill = run_command(command(folder / "ill", server.base_url, *flags))
    assert (well.code, ill.code) == (0, 0), well.err + ill.err
    return folder / "well", folder / "ill", struck


def test_every_kind_of_fault_struck(runs):
    assert min(runs[2].values()) > 0


def test_the_data_are_those_of_a_server_that_is_well(runs):
    well, ill, _ = runs
    assert data_files(ill) == data_files(well)


def test_there_are_data_to_compare(runs):
    assert all(data_files(runs[0])[f"data/{name}.jsonl"] for name in ("checked", "demonstrations", "pairs"))


def test_every_row_that_goes_in_comes_out_or_has_a_reason(runs):
    entries = json.loads((runs[1] / "funnel.json").read_text())
    filters = [entry for entry in entries if "rows_in" in entry]
    assert len(filters) >= 10
    assert all(entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values()) for entry in filters)


def test_what_one_stage_puts_out_the_next_takes_in(runs):
    """The funnel's instructions, from the supervisor's answers to the checked ones."""
    entries = json.loads((runs[1] / "funnel.json").read_text())
    instructions = [entry for entry in entries if entry["unit"] == "instruction"]
    assert [entry["stage"] for entry in instructions] == [
        "data/instructions", "data/functions", "data/probed", "data/agreed", "data/sharp", "data/cross_validated",
        "data/checked",
    ]  # fmt: skip
    for before, after in itertools.pairwise(instructions):
        assert after["rows_in"] == before["rows_out"]


def test_prompts_that_a_filter_refuses_are_counted_and_no_end(tmp_path):
    spared = []  # the one prompt of the first step

    def filtered(body, attempt):
        spared[:] = spared or [body["messages"]]
        drawn = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()[0]
        return 400 if drawn < 256 * 0.1 and body["messages"] != spared[0] else None

    with MockServer(fault=filtered, reply=reply) as server:
        ran = run_command(command(tmp_path / "run", server.base_url))
    assert ran.code == 0, ran.err
    entries = json.loads((tmp_path / "run" / "funnel.json").read_text())
    reasons = {reason for entry in entries for reason in entry.get("dropped", {}) if "refused" in reason}
    assert "refused by the server" in reasons
    calls = json.loads((tmp_path / "run" / "manifest.json").read_text())["calls"]
    assert sum(usage["refused"] for steps in calls.values() for usage in steps.values()) > 0
