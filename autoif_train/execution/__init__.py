"""Runs verification functions that a language model wrote, on texts that a language model wrote.

What it protects against, at the levels `strict` and `seccomp`:

- files, network, other processes: a function has no descriptor and about twenty system calls, none of which opens,
  connects, forks, signals or makes memory executable; at `strict` it has no file system and no network to begin with
- secrets: the interpreter inside is a fresh one with an empty environment; the trainer's memory was never there
- endless loops, sleeps and deadlocks, swallowed timeouts, exits in every form, crashes of the interpreter, floods of
  output, and memory beyond the limit: each costs its own call, at most its own function
- false verdicts about others: a function leaves one byte per call, and can forge only its own
- a machine that is busy: limits count processor time

At `wasm` the same, with another wall: the interpreter is a WebAssembly instance, which has no system calls at all.

What it does not protect against:

- a hole in the kernel or in the processor; at `wasm`, in the WebAssembly engine
- what one function learns of the texts and functions beside it: it may read them, it can tell them to nobody
- a function that is wrong, or that cheats in its own verdict: see cross-validation
- at `rlimit`: system calls that need no descriptor, signals to processes of the same user; at `none`: anything
- a hole in the reading of sources, completely: a sentinel in every shared frame and an audit of one source in a
  hundred make it show, they do not prove its absence
- memory pressure on the whole machine: the limit holds for each of the running cells, twice `workers` at most
"""

from autoif_train.execution.executor import Executor
from autoif_train.execution.inside.modules import PURE_MODULES
from autoif_train.execution.settings import ExecutionSettings
from autoif_train.types import Outcome

ALLOWED_IMPORTS = tuple(sorted(PURE_MODULES))
"""The modules that a supervisor is told it may use; a few more are admitted, each in a cell of its own."""

__all__ = ["ALLOWED_IMPORTS", "ExecutionSettings", "Executor", "Outcome"]
