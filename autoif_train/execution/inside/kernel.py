"""The walls that the kernel builds: a seccomp filter, Landlock, namespaces. What is refused raises OSError."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import resource
import signal
import struct
from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
PRCTL = LIBC.prctl
SIGKILL = int(signal.SIGKILL)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP = 0x20000000, 0x40000000, 0x2000000
NOBODY = 65534

# AUDIT_ARCH and the system calls that plain computing needs. The aarch64 column was written from the kernel's generic
# table and has not been tried on such a machine.
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MEMORY_CALLS = {"x86_64": {"mmap": 9, "mprotect": 10}, "aarch64": {"mmap": 222, "mprotect": 226}}
ALLOWED_CALLS = {
    "x86_64": {
        "munmap": 11, "brk": 12, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
        "getpid": 39, "exit": 60, "gettimeofday": 96, "gettid": 186, "time": 201, "futex": 202, "restart_syscall": 219,
        "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231, "getrandom": 318,
    },
    "aarch64": {
        "exit": 93, "exit_group": 94, "futex": 98, "nanosleep": 101, "clock_gettime": 113, "clock_nanosleep": 115,
        "sched_yield": 124, "restart_syscall": 128, "rt_sigreturn": 139, "gettimeofday": 169, "getpid": 172,
        "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216, "madvise": 233, "getrandom": 278,
    },
}  # fmt: skip
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
CLONE3, LANDLOCK_CREATE, LANDLOCK_RESTRICT = 435, 444, 446  # the same number on every architecture

SECCOMP_SET_MODE_FILTER, SPEC_ALLOW = 1, 4
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
PROT_EXEC = 4
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF opcodes on 32-bit words
NUMBER_OFFSET, ARCH_OFFSET, THIRD_ARGUMENT_OFFSET = 0, 4, 32  # in struct seccomp_data


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends; `parent` tells whether it already has.

    A change of user clears this, so it comes after `drop_root`.
    """
    PRCTL(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(0)


def hide() -> None:
    """No core dump, and no reading of this process' memory by others of the same user."""
    PRCTL(PR_SET_DUMPABLE, 0, 0, 0, 0)


def forbid_new_privileges() -> None:
    """Needed for an unprivileged seccomp filter and for Landlock; also makes setuid programs harmless."""
    _checked(PRCTL(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


class SyscallFilter:
    """A deny-by-default seccomp program: what is not listed fails with EPERM; nothing can be made executable."""

    def __init__(self, machine: str | None = None):
        machine = machine or platform.machine()
        if machine not in ARCHITECTURES:
            raise OSError(ENOSYS, f"no system call table for {machine}")
        steps = [(LOAD, 0, 0, ARCH_OFFSET), (EQUAL, 1, 0, ARCHITECTURES[machine]), (RETURN, 0, 0, KILL_PROCESS)]
        steps.append((LOAD, 0, 0, NUMBER_OFFSET))
        if machine == "x86_64":  # the x32 ABI shares the architecture number and has other call numbers
            steps += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, KILL_PROCESS)]
        for number in MEMORY_CALLS[machine].values():
            steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, THIRD_ARGUMENT_OFFSET), (ANY_BIT, 0, 1, PROT_EXEC)]
            steps += [(RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)]
        steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ERRNO | ENOSYS)]  # libc then falls back to clone, refused below
        for number in ALLOWED_CALLS[machine].values():
            steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
        steps.append((RETURN, 0, 0, ERRNO | EPERM))
        code = b"".join(struct.pack("=HBBI", *step) for step in steps)
        self._code = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(self._code))
        self._program = ctypes.create_string_buffer(program, len(program))
        self._call = SECCOMP_CALL[machine]

    def install(self) -> None:
        """Bind this thread and whatever it starts. SPEC_ALLOW keeps speculation mitigations from slowing the cell."""
        _checked(LIBC.syscall(self._call, SECCOMP_SET_MODE_FILTER, SPEC_ALLOW, self._program), "seccomp")


def forbid_files() -> int:
    """Landlock without any rule: no path can be opened from here on. Returns the ABI version."""
    abi = _checked(LIBC.syscall(LANDLOCK_CREATE, None, 0, 1), "landlock")
    files = 0x1FFF | (0x2000 if abi >= 2 else 0) | (0x4000 if abi >= 3 else 0) | (0x8000 if abi >= 5 else 0)
    network, scopes = (3 if abi >= 4 else 0), (3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", files, network, scopes)[:size], size)
    ruleset = _checked(LIBC.syscall(LANDLOCK_CREATE, attributes, size, 0), "landlock")
    try:
        _checked(LIBC.syscall(LANDLOCK_RESTRICT, ruleset, 0), "landlock")
    finally:
        os.close(ruleset)
    return abi


def enter_namespaces() -> None:
    """New network, process, mount, IPC and host-name spaces; the next fork is process 1 of the new process space."""
    flags = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
    if os.getuid() == 0 and LIBC.unshare(flags) == 0:
        return
    _checked(LIBC.unshare(flags | CLONE_NEWUSER), "namespaces")


def drop_root() -> bool:
    """Become `nobody` where this process is root; whether it did."""
    if os.getuid() != 0:
        return False
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return True


def limit_all() -> None:
    """Limits that workers and cells share: no file content, core, locked memory or message queue."""
    for name in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        resource.setrlimit(name, (0, 0))


def cell_limits(memory_bytes: int, cpu_seconds: int) -> list[Callable[[], None]]:
    """The steps that bound address space and processor time, and that forbid new descriptors and processes."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    return [functools.partial(resource.setrlimit, name, (limit, limit)) for name, limit in limits.items()]
