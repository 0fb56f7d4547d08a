"""What the supervisor and the respondent will be asked, counted before anybody is: answers and tokens per step."""

from __future__ import annotations

import dataclasses

from autoif_train.chat.base import SamplingSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.synthesis.back_translation import BackTranslationSettings
from autoif_train.synthesis.settings import SynthesisSettings

SEEDS = 36
# Tokens of one prompt and of one answer, counted roughly on this project's prompts and on answers of Llama-3.1-8B.
TOKENS = {
    "self_instruct": (900, 1500),
    "functions": (320, 400),
    "back_translation": (350, 40),
    "entailment": (200, 20),
    "responses": (100, 300),
    "quality": (650, 150),
}


@dataclasses.dataclass(frozen=True)
class Calls:
    """How many answers a step asks for, with their tokens."""

    step: str
    answers: int

    @property
    def input_tokens(self) -> int:
        """Tokens of the prompts, each answer's prompt counted."""
        return self.answers * TOKENS[self.step][0]

    @property
    def output_tokens(self) -> int:
        """Tokens of the answers."""
        return self.answers * TOKENS[self.step][1]


def planned_calls(
    synthesis: SynthesisSettings,
    back_translation: BackTranslationSettings,
    sampling: SamplingSettings,
    quality: QualitySettings,
    surviving: float,
    passing: float,
) -> list[Calls]:
    """The calls of data generation (paper §3.2, §3.3) in order.

    `surviving` is the share of instructions that pass cross validation, `passing` the share of responses whose
    functions pass: both are guesses until a first run has shown them.
    """
    instructions = SEEDS + synthesis.instruction_calls * synthesis.instructions_per_call
    instructions = min(instructions, synthesis.max_instructions or instructions)
    checked = round(instructions * surviving)
    functions = min(
        back_translation.max_functions or synthesis.functions_per_instruction, synthesis.functions_per_instruction
    )
    queries = checked * synthesis.queries_per_instruction
    responses = min(queries, synthesis.max_answered_queries or queries) * sampling.responses_per_query
    translated = checked * functions if back_translation.kind != "none" else 0
    return [
        Calls("self_instruct", synthesis.instruction_calls),
        Calls("functions", instructions * synthesis.functions_per_instruction),
        Calls("back_translation", translated),
        Calls("entailment", translated if back_translation.kind == "supervisor" else 0),
        Calls("responses", responses),
        Calls("quality", round(responses * passing) * quality.samples if quality.enabled else 0),
    ]
