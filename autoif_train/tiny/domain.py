"""The world of the tiny model in one import: user queries, instructions, true checks and evaluation prompts.

Everything is known here: the right fact for every query and the true check for every instruction. A pipeline run uses
it for queries, for relevance and for evaluation; the verification functions it trains with come from its supervisor.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence

from autoif_train.tiny.composer import compose, good
from autoif_train.tiny.constraints import (
    KINDS,
    Constraint,
    check,
    constraint_of,
    draw_constraints,
    training_constraints,
    training_instructions,
)
from autoif_train.tiny.questions import SPLITS, Question, Split, question_of, relevant, user_queries
from autoif_train.types import Row

__all__ = [
    "EVALUATION_SETS",
    "KINDS",
    "Constraint",
    "EvaluationDraw",
    "TinyPrompt",
    "check",
    "constraint_of",
    "draw_prompts",
    "plain_conversations",
    "question_of",
    "relevant",
    "training_constraints",
    "training_instructions",
    "user_queries",
]


@dataclasses.dataclass(frozen=True)
class TinyPrompt:
    """A user query with its instructions, as the model sees it in `prompt`."""

    prompt: str
    user_query: str
    instructions: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class EvaluationDraw:
    """How an evaluation set is drawn."""

    split: str
    """Split of the facts."""
    held_out_parameters: bool
    """Whether keywords, start words, end phrases and word limits are ones that training never shows."""
    prompts: int
    """How many prompts."""
    seed: int
    """Seed of the draw."""


EVALUATION_SETS = {
    "heldout_h": EvaluationDraw("held_out", held_out_parameters=True, prompts=400, seed=4242),
    "heldout_q": EvaluationDraw("held_out", held_out_parameters=False, prompts=400, seed=4243),
    "validation": EvaluationDraw("validation", held_out_parameters=False, prompts=800, seed=4244),
}
"""H: new facts and new parameters. Q: new facts, known parameters. Validation: for choosing settings only."""


def instruct(question: Question, constraints: list[Constraint], rng: random.Random) -> TinyPrompt:
    """The prompt that asks a question under constraints, each in a random wording."""
    texts = tuple(rng.choice(constraint.texts()) for constraint in constraints)
    return TinyPrompt(" ".join((question.text, *texts)), question.text, texts)


def draw_prompts(
    count: int,
    seed: int,
    split: str = "train",
    held_out_parameters: bool = False,
    instruction_counts: Sequence = (1, 2),
) -> list[TinyPrompt]:
    """`count` different prompts that can be followed, cycling through the numbers of instructions."""
    rng = random.Random(seed)
    prompts: dict[str, TinyPrompt] = {}
    while len(prompts) < count:
        question = rng.choice(SPLITS[split])
        instructions = instruction_counts[len(prompts) % len(instruction_counts)]
        constraints = draw_constraints(rng, instructions, held_out_parameters)
        if good(question, constraints, rng) is not None:
            prompt = instruct(question, constraints, rng)
            prompts.setdefault(prompt.prompt, prompt)
    return list(prompts.values())


def plain_conversations(split: Split, each: int, seed: int) -> Iterator[Row]:
    """`each` conversations about every question of a split, without an instruction: this world's ordinary chats."""
    rng = random.Random(seed)
    for question in SPLITS[split]:
        for _ in range(each):
            turns = (("user", question.text), ("assistant", compose(question, [], rng)))
            yield {"messages": [{"role": role, "content": text} for role, text in turns]}
