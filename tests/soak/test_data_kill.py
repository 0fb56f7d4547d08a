"""Data generation that is killed again and again loses nothing and pays for nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import closing

import pytest

from autoif_train.chat.cache import AnswerCache
from tests.conftest import ROOT, run_command
from tests.data_run import CONCURRENCY, command, data_files
from tests.mock_supervisor import reply
from tests.unit.chat.mock_server import MockServer

pytestmark = pytest.mark.soak
KILLS = 20
LATENCY_SECONDS = 0.05


def kept_answers(folder) -> int:
    path = folder / "cache.sqlite"
    if not path.exists():
        return 0
    with closing(AnswerCache(path)) as cache:
        return cache.count()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files and number of requests of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with MockServer(reply=reply, latency_seconds=LATENCY_SECONDS) as server:
        ran = run_command(command(folder, server.base_url))
        assert ran.code == 0, ran.err
        return data_files(folder), server.ledger


@pytest.fixture(scope="module")
def killed(whole, tmp_path_factory):
    """A run that was killed at random moments over its whole length, then left alone:
    its folder, the server's ledger, and per session the requests that came and the answers that were kept.

    A fast machine may be done before the last of the kills falls, which then has nothing left to kill.
    """
    _, ledger = whole
    folder = tmp_path_factory.mktemp("killed") / "run"
    chance = random.Random(11)
    moments = sorted(chance.uniform(0, 0.95 * ledger.total()) for _ in range(KILLS))
    sessions = []
    with MockServer(reply=reply, latency_seconds=LATENCY_SECONDS) as server:
        call = command(folder, server.base_url)
        for moment in moments:
            asked, kept = server.ledger.total(), kept_answers(folder)
            if not _killed(call, server, moment, chance.uniform(0, 1)):
                break
            sessions.append((server.ledger.total() - asked, kept_answers(folder) - kept))
        assert len(sessions) >= KILLS - 3, "the run ended long before it should have been killed"
        before = server.ledger.total(), kept_answers(folder)
        ran = run_command(call)
        assert ran.code == 0, ran.err
        sessions.append((server.ledger.total() - before[0], kept_answers(folder) - before[1]))
        return folder, Counter(server.ledger), sessions


def _killed(call: list[str], server: MockServer, requests: float, seconds_later: float) -> bool:
    """Start a command and SIGKILL it a moment after the server has had so many requests in all."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(call, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)
    while server.ledger.total() < requests and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds_later)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode == -signal.SIGKILL


def test_the_files_are_those_of_an_undisturbed_run(whole, killed):
    files, _ = whole
    folder, _, _ = killed
    assert data_files(folder) == files


def test_the_same_requests_were_made(whole, killed):
    assert killed[1].keys() == whole[1].keys()


def test_a_kill_costs_no_more_than_what_was_in_flight(killed):
    *until_killed, last = killed[2]
    assert all(asked - kept <= CONCURRENCY for asked, kept in until_killed)
    assert last[0] == last[1]


def test_a_request_is_repeated_only_where_a_kill_lost_its_answer(killed):
    _, ledger, sessions = killed
    lost = sum(asked - kept for asked, kept in sessions)
    assert ledger.total() - len(ledger) == lost


def test_nothing_half_made_is_left(killed):
    assert not [path.name for path in killed[0].rglob("*") if path.name.endswith((".part", ".whole"))]
