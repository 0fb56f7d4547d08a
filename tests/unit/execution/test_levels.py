"""Levels, canaries, and the processes behind an executor."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from autoif_train.execution import Executor, Outcome, probes
from autoif_train.types import UserError

TRUE = ("def evaluate(r):\n    return True", ["a"])


def processes_of(session: int) -> list[int]:
    """Process ids of a session: everything that an executor started is in the one of its first process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def gone(session: int, within: float = 5.0) -> bool:
    end = time.monotonic() + within
    while processes_of(session):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("level", ["strict", "seccomp", "rlimit", "none"])
def test_every_level_judges(level):
    with Executor(level=level, workers=1) as executor:
        assert executor.level == level
        assert executor.report.startswith(f"sandbox={level}")
        assert executor.run([TRUE]) == [[Outcome.FOLLOWED]]


@pytest.mark.parametrize("error", [OSError(errno.ENOSYS, "none"), OSError(errno.EPERM, "none"), AttributeError("none")])
def test_a_kernel_container_or_python_without_pidfds_cannot_hold_the_walls(monkeypatch, error):
    def pidfd_open(_):
        raise error

    assert probes.foreign() == ""
    monkeypatch.setattr(os, "pidfd_open", pidfd_open)
    assert "which Linux has since 5.3 (here: none)" in probes.foreign()


def test_the_strong_levels_contain_all_canaries():
    with Executor(workers=1) as executor:
        assert executor.level in ("strict", "seccomp")
        assert f"canaries {len(probes.CANARIES)}/{len(probes.CANARIES)} contained" in executor.report


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "docker"}, "auto, strict, seccomp"),
        ({"workers": 0}, "execution.workers"),
        ({"timeout_seconds": 0}, "execution.timeout_seconds"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Executor(**settings)


class Machine:
    """A pool of a machine whose kernel refuses some layers, and where some canaries get out."""

    def __init__(self, monkeypatch, layers, escaped=()):
        self.layers = layers
        monkeypatch.setattr(probes, "_escaped", lambda _pool, _canaries: list(escaped))


ALL = {"seccomp": "", "namespaces": "", "landlock": "7", "empty root": ""}


def without(*names):
    return {**{name: "" for name in ALL if name not in names}, **{f"no {name}": "not permitted" for name in names}}


@pytest.mark.parametrize(
    ("layers", "escaped", "level"),
    [
        (ALL, [], "strict"),
        (without("landlock"), [], "strict"),
        (without("landlock", "empty root"), [], "seccomp"),
        (without("namespaces"), [], "seccomp"),
        (without("seccomp"), [], "rlimit"),
        (ALL, ["open"], "rlimit"),
    ],
)
def test_auto_says_what_it_got(monkeypatch, layers, escaped, level):
    found = probes.probe(Machine(monkeypatch, layers, escaped), "auto")
    assert found.name == level
    assert found.report.startswith(f"sandbox={level}")


@pytest.mark.parametrize("layers", [without("namespaces"), without("landlock", "empty root"), without("seccomp")])
def test_strict_by_name_is_never_less(monkeypatch, layers):
    with pytest.raises(UserError, match=r"strict is not available here .*not permitted"):
        probes.probe(Machine(monkeypatch, layers), "strict")


def test_closing_leaves_no_process():
    executor = Executor(workers=2)
    session = executor._pool.process.pid
    assert len(processes_of(session)) >= 4
    executor.close()
    assert gone(session)


def test_killing_the_parent_leaves_no_process_even_while_functions_hang():
    script = """
        import sys, threading
        from autoif_train.execution import Executor
        executor = Executor(workers=2, timeout_seconds=60)
        print(executor._pool.process.pid, flush=True)
        executor.run([("import itertools\\ndef evaluate(r):\\n    return sum(itertools.repeat(1)) > 0", ["a"])] * 2)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        session = int(parent.stdout.readline())
        time.sleep(0.3)
        parent.send_signal(signal.SIGKILL)
    assert gone(session)


def test_a_lost_worker_is_replaced():
    with Executor(workers=1) as executor:
        assert executor.run([TRUE]) == [[Outcome.FOLLOWED]]
        workers = processes_of(executor._pool.process.pid)[2:]
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        assert executor.run([TRUE]) == [[Outcome.FOLLOWED]]


def test_descriptors_do_not_pile_up():
    with Executor(workers=1) as executor:
        executor.run([TRUE])
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            executor.run([TRUE, ("import os\ndef evaluate(r):\n    os._exit(0)", ["a"])])
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_forked_process_gets_workers_of_its_own():
    with Executor(workers=1) as executor:
        executor.run([TRUE])
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if executor.run([TRUE]) == [[Outcome.FOLLOWED]] else 1
                executor.close()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert executor.run([TRUE]) == [[Outcome.FOLLOWED]]


def test_an_open_executor_does_not_keep_the_interpreter_alive():
    script = "from autoif_train.execution import Executor; Executor(workers=1).run([('evaluate = callable', ['a'])])"
    assert subprocess.run([sys.executable, "-c", script], timeout=20).returncode == 0


def test_secrets_do_not_reach_the_first_process(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with Executor(workers=1) as executor:
        environment = Path(f"/proc/{executor._pool.process.pid}/environ").read_text()
    assert "secret" not in environment


def test_a_container_without_namespaces_gets_seccomp_and_is_told_so():
    script = "from autoif_train.execution import Executor; print(Executor(workers=1).report)"
    deny = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all"
    deny = f"{deny} {sys.executable} -c '{script}'"
    command = ["unshare", "-Ur", "sh", "-c", deny]
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("needs unshare and setpriv of util-linux")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr or "setpriv" in done.stderr:
        pytest.skip(f"no user namespace to try it in: {done.stderr.strip()}")
    assert done.stdout.startswith("sandbox=seccomp (no strict: namespaces:")


def test_several_processes_have_executors_at_once():
    script = """
        from autoif_train.execution import Executor
        with Executor(workers=1) as executor:
            rows = executor.run([("def evaluate(r):\\n    return r == 'a'", ["a", "b"])])
            print([outcome.value for outcome in rows[0]])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in running] == ["['followed', 'violated']\n"] * 3
