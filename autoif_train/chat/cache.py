"""Answers that were paid for, kept in one SQLite file and found again by what determines them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.types import UserError, derived_seed

WAIT_FOR_LOCK_SECONDS = 60.0


def answer_key(model: str, prompt: Prompt, settings: SamplingSettings, index: int) -> str:
    """The sha256 of everything that determines answer number `index` of `prompt`.

    Left out on purpose: how many answers are asked for, so that a larger K reuses the smaller one's; the batch size;
    the step and its payload, so that equal requests of two steps are one; the server's address, which changes with the
    machine.
    """
    parts = {
        "model": model,
        "messages": prompt.messages,
        "temperature": float(settings.temperature),
        "top_p": float(settings.top_p),
        "max_new_tokens": settings.max_new_tokens,
        "seed": prompt.seed,
        "index": index,
    }
    if prompt.schema is not None:
        parts["schema"] = prompt.schema
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def sample_seed(prompt: Prompt, index: int) -> int:
    """The 31-bit seed of answer number `index`: each answer has its own, whatever K is."""
    return derived_seed(prompt.seed, index)


class AnswerCache:
    """An append-only table `key -> answer` in one SQLite file; several processes may share it.

    `put` returns when the answer is committed, so a killed process loses only what it had not yet put. The file is
    created where it is missing, and must lie on a disk of this machine: SQLite's write-ahead log does not work over
    network file systems. A file that is damaged, is no cache, or cannot be written raises `UserError`.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with self._one_clear_line():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Used by one thread at a time, though not always by the one that opened it.
            self._database = sqlite3.connect(
                self.path, timeout=WAIT_FOR_LOCK_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._use_write_ahead_log()
            # Survives the death of the process at any moment; a power failure may cost the last answers, not the file.
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS answers"
                " (key TEXT PRIMARY KEY, text TEXT NOT NULL, finished INTEGER NOT NULL)"
            )
            self._database.execute("SELECT key, text, finished FROM answers LIMIT 1")

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def count(self) -> int:
        """How many answers are kept."""
        with self._one_clear_line():
            return self._database.execute("SELECT COUNT(*) FROM answers").fetchone()[0]

    def get(self, key: str) -> Answer | None:
        """The answer kept under `key`, None where there is none."""
        with self._one_clear_line():
            row = self._database.execute("SELECT text, finished FROM answers WHERE key = ?", (key,)).fetchone()
        return Answer(row[0], bool(row[1])) if row else None

    def put(self, key: str, answer: Answer) -> Answer:
        """Commit `answer` and return the one that is kept: the first, where another process was faster."""
        with self._one_clear_line():
            added = self._database.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (key, answer.text, answer.finished)
            )
        return answer if added.rowcount else self.get(key)

    def put_all(self, answers: Iterable[tuple[str, Answer]]) -> None:
        """Commit the answers of a batch, all or none."""
        with self._one_clear_line():
            self._database.execute("BEGIN")
            try:
                rows = ((key, answer.text, answer.finished) for key, answer in answers)
                self._database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _use_write_ahead_log(self) -> None:
        # SQLite does not wait for the lock of this one statement where several processes create a file together.
        give_up_at = time.monotonic() + WAIT_FOR_LOCK_SECONDS
        while True:
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.01)

    @contextlib.contextmanager
    def _one_clear_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                mend = "it is damaged or no answer cache; move it away and run again, which asks for its answers anew"
            elif code == sqlite3.SQLITE_BUSY:
                mend = "another process holds it; end that one, or name another file"
            elif code == sqlite3.SQLITE_FULL:
                mend = "free some space and run the same command again; what was kept before stays"
            else:
                mend = "name a file on a local disk that can be written"
            raise UserError(f"cache {self.path}: {error}; {mend}") from error


class Keeper:
    """Answers of a local model, kept a batch at a time: a kill costs the batch under way, and a larger K the new ones.

    `name` is part of the key and must change whenever the weights do. Without a cache every batch is asked for.
    """

    def __init__(self, cache: AnswerCache | None = None, name: str = ""):
        self.cache = cache
        self.name = name

    def batch(
        self,
        prompts: Sequence[Prompt],
        settings: SamplingSettings,
        ask: Callable[[Sequence[Prompt], SamplingSettings], list[list[Answer]]],
    ) -> list[list[Answer]]:
        """The answers of one batch, as the cache keeps them. `ask(prompts, settings)` is called for those it lacks.

        A killed process leaves whole batches, so what is asked for after a kill is a batch of the same rows as without
        it; a batch that is kept in part was put together otherwise. Where the same answer drawn twice differs, as on a
        GPU, the first stays.
        """
        if self.cache is None:
            return ask(prompts, settings)
        numbers = range(settings.responses_per_query)
        keys = [[answer_key(self.name, prompt, settings, prompt.first + n) for n in numbers] for prompt in prompts]
        kept = [[self.cache.get(key) for key in row] for row in keys]
        have = [row.index(None) if None in row else len(row) for row in kept]
        for count in sorted(set(have) - {len(numbers)}):
            places = [place for place, of_prompt in enumerate(have) if of_prompt == count]
            rest = [dataclasses.replace(prompts[place], first=prompts[place].first + count) for place in places]
            fresh = ask(rest, dataclasses.replace(settings, responses_per_query=len(numbers) - count))
            self.cache.put_all(
                (key, answer)
                for place, answers in zip(places, fresh, strict=True)
                for key, answer in zip(keys[place][count:], answers, strict=True)
            )
            for place in places:
                kept[place] = [self.cache.get(key) for key in keys[place]]
        return kept
