"""What a policy says to the items of a benchmark, and what a file of responses says in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.rows import Rows
from autoif_train.synthesis.reading import without_thinking
from autoif_train.types import Row, UserError, derived_seed

SHOWN_CHARACTERS = 60


class Item(Protocol):
    """What a benchmark asks: `turns` are the user's, one after the other, each after the model's answer."""

    key: str
    turns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Answered:
    """A model's answers to one item, one per turn; `finished` is False where any was cut at the longest length."""

    unit: ClassVar[str] = "answer"
    key: str
    prompt: str
    responses: tuple[str, ...]
    finished: bool = True

    @classmethod
    def from_row(cls, row: Row) -> Answered:
        """Reads `{prompt, response}` or, for several turns, `{prompt, responses: [text, …]}`."""
        responses = row["responses"] if "responses" in row else [row["response"]]
        if not isinstance(row["prompt"], str) or not isinstance(responses, list):
            raise ValueError("`prompt` must be a string and `responses` a list of strings")
        if not all(isinstance(text, str) for text in responses):
            raise ValueError("a response must be a string")
        return cls(str(row.get("key", "")), row["prompt"], tuple(responses), row.get("finished", True))

    def texts(self, settings: EvaluationSettings) -> tuple[str, ...]:
        """The responses as they are judged: without their reasoning where the settings say so."""
        return tuple(without_thinking(text) if settings.strip_thinking else text for text in self.responses)


@dataclasses.dataclass(frozen=True)
class Shown:
    """An item of any benchmark as people are shown it: what was asked, and what was said to it, turn by turn.

    `followed` is a mark for every instruction of the prompt that code checked, `kinds` their kinds in the same order;
    `relevant` says whether the question is answered, None where nobody judged that.
    """

    prompt: str
    texts: tuple[str, ...]
    followed: tuple[bool, ...] = ()
    kinds: tuple[str, ...] = ()
    relevant: bool | None = None


def decoding(settings: EvaluationSettings, responses: int = 1) -> SamplingSettings:
    """How a policy answers benchmarks."""
    return SamplingSettings(
        responses, settings.temperature, settings.top_p, settings.max_new_tokens, settings.batch_size
    )


def answer_items(
    name: str, items: Sequence[Item], chat: ChatModel, settings: EvaluationSettings, seed: int = 0
) -> Iterator[Answered]:
    """A model's answers to `items`, in order; a later turn is asked after the model's own answers to the earlier ones.

    A reasoning block of an earlier turn is not shown again, as chat templates of reasoning models have it.
    """
    items = items[: settings.max_prompts]
    said: list[list[Answer]] = [[] for _ in items]
    for turn in range(max((len(item.turns) for item in items), default=0)):
        asked = [index for index, item in enumerate(items) if turn < len(item.turns)]
        prompts = [
            Prompt(
                conversation(items[index].turns[: turn + 1], [without_thinking(each.text) for each in said[index]]),
                "evaluation",
                f"{name} {items[index].key} {turn}",
                derived_seed(seed, name, items[index].key, turn),
            )
            for index in asked
        ]
        for index, (answer,) in zip(asked, chat.answer(prompts, decoding(settings)), strict=True):
            said[index].append(answer)
    for item, answers in zip(items, said, strict=True):
        texts, finished = tuple(each.text for each in answers), all(each.finished for each in answers)
        yield Answered(item.key, item.turns[0], texts, finished)


def conversation(turns: Sequence[str], replies: Sequence[str]) -> list[dict[str, str]]:
    """User turns and the replies between them as messages."""
    messages = []
    for number, text in enumerate(turns):
        messages.append({"role": "user", "content": text})
        if number < len(replies):
            messages.append({"role": "assistant", "content": replies[number]})
    return messages


def paired(items: Sequence[Item], answered: Iterable[Answered], named: str | Path) -> list[tuple[Item, Answered]]:
    """Each item with its answers, in the order of the items; found by prompt, and by key where two share a prompt.

    Raises `UserError` unless `answered` holds exactly one row for each item: a score over other prompts than the
    published ones is not comparable. `named` is the file in the message.
    """
    known: dict[str, list[Item]] = {}
    for item in items:
        known.setdefault(item.turns[0], []).append(item)
    found: dict[str, Answered] = {}
    for number, row in enumerate(answered, 1):
        asked = known.get(row.prompt, [])
        if not asked:
            shown = row.prompt[:SHOWN_CHARACTERS]
            raise UserError(
                f"{named}, row {number}: its prompt ({shown!r}…) is not in the prompts; name the version that was "
                "answered"
            )
        free = [item for item in asked if item.key not in found]
        item = next((each for each in asked if each.key == row.key), free[0] if free else asked[0])
        if item.key in found:
            raise UserError(f"{named}, row {number}: a second response to the prompt of key {item.key}; keep one")
        if len(row.responses) != len(item.turns):
            raise UserError(
                f"{named}, row {number}: {len(row.responses)} responses to the {len(item.turns)} turns of key "
                f"{item.key}; give one for each"
            )
        found[item.key] = row
    missing = [item.key for item in items if item.key not in found]
    if missing:
        raise UserError(
            f"{named}: {len(missing)} of {len(items)} prompts have no response, the first is key {missing[0]}; add "
            "them (an empty response follows nothing)"
        )
    return [(item, found[item.key]) for item in items]


def read_responses(path: Path) -> Rows[Answered]:
    """Rows `{prompt, response}` of a file, or `{prompt, responses}` for several turns."""
    return Rows(path, Answered.from_row)
