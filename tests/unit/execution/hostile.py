"""Functions that mean harm. Each answers True when it got what it wanted.

`ANY_VERDICT` names those that may forge their own verdict, or leave it as it is: what counts is their neighbours.
"""

from __future__ import annotations

SYSCALL = "import sys\nlibc = sys.modules['ctypes'].CDLL(None)\ndef evaluate(r):\n    return libc.syscall({}) >= 0"

HOSTILE = {
    # time
    "loop": "def evaluate(r):\n    while True:\n        pass",
    "loop at module level": "while True:\n    pass\ndef evaluate(r):\n    return True",
    "loop in C": "import itertools\ndef evaluate(r):\n    return sum(itertools.repeat(1)) > 0",
    "loop in a default": "def evaluate(r, x=sum(iter(int, 1))):\n    return True",
    "loop in a decorator": "def wait(f):\n    while True:\n        pass\n@wait\ndef evaluate(r):\n    return True",
    "backtracking": "import re\ndef evaluate(r):\n    return bool(re.match('(a*)*$', 'a' * 50 + '!')) or True",
    "big power": "def evaluate(r):\n    return 9 ** (9 ** 9) > 0",
    "big print": "def evaluate(r):\n    return len(str(7 ** 9999999)) > 0",
    "swallowed timeout": "def evaluate(r):\n    while True:\n        try:\n            while True:\n                pass\n"
    "        except BaseException:\n            pass",
    "swallowed once": "def evaluate(r):\n    try:\n        while True:\n            pass\n    except:\n        return True",
    "finally loops": "def evaluate(r):\n    try:\n        while True:\n            pass\n    finally:\n        while True:\n"
    "            pass",
    "timer switched off": "import signal\ndef evaluate(r):\n    signal.setitimer(signal.ITIMER_PROF, 0)\n    return True",
    "signal ignored": "import signal\ndef evaluate(r):\n    signal.signal(signal.SIGPROF, signal.SIG_IGN)\n    return True",
    "signal blocked": "import signal\ndef evaluate(r):\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n"
    "    return True",
    "sleep": "import time\ndef evaluate(r):\n    time.sleep(3600)\n    return True",
    "comparison loops": "class Lie:\n    def __eq__(self, other):\n        while True:\n            pass\n"
    "def evaluate(r):\n    return Lie() == r",
    "error text loops": "class Slow(Exception):\n    def __str__(self):\n        while True:\n            pass\n"
    "def evaluate(r):\n    raise Slow",
    "recursion in an error": "class Deep(Exception):\n    def __str__(self):\n        return str(self)\n"
    "def evaluate(r):\n    raise Deep",
    # memory
    "bytes": "def evaluate(r):\n    return len(bytearray(1 << 33)) > 0",
    "list": "def evaluate(r):\n    rows = []\n    while True:\n        rows.append([0] * 10**6)",
    "doubling text": "def evaluate(r):\n    r = r + 'x'\n    while True:\n        r += r",
    "swallowed memory error": "def evaluate(r):\n    rows = []\n    while True:\n        try:\n"
    "            rows.append(bytearray(1 << 20))\n        except MemoryError:\n            pass",
    "kept between texts": "KEPT = []\ndef evaluate(r):\n    KEPT.append(bytearray(100 << 20))\n"
    "    KEPT.append(bytearray(100 << 20))\n    return len(KEPT) > 1",
    "anonymous mapping": "import sys\nmmap = sys.modules['mmap']\ndef evaluate(r):\n"
    "    return len(mmap.mmap(-1, 1 << 34)) > 0",
    # the end of the process
    "sys.exit": "import sys\ndef evaluate(r):\n    sys.exit(0)",
    "os._exit": "import os\ndef evaluate(r):\n    os._exit(0)",
    "os._exit as if tainted": "import os\ndef evaluate(r):\n    os._exit(42)",
    "exit at module level": "import os\nos._exit(0)\ndef evaluate(r):\n    return True",
    "raise SystemExit": "def evaluate(r):\n    raise SystemExit(True)",
    "KeyboardInterrupt": "def evaluate(r):\n    raise KeyboardInterrupt",
    "GeneratorExit": "def evaluate(r):\n    raise GeneratorExit",
    "abort": "import os\ndef evaluate(r):\n    os.abort()",
    "segfault": "import sys\ndef evaluate(r):\n    return bool(sys.modules['ctypes'].string_at(1))",
    "bad code object": "def f():\n    pass\ndef evaluate(r):\n"
    "    f.__code__ = f.__code__.replace(co_code=b'\\x64\\xff' * 99, co_stacksize=0)\n    f()\n    return True",
    "deep recursion": "def evaluate(r):\n    return evaluate(r)",
    "deep recursion in C": "import sys\ndef evaluate(r):\n    sys.setrecursionlimit(10**9)\n    x = []\n"
    "    for _ in range(10**6):\n        x = [x]\n    return len(repr(x)) > 0",
    "exit from a finalizer": "import os\nclass Last:\n    def __del__(self):\n        os._exit(0)\ndef evaluate(r):\n"
    "    Last()\n    return True",
    # processes and signals
    "fork": "import os\ndef evaluate(r):\n    return os.fork() >= 0",
    "fork bomb": "import os\ndef evaluate(r):\n    while True:\n        os.fork()",
    "thread": "import threading\ndef evaluate(r):\n    threading.Thread(target=print).start()\n    return True",
    "daemon by libc": "import sys\ndef evaluate(r):\n    return sys.modules['ctypes'].CDLL(None).daemon(0, 0) == 0",
    "execute": "import os\ndef evaluate(r):\n    os.execv('/bin/true', ['true'])",
    "system": "import os\ndef evaluate(r):\n    return os.system('true') == 0",
    "popen": "import os\ndef evaluate(r):\n    return os.popen('id').read() != ''",
    "kill the parent": "import os\ndef evaluate(r):\n    os.kill(os.getppid(), 9)\n    return True",
    "kill all": "import os\ndef evaluate(r):\n    os.kill(-1, 9)\n    return True",
    "kill the group": "import os\ndef evaluate(r):\n    os.killpg(0, 9)\n    return True",
    "stop oneself": "import os, signal\ndef evaluate(r):\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return True",
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
    "more limits": "import sys\ndef evaluate(r):\n    resource = sys.modules['resource']\n"
    "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n    return True",
    "priority": "import os\ndef evaluate(r):\n    os.nice(-10)\n    return True",
    "user": "import os\ndef evaluate(r):\n    os.setuid(0)\n    return True",
    "machine code": "import sys\nmmap = sys.modules['mmap']\ndef evaluate(r):\n    mmap.mmap(-1, 4096, prot=7)\n    return True",
    "machine code later": "import sys\nct = sys.modules['ctypes']\nlibc = ct.CDLL(None)\nlibc.mmap.restype = ct.c_void_p\n"
    "def evaluate(r):\n    page = libc.mmap(None, 4096, 3, 34, -1, 0)\n"
    "    return libc.mprotect(ct.c_void_p(page), 4096, 5) == 0",
    # files and network
    "read a file": "def evaluate(r):\n    return open('/etc/passwd').read() != ''",
    "write a file": "def evaluate(r):\n    return open('/tmp/autoif-hostile', 'w').write('x') == 1",
    "delete": "import os\ndef evaluate(r):\n    os.unlink('/tmp/autoif-victim')\n    return True",
    "list a folder": "import os\ndef evaluate(r):\n    return os.listdir('/') != []",
    "secrets in /proc": "def evaluate(r):\n    return open('/proc/1/environ').read() is not None",
    "own memory file": "import os\ndef evaluate(r):\n    return os.open('/proc/self/mem', os.O_RDWR) >= 0",
    "environment": "import os\ndef evaluate(r):\n    return any(name not in ('LC_CTYPE',) for name in os.environ)",
    "parent's environment by ctypes": "import sys\nct = sys.modules['ctypes']\ndef evaluate(r):\n"
    "    getenv = ct.CDLL(None).getenv\n    getenv.restype = ct.c_char_p\n    return getenv(b'AUTOIF_SECRET') is not None",
    "open descriptors": "import os\ndef evaluate(r):\n    for number in range(3, 256):\n        try:\n"
    "            os.fstat(number)\n            return True\n        except OSError:\n            pass\n    return False",
    "write to descriptors": "import os\ndef evaluate(r):\n    done = False\n    for number in range(64):\n        try:\n"
    "            done = os.write(number, b'h' * 4096) > 0 or done\n        except OSError:\n            pass\n    return done",
    "socket": "import sys\ndef evaluate(r):\n    return bool(sys.modules['_socket'].socket())",
    "socket by import": "import socket\ndef evaluate(r):\n    return bool(socket.create_connection(('127.0.0.1', 22)))",
    "subprocess": "import subprocess\ndef evaluate(r):\n    return subprocess.run(['true']).returncode == 0",
    "pipe": "import os\ndef evaluate(r):\n    return bool(os.pipe())",
    "semaphore": SYSCALL.format("64, 1234, 1, 0o1666"),
    "stdin": "def evaluate(r):\n    return input() is not None",
    "flood": "def evaluate(r):\n    while True:\n        print('x' * 10**6)",
    # objects
    "number": "def evaluate(r):\n    return 1",
    "none": "def evaluate(r):\n    return None",
    "lying object": "class Yes:\n    def __bool__(self):\n        return True\n    def __eq__(self, other):\n"
    "        return True\n    __class__ = bool\ndef evaluate(r):\n    return Yes()",
    "generator": "def evaluate(r):\n    yield True",
    "coroutine": "async def evaluate(r):\n    return True",
    "type with a trap": "class Trap(type):\n    @property\n    def __name__(cls):\n        raise SystemExit\n"
    "class Yes(metaclass=Trap):\n    pass\ndef evaluate(r):\n    return Yes()",
    "eval of the answer": "def evaluate(r):\n    return eval('True')",
    "exec of the answer": "def evaluate(r):\n    exec('x = 1')\n    return True",
    "hidden eval": "def evaluate(r):\n    return __builtins__['ev' + 'al']('True')",
    "pickle": "import pickle\ndef evaluate(r):\n    return bool(pickle.loads(b'I01\\n.'))",
    "hidden import": "def evaluate(r):\n    return bool(__import__('sub' + 'process'))",
}

