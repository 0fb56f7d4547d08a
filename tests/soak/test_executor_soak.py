"""The executor for long: a million calls, a busy machine, real functions. Minutes, so not part of the unit tests."""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import runpy
from pathlib import Path

import pytest

from autoif_train.execution import Executor, Outcome
from autoif_train.execution.wasm import component

pytestmark = pytest.mark.soak

KINDS = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "execution" / "hostile.py"))
# They use up memory or the stack as fast as the machine lets them, or need just about the limit: their end is a race.
_NEAR = ("list", "doubling text", "swallowed memory error", "deep recursion in C", "big print", "big power")
RACING = [KINDS["HOSTILE"][kind] for kind in _NEAR]
FUNCTIONS = [
    "def evaluate(r):\n    return len(r.split()) > {n}",
    "import re\ndef evaluate(r):\n    return len(re.findall('[aeiou]', r)) % 7 == {n} % 7",
    "def evaluate(r):\n    return r.split()[{n}] == 'word'",
]


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def children() -> int:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return len(file.read().split())


def test_a_million_calls_leave_memory_processes_and_descriptors_as_they_were():
    texts = [f"word number {n} of a text" for n in range(1000)]
    jobs = [(FUNCTIONS[n % 3].format(n=n % 9), texts) for n in range(50)]
    with Executor(workers=2) as executor:
        executor.run(jobs)
        memory, descriptors, processes = resident_mb(), len(os.listdir("/proc/self/fd")), children()
        for _ in range(20):
            outcomes = executor.run(jobs)
        assert sum(map(len, outcomes)) == 50_000
        assert resident_mb() - memory < 20
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert children() == processes


def burn() -> None:
    while True:
        pass


def test_a_busy_machine_changes_no_outcome():
    """The same jobs, hostile ones and one that needs half its limit among them, alone and beside four CPU hogs."""
    near = (
        "import time\ndef evaluate(r):\n    end = time.process_time() + 0.1\n    while time.process_time() < end:\n"
        "        pass\n    return r == 'yes'"
    )
    sources = [*KINDS["HOSTILE"].values(), *(source.format(n=3) for source in FUNCTIONS), *[near] * 3]
    jobs = [(source, ["yes", "a word here and a word there"]) for source in sources]
    with Executor(workers=2, timeout_seconds=0.2, memory_limit_mb=128) as executor:
        quiet = executor.run(jobs)
        hogs = [multiprocessing.get_context("spawn").Process(target=burn, daemon=True) for _ in range(4)]
        for hog in hogs:
            hog.start()
        try:
            busy = executor.run(jobs)
        finally:
            for hog in hogs:
                hog.kill()
                hog.join()
    pairs = list(zip(sources, quiet, busy, strict=True))
    assert [(s, a, b) for s, a, b in pairs if a != b and s not in RACING] == []
    assert not any(outcome.judged for s, a, b in pairs if s in RACING for outcome in a + b)
    assert quiet[-1] == [Outcome.FOLLOWED, Outcome.VIOLATED]


def plain(source: str, text: str) -> Outcome:
    """The outcome in this process: only for the functions of the public data set, which were read."""
    namespace: dict = {}
    try:
        exec(source, namespace)
        value = namespace["evaluate"](text)
    except Exception:
        return Outcome.CRASHED
    return Outcome.FOLLOWED if value is True else Outcome.VIOLATED if value is False else Outcome.INVALID


def real_jobs(folder: Path) -> list[tuple[str, list[str]]]:
    """400 functions with their cases, and the functions of 136 queries with 8 answers each."""
    jobs = []
    for line in (folder / "verifiers.jsonl").read_text().splitlines():
        row = json.loads(line)
        cases = []
        for block in row["testcases"]:
            for case in block.splitlines():
                try:
                    cases.append(json.loads(case)["response"])
                except (ValueError, KeyError, TypeError):
                    continue
        jobs += [(source, [case for case in cases if isinstance(case, str)]) for source in row["verifiers"]]
    for line in (folder / "completions-0.jsonl").read_text().splitlines():
        row = json.loads(line)
        jobs += [(source, row["completions"]) for source in row["verifiers"]]
    return jobs


@pytest.mark.parametrize("level", ["auto", "wasm"])
def test_real_functions_get_the_verdicts_of_plain_execution(level):
    if level == "wasm" and not component.installed():
        pytest.skip("the extra `wasm` is not installed")
    data = os.environ.get("AUTOIF_TEST_DATA")
    if not data:
        pytest.skip("AUTOIF_TEST_DATA is not set")
    jobs = real_jobs(Path(data) / "autoif_llama3")
    with Executor(level=level, workers=2) as executor:
        outcomes = executor.run(jobs)
        reasons = executor.reasons
    print(collections.Counter(outcome.value for row in outcomes for outcome in row))
    differing = []
    for number, ((source, texts), row) in enumerate(zip(jobs, outcomes, strict=True)):
        if row and "allow-list" in reasons.get((number, 0), ""):
            continue
        for text, outcome in zip(texts, row, strict=True):
            expected = plain(source, text)
            if outcome.judged != expected.judged or (outcome.judged and outcome is not expected):
                differing.append((source, text, outcome, expected))
    assert not differing, f"{len(differing)} differ, first: {differing[0]}"
