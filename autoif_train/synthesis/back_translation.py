"""Back-translation: does a function say what its instruction says? (paper §3.2)

The supervisor describes each function in words; a judge of entailment, with the instruction as premise and the
description as hypothesis, finds contradictions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Literal

from autoif_train.chat.base import Answer, ChatModel, Prompt
from autoif_train.chat.policy import first_line
from autoif_train.setting import setting
from autoif_train.synthesis import labels, reading
from autoif_train.synthesis.asking import Attempt, ask_until_readable, whole
from autoif_train.synthesis.prompt import fill
from autoif_train.synthesis.settings import SynthesisSettings, writing
from autoif_train.types import CheckedInstruction, Dropped, Kept, UserError, VerificationFunction, derived_seed

LABELS = ("entailment", "neutral", "contradiction")
INSTRUCTIONS_PER_FRAME = 256
Entailment = Callable[[list[tuple[str, str]]], list[str | None]]
"""(premise, hypothesis) pairs → one of `LABELS` each, None where nobody could say."""


@dataclasses.dataclass(frozen=True)
class BackTranslationSettings:
    """Who compares, how many functions, and what a contradiction costs."""

    kind: Literal["nli", "supervisor", "none"] = "nli"
    """Who judges entailment: an NLI model (paper §3.2), the supervisor, or nobody: the step is left out."""
    model: str = "MoritzLaurer/mDeBERTa-v3-base-xnli-multilingual-nli-2mil7"
    """NLI model, hub id or path (paper §3.2)."""
    max_functions: int | None = setting(3, least=1)
    """Most functions of an instruction that are described, the most accurate first; null = all (paper: all; released
    code: three, which ones depended on Python's hash seed)."""
    keep_rest: bool = False
    """Keep the functions beyond `max_functions` unchecked (released code) instead of dropping them (ours)."""
    drop: Literal["function", "instruction"] = "function"
    """What a contradiction drops (paper and released code: instruction; ours: function, and the instruction when none
    is left)."""


def back_translate(
    checked: Iterable[CheckedInstruction],
    supervisor: ChatModel,
    settings: BackTranslationSettings,
    synthesis: SynthesisSettings,
    seed: int,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """The instructions whose functions do not contradict them; the rest is dropped with its description."""
    if settings.kind == "nli":
        judge = nli_judge(settings.model)
    else:
        judge = partial(supervisor_judge, supervisor=supervisor, synthesis=synthesis, seed=seed)
    checked = iter(checked)
    while frame := list(islice(checked, INSTRUCTIONS_PER_FRAME)):
        described = [_most_accurate(row.functions, settings.max_functions) for row in frame]
        prompts = [
            Prompt(
                [{"role": "user", "content": fill("back_translation", function=function.source)}],
                "back_translation",
                function.source,
                derived_seed(seed, "back_translation", function.id),
            )
            for functions in described
            for function in functions
        ]
        once = writing(synthesis, 1, 0.0)
        attempts = ask_until_readable(supervisor, prompts, once, _description, synthesis.max_asks_again)
        premises = [row.instruction.text for row, functions in zip(frame, described, strict=True) for _ in functions]
        found = _compared(list(zip(premises, map(_last, attempts), strict=True)), judge)
        for row, functions in zip(frame, described, strict=True):
            yield from _decide(row, [(function, *next(found)) for function in functions], settings)


def _description(answer: Answer) -> str:
    description = reading.without_thinking(whole(answer))
    if not description.strip():
        raise reading.Unreadable("no description")
    return description


def _last(attempts: list[Attempt[str]]) -> Attempt[str]:
    return attempts[-1] if attempts else Attempt(Answer(""), None, "no description")


def _compared(found: list[tuple[str, Attempt[str]]], judge: Entailment) -> Iterator[tuple[str, str]]:
    """What was said of each function and its label, or why it has none; what nobody described is not judged."""
    described = [(premise, attempt.value) for premise, attempt in found if not attempt.reason]
    labels = iter(judge(described) if described else [])
    for _, attempt in found:
        yield attempt.answer.text, attempt.reason or next(labels) or "entailment unreadable"


def _most_accurate(functions: tuple[VerificationFunction, ...], most: int | None) -> tuple[VerificationFunction, ...]:
    if most is None or len(functions) <= most:
        return functions
    best = sorted(range(len(functions)), key=lambda index: (-(functions[index].accuracy or 0.0), index))[:most]
    return tuple(functions[index] for index in sorted(best))


def _decide(
    row: CheckedInstruction,
    judged: list[tuple[VerificationFunction, str, str]],
    settings: BackTranslationSettings,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    text = row.instruction.text
    described = {function.id for function, _, _ in judged}
    rest = [function for function in row.functions if function.id not in described]
    kept = [function for function, _, label in judged if label in ("entailment", "neutral")]
    contradicted = any(label == "contradiction" for _, _, label in judged)
    lost = not kept or (contradicted and settings.drop == "instruction")
    for function, description, label in judged:
        if label == "contradiction":
            yield Dropped("function", "contradicts the instruction", f"{text}\nsays: {description}\n{function.source}")
        elif label not in LABELS:
            yield Dropped("function", label, f"{text}\nsays: {description}")
    if rest and not settings.keep_rest:
        yield Dropped("function", "beyond max_functions", text, len(rest))
    survivors = kept + (rest if settings.keep_rest else [])
    if lost:
        reason = "contradicted by its functions" if contradicted else "its functions could not be compared"
        yield Dropped("instruction", reason, text)
        if survivors:
            yield Dropped("function", "instruction dropped", text, len(survivors))
        return
    in_order = tuple(function for function in row.functions if function in survivors)
    yield Kept("instruction")
    yield Kept("function", len(in_order))
    yield dataclasses.replace(row, functions=in_order)


def supervisor_judge(
    pairs: list[tuple[str, str]], supervisor: ChatModel, synthesis: SynthesisSettings, seed: int
) -> list[str | None]:
    """Entailment labels from the supervisor's own words; None where its answer holds no label."""
    prompts = [
        Prompt(
            [{"role": "user", "content": fill("entailment", premise=premise, hypothesis=hypothesis)}],
            "entailment",
            f"{premise}\n{hypothesis}",
            derived_seed(seed, "entailment", premise, hypothesis),
        )
        for premise, hypothesis in pairs
    ]
    found = ask_until_readable(supervisor, prompts, writing(synthesis, 1, 0.0), _label, synthesis.max_asks_again)
    return [next((attempt.value for attempt in attempts if attempt.value), None) for attempts in found]


def _label(answer: Answer) -> str:
    return labels.answer_word(whole(answer), LABELS)


def check_nli(model: str) -> None:
    """Refuse an NLI model that cannot be had, or that names its labels otherwise, before anything is paid for."""
    from transformers import AutoConfig, AutoTokenizer

    try:
        labels = {str(label).lower() for label in AutoConfig.from_pretrained(model).id2label.values()}
        AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError, ImportError) as error:
        mend = "name a local path, or set back_translation.kind to supervisor or none"
        raise UserError(f"back_translation.model: {model} cannot be loaded ({first_line(error)}); {mend}") from error
    if not set(LABELS) <= labels:
        raise UserError(
            f"back_translation.model: {model} has the labels {sorted(labels)}; it needs {', '.join(LABELS)}"
        )


def nli_judge(model: str) -> Entailment:
    """Entailment labels from an NLI classifier; the order of its labels is read from its own configuration."""
    from transformers import pipeline

    classify = pipeline("text-classification", model=model)

    def judge(pairs: list[tuple[str, str]]) -> list[str | None]:
        inputs = [{"text": premise, "text_pair": hypothesis} for premise, hypothesis in pairs]
        found = [result["label"].lower() for result in classify(inputs, batch_size=32, truncation=True)]
        return [label if label in LABELS else None for label in found]

    return judge
