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

    def __getattr__(self, name: str) -> Any:
        if self._opened is None:
            self._opened = self._stack.enter_context(self._opens())
        return getattr(self._opened, name)

    def __enter__(self) -> Lazy:
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)
