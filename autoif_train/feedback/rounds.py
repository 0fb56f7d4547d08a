"""What one round of online DPO asks and trains on (paper §3.4: iterative, with the policy's own answers)."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

from autoif_train.feedback.progress import best
from autoif_train.setting import setting
from autoif_train.types import Dropped, Judged, PreferencePair, Query, Row, UserError, content_id, derived_seed


@dataclasses.dataclass(frozen=True)
class OnlineDpoSettings:
    """How the rounds follow each other."""

    rounds: int = setting(3, least=1, free=True)
    """Rounds of sample → judge → pair → train (N of the paper, which does not state it; ours: 3)."""
    queries_per_round: int | float | None = setting(None, above=0)
    """Queries asked in each round; as a fraction, up to 1.0, a share of all, e.g. 0.34 to split them over three rounds;
    null = all (paper)."""
    fresh_queries: bool = True
    """Ask each round the queries that come next, after those that the respondent answered, starting over at the end;
    false asks every round the first ones again (ours)."""
    start_from: Literal["previous", "sft"] = "previous"
    """Weights a round starts from: the previous round's or the SFT model's (paper §3.4: previous)."""
    reference: Literal["round_start", "sft"] = "round_start"
    """Reference model of a round (paper Eq. 2: the SFT model; ours: the policy at the round's start)."""
    learning_rate_decay: float = setting(1.0, above=0)
    """Factor on `dpo.learning_rate` from one round to the next (ours; 1 = none)."""
    replay: float = setting(0.0, least=0)
    """Pairs of earlier rounds mixed into a round's own, as a share of its own (ours; 0 = none)."""
    resample_budget: float = setting(0.0, least=0)
    """Answers that a round may draw anew for queries whose answers make no pair, as a share of its first draw; which
    ones is drawn at random (ours; 0 = none)."""
    keep_best: bool = False
    """Go on from the policy that did best on validation so far instead of from the latest one (ours)."""
    stop_when_flat: int | None = setting(None, least=1)
    """Stop when none of this many rounds passed more of the validation set than every policy before them; null = never
    (ours)."""
    validation_queries: int = setting(0, least=0)
    """Queries held back from the rounds, the last ones of the file: each round's policy answers them greedily and their
    functions judge, which is what `keep_best` and `stop_when_flat` go by; 0 = the validation set of a benchmark, where
    there is one (ours)."""
    drift_queries: int = setting(64, least=0, free=True)
    """Queries on whose answers the KL divergence to the round's start and to the SFT model is estimated after each
    round; 0 = none. It takes the models whole, one after the other, on one GPU, and is left out where the policy is
    sampled by a server or by vLLM over several GPUs (ours)."""
    park_after: int | None = setting(None, least=1)
    """Rounds after which a query that no answer ever solved is asked no more; null = it is always asked (ours)."""


def round_queries(
    queries: Sequence[Query], settings: OnlineDpoSettings, answered: int | None, number: int
) -> Sequence[Query]:
    """The queries of round `number` (from 1), in the order of the file.

    `answered` is how many the respondent answered, from the beginning; None means all.
    """
    size = settings.queries_per_round
    if isinstance(size, float):
        size = math.ceil(size * len(queries)) if size <= 1 else int(size)
    if size is None or size >= len(queries):
        return queries
    start = (answered or 0) + (number - 1) * size if settings.fresh_queries else 0
    places = sorted({(start + offset) % len(queries) for offset in range(size)})
    return [queries[place] for place in places]


def hold_back(queries: Sequence[Query], settings: OnlineDpoSettings) -> tuple[Sequence[Query], Sequence[Query]]:
    """The queries that rounds may ask, and the last `validation_queries` of them all, which they may not."""
    count = settings.validation_queries
    if count >= len(queries) > 0:
        raise UserError(
            f"online_dpo.validation_queries: {count} of {len(queries)} queries leave none to ask; hold back fewer"
        )
    return queries[: len(queries) - count], queries[len(queries) - count :]


def check_validation(passed: Sequence[bool], settings: OnlineDpoSettings) -> None:
    """Refuse settings that choose by validation where nothing is validated."""
    for key in ("keep_best", "stop_when_flat"):
        if getattr(settings, key) and not passed:
            raise UserError(
                f"online_dpo.{key}: nothing to choose by, no benchmark of evaluation.benchmarks has a validation set; "
                "leave it out, or hold queries back with --online_dpo.validation_queries 256"
            )


def forebears(
    policies: Sequence[str], history: Sequence[Sequence[bool]], settings: OnlineDpoSettings
) -> tuple[str, str, str]:
    """Who answers in the next round, what its training starts from, and its reference.

    `policies` are the SFT model and those of the rounds so far, `history` what each passed of the validation set.
    """
    answering = policies[best(history)] if settings.keep_best else policies[-1]
    start = answering if settings.start_from == "previous" else policies[0]
    return answering, start, start if settings.reference == "round_start" else policies[0]


def unparked(
    queries: Iterable[Query], earlier: Iterable[Iterable[Judged]], settings: OnlineDpoSettings, above: float
) -> Iterator[Query | Dropped]:
    """The queries without those that `park_after` rounds asked and no answer scored above `above`.

    `earlier` holds the judged answers of each earlier round.
    """
    attempts: Counter[str] = Counter()
    solved: set[str] = set()
    if settings.park_after is not None:
        for rows in earlier:
            asked = set()
            for row in rows:
                asked.add(row.response.query_id)
                if row.verdict.score is not None and row.verdict.score > above:
                    solved.add(row.response.query_id)
            attempts.update(asked)
    for query in queries:
        if query.id not in solved and attempts[query.id] >= (settings.park_after or math.inf):
            yield Dropped("query", "parked: never solved", query.prompt)
        else:
            yield query


def round_learning_rate(section: dict[str, Any], settings: OnlineDpoSettings, number: int) -> dict[str, Any]:
    """The DPO section with the learning rate of round `number` (from 1)."""
    decayed = float(section["learning_rate"]) * settings.learning_rate_decay ** (number - 1)
    return {**section, "learning_rate": decayed}


def with_replay(
    events: Iterable[Any], earlier: Sequence[Iterable[Row]], settings: OnlineDpoSettings, seed: int
) -> Iterator[Any]:
    """A round's own pairs and events as they come, then a seeded draw from the pairs of earlier rounds."""
    own = 0
    for event in events:
        own += isinstance(event, PreferencePair)
        yield event
    if settings.replay > 0:
        # An earlier round's file holds what that round replayed itself: each pair counts once.
        pool = list({content_id(row): row for row in chain.from_iterable(earlier)}.values())
        count = min(len(pool), round(settings.replay * own))
        for row in random.Random(derived_seed(seed, "replay")).sample(pool, count):
            yield PreferencePair(**row)
