"""The seam to whom we can ask: one method, the same for a server, a local model and a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, Self

from autoif_train.setting import setting
from autoif_train.types import Messages


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One conversation to be answered.

    `step` and `payload` say what is asked about, whatever the prompt's wording: a recording finds its answer by them,
    and costs are counted per step. `seed` belongs to this prompt alone, so an answer does not depend on its batch.
    `first` is the number of the first answer to draw: further answers to a prompt go on where earlier ones ended.
    `schema` is the JSON schema of an answer in JSON, for models that can be held to one.
    """

    messages: Messages
    step: str = "response"
    payload: str = ""
    seed: int = 0
    first: int = 0
    schema: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """A text and whether the model ended it itself; False when it was cut at `max_new_tokens`, or filtered.

    `refused`: the server would not take the prompt, so that there is no text and asking again has no use.
    """

    text: str
    finished: bool = True
    refused: bool = False


@dataclasses.dataclass(frozen=True)
class SamplingSettings:
    """How answers are drawn."""

    responses_per_query: int = setting(8, least=1)
    """Answers per query, K (paper §3.3 and App. B: 8)."""
    temperature: float = setting(0.8, least=0)
    """Softmax temperature; 0 is greedy (paper App. B: 0.8 online)."""
    top_p: float = setting(1.0, above=0, most=1)
    """Nucleus mass in (0, 1]; the paper does not state it, 1.0 samples from the whole distribution."""
    max_new_tokens: int = setting(1024, least=1)
    """Longest answer in tokens; a cut answer is never trained on (ours)."""
    batch_size: int = setting(256, least=1, free=True)
    """Answers decoded side by side by a local model (ours)."""

    def drawing(self, count: int, temperature: float | None = None) -> Self:
        """The same settings for `count` answers per query, and at another temperature where one is given."""
        warmth = self.temperature if temperature is None else temperature
        return dataclasses.replace(self, responses_per_query=count, temperature=warmth)


@dataclasses.dataclass
class Usage:
    """What one step has cost in this process; grows while the step runs."""

    calls: int = 0
    """Answers that the model was asked for and gave."""
    cached: int = 0
    """Answers that were already kept, or that an equal prompt in the same call shares."""
    retries: int = 0
    """Requests that had to be sent again."""
    refused: int = 0
    """Requests that the server would not take, each for its own prompt."""
    prompt_tokens: int = 0
    """Tokens read by the model, as the server counts them where there is one."""
    completion_tokens: int = 0
    """Tokens written by the model, as the server counts them where there is one."""
    seconds: float = 0.0
    """Wall-clock seconds of the calls in which the step took part."""
    money: float = 0.0
    """What the tokens cost at the prices of the settings, in their currency."""

    def add(self, calls: int, prompt_tokens: int, completion_tokens: int) -> None:
        """Count answers and their tokens."""
        self.calls += calls
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens


class ChatModel(Protocol):
    """Anything that answers conversations; both the supervisor and the policy are one.

    A model whose answers cost something also has `usage`, a `Usage` for each step that it was asked by.
    """

    name: str

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` answers for each prompt, in the order of the prompts.

        Raises `UserError` where the model cannot be had; an imperfect text is an answer, not an error.
        """
        ...
