"""What is particular to the level `wasm`; that its outcomes are those of the other levels the other tests show."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

from autoif_train.execution import Executor, Outcome, probes
from autoif_train.execution.wasm import component
from autoif_train.types import UserError

TRUE = ("def evaluate(r):\n    return True", ["a"])
PLACE = "its walls are those of Linux, and this is darwin"


def test_the_report_says_what_it_is(wasm):
    with Executor(level=wasm, workers=1) as executor:
        assert (executor.level, executor.report) == ("wasm", "sandbox=wasm, canaries 12/12 contained")


def test_auto_takes_it_where_the_other_walls_cannot_stand_and_says_so(wasm, monkeypatch):
    monkeypatch.setattr(probes, "FOREIGN", PLACE)
    with Executor(workers=1) as executor:
        assert executor.report == f"sandbox=wasm (no strict: {PLACE}), canaries 12/12 contained"
        assert executor.run([TRUE]) == [[Outcome.FOLLOWED]]


def test_auto_prefers_it_to_mere_limits(wasm, monkeypatch):
    monkeypatch.setattr(probes, "_missing", lambda _level, _layers: "seccomp: not permitted")
    with Executor(workers=1) as executor:
        assert executor.report.startswith("sandbox=wasm (no strict: seccomp: not permitted)")


@pytest.mark.parametrize("level", ["strict", "seccomp", "rlimit", "none"])
def test_no_other_level_is_had_elsewhere_by_name(monkeypatch, level):
    monkeypatch.setattr(probes, "FOREIGN", PLACE)
    with pytest.raises(UserError, match=f"{level} is not available here"):
        Executor(level=level)


@pytest.mark.parametrize("level", ["auto", "wasm"])
def test_where_it_is_missing_the_error_says_what_to_install(monkeypatch, level):
    monkeypatch.setattr(probes, "FOREIGN", PLACE)
    monkeypatch.setattr(component, "installed", lambda: False)
    with pytest.raises(UserError, match=r"pip install -e '\.\[wasm\]'"):
        Executor(level=level)


def test_packs_are_refused(wasm):
    pytest.importorskip("nltk")
    with pytest.raises(UserError, match=r"execution\.packs"):
        Executor(level=wasm, packs=["nltk"])


def test_a_call_that_holds_its_process_costs_only_itself(wasm):
    """The real `sleep`, behind the one that functions are given, waits outside of the instance, where no trap is."""
    asleep = (
        "import sys\ndef evaluate(r):\n    if r == 'sleep':\n        del sys.modules['time']\n"
        "        import time\n        time.sleep(1000)\n    return r == 'a'"
    )
    neighbour = ("import os\ndef evaluate(r):\n    return r == 'a'", ["a", "b"])
    with Executor(level=wasm, workers=1, timeout_seconds=0.1) as executor:
        before, outcomes, after = executor.run([neighbour, (asleep, ["a", "sleep", "b"]), neighbour])
    assert before == after == [Outcome.FOLLOWED, Outcome.VIOLATED]
    assert outcomes[:2] == [Outcome.FOLLOWED, Outcome.TIMED_OUT]


def test_killing_the_parent_leaves_no_process(wasm):
    script = """
        from autoif_train.execution import Executor
        executor = Executor(level="wasm", workers=1, timeout_seconds=60)
        print(*(process.pid for process in executor._pool.processes if process), flush=True)
        executor.run([("import itertools\\ndef evaluate(r):\\n    return sum(itertools.repeat(1)) > 0", ["a"])])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    for _ in range(100):
        if not alive(worker):
            return
        time.sleep(0.1)
    pytest.fail("the process outlived its parent by ten seconds")


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
