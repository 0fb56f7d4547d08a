"""Does the answer answer the user query? (paper §3.3: an LLM scores it; 0 to 10 as in the prompt of App. E)"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.chat.choice import SupervisorSettings, check_chat
from autoif_train.chat.policy import PolicySettings
from autoif_train.feedback.judge import frames
from autoif_train.setting import setting
from autoif_train.synthesis import reading
from autoif_train.synthesis.asking import ask_until_readable, whole
from autoif_train.synthesis.prompt import fill
from autoif_train.types import Dropped, Judged, Kept, Query, derived_seed


@dataclasses.dataclass(frozen=True)
class QualitySettings:
    """Who scores answers, and what a score decides."""

    enabled: bool = True
    """Score answers before they are selected (paper §3.3)."""
    judge: Literal["supervisor", "tiny"] = "supervisor"
    """Who scores: the supervisor, or the tiny world's own script, which knows its facts."""
    accept_at_least: float = setting(8.0, least=0, most=10)
    """Lowest score, 0 to 10, of an answer that is shown as good (paper §3.3: 8)."""
    reject_at_or_below: float | None = setting(None, least=0, below="accept_at_least")
    """An answer scored at or below this counts as rejected in pairs even when it follows its instructions, so that
    preference training does not forget the question; null = never (ours)."""
    samples: int = setting(1, least=1)
    """Scores drawn per answer; their mean counts (paper: 1)."""
    max_new_tokens: int = setting(512, least=1)
    """Longest analysis in tokens (ours)."""
    max_asks_again: int = setting(2, least=0)
    """How often another score is drawn in the place of one that cannot be read (ours)."""
    batch_size: int = setting(64, least=1, free=True)
    """Analyses that a local judge writes side by side (ours)."""


def check_quality_judge(settings: QualitySettings, supervisor: SupervisorSettings, policy: PolicySettings) -> None:
    """Refuse who could not be opened to score quality, before the answers are sampled that are to be scored."""
    if settings.enabled and settings.judge == "supervisor":
        check_chat(supervisor, policy, "supervisor")


def quality_judge(settings: QualitySettings, supervisor: ChatModel) -> ChatModel:
    """Who scores quality by the settings."""
    if settings.judge == "tiny":
        from autoif_train.tiny.judge import TinyJudge

        return TinyJudge()
    return supervisor


def score_quality(
    queries: Iterable[Query],
    judged: Iterable[Judged],
    chat: ChatModel,
    settings: QualitySettings,
    follows_above: float,
    *seed: object,
) -> Iterator[Judged | Kept | Dropped]:
    """The judged answers with their quality, in order.

    Only answers that follow their instructions (score above `follows_above`) are scored: no other can be chosen.
    An unreadable score leaves the quality None, and such an answer is never chosen.
    """
    for frame in frames(queries, judged):
        asked = [(query, row) for query, rows in frame for row in rows if _worth_asking(row, follows_above)]
        prompts = [_prompt(query, row, seed) for query, row in asked]
        # Several scores of one answer must be drawn: at temperature 0 they would be one score said again.
        temperature = 0.0 if settings.samples == 1 else 1.0
        sampling = SamplingSettings(settings.samples, temperature, 1.0, settings.max_new_tokens, settings.batch_size)
        qualities: dict[tuple[str, int], float] = {}
        found = ask_until_readable(chat, prompts, sampling, _score, settings.max_asks_again)
        for (_, row), attempts in zip(asked, found, strict=True):
            for attempt in attempts:
                yield Dropped("score", attempt.reason, attempt.answer.text) if attempt.reason else Kept("score")
            scores = [attempt.value for attempt in attempts if not attempt.reason]
            if scores:
                qualities[row.response.query_id, row.response.index] = sum(scores) / len(scores)
                yield Kept("scored response")
            else:
                yield Dropped("scored response", "score unreadable", row.response.text)
        for _, rows in frame:
            for row in rows:
                quality = qualities.get((row.response.query_id, row.response.index))
                yield dataclasses.replace(row, quality=quality)


def _worth_asking(row: Judged, follows_above: float) -> bool:
    return row.response.finished and row.verdict.score is not None and row.verdict.score > follows_above


def _prompt(query: Query, row: Judged, seed: tuple[object, ...]) -> Prompt:
    text = reading.without_thinking(row.response.text)
    # What is left of the prompt without the query, and without the full stop that may have been put between the two.
    instructions = query.prompt.replace(query.user_query, "", 1).removeprefix(".").strip()
    message = fill("quality", user_query=query.user_query, instructions=instructions, response=text)
    return Prompt(
        [{"role": "user", "content": message}],
        "quality",
        f"{query.user_query}\n{text}",
        derived_seed(*seed, "quality", query.id, row.response.index),
    )


def _score(answer: Answer) -> float:
    return reading.score(whole(answer))


def good_quality(row: Judged, settings: QualitySettings) -> bool:
    """Whether the answer may be shown as a good one."""
    return not settings.enabled or (row.quality is not None and row.quality >= settings.accept_at_least)


def poor_quality(row: Judged, settings: QualitySettings) -> bool:
    """Whether the answer may be shown as a bad one for its quality alone."""
    limit = settings.reject_at_or_below
    return settings.enabled and limit is not None and row.quality is not None and row.quality <= limit