ANY_VERDICT = {
    "patched len": "def evaluate(r):\n    __builtins__['len'] = lambda x: 0\n    return False",
    "patched builtins module": "import sys\ndef evaluate(r):\n    sys.modules['builtins'].isinstance = lambda *a: True\n"
    "    sys.modules['builtins'].len = lambda *a: 0\n    return False",
    "patched re": "import re\ndef evaluate(r):\n    re.match = re.search = re.findall = lambda *a: None\n    return False",
    "patched json": "import json\njson.loads = lambda *a: {}\ndef evaluate(r):\n    return False",
    "patched through a member": "import re\ndef evaluate(r):\n    re.enum.sys.modules.clear()\n    return False",
    "cleared modules": "import sys\ndef evaluate(r):\n    sys.modules.clear()\n    return False",
    "changed type": "import collections\ndef evaluate(r):\n    collections.Counter.most_common = lambda *a: []\n    return False",
    "changed str by ctypes": "import sys\nct = sys.modules['ctypes']\ndef evaluate(r):\n"
    "    ct.memset(id('yes') + 48, 65, 3)\n    return False",
    "settrace": "import sys\ndef evaluate(r):\n    sys.settrace(lambda *a: sys.exit())\n    return False",
    "audit hook": "import sys\ndef evaluate(r):\n    sys.addaudithook(lambda *a: sys.exit())\n    return False",
    "profile": "import sys\ndef evaluate(r):\n    sys.setprofile(lambda *a: 1 / 0)\n    return False",
    "atexit": "import os\nclass Later:\n    def __del__(self):\n        os._exit(0)\nKEPT = Later()\ndef evaluate(r):\n    return False",
    "frames": "import sys\ndef evaluate(r):\n    frame = sys._getframe()\n    while frame:\n"
    "        results = frame.f_locals.get('results')\n        if results is not None:\n"
    "            results[0:64] = bytes([2]) * 64\n        frame = frame.f_back\n    return False",
    "gc walk": "import gc, sys\ndef evaluate(r):\n    for thing in gc.get_objects():\n"
    "        if type(thing).__name__ == 'Cell':\n            thing.results[0:4096] = bytes([1]) * 4096\n"
    "            thing.notes.area[0:64] = b'\\xff' * 64\n    return False",
    "unknown bytes": "import sys\ndef evaluate(r):\n    frame = sys._getframe(1)\n"
    "    frame.f_locals['results'][0:4096] = bytes([250]) * 4096\n    return False",
    "closed area": "import sys\ndef evaluate(r):\n    sys._getframe(1).f_locals['results'].close()\n    return False",
    "changed frame memory": "import sys\nct = sys.modules['ctypes']\ndef evaluate(r):\n    frame = sys._getframe()\n"
    "    while 'body' not in frame.f_locals:\n        frame = frame.f_back\n    body = frame.f_locals['body']\n"
    "    view = (ct.c_size_t * 40)()\n    ct.pythonapi.PyObject_GetBuffer(ct.py_object(body), view, 0)\n"
    "    if ct.CDLL(None).mprotect(ct.c_void_p(view[0] & ~4095), 4096, 3) == 0:\n"
    "        ct.memset(view[0], 0, len(body))\n    return False",
    "false notes": "import sys\ndef evaluate(r):\n    raise ValueError('\\x1b[2J' + 'A' * 10**6)",
    "recursion limit": "import sys\ndef evaluate(r):\n    sys.setrecursionlimit(5)\n    return False",
    "unseeded": "import random\ndef evaluate(r):\n    random.seed()\n    return random.random() > 2",
    "disabled gc": "import gc\ndef evaluate(r):\n    gc.disable()\n    gc.freeze()\n    return False",
    "own verdict": "import sys\ndef evaluate(r):\n    sys._getframe(1).f_locals['results'][0] = 2\n    return False",
}
