"""A chat model that repeats what was recorded, and the recorder that makes such a recording.

A recording is a JSON Lines file of rows `{"step": ..., "payload": ..., "answers": [text, ...]}`. Answers are found by
what was asked about (`Prompt.step` and `Prompt.payload`, or the last message where there is no payload) and never by
the prompt's wording, so that a prompt can be improved without recording again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.rows import Rows
from autoif_train.types import Row, UserError

SHOWN = 60  # characters of a payload that an error message quotes


def key_of(prompt: Prompt) -> tuple[str, str]:
    """What a recording knows a prompt by."""
    return prompt.step, prompt.payload or prompt.messages[-1]["content"]


class RecordedChat:
    """Answers from a recording, in the order in which they were recorded.

    Fewer recorded answers than asked for are returned as they are: saying one twice would look like agreement.
    The whole recording is held in memory; it is meant for examples and tests, not for a million rows.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.name = f"recorded:{self.path.stem}"
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        for key, answers in Rows(self.path, _read):
            self._answers.setdefault(key, []).extend(answers)

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """Up to `responses_per_query` recorded answers for each prompt; `UserError` where nothing was recorded."""
        count = settings.responses_per_query
        return [self._find(prompt)[prompt.first : prompt.first + count] for prompt in prompts]

    def _find(self, prompt: Prompt) -> list[Answer]:
        key = step, payload = key_of(prompt)
        if key not in self._answers:
            shown = payload if len(payload) <= SHOWN else payload[:SHOWN] + "..."
            raise UserError(
                f"{self.path}: no answer is recorded for step {step!r} and {shown!r}; "
                "use another supervisor, e.g. --supervisor.kind api"
            )
        return self._answers[key]


class Recorder:
    """A chat model that passes on what another one answers and appends it to a recording.

    Nothing already in the file is changed: a key that is recorded again only adds answers behind the earlier ones.
    """

    def __init__(self, chat: ChatModel, path: str | Path):
        self.chat = chat
        self.path = Path(path)
        self.name = chat.name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(self.path)

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """What the wrapped model answers, on disk before it is returned."""
        found = self.chat.answer(prompts, settings)
        with open(self.path, "a", encoding="utf-8") as file:
            rows = (_row(*pair) for pair in zip(prompts, found, strict=True))
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return found


def _row(prompt: Prompt, answers: Sequence[Answer]) -> Row:
    step, payload = key_of(prompt)
    row: Row = {"step": step, "payload": payload, "answers": [answer.text for answer in answers]}
    if not all(answer.finished for answer in answers):
        row["finished"] = [answer.finished for answer in answers]
    return row


def _read(row: Row) -> tuple[tuple[str, str], list[Answer]]:
    texts = row["answers"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError('"answers" is not a list of texts')
    finished = row.get("finished") or [True] * len(texts)
    return (row["step"], row["payload"]), [Answer(*pair) for pair in zip(texts, finished, strict=True)]


def _drop_torn_line(path: Path) -> None:
    """Cut off what a kill left of the last row, so that the next row does not continue it."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])
