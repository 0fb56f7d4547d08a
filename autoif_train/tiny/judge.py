"""The tiny world's own judge of relevance: a script that knows the facts, behind the same seam as a model judge.

It answers in the form that the quality prompt asks for, so nothing downstream knows that it is no model; reports say
that it is a script.
"""

from __future__ import annotations

from collections.abc import Sequence

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.types import UserError


class TinyJudge:
    """A `ChatModel` that answers `quality` prompts about the tiny world: 10 for the right fact, else 0."""

    name = "tiny judge (a script)"

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """One score for each prompt; `UserError` for a query that is not of the tiny world."""
        return [[self._score(prompt)] * settings.responses_per_query for prompt in prompts]

    def _score(self, prompt: Prompt) -> Answer:
        from autoif_train.tiny.domain import relevant

        user_query, _, response = prompt.payload.partition("\n")
        verdict = relevant(user_query, response)
        if verdict is None:
            raise UserError(
                f"quality.judge tiny: {user_query!r} is not a query of the tiny world; use --quality.judge supervisor"
            )
        said = "The answer states the fact asked for." if verdict else "The answer does not state the fact asked for."
        return Answer(f"{said}\nScore: {10 if verdict else 0}")
