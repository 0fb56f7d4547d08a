"""Which level a machine gives: what the layers report, then canaries that try to get out."""

from __future__ import annotations

import dataclasses
import marshal
import os
import sys
from typing import TYPE_CHECKING

from autoif_train.execution.inside import codes
from autoif_train.execution.jobs import Piece, frame_of
from autoif_train.execution.pool import Frame, Pool
from autoif_train.types import UserError

if TYPE_CHECKING:
    from autoif_train.execution.wasm.pool import WasmPool


def foreign() -> str:
    """Why the walls of this package cannot stand here at all, or an empty string."""
    if not sys.platform.startswith("linux"):
        return f"its walls are those of Linux, and this is {sys.platform}"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError) as error:
        # An older kernel, a container whose filter does not know it, or a Python that was built without it.
        return (
            f"its walls need pidfd_open, which Linux has since 5.3 (here: {getattr(error, 'strerror', None) or error})"
        )
    return ""


FOREIGN = foreign()

WALLS = {
    "strict": {"limits": True, "filter": True, "namespaces": True, "files": True},
    "seccomp": {"limits": True, "filter": True, "namespaces": False, "files": False},
    "rlimit": {"limits": True, "filter": False, "namespaces": False, "files": False},
    "none": {"limits": False, "filter": False, "namespaces": False, "files": False},
}
CANARY_SECONDS = 0.02  # CPU; the canaries that hang cost this much

# Each would answer True if it got what it wants.
CANARIES = {
    "open": "open('/etc/hostname').close()",
    "list": "import os; os.listdir('/')",
    "write": "open('/tmp/autoif-canary', 'w').close()",
    "socket": "import sys; sys.modules['_socket'].socket()",
    "fork": "import os; os.fork()",
    "thread": "import sys; sys.modules['_thread'].start_new_thread(print, ())",
    "execute": "import os; os.execv('/bin/true', ['true'])",
    "kill": "import os; os.kill(os.getppid(), 0)",
    "memory": "bytearray(1 << 40)",
    "pipe": "import os; os.pipe()",
    "hang": "while True: pass",
    "swallow": "try:\n        while True: pass\n    except BaseException: pass",
}
CANARY = "def evaluate(_):\n    {}\n    return True"
NEIGHBOUR = "def evaluate(text):\n    return text == 'yes'"


@dataclasses.dataclass(frozen=True)
class Level:
    """What the probes found. `report` is one line for people and for the run's manifest, `lost` why it is no better."""

    name: str
    report: str
    lost: str = ""


def probe(pool: Pool, asked: str) -> Level:
    """The level that `pool`, started for `asked` (`auto` starts as strict), really has.

    Raises UserError where a level asked for by name is not what the machine gives, RuntimeError where a plain function
    does not get its verdict.
    """
    wanted = "strict" if asked == "auto" else asked
    missing = {name: _missing(name, pool.layers) for name in ("strict", "seccomp")}
    name = wanted
    while missing.get(name):
        name = "seccomp" if name == "strict" else "rlimit"
    escaped = _escaped(pool, [] if name == "none" else list(CANARIES))
    if name == "none":
        return Level(name, "sandbox=none: functions run in processes of their own, and nothing holds them there")
    if escaped and name in missing:
        missing[name] = f"canaries got out: {', '.join(escaped)}"
        name = "rlimit"
    if asked not in ("auto", name):
        raise UserError(
            f"execution.level: {asked} is not available here ({missing[asked]}); name another level or auto"
        )
    count = f"canaries {len(CANARIES) - len(escaped)}/{len(CANARIES)} contained"
    lost = f" (no {wanted}: {missing[wanted]})" if name != wanted else ""
    loose = f", not contained: {', '.join(escaped)}" if escaped else ""
    return Level(name, f"sandbox={name}{lost}, {count}{loose}", lost)


def probe_wasm(pool: WasmPool, lost: str) -> Level:
    """`lost` says why it is not the level that was wanted first.

    Raises UserError where a canary gets out: there is nothing below this level to fall back to.
    """
    escaped = _escaped(pool, list(CANARIES))
    if escaped:
        raise UserError(f"execution.level: wasm is not available here (canaries got out: {', '.join(escaped)})")
    return Level("wasm", f"sandbox=wasm{lost}, canaries {len(CANARIES)}/{len(CANARIES)} contained")


def _missing(level: str, layers: dict[str, str]) -> str:
    """Why the layers do not make up a level, or an empty string."""
    needed = ["seccomp"] if level == "seccomp" else ["seccomp", "namespaces"]
    lacking = [f"{name}: {layers.get(f'no {name}', 'not built')}" for name in needed if name not in layers]
    if level == "strict" and not {"landlock", "empty root"} & set(layers):
        lacking.append(f"files: {layers.get('no landlock', '')}; {layers.get('no empty root', '')}")
    return "; ".join(lacking)


def _escaped(pool: Pool | WasmPool, canaries: list[str]) -> list[str]:
    sources = [NEIGHBOUR, *(CANARY.format(CANARIES[name]) for name in canaries)]
    pieces = [Piece(number, code, range(1), ["yes"], 3) for number, code in enumerate(_compiled(pool, sources))]
    reply = pool.ask(0, frame_of(codes.ALONE, pieces, strikes=1, cpu_seconds=CANARY_SECONDS))
    if reply.outcomes[0] != codes.TRUE:
        raise RuntimeError(f"a plain function got the result {reply.outcomes[0]} instead of a verdict: {reply.notes}")
    return [name for name, code in zip(canaries, reply.outcomes[1:], strict=True) if code == codes.TRUE]


def _compiled(pool: Pool | WasmPool, sources: list[str]) -> list[bytes]:
    """As the interpreter inside compiles them."""
    reply = pool.ask(0, Frame(codes.ADMIT, [marshal.dumps(sources)], [1] * len(sources), strikes=1, cpu_seconds=2.0))
    return [reply.notes[call][codes.ADMITTED.size :] for call in range(len(sources))]
