"""A second draw for the queries whose answers make no pair."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Sequence

from autoif_train.feedback.judge import grouped
from autoif_train.feedback.pairs import PairsSettings, possible_pairs
from autoif_train.feedback.quality import QualitySettings
from autoif_train.types import Judged, Query, derived_seed


def without_signal(
    queries: Sequence[Query],
    judged: Iterable[Judged],
    settings: PairsSettings,
    quality: QualitySettings,
    budget: float,
    *seed: object,
) -> list[Query]:
    """Queries to be asked again, in their order: a seeded draw among those whose answers make no pair.

    `budget` is the share of the first draw's answers that may be drawn again. Queries that nobody could judge are left
    alone: another answer would not be judged either.
    """
    if budget <= 0:
        return []
    count, flat = 0, []
    for query, rows in grouped(queries, judged):
        count += 1
        pairs, _ = possible_pairs(query, rows, settings, quality)
        if not pairs and any(row.verdict.score is not None for row in rows):
            flat.append(query)
    most = min(len(flat), int(budget * count))
    places = random.Random(derived_seed(*seed, "resample")).sample(range(len(flat)), most)
    return [flat[place] for place in sorted(places)]


def joined(queries: Iterable[Query], judged: Iterable[Judged], again: Iterable[Judged]) -> Iterator[Judged]:
    """Both draws in the order of the queries; the second one's answers are numbered after the first one's."""
    second = grouped(queries, again)
    query, more = next(second, (None, []))
    for first_query, rows in grouped(queries, judged):
        yield from rows
        if query is not None and query.id == first_query.id:
            for number, row in enumerate(more, len(rows)):
                yield dataclasses.replace(row, response=dataclasses.replace(row.response, index=number))
            query, more = next(second, (None, []))
