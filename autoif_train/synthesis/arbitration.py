"""The supervisor decides whether one concrete text follows an instruction: where its functions disagree."""

from __future__ import annotations

from collections.abc import Sequence

from autoif_train.chat.base import ChatModel, Prompt
from autoif_train.synthesis import reading
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings, writing
from autoif_train.types import derived_seed

LABELS = ("followed", "violated")


def arbitrate(
    questions: Sequence[tuple[str, str]], supervisor: ChatModel, synthesis: SynthesisSettings, seed: int
) -> list[bool | None]:
    """Whether each (instruction, text) is followed; None where the answer holds no label."""
    prompts = [
        Prompt(
            [{"role": "user", "content": fill("arbitration", instruction=instruction, response=text)}],
            "arbitration",
            f"{instruction}\n{text}",
            derived_seed(seed, "arbitration", instruction, text),
        )
        for instruction, text in questions
    ]
    answers = supervisor.answer(prompts, writing(synthesis, 1, 0.0)) if prompts else []
    return [_label(found[0].text) if found else None for found in answers]


def _label(text: str) -> bool | None:
    try:
        return reading.last_word(text, LABELS) == "followed"
    except reading.Unreadable:
        return None
