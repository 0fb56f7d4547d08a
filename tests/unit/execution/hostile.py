"""Functions that mean harm. Each answers True when it got what it wanted.

`ANY_VERDICT` names those that may forge their own verdict, or leave it as it is: what counts is their neighbours.
"""

from __future__ import annotations

# A system call by number, through the C library.
SYSCALL = """
import sys
libc = sys.modules["ctypes"].CDLL(None)
def evaluate(r):
    return libc.syscall({}) >= 0
"""

HOSTILE = {
    # time
    "loop": """
def evaluate(r):
    while True:
        pass
""",
    "loop at module level": """
while True:
    pass
def evaluate(r):
    return True
""",
    "loop in C": """
import itertools
def evaluate(r):
    return sum(itertools.repeat(1)) > 0
""",
    "loop in a default": """
def evaluate(r, x=sum(iter(int, 1))):
    return True
""",
    "loop in a decorator": """
def wait(f):
    while True:
        pass
@wait
def evaluate(r):
    return True
""",
    "backtracking": """
import re
def evaluate(r):
    return bool(re.match('(a*)*$', 'a' * 50 + '!')) or True
""",
    "big power": """
def evaluate(r):
    return 9 ** (9 ** 9) > 0
""",
    "big print": """
def evaluate(r):
    return len(str(7 ** 9999999)) > 0
""",
    "swallowed timeout": """
def evaluate(r):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
    "swallowed once": """
def evaluate(r):
    try:
        while True:
            pass
    except:
        return True
""",
    "finally loops": """
def evaluate(r):
    try:
        while True:
            pass
    finally:
        while True:
            pass
""",
    "timer switched off": """
import signal
def evaluate(r):
    signal.setitimer(signal.ITIMER_PROF, 0)
    return True
""",
    "signal ignored": """
import signal
def evaluate(r):
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    return True
""",
    "signal blocked": """
import signal
def evaluate(r):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    return True
""",
    "sleep": """
import time
def evaluate(r):
    time.sleep(3600)
    return True
""",
    "comparison loops": """
class Lie:
    def __eq__(self, other):
        while True:
            pass
def evaluate(r):
    return Lie() == r
""",
    "error text loops": """
class Slow(Exception):
    def __str__(self):
        while True:
            pass
def evaluate(r):
    raise Slow
""",
    "recursion in an error": """
class Deep(Exception):
    def __str__(self):
        return str(self)
def evaluate(r):
    raise Deep
""",
    # memory
    "bytes": """
def evaluate(r):
    return len(bytearray(1 << 33)) > 0
""",
    "list": """
def evaluate(r):
    rows = []
    while True:
        rows.append([0] * 10**6)
""",
    "doubling text": """
def evaluate(r):
    r = r + 'x'
    while True:
        r += r
""",
    "swallowed memory error": """
def evaluate(r):
    rows = []
    while True:
        try:
            rows.append(bytearray(1 << 20))
        except MemoryError:
            pass
""",
    "kept between texts": """
KEPT = []
def evaluate(r):
    KEPT.append(bytearray(100 << 20))
    KEPT.append(bytearray(100 << 20))
    return len(KEPT) > 1
""",
    "anonymous mapping": """
import sys
mmap = sys.modules['mmap']
def evaluate(r):
    return len(mmap.mmap(-1, 1 << 34)) > 0
""",
    # the end of the process
    "sys.exit": """
import sys
def evaluate(r):
    sys.exit(0)
""",
    "os._exit": """
import os
def evaluate(r):
    os._exit(0)
""",
    "os._exit as if tainted": """
import os
def evaluate(r):
    os._exit(42)
""",
    "exit at module level": """
import os
os._exit(0)
def evaluate(r):
    return True
""",
    "raise SystemExit": """
def evaluate(r):
    raise SystemExit(True)
""",
    "KeyboardInterrupt": """
def evaluate(r):
    raise KeyboardInterrupt
""",
    "GeneratorExit": """
def evaluate(r):
    raise GeneratorExit
""",
    "abort": """
import os
def evaluate(r):
    os.abort()
""",
    "segfault": """
import sys
def evaluate(r):
    return bool(sys.modules['ctypes'].string_at(1))
""",
    "bad code object": r"""
def f():
    pass
def evaluate(r):
    f.__code__ = f.__code__.replace(co_code=b'\x64\xff' * 99, co_stacksize=0)
    f()
    return True
""",
    "deep recursion": """
def evaluate(r):
    return evaluate(r)
""",
    "deep recursion in C": """
import sys
def evaluate(r):
    sys.setrecursionlimit(10**9)
    x = []
    for _ in range(10**6):
        x = [x]
    return len(repr(x)) > 0
""",
    "exit from a finalizer": """
import os
class Last:
    def __del__(self):
        os._exit(0)
def evaluate(r):
    Last()
    return True
""",
    # processes and signals
    "fork": """
import os
def evaluate(r):
    return os.fork() >= 0
""",
    "fork bomb": """
import os
def evaluate(r):
    while True:
        os.fork()
""",
    "thread": """
import threading
def evaluate(r):
    threading.Thread(target=print).start()
    return True
""",
    "daemon by libc": """
import sys
def evaluate(r):
    return sys.modules['ctypes'].CDLL(None).daemon(0, 0) == 0
""",
    "execute": """
import os
def evaluate(r):
    os.execv('/bin/true', ['true'])
""",
    "system": """
import os
def evaluate(r):
    return os.system('true') == 0
""",
    "popen": """
import os
def evaluate(r):
    return os.popen('id').read() != ''
""",
    "kill the parent": """
import os
def evaluate(r):
    os.kill(os.getppid(), 9)
    return True
""",
    "kill all": """
import os
def evaluate(r):
    os.kill(-1, 9)
    return True
""",
    "kill the group": """
import os
def evaluate(r):
    os.killpg(0, 9)
    return True
""",
    "stop oneself": """
import os, signal
def evaluate(r):
    os.kill(os.getpid(), signal.SIGSTOP)
    return True
""",
    "ptrace": SYSCALL.format("101, 16, 1, 0, 0"),
    "process_vm_readv": SYSCALL.format("310, 1, 0, 0, 0, 0, 0"),
    "io_uring": SYSCALL.format("425, 8, bytes(120)"),
    "memfd": SYSCALL.format("319, b'x', 0"),
    "userfaultfd": SYSCALL.format("323, 0"),
    "bpf": SYSCALL.format("321, 0, bytes(64), 64"),
    "unshare": SYSCALL.format("272, 0x10000000"),
    "mount": SYSCALL.format("165, b'none', b'/', b'tmpfs', 0, 0"),
    "keyring": SYSCALL.format("250, 0, -3, 1"),
    "another filter": SYSCALL.format("317, 1, 0, 0"),
    "more limits": """
import sys
def evaluate(r):
    resource = sys.modules['resource']
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    return True
""",
    "priority": """
import os
def evaluate(r):
    os.nice(-10)
    return True
""",
    "user": """
import os
def evaluate(r):
    os.setuid(0)
    return True
""",
    "machine code": """
import sys
mmap = sys.modules['mmap']
def evaluate(r):
    mmap.mmap(-1, 4096, prot=7)
    return True
""",
    "machine code later": """
import sys
ct = sys.modules['ctypes']
libc = ct.CDLL(None)
libc.mmap.restype = ct.c_void_p
def evaluate(r):
    page = libc.mmap(None, 4096, 3, 34, -1, 0)
    return libc.mprotect(ct.c_void_p(page), 4096, 5) == 0
""",
    # files and network
    "read a file": """
def evaluate(r):
    return open('/etc/passwd').read() != ''
""",
    "write a file": """
def evaluate(r):
    return open('/tmp/autoif-hostile', 'w').write('x') == 1
""",
    "delete": """
import os
def evaluate(r):
    os.unlink('/tmp/autoif-victim')
    return True
""",
    "list a folder": """
import os
def evaluate(r):
    return os.listdir('/') != []
""",
    "secrets in /proc": """
def evaluate(r):
    return open('/proc/1/environ').read() is not None
""",
    "own memory file": """
import os
def evaluate(r):
    return os.open('/proc/self/mem', os.O_RDWR) >= 0
""",
    "environment": """
import os
def evaluate(r):
    return any(name not in ('LC_CTYPE',) for name in os.environ)
""",
    "parent's environment by ctypes": """
import sys
ct = sys.modules['ctypes']
def evaluate(r):
    getenv = ct.CDLL(None).getenv
    getenv.restype = ct.c_char_p
    return getenv(b'AUTOIF_SECRET') is not None
""",
    "open descriptors": """
import os
def evaluate(r):
    for number in range(3, 256):
        try:
            os.fstat(number)
            return True
        except OSError:
            pass
    return False
""",
    "write to descriptors": """
import os
def evaluate(r):
    done = False
    for number in range(64):
        try:
            done = os.write(number, b'h' * 4096) > 0 or done
        except OSError:
            pass
    return done
""",
    "socket": """
import sys
def evaluate(r):
    return bool(sys.modules['_socket'].socket())
""",
    "socket by import": """
import socket
def evaluate(r):
    return bool(socket.create_connection(('127.0.0.1', 22)))
""",
    "subprocess": """
import subprocess
def evaluate(r):
    return subprocess.run(['true']).returncode == 0
""",
    "pipe": """
import os
def evaluate(r):
    return bool(os.pipe())
""",
    "semaphore": SYSCALL.format("64, 1234, 1, 0o1666"),
    "stdin": """
def evaluate(r):
    return input() is not None
""",
    "flood": """
def evaluate(r):
    while True:
        print('x' * 10**6)
""",
    # objects
    "number": """
def evaluate(r):
    return 1
""",
    "none": """
def evaluate(r):
    return None
""",
    "lying object": """
class Yes:
    def __bool__(self):
        return True
    def __eq__(self, other):
        return True
    __class__ = bool
def evaluate(r):
    return Yes()
""",
    "generator": """
def evaluate(r):
    yield True
""",
    "coroutine": """
async def evaluate(r):
    return True
""",
    "type with a trap": """
class Trap(type):
    @property
    def __name__(cls):
        raise SystemExit
class Yes(metaclass=Trap):
    pass
def evaluate(r):
    return Yes()
""",
    "eval of the answer": """
def evaluate(r):
    return eval('True')
""",
    "exec of the answer": """
def evaluate(r):
    exec('x = 1')
    return True
""",
    "hidden eval": """
def evaluate(r):
    return __builtins__['ev' + 'al']('True')
""",
    "pickle": r"""
import pickle
def evaluate(r):
    return bool(pickle.loads(b'I01\n.'))
""",
    "hidden import": """
def evaluate(r):
    return bool(__import__('sub' + 'process'))
""",
}

ANY_VERDICT = {
    "patched len": """
def evaluate(r):
    __builtins__['len'] = lambda x: 0
    return False
""",
    "patched builtins module": """
import sys
def evaluate(r):
    sys.modules['builtins'].isinstance = lambda *a: True
    sys.modules['builtins'].len = lambda *a: 0
    return False
""",
    "patched re": """
import re
def evaluate(r):
    re.match = re.search = re.findall = lambda *a: None
    return False
""",
    "patched json": """
import json
json.loads = lambda *a: {}
def evaluate(r):
    return False
""",
    "patched through a member": """
import re
def evaluate(r):
    re.enum.sys.modules.clear()
    return False
""",
    "cleared modules": """
import sys
def evaluate(r):
    sys.modules.clear()
    return False
""",
    "changed type": """
import collections
def evaluate(r):
    collections.Counter.most_common = lambda *a: []
    return False
""",
    "changed str by ctypes": """
import sys
ct = sys.modules['ctypes']
def evaluate(r):
    ct.memset(id('yes') + 48, 65, 3)
    return False
""",
    "settrace": """
import sys
def evaluate(r):
    sys.settrace(lambda *a: sys.exit())
    return False
""",
    "audit hook": """
import sys
def evaluate(r):
    sys.addaudithook(lambda *a: sys.exit())
    return False
""",
    "profile": """
import sys
def evaluate(r):
    sys.setprofile(lambda *a: 1 / 0)
    return False
""",
    "atexit": """
import os
class Later:
    def __del__(self):
        os._exit(0)
KEPT = Later()
def evaluate(r):
    return False
""",
    "frames": """
import sys
def evaluate(r):
    frame = sys._getframe()
    while frame:
        results = frame.f_locals.get('results')
        if results is not None:
            results[0:64] = bytes([2]) * 64
        frame = frame.f_back
    return False
""",
    "gc walk": r"""
import gc, sys
def evaluate(r):
    for thing in gc.get_objects():
        if type(thing).__name__ == 'Cell':
            thing.results[0:4096] = bytes([1]) * 4096
            thing.notes.area[0:64] = b'\xff' * 64
    return False
""",
    "unknown bytes": """
import sys
def evaluate(r):
    frame = sys._getframe(1)
    frame.f_locals['results'][0:4096] = bytes([250]) * 4096
    return False
""",
    "closed area": """
import sys
def evaluate(r):
    sys._getframe(1).f_locals['results'].close()
    return False
""",
    "changed frame memory": """
import sys
ct = sys.modules['ctypes']
def evaluate(r):
    frame = sys._getframe()
    while 'body' not in frame.f_locals:
        frame = frame.f_back
    body = frame.f_locals['body']
    view = (ct.c_size_t * 40)()
    ct.pythonapi.PyObject_GetBuffer(ct.py_object(body), view, 0)
    if ct.CDLL(None).mprotect(ct.c_void_p(view[0] & ~4095), 4096, 3) == 0:
        ct.memset(view[0], 0, len(body))
    return False
""",
    "false notes": r"""
import sys
def evaluate(r):
    raise ValueError('\x1b[2J' + 'A' * 10**6)
""",
    "recursion limit": """
import sys
def evaluate(r):
    sys.setrecursionlimit(5)
    return False
""",
    "unseeded": """
import random
def evaluate(r):
    random.seed()
    return random.random() > 2
""",
    "disabled gc": """
import gc
def evaluate(r):
    gc.disable()
    gc.freeze()
    return False
""",
    "own verdict": """
import sys
def evaluate(r):
    sys._getframe(1).f_locals['results'][0] = 2
    return False
""",
}
