"""Queries → responses: K answers per query from any chat model (paper §3.3; online, §3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from autoif_train.chat.base import ChatModel, Prompt, SamplingSettings
from autoif_train.types import Query, Response, derived_seed

QUERIES_PER_FRAME = 512  # sampled side by side: enough to sort by length, little enough to stream


def sample(queries: Iterable[Query], chat: ChatModel, settings: SamplingSettings, *seed: object) -> Iterator[Response]:
    """`responses_per_query` answers to each query, in the order of the queries, as the model wrote them.

    Each answer's randomness derives from (`seed`, query id, index) alone.
    """
    queries = iter(queries)
    while frame := list(islice(queries, QUERIES_PER_FRAME)):
        prompts = [Prompt(query.messages, "response", query.prompt, derived_seed(*seed, query.id)) for query in frame]
        for query, answers in zip(frame, chat.answer(prompts, settings), strict=True):
            for index, answer in enumerate(answers):
                yield Response(query.id, answer.text, chat.name, index, answer.finished)
