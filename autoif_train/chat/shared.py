"""One chat model on each of several processes: all are asked the same, and each answers its share for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.rows import Rows, plain, write_rows
from autoif_train.types import Row, UserError, content_id


class Superfluous(Exception):
    """The file that the processes work at is there: whatever is still asked, is asked for nothing."""


def bounds(count: int, rank: int, world_size: int) -> tuple[int, int]:
    """Where the share of a process in `count` items begins and ends."""
    return count * rank // world_size, count * (rank + 1) // world_size


def share_paths(path: Path, asked: str, world_size: int) -> list[Path]:
    """Where each process lays its share of the rows of `path`, or of the answers to one call on the way there.

    `asked` is an id of all that is shared out: what a killed launch left of something else is never taken.
    """
    return [path.with_name(f".{path.stem}.{asked}.{rank}-of-{world_size}{path.suffix}") for rank in range(world_size)]


class SharedChat:
    """A `ChatModel` in process `rank` of `world_size`, each of which asks the same in the same order.

    A call's prompts are shared out, and the answers go round as files beside `path`, the file that all work at; `wait`
    returns when one of the files that it is given is there. `signature` is who answers, known before `chat` is opened.
    Raises `Superfluous` where `path` is there.
    """

    def __init__(
        self, chat: ChatModel, signature: str, path: Path, rank: int, world_size: int, wait: Callable[..., None]
    ):
        self.chat = chat
        self._signature, self._path, self._rank, self._world_size, self._wait = signature, path, rank, world_size, wait

    @property
    def name(self) -> str:
        return self.chat.name

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` answers for each prompt, in the order of the prompts."""
        asked = content_id(self._signature, plain(list(prompts)), plain(settings))
        shares = share_paths(self._path, asked, self._world_size)
        if not shares[self._rank].exists():
            first, last = bounds(len(prompts), self._rank, self._world_size)
            answers = self.chat.answer(prompts[first:last], settings) if last > first else []
            write_rows(shares[self._rank], ({"answers": row} for row in answers))
        return [answers for share in shares for answers in self._read(share)]

    def _read(self, share: Path) -> list[list[Answer]]:
        self._wait(share, self._path)
        try:
            return list(Rows(share, _answers))
        except UserError:
            # Taken away by a process that needs it no more, since the file is there.
            if self._path.exists():
                raise Superfluous from None
            raise


def _answers(row: Row) -> list[Answer]:
    return [Answer(**each) for each in row["answers"]]
