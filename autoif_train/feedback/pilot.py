"""A pilot before queries are made: which instructions are worth teaching?

One query per instruction is answered a few times, by the respondent and by the policy. An instruction that the
respondent never follows gives no demonstration; one that the policy always follows leaves nothing to learn. Both would
only cost samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autoif_train.feedback.judge import grouped
from autoif_train.types import CheckedInstruction, Dropped, Judged, Kept, Query


def pass_rates(queries: Iterable[Query], judged: Iterable[Judged], above: float) -> dict[str, float]:
    """Share of the pilot answers, per instruction id, that score above `above`; an unjudged answer does not."""
    rates = {}
    for query, rows in grouped(queries, judged):
        passed = sum(row.verdict.score is not None and row.verdict.score > above for row in rows)
        rates.update(dict.fromkeys(query.instruction_ids, passed / len(rows)))
    return rates


def worth_teaching(
    checked: Iterable[CheckedInstruction], respondent: dict[str, float], policy: dict[str, float]
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """The instructions that some answer of the respondent follows and that the policy does not always follow."""
    for row in checked:
        if respondent.get(row.instruction.id, 0.0) == 0.0:
            yield Dropped("instruction", "no passing answer", row.instruction.text)
        elif policy.get(row.instruction.id, 0.0) == 1.0:
            yield Dropped("instruction", "already followed by the policy", row.instruction.text)
        else:
            yield Kept("instruction")
            yield row
