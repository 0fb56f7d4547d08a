"""Asking until an answer can be read, within a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.synthesis.reading import Unreadable

AGAIN = " (asked again)"  # behind the reason of an unreadable answer in whose place another was drawn
# A model that was asked for its likeliest answer would only repeat it.
LEAST_TEMPERATURE_AGAIN = 0.7
Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Attempt(Generic[Value]):
    """An answer and what was read of it; `reason` says why nothing was, None where something was."""

    answer: Answer
    value: Value | None
    reason: str | None


def ask_until_readable(
    chat: ChatModel,
    prompts: Sequence[Prompt],
    settings: SamplingSettings,
    read: Callable[[Answer], Value],
    most_asks_again: int,
) -> list[list[Attempt[Value]]]:
    """Every attempt at each prompt, in the order in which they were drawn.

    In the place of an answer that `read` finds `Unreadable` another one is drawn, up to `most_asks_again` times. It is
    a further sample of the same prompt, so that what was answered once is never asked for anew. Where the server
    refuses the prompt, it is asked no more.
    """
    attempts = [[_attempt(answer, read) for answer in answers] for answers in chat.answer(prompts, settings)]
    warmer = max(settings.temperature, LEAST_TEMPERATURE_AGAIN)
    again = settings.drawing(1, warmer)
    unread = [[place for place, attempt in enumerate(row) if _worth_another(attempt)] for row in attempts]
    for _ in range(most_asks_again):
        errands = list(_errands(prompts, attempts, unread))
        if not errands:
            break
        found = chat.answer([prompt for _, _, prompt in errands], again)
        unread = [[] for _ in prompts]
        for (number, place, _), answers in zip(errands, found, strict=True):
            # A recording may hold no further answer.
            for answer in answers:
                attempts[number][place] = _replaced(attempts[number][place])
                attempts[number].append(_attempt(answer, read))
                if _worth_another(attempts[number][-1]):
                    unread[number].append(len(attempts[number]) - 1)
    return attempts


def whole(answer: Answer) -> str:
    """The text of an answer that the model ended itself; `Unreadable` where what it led up to was cut off."""
    if answer.refused:
        raise Unreadable("refused by the server")
    if not answer.finished:
        raise Unreadable("cut at max_new_tokens")
    return answer.text


def _attempt(answer: Answer, read: Callable[[Answer], Value]) -> Attempt[Value]:
    try:
        return Attempt(answer, read(answer), None)
    except Unreadable as unreadable:
        return Attempt(answer, None, str(unreadable))


def _worth_another(attempt: Attempt[Value]) -> bool:
    return attempt.reason is not None and not attempt.answer.refused


def _replaced(attempt: Attempt[Value]) -> Attempt[Value]:
    return dataclasses.replace(attempt, reason=f"{attempt.reason}{AGAIN}")


def _errands(
    prompts: Sequence[Prompt], attempts: list[list[Attempt]], unread: list[list[int]]
) -> Iterator[tuple[int, int, Prompt]]:
    """(number of the prompt, place of the unreadable attempt, the prompt for another one)."""
    for number, (prompt, row, places) in enumerate(zip(prompts, attempts, unread, strict=True)):
        for count, place in enumerate(places):
            yield number, place, dataclasses.replace(prompt, first=prompt.first + len(row) + count)
