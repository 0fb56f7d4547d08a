"""Reads a source before it is run: does it compile, is it allowed, may it share a cell?

`pure` is no security verdict. It only says that the fork which keeps one function from changing another's verdict can
be left out; the kernel's walls stand around every cell, and a share of the pure functions is run again alone.
"""

from __future__ import annotations

import dis
import marshal
import types
import warnings
from collections.abc import Sequence, Set

from . import codes, modules

_STATEFUL = (
    "STORE_ATTR DELETE_ATTR STORE_GLOBAL DELETE_GLOBAL LOAD_BUILD_CLASS MATCH_CLASS GET_AWAITABLE GET_AITER"
    " GET_ANEXT BEFORE_WITH BEFORE_ASYNC_WITH LOAD_SPECIAL"
).split()
STATEFUL_OPCODES = frozenset(dis.opmap[name] for name in _STATEFUL if name in dis.opmap)
_MEMORIES = "BUILD_LIST BUILD_SET BUILD_MAP LIST_EXTEND CALL CALL_KW CALL_FUNCTION_EX PRECALL".split()
MEMORIES = frozenset(dis.opmap[name] for name in _MEMORIES if name in dis.opmap)  # at module level: something to change
CLOCKWORK = frozenset(("id", "hash", "lru_cache", "cache"))
UNORDERED = frozenset(("set", "frozenset", "hash"))  # names that lead to the hash seed
SETS = frozenset(dis.opmap[name] for name in ("BUILD_SET", "SET_ADD", "SET_UPDATE"))
VIEWS = frozenset(("keys", "items"))  # `a.keys() - b.keys()` is a set, too
IMPORT_NAME, STORE_NAME, EXTENDED_ARG, LOAD_CONST, CONTAINS_OP, BINARY_OP = (
    dis.opmap[name] for name in ("IMPORT_NAME", "STORE_NAME", "EXTENDED_ARG", "LOAD_CONST", "CONTAINS_OP", "BINARY_OP")
)


class Admission:
    """The names that decide, gathered once in the zygote."""

    def __init__(self, packs: Sequence[str] = ()):
        self.allowed, self.forbidden = modules.pure_names()
        self.packs = frozenset(packs)

    def read(self, source: str) -> tuple[int, bytes]:
        """`PURE` or `SOLO` with what `codes.ADMITTED` heads, or `REFUSED` with the reason."""
        if len(source) > codes.MAX_SOURCE:
            return codes.REFUSED, f"the source is longer than {codes.MAX_SOURCE} characters".encode()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = compile(source, "<function>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
            return codes.REFUSED, f"does not compile: {error}".encode("utf-8", "replace")
        reason = refusal(code, self.packs)
        if reason:
            return codes.REFUSED, reason.encode("utf-8", "replace")
        kind = codes.PURE if self._is_pure(code) else codes.SOLO
        steady = kind == codes.PURE and not _may_remember(code) and not _may_hash(code)
        packs = " ".join(sorted(self.packs.intersection(map(_package, _imports(code))))).encode()
        return kind, codes.ADMITTED.pack(steady, len(packs)) + packs + marshal.dumps(code)

    def _is_pure(self, module: types.CodeType) -> bool:
        own = set(_operands(module, STORE_NAME))
        if own & self.forbidden or any(name.startswith("_") for name in own):
            return False
        allowed = self.allowed | own
        for code in _all_code(module):
            if not STATEFUL_OPCODES.isdisjoint(code.co_code[::2]) or ("*",) in code.co_consts:  # import of *
                return False
            unknown = set(code.co_names) - allowed
            if unknown and not unknown <= {name for name in modules.PURE_MODULES if "." in name}:
                return False
        return all(name in modules.PURE_MODULES for name in _imports(module))


def _may_remember(module: types.CodeType) -> bool:
    """Whether a pure function could carry something from one text to the next, so that their order would matter."""
    if not MEMORIES.isdisjoint(module.co_code[::2]):
        return True
    return any(not CLOCKWORK.isdisjoint(code.co_names) for code in _all_code(module))


def _may_hash(module: types.CodeType) -> bool:
    """Whether a pure function could go through a set, whose order changes with the hash seed."""
    for code in _all_code(module):
        operations = code.co_code[::2]
        if not UNORDERED.isdisjoint(code.co_names) or not SETS.isdisjoint(operations):
            return True
        if BINARY_OP in operations and not VIEWS.isdisjoint(code.co_names):
            return True
        constant_sets = {at for at, constant in enumerate(code.co_consts) if isinstance(constant, frozenset)}
        if constant_sets and any(
            argument in constant_sets and following != CONTAINS_OP  # `x in {"a", "b"}` has no order
            for argument, following in _instructions(code, LOAD_CONST)
        ):
            return True
    return False


def _imports(module: types.CodeType) -> list[str]:
    return [name for code in _all_code(module) for name in _operands(code, IMPORT_NAME)]


def _package(name: str) -> str:
    return name.partition(".")[0]


def refusal(module: types.CodeType, packs: Set[str]) -> str:
    """Why policy refuses this code, or an empty string."""
    if "evaluate" not in module.co_names:
        return "defines no function `evaluate`"
    for code in _all_code(module):
        for name in ("eval", "exec"):
            if name in code.co_names:
                return f"refused: calls {name}()"
    for name in _imports(module):
        if name not in modules.IMPORTABLE and _package(name) not in packs:
            return f"refused: import of {name or 'a relative module'} is not on the allow-list"
    return ""


def _all_code(code: types.CodeType):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _all_code(constant)


def _operands(code: types.CodeType, opcode: int) -> list[str]:
    """The names that instructions `opcode` of this code object refer to."""
    return [code.co_names[argument] for argument, _ in _instructions(code, opcode)]


def _instructions(code: types.CodeType, opcode: int) -> list[tuple[int, int]]:
    """Argument of each instruction `opcode`, and the opcode that follows it."""
    raw = code.co_code
    if opcode not in raw[::2]:
        return []
    found, extended = [], 0
    for position in range(0, len(raw), 2):
        argument = raw[position + 1] | extended
        extended = argument << 8 if raw[position] == EXTENDED_ARG else 0
        if raw[position] == opcode:
            found.append((argument, raw[position + 2] if position + 2 < len(raw) else 0))
    return found
