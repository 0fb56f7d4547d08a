"""Judged answers → demonstrations for SFT: rejection sampling by the functions (paper §3.3)."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator

from autoif_train.feedback.judge import grouped
from autoif_train.feedback.quality import QualitySettings, good_quality
from autoif_train.setting import setting
from autoif_train.types import Demonstration, Dropped, Judged, Kept, Query, derived_seed


@dataclasses.dataclass(frozen=True)
class DemonstrationsSettings:
    """Which answers SFT learns from."""

    accept_above: float = setting(0.5, least=0, below=1)
    """The answer's score, 0 to 1, must exceed this (paper §3.3: 0.5)."""
    max_per_query: int | None = setting(None, least=1)
    """Most answers per query, drawn at random; null = all that pass (paper)."""
    share: float = setting(1.0, above=0, most=1)
    """Share of the demonstrations that SFT is trained on, above 0 to 1; a smaller share is a part of a larger one
    (paper Figure 4)."""
    conversations: str | None = None
    """File of conversations, as `queries.path`, whose last answers SFT learns instead of generated data: the paper's
    ShareGPT baseline (Table 1). null = generated data."""
    max_conversations: int | None = setting(20_000, least=1)
    """Most conversations that are taken, drawn at random (paper §4.1: 20,000); null = all."""


def demonstrations(
    queries: Iterable[Query],
    judged: Iterable[Judged],
    settings: DemonstrationsSettings,
    quality: QualitySettings,
    seed: int,
) -> Iterator[Demonstration | Kept | Dropped]:
    """One demonstration per answer that passes, without duplicate texts."""
    for query, rows in grouped(queries, judged):
        passed: dict[str, Judged] = {}
        for row in rows:
            reason = _refusal(row, settings, quality) or ("duplicate" if row.response.text in passed else None)
            if reason:
                yield Dropped("response", reason, f"{query.prompt}\n→ {row.response.text}")
            else:
                passed[row.response.text] = row
        chosen = list(passed.values())
        if settings.max_per_query is not None and len(chosen) > settings.max_per_query:
            extra = len(chosen) - settings.max_per_query
            yield Dropped("response", "beyond max_per_query", count=extra)
            chosen = random.Random(derived_seed(seed, "demonstrations", query.id)).sample(
                chosen, settings.max_per_query
            )
        yield Kept("response", len(chosen))
        for row in chosen:
            completion = [{"role": "assistant", "content": row.response.text}]
            yield Demonstration(query.messages, completion, query.id, row.verdict.score)


def _refusal(row: Judged, settings: DemonstrationsSettings, quality: QualitySettings) -> str | None:
    if not row.response.finished:
        return "cut at max_new_tokens" if row.response.text else "without a text: refused, filtered or cut"
    if row.verdict.score is None:
        return "nobody could judge"
    if row.verdict.score <= settings.accept_above:
        return "violated"
    if not good_quality(row, quality):
        return "quality unknown" if row.quality is None else "quality too low"
    return None
