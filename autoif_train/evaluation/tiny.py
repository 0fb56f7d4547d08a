"""The embedded world's own benchmark: held-out prompts, true checks, and whether the right fact is stated.

H holds facts and parameters that training never shows, Q held-out facts alone; `validation` is for choosing settings.
The checks are trusted code of this project, so they run in process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import ClassVar

from autoif_train.chat.base import ChatModel, Prompt
from autoif_train.evaluation.answers import decoding
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.synthesis.reading import without_thinking
from autoif_train.tiny import evaluation_set
from autoif_train.types import Row, derived_seed

SETS = {"H": "heldout_h", "Q": "heldout_q", "validation": "validation"}


@dataclasses.dataclass(frozen=True)
class Scored:
    """One answer to one held-out prompt: which instructions it follows, and whether it states the right fact.

    `kinds` names the kind of constraint of each instruction, in the order of `followed`.
    """

    unit: ClassVar[str] = "answer"
    prompt: str
    text: str
    followed: tuple[bool, ...]
    relevant: bool
    kinds: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells this item from the others of its set."""
        return self.prompt

    @property
    def passed(self) -> bool:
        """Strict: every instruction of the prompt is followed."""
        return all(self.followed)

    @classmethod
    def from_row(cls, row: Row) -> Scored:
        return cls(row["prompt"], row["text"], tuple(row["followed"]), row["relevant"], tuple(row.get("kinds", ())))


def answer_set(name: str, chat: ChatModel, settings: EvaluationSettings, seed: int = 0) -> Iterator[Scored]:
    """Answers of a model to the set `H`, `Q` or `validation`, scored."""
    from autoif_train.tiny.domain import check, constraint_of, relevant

    rows = list(islice(evaluation_set(SETS[name]), settings.max_prompts))
    prompts = [
        Prompt(
            [{"role": "user", "content": row["prompt"]}],
            "evaluation",
            row["prompt"],
            derived_seed(seed, name, row["prompt"]),
        )
        for row in rows
    ]
    for row, (answer,) in zip(rows, chat.answer(prompts, decoding(settings)), strict=True):
        text = without_thinking(answer.text) if settings.strip_thinking else answer.text
        constraints = [constraint_of(each) for each in row["instructions"]]
        followed = tuple(check(each, text, row["user_query"]) for each in constraints)
        kinds = tuple(each.kind for each in constraints)
        yield Scored(row["prompt"], text, followed, bool(relevant(row["user_query"], text)), kinds)


def in_words(kind: str) -> str:
    """A kind of constraint as an instruction of it reads, `Use at least … commas.`; the name where it is unknown."""
    from autoif_train.tiny.constraints import KINDS

    return KINDS[kind].wordings[0].format("…", "…").replace("….", "…") if kind in KINDS else kind


def violated(_: EvaluationSettings) -> Callable[[str, str], list[str]]:
    """For a prompt and an answer, the instructions of the prompt that the true checks find violated."""
    from autoif_train.tiny.domain import check
    from autoif_train.tiny.writer import read_prompt

    def named(prompt: str, text: str) -> list[str]:
        question, constraints = read_prompt(prompt)
        failing = [each for each in constraints if not check(each, without_thinking(text), question.text)]
        return [next(wording for wording in each.texts() if wording in prompt) for each in failing]

    return named


def metrics(scored: Iterable[Scored]) -> dict[str, float]:
    """Strict pass rate with its 95 % interval, pass rate per instruction, relevance, length, distinct answers."""
    scored = list(scored)
    count = max(len(scored), 1)
    passed = sum(each.passed for each in scored)
    low, high = wilson_interval(passed, len(scored))
    relevant = sum(each.relevant for each in scored)
    relevant_low, relevant_high = wilson_interval(relevant, len(scored))
    instructions = [followed for each in scored for followed in each.followed]
    return {
        "pass_rate": passed / count,
        "pass_rate_low": low,
        "pass_rate_high": high,
        "instruction_pass_rate": sum(instructions) / max(len(instructions), 1),
        "relevance": relevant / count,
        "relevance_low": relevant_low,
        "relevance_high": relevant_high,
        "mean_words": sum(len(each.text.split()) for each in scored) / count,
        "distinct": len({each.text for each in scored}) / count,
    }
