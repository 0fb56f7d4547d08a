"""A pilot before queries are made: which instructions can the respondent follow at all?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autoif_train.feedback.judge import grouped
from autoif_train.types import CheckedInstruction, Dropped, Judged, Kept, Query


def followed_at_all(
    checked: Iterable[CheckedInstruction], queries: Iterable[Query], judged: Iterable[Judged], above: float
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """The instructions that some pilot answer follows with a score above `above`; the rest has no passing answer.

    An instruction that nobody answers correctly gives neither demonstrations nor pairs and would only cost samples.
    """
    followed = {
        instruction_id
        for query, rows in grouped(queries, judged)
        if any(row.verdict.score is not None and row.verdict.score > above for row in rows)
        for instruction_id in query.instruction_ids
    }
    for row in checked:
        if row.instruction.id in followed:
            yield Kept("instruction")
            yield row
        else:
            yield Dropped("instruction", "no passing answer", row.instruction.text)
