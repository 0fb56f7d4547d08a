"""What a run has done and spent so far: a small file beside the data, written anew while a step lasts.

`autoif status` reads it, and a run that goes on after a kill takes over what was spent before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.funnel import Tally
from autoif_train.rows import atomic_file
from autoif_train.types import Row, UserError

BEAT_SECONDS = 1.0

Spent = dict[str, dict[str, Row]]
"""Role → step → the fields of `Usage`."""


class Progress:
    """The file of one run. `spent` is what its chat models have cost, in this process and in earlier ones."""

    def __init__(self, path: Path, spent: Spent):
        self.path = path
        self._before = _most(spent, (read_progress(path) or {}).get("calls", {}))
        self._chats: list[tuple[str, ChatModel]] = []

    def watch(self, role: str, chat: ChatModel) -> None:
        """Count from now on what `chat` spends; a model in two roles is counted in the first."""
        if hasattr(chat, "usage") and all(chat is not known for _, known in self._chats):
            self._chats.append((role, chat))

    def spent(self) -> Spent:
        """What every role has spent on every step."""
        total = {role: dict(steps) for role, steps in self._before.items()}
        for role, chat in self._chats:
            of_role = total.setdefault(role, {})
            for step, usage in dict(chat.usage).items():
                of_role[step] = _sum(of_role.get(step, {}), dataclasses.asdict(usage))
        return total

    @contextlib.contextmanager
    def during(self, step: str, tally: Tally, show: Callable[[Tally], None]) -> Iterator[None]:
        """Write the file, and `show` the tally, every second until the block ends."""
        began, ended, before = time.time(), threading.Event(), _answers(self.spent())

        def beat() -> None:
            while not ended.wait(BEAT_SECONDS):
                # The step counts on in its own thread; what is caught half-counted is shown a second later.
                with contextlib.suppress(RuntimeError, OSError, UserError):
                    spent = self.spent()
                    facts = {"step": step, "began": began, "answers": _answers(spent) - before}
                    self._write({**facts, "funnel": tally.entries(), "calls": spent})
                    show(tally)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        """Remove the file: nothing runs any more, and the manifest knows what was spent."""
        self.path.unlink(missing_ok=True)

    def _write(self, content: Row) -> None:
        with atomic_file(self.path) as file:
            json.dump(content, file)


def read_progress(path: Path) -> Row | None:
    """What a running or a killed process wrote last; None where there is nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def spent_rows(spent: Spent) -> list[tuple[str, str, Row]]:
    """Role, step and what they cost, for each that cost something, and their sum as the last; nothing of nothing."""
    rows = [(role, step, usage) for role, steps in spent.items() for step, usage in steps.items()]
    total: Row = {}
    for _, _, usage in rows:
        total = _sum(total, usage)
    return [*rows, ("together", "", total)] if rows else []


def spent_lines(spent: Spent) -> list[str]:
    """`spent_rows` as text."""
    rows = spent_rows(spent)
    lines = [_spent_line(", ".join(filter(None, (role, step))), usage) for role, step, usage in rows]
    if rows and rows[-1][2]["money"]:
        lines[-1] += " (in the unit of the prices)"
    return lines


def _spent_line(name: str, usage: Row) -> str:
    line = (
        f"{name:<34} {usage['calls']:>8} calls {usage['cached']:>8} kept {usage['retries']:>6} retries "
        f"{usage['prompt_tokens']:>11} tokens read {usage['completion_tokens']:>11} written {usage['seconds']:>9.1f} s"
    )
    if refused := usage.get("refused"):
        line += f" {refused:>8} refused"
    return f"{line}   cost {amount(usage['money'])}" if usage["money"] else line


def amount(money: float) -> str:
    """`1,234.50`; `0.0213` where two digits would say little."""
    return f"{money:,.2f}" if money >= 1 else f"{money:.4f}" if money >= 0.00005 else "<0.0001"


def _answers(spent: Spent) -> int:
    """How many answers were had, those included that were kept already."""
    return sum(usage.get(key, 0) for steps in spent.values() for usage in steps.values() for key in ("calls", "cached"))


def _sum(one: Row, other: Row) -> Row:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _most(one: Any, other: Any) -> Any:
    """Two states of the same counters as one: the later one, whichever it is, since counters only grow."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: _most(one[key], other[key]) if key in one and key in other else {**one, **other}[key]
            for key in {**one, **other}
        }
    return max(one, other)
