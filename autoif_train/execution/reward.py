"""Verification functions as a reward for TRL's online trainers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autoif_train.types import Messages, Outcome, Query, QueryFunction

if TYPE_CHECKING:
    from autoif_train.execution.executor import Executor

RewardFunction = Callable[..., list["float | None"]]
Weights = Mapping[tuple[str, str], float]
"""(instruction id, source) → how much a function counts; 1 where it is not named."""
NO_WEIGHTS: Weights = MappingProxyType({})


def shares(
    functions: Sequence[QueryFunction], outcomes: Sequence[Outcome], weights: Weights = NO_WEIGHTS, audit: bool = False
) -> list[float] | None:
    """For each instruction the share of its functions with an opinion that say yes, by their weights.

    None when some instruction has no function with an opinion. Audit functions do not count; with `audit` only they do.
    """
    sums: dict[str, list[float]] = {}
    for function, outcome in zip(functions, outcomes, strict=True):
        if function.audit is audit:
            followed_and_all = sums.setdefault(function.instruction_id, [0, 0])
            if outcome.judged:
                weight = weights.get((function.instruction_id, function.source), 1)
                followed_and_all[0] += weight * (outcome is Outcome.FOLLOWED)
                followed_and_all[1] += weight
    if not sums or not all(total for _, total in sums.values()):
        return None
    return [followed / total for followed, total in sums.values()]


def score(functions: Sequence[QueryFunction], outcomes: Sequence[Outcome], audit: bool = False) -> float | None:
    """Mean per instruction over the functions with an opinion, then the minimum over instructions, in [0, 1].

    None when some instruction has no function with an opinion. Audit functions do not count; with `audit` only they do.
    """
    found = shares(functions, outcomes, audit=audit)
    return min(found) if found else None


def reward_function(executor: Executor, queries: Iterable[Query]) -> RewardFunction:
    """`(prompts, completions, **columns) -> list[float | None]`: the score of each completion.

    Prompts and completions are texts or conversations, as the trainer's dataset has them. None, which TRL leaves out of
    its means, stands for a prompt that no query has and for an answer that nobody could judge.
    """
    by_prompt = {query.prompt: query for query in queries}

    def instruction_following(
        prompts: Sequence[str | Messages], completions: Sequence[str | Messages], **_columns: Any
    ) -> list[float | None]:
        pairs = [
            (by_prompt.get(_text(prompt)), _text(answer)) for prompt, answer in zip(prompts, completions, strict=True)
        ]
        jobs = [(function.source, [answer]) for query, answer in pairs if query for function in query.functions]
        outcomes = iter(executor.run_with_reasons(jobs, doubt=False)[0])
        return [
            score(query.functions, [next(outcomes)[0] for _ in query.functions]) if query else None
            for query, _ in pairs
        ]

    return instruction_following


def _text(value: str | Messages) -> str:
    """A text, or the last message of a conversation."""
    return value if isinstance(value, str) else value[-1]["content"]
