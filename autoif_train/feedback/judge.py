"""Responses → judged: the verification functions of each query run on each of its answers (paper §3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from autoif_train.execution.reward import score
from autoif_train.synthesis.cross_validation import Runs
from autoif_train.synthesis.reading import without_thinking
from autoif_train.types import Judged, Outcome, Query, QueryFunction, Response, UserError, Verdict

QUERIES_PER_FRAME = 256

Answering = TypeVar("Answering", Response, Judged)
Verify = Callable[[Sequence[tuple[Query, Response]]], list[Judged]]
"""Answers, each with its query → a verdict on each: functions, a model that votes, or the checks of a benchmark."""


def judge(queries: Iterable[Query], responses: Iterable[Response], executor: Runs) -> Iterator[Judged]:
    """Every response with its outcomes and score, in the order of `responses`.

    Both inputs are in the same order of queries; queries without a response are passed over.
    """
    return verified(responses, queries, lambda asked: verdicts(asked, executor))


def verified(responses: Iterable[Response], queries: Iterable[Query], verify: Verify) -> Iterator[Judged]:
    """Every response as `verify` judges it, in order; queries without a response are passed over."""
    for frame in frames(queries, responses):
        yield from verify([(query, answer) for query, answers in frame for answer in answers])


def verdicts(asked: Sequence[tuple[Query, Response]], executor: Runs) -> list[Judged]:
    """The verdict of each query's functions on each answer."""
    calls = [([function.source for function in query.functions], answer.text) for query, answer in asked]
    found = zip(asked, outcomes_of(calls, executor), strict=True)
    return [Judged(answer, verdict(query.functions, outcomes)) for (query, answer), outcomes in found]


def outcomes_of(calls: Sequence[tuple[Sequence[str], str]], executor: Runs) -> list[list[Outcome]]:
    """For each (sources, text) the outcome of every source on the text, in order."""
    return [outcomes for outcomes, _ in outcomes_and_reasons(calls, executor)]


def outcomes_and_reasons(
    calls: Sequence[tuple[Sequence[str], str]], executor: Runs
) -> list[tuple[list[Outcome], list[str | None]]]:
    """For each (sources, text) the outcome of every source on the text, and why there is no judgement, in order.

    One job per distinct source, so that the executor compiles it once for all the texts that share it. A reasoning
    block is not part of an answer and is not shown to the functions. Functions have been doubted when they met their
    cases; here a verdict is to depend on function and text alone, whatever was judged before an interruption.
    """
    calls = [(sources, without_thinking(text)) for sources, text in calls]
    jobs: dict[str, dict[str, tuple[Outcome, str | None] | None]] = {}
    for sources, text in calls:
        for source in sources:
            jobs.setdefault(source, {})[text] = None
    found = executor.run([(source, list(texts)) for source, texts in jobs.items()], doubt=False)
    for job, (texts, outcomes) in enumerate(zip(jobs.values(), found, strict=True)):
        for number, (text, outcome) in enumerate(zip(texts, outcomes, strict=True)):
            texts[text] = outcome, executor.reasons.get((job, number))
    answers = [[jobs[source][text] for source in sources] for sources, text in calls]
    return [([outcome for outcome, _ in answer], [reason for _, reason in answer]) for answer in answers]


def verdict(functions: Sequence[QueryFunction], outcomes: Sequence[Outcome]) -> Verdict:
    """Mean per instruction over the functions with an opinion, then the minimum over instructions.

    Audit functions are recorded among the outcomes and never counted.
    """
    return Verdict(tuple(outcomes), score(functions, outcomes))


def grouped(queries: Iterable[Query], answers: Iterable[Answering]) -> Iterator[tuple[Query, list[Answering]]]:
    """Each answered query beside its answers, streaming: both come in the same order of queries."""
    queries = iter(queries)
    for query_id, group in groupby(answers, key=_query_id):
        rows = list(group)
        for query in queries:
            if query.id == query_id:
                yield query, rows
                break
        else:
            raise UserError(
                f"response to the unknown query {query_id}: queries and responses are not of one run; name files of one"
            )


def frames(queries: Iterable[Query], answers: Iterable[Answering]) -> Iterator[list[tuple[Query, list[Answering]]]]:
    """`grouped` by hundreds: as many queries as are judged side by side."""
    groups = grouped(queries, answers)
    while frame := list(islice(groups, QUERIES_PER_FRAME)):
        yield frame


def _query_id(answer: Response | Judged) -> str:
    return (answer.response if isinstance(answer, Judged) else answer).query_id
