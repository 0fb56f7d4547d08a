"""Queries → responses: K answers per query from any chat model (paper §3.3; online, §3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.types import Query, Response, derived_seed

Asked = TypeVar("Asked")
PROMPTS_PER_FRAME = 512  # sampled side by side: enough to sort by length, little enough to stream


def sample(queries: Iterable[Query], chat: ChatModel, settings: SamplingSettings, *seed: object) -> Iterator[Response]:
    """`responses_per_query` answers to each query, in the order of the queries, as the model wrote them.

    Each answer's randomness derives from (`seed`, query id, index) alone.
    """
    asked = (
        (query, Prompt(query.messages, "response", query.prompt, derived_seed(*seed, query.id))) for query in queries
    )
    for query, answers in answered(asked, chat, settings):
        for index, answer in enumerate(answers):
            yield Response(query.id, answer.text, chat.name, index, answer.finished)


def answered(
    asked: Iterable[tuple[Asked, Prompt]], chat: ChatModel, settings: SamplingSettings
) -> Iterator[tuple[Asked, list[Answer]]]:
    """Whatever is asked about, beside the answers to its prompt, in order."""
    asked = iter(asked)
    while frame := list(islice(asked, PROMPTS_PER_FRAME)):
        found = chat.answer([prompt for _, prompt in frame], settings)
        yield from ((what, answers) for (what, _), answers in zip(frame, found, strict=True))
