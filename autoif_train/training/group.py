"""A reward of texts as TRL's group trainers call it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any


def as_reward_function(
    reward: Callable[..., tuple[list[float | None], dict[str, float]]], ends: Collection[int]
) -> Callable[..., list[float | None]]:
    """TRL's reward function for `reward(query ids, texts, whether each ended) -> (rewards, figures)`.

    An answer ended if its last token is one of `ends`. The figures are logged with the trainer's own.
    """

    def shaped(
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        query_id: Sequence[str],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float | None]:
        texts = [completion[-1]["content"] for completion in completions]
        rewards, figures = reward(query_id, texts, [bool(ids) and ids[-1] in ends for ids in completion_ids])
        for name, value in figures.items():
            log_metric(name, value)
        return rewards

    return shaped
