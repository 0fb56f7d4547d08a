"""The supervisor decides whether one concrete text follows an instruction: where its functions disagree."""

from __future__ import annotations

from collections.abc import Sequence

from autoif_train.chat.base import Answer, ChatModel, Prompt
from autoif_train.synthesis import labels
from autoif_train.synthesis.asking import ask_until_readable, whole
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings, writing
from autoif_train.types import derived_seed

LABELS = ("followed", "violated")


def arbitrate(
    questions: Sequence[tuple[str, str]], supervisor: ChatModel, synthesis: SynthesisSettings, seed: int
) -> list[bool | None]:
    """Whether each (instruction, text) is followed; None where no answer holds a label."""
    prompts = [
        Prompt(
            [{"role": "user", "content": fill("arbitration", instruction=instruction, response=text)}],
            "arbitration",
            f"{instruction}\n{text}",
            derived_seed(seed, "arbitration", instruction, text),
        )
        for instruction, text in questions
    ]
    found = ask_until_readable(supervisor, prompts, writing(synthesis, 1, 0.0), _followed, synthesis.max_asks_again)
    return [next((attempt.value for attempt in attempts if not attempt.reason), None) for attempts in found]


def _followed(answer: Answer) -> bool:
    return labels.answer_word(whole(answer), LABELS) == "followed"
