"""The first process inside: a fresh interpreter that is locked in once and forks the workers.

It is asked through a socket: each message carries a slot number and the descriptors of that slot's new worker, its
socket and its frame memory. An older worker of the slot is killed first. When the socket or the parent process ends,
everything here ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable

from . import admission, codes, kernel, modules, packs, worker

STDERR = sys.stderr  # workers replace it by a stream without end
SLOT = struct.Struct("=II")  # slot, niceness
SLACK_BYTES = codes.FRAME_BYTES + (16 << 20)  # what a worker maps beyond the zygote: result area, error texts, buffers


def main() -> None:
    """Started as `python -s -P -S -c … CONTROL PARENT CONFIG`; the environment is empty but for the hash seed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    parent, config = int(sys.argv[2]), json.loads(sys.argv[3])
    os.environ.clear()
    del sys.argv[1:]
    parent_end = os.pidfd_open(parent)
    if os.getppid() != parent:
        os._exit(0)
    drop_fork_hooks()
    modules.preload()
    packs.load(config["packs"], config["packs_path"])
    config["admission"] = admission.Admission(config["known_packs"])
    config["base_bytes"] = address_space_bytes() + SLACK_BYTES
    gc.collect()
    gc.freeze()
    layers: dict[str, str] = {}
    empty_root = make_empty_root()
    if config["namespaces"]:
        attempt(layers, "namespaces", kernel.enter_namespaces)
    ready, set_ready = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(parent_end)
        os.close(ready)
        live(control, config, layers, empty_root, set_ready)
    control.close()
    os.close(set_ready)
    os.read(ready, 1)
    os.rmdir(empty_root)  # it stays the root of those inside, without a name
    wait_for_either(first, parent_end)


def make_empty_root() -> str:
    """A folder for `chroot`, removed again as soon as it is in use."""
    import tempfile  # late: it registers fork hooks

    path = tempfile.mkdtemp(prefix="autoif-root-")
    os.chmod(path, 0o555)
    return path


def drop_fork_hooks() -> None:
    """Modules imported later find nothing to register: their hooks would cost page faults at every fork of a cell."""
    os.register_at_fork = lambda **_hooks: None


def address_space_bytes() -> int:
    """What this process has mapped: a cell's limit comes on top of it."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def attempt(layers: dict[str, str], name: str, build: Callable[[], object]) -> None:
    """Note under `name` that a layer stands, or why the kernel refused it."""
    try:
        result = build()
        layers[name] = "" if result is None else str(result)
    except OSError as error:
        layers[f"no {name}"] = error.strerror or str(error)


def wait_for_either(child: int, parent_end: int) -> None:
    """End with the trainer, by a pidfd: a parent-death signal would fire when the thread that started us ends."""
    child_end = os.pidfd_open(child)
    poll = select.poll()
    poll.register(child_end, select.POLLIN)
    poll.register(parent_end, select.POLLIN)
    poll.poll()
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(child_end, signal.SIGKILL)
    os.waitpid(child, 0)
    os._exit(0)


def live(control: socket.socket, config: dict, layers: dict, empty_root: str, set_ready: int) -> None:
    """The process that owns the workers: process 1 of its own process space where namespaces stand."""
    try:
        if config["files"]:
            attempt(layers, "empty root", lambda: enter_empty_root(empty_root))
        if config["limits"]:
            attempt(layers, "limits", kernel.limit_all)
            attempt(layers, "nobody", kernel.drop_root)
        attempt(layers, "no new privileges", kernel.forbid_new_privileges)
        if config["files"]:
            attempt(layers, "landlock", kernel.forbid_files)
        wanted, config["filter"] = config["filter"], None
        if wanted:
            attempt(layers, "seccomp", lambda: config.update(filter=tried_filter()))
        kernel.die_with_parent()
        os.write(set_ready, b"r")
        os.close(set_ready)
        control.send(json.dumps(layers).encode())
        Nursery(control, config).serve()
        os._exit(0)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the trainer has gone
    except BaseException:
        traceback.print_exc(file=STDERR)  # a bug of ours, here or in a worker: it must be seen
        os._exit(1)


def tried_filter() -> kernel.SyscallFilter:
    """The filter, after a child process has installed it. Raises OSError where this machine refuses it."""
    built = kernel.SyscallFilter()
    child = os.fork()
    if child == 0:
        try:
            built.install()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 255)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code) if code > 0 else f"killed by signal {-code}")
    return built


def enter_empty_root(path: str) -> None:
    """Leave the file system behind: from here on `path` is all there is."""
    os.chroot(path)
    os.chdir("/")


class Nursery:
    """Forks workers on demand and reaps whatever ends."""

    def __init__(self, control: socket.socket, config: dict):
        self.control, self.config = control, config
        self.slots: dict[int, int] = {}  # slot -> process id of its living worker
        signal.signal(signal.SIGCHLD, self.reap)

    def serve(self) -> None:
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(self.control, SLOT.size, 2)
            if not message:
                return
            slot, niceness = SLOT.unpack(message)
            if slot in self.slots:
                os.kill(self.slots[slot], signal.SIGKILL)
            self.slots[slot] = self.fork_worker(descriptors, niceness)
            for descriptor in descriptors:
                os.close(descriptor)

    def fork_worker(self, descriptors: list[int], niceness: int) -> int:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            self.control.close()
            connection, bodies = descriptors
            worker.serve(socket.socket(fileno=connection), bodies, {**self.config, "nice": niceness}, parent)
        return child

    def reap(self, _signal, _frame) -> None:
        try:
            while (child := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self.slots = {slot: process for slot, process in self.slots.items() if process != child}
        except ChildProcessError:
            pass
