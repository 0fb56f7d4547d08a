"""Self-play: the policy's own answers are what demonstrations are preferred to (SPIN, arXiv 2401.01335)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autoif_train.chat.base import ChatModel, Prompt, SamplingSettings
from autoif_train.feedback.sample import answered
from autoif_train.setting import setting
from autoif_train.types import Demonstration, Dropped, Kept, PreferencePair, Response, UserError, derived_seed


@dataclasses.dataclass(frozen=True)
class SpinSettings:
    """Self-play fine-tuning; the numbers are those of SPIN, App. B."""

    rounds: int = setting(4, least=1, free=True)
    """Rounds of self-play, which the paper numbers from 0 (SPIN §6: 4)."""
    max_demonstrations: int | None = setting(50_000, least=1)
    """Most demonstrations that are played against, the first of the file (SPIN §6.1: 50,000); null = all."""
    learning_rates: list[float] = setting(default_factory=lambda: [5e-7, 5e-7, 1e-7], above=0)
    """Learning rate of each round; the last one holds for those that follow (SPIN App. B: 5e-7 twice, then 1e-7)."""
    betas: list[float] = setting(default_factory=lambda: [0.1, 0.1, 0.1, 5.0], above=0)
    """DPO's beta, lambda of the paper, in each round; the last one holds for those that follow (SPIN App. B)."""
    temperature: float = setting(1.0, least=0)
    """Softmax temperature of the policy's answers (SPIN: 1, the policy's own distribution)."""
    max_new_tokens: int = setting(256, least=1)
    """Longest answer of the policy in tokens (SPIN's released code: 256)."""
    dpo: dict[str, Any] = setting(default_factory=dict, trainer="dpo")
    """What stands over the section `dpo`; `learning_rate` and `beta` are refused: they come from the lists above."""


def own_answers(
    demonstrations: Iterable[Demonstration], chat: ChatModel, settings: SamplingSettings, *seed: object
) -> Iterator[Response]:
    """One answer of the policy to the prompt of each demonstration, in order and unfiltered."""
    asked = (
        (each, Prompt(each.prompt, "response", each.prompt[-1]["content"], derived_seed(*seed, each.query_id, each.id)))
        for each in demonstrations
    )
    for each, (answer,) in answered(asked, chat, settings):
        yield Response(each.query_id, answer.text, chat.name, finished=answer.finished)


def self_play_pairs(
    demonstrations: Iterable[Demonstration], answers: Sequence[Iterable[Response]]
) -> Iterator[PreferencePair | Kept | Dropped]:
    """Each demonstration preferred to the policy's own answers, one from each of `answers` (SPIN Eq. 4.7).

    Every member of `answers` is in the order of the demonstrations. Nobody judges: the scores 1 and 0 say which text is
    the data's. The loss of two equal texts is a constant, so they make no pair.
    """
    for each, *own in zip(demonstrations, *answers, strict=True):
        text = each.completion[-1]["content"]
        for answer in own:
            if not answer.finished and not answer.text:
                yield Dropped("answer", "without a text: refused, filtered or cut", each.prompt[-1]["content"])
                continue
            if answer.text.strip() == text.strip():
                yield Dropped("answer", "the same as the data's", f"{each.prompt[-1]['content']}\n→ {text}")
                continue
            yield Kept("answer")
            rejected = [{"role": "assistant", "content": answer.text}]
            yield PreferencePair(each.prompt, each.completion, rejected, 1.0, 0.0, each.query_id)


def round_section(section: dict[str, Any], settings: SpinSettings, number: int) -> dict[str, Any]:
    """The section `dpo` as round `number` (from 1) trains by it."""
    own = {}
    for name, values in (("learning_rate", settings.learning_rates), ("beta", settings.betas)):
        if not values:
            raise UserError(f"spin.{name}s: an empty list; give one number for each round, or one for all")
        if name in settings.dpo:
            raise UserError(f"spin.dpo.{name}: each round has its own; set spin.{name}s")
        own[name] = values[min(number, len(values)) - 1]
    return {**section, **settings.dpo, **own}
