"""A policy's own answers, judged and scored: what the rounds of every recipe begin with, each step kept in the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autoif_train.chat.base import SamplingSettings
from autoif_train.feedback.judge import judge
from autoif_train.feedback.quality import quality_judge, score_quality
from autoif_train.feedback.sample import sample
from autoif_train.rows import Rows
from autoif_train.run import Run
from autoif_train.types import Judged, Query, Response


def judged_answers(
    run: Run,
    policy: str,
    queries: Sequence[Query],
    sampling: SamplingSettings,
    seed: Sequence[object],
    *,
    responses: str,
    judged: str,
) -> Rows[Judged]:
    """The answers of `policy`, a model of the run, with the verdicts of the queries' functions.

    They are kept under the two names; the sampling is shared out over the processes of the run.
    """
    with run.open_executor() as executor, run.open_policy(policy) as chat:
        answers = run.keep_split(responses, sample, queries, chat, sampling, *seed, read=Response.from_row)
        return run.keep(judged, judge, queries, answers, executor, read=Judged.from_row)


def scored_answers(
    run: Run,
    queries: Iterable[Query],
    judged: Iterable[Judged],
    follows_above: float,
    seed: Sequence[object],
    *,
    scored: str,
) -> Iterable[Judged]:
    """The judged answers with the relevance of those whose score exceeds `follows_above`, kept under the name `scored`.

    Without `quality.enabled` nobody is asked and they stay as they are.
    """
    quality = run.settings.quality
    if not quality.enabled:
        return judged
    with run.open_supervisor() as supervisor:
        judges = quality_judge(quality, supervisor)
        return run.keep(
            scored, score_quality, queries, judged, judges, quality, follows_above, *seed, read=Judged.from_row
        )
