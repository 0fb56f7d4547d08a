"""What TRL's group trainers are told of answers: what they are worth, and what ends them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

Reward = Callable[[Sequence[str], Sequence[str], Sequence[bool]], "tuple[list[float | None], dict[str, float]]"]
"""(query ids, texts, whether each ended) → (rewards, figures)."""


def declare_ends(arguments: Any, ends: Collection[int]) -> None:
    """Let the sampling that a GRPOConfig asks for stop at every one of `ends`, unless it names its own.

    The trainer would take those of the model that it loads, and a base model or one below an adapter knows only its
    own end of text, not the chat template's end of turn.
    """
    name = "stop_token_ids" if arguments.use_vllm else "eos_token_id"
    arguments.generation_kwargs = {name: sorted(ends), **(arguments.generation_kwargs or {})}


def as_reward_function(reward: Reward, ends: Collection[int]) -> Callable[..., list[float | None]]:
    """TRL's reward function for a `Reward`.

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
