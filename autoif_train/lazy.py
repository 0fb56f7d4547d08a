"""Opened when it is first used: what a finished step would have asked is never loaded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any


class Lazy:
    """Stands in a `with` block for what `opens()` yields, and opens it when something of it is first asked for."""

    def __init__(self, opens: Callable[[], AbstractContextManager[Any]]):
        self._opens, self._stack = opens, ExitStack()
        self._opened: Any = None

    def open(self) -> Any:
        """Open it now, where that must not happen later; returns it."""
        if self._opened is None:
            self._opened = self._stack.enter_context(self._opens())
        return self._opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self.open(), name)

    def __enter__(self) -> Lazy:
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)
