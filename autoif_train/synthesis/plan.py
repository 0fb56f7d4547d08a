"""What the supervisor and the respondent will be asked, counted before anybody is: answers and tokens per step."""

from __future__ import annotations

import dataclasses
import math

from autoif_train.chat.base import SamplingSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.rounds import OnlineDpoSettings
from autoif_train.synthesis.agreement import AgreementSettings
from autoif_train.synthesis.back_translation import BackTranslationSettings
from autoif_train.synthesis.self_instruct import read_seeds
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.synthesis.sharpening import SharpeningSettings

# Tokens of one prompt and of one answer, counted roughly on this project's prompts and on answers of Llama-3.1-8B.
TOKENS = {
    "self_instruct": (900, 1500),
    "functions": (320, 400),
    "arbitration": (250, 100),
    "back_translation": (350, 40),
    "entailment": (200, 20),
    "pilot": (100, 300),
    "responses": (100, 300),
    "quality": (650, 150),
    "online quality": (650, 150),
}
BY_RESPONDENT = ("pilot", "responses")


@dataclasses.dataclass(frozen=True)
class Calls:
    """How many answers a step asks for, with their tokens."""

    step: str
    answers: int

    @property
    def role(self) -> str:
        """Who gives them."""
        return "respondent" if self.step in BY_RESPONDENT else "supervisor"

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
    agreement: AgreementSettings,
    sharpening: SharpeningSettings,
    back_translation: BackTranslationSettings,
    sampling: SamplingSettings,
    quality: QualitySettings,
    online: OnlineDpoSettings,
    surviving: float,
    passing: float,
) -> list[Calls]:
    """The calls of data generation (paper §3.2, §3.3) and of the online rounds (§3.4), in order.

    `surviving` is the share of instructions that pass cross validation, `passing` the share of responses whose
    functions pass: both are guesses until a first run has shown them. Disputes between functions are taken to need
    all the questions that their budgets allow, so `arbitration` is the most it can be.
    """
    instructions = len(read_seeds(synthesis.seeds)) + synthesis.instruction_calls * synthesis.instructions_per_call
    instructions = min(instructions, synthesis.max_instructions or instructions)
    questions = sum(step.arbitrations for step in (agreement, sharpening) if step.enabled)
    checked = round(instructions * surviving)
    functions = min(
        back_translation.max_functions or synthesis.functions_per_instruction, synthesis.functions_per_instruction
    )
    queries = checked * synthesis.queries_per_instruction
    responses = min(queries, synthesis.max_answered_queries or queries) * sampling.responses_per_query
    translated = checked * functions if back_translation.kind != "none" else 0
    drawn = _asked(queries, online) * sampling.responses_per_query * (1 + online.resample_budget)
    scores = quality.samples if quality.enabled else 0
    return [
        Calls("self_instruct", synthesis.instruction_calls),
        Calls("functions", instructions * synthesis.functions_per_instruction),
        Calls("arbitration", instructions * questions),
        Calls("back_translation", translated),
        Calls("entailment", translated if back_translation.kind == "supervisor" else 0),
        Calls("pilot", checked * synthesis.pilot_responses),
        Calls("responses", responses),
        Calls("quality", round(responses * passing) * scores),
        Calls("online quality", online.rounds * round(drawn * passing) * scores),
    ]


def _asked(queries: int, online: OnlineDpoSettings) -> int:
    """Queries of one online round."""
    size, offered = online.queries_per_round, max(0, queries - online.validation_queries)
    if isinstance(size, float):
        size = math.ceil(size * offered) if size <= 1 else int(size)
    return min(size or offered, offered)
