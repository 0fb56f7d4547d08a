"""The audit split: do answers please the functions that trained the policy more than those it never met?

Some functions of an instruction are held back from training (`synthesis.audit_functions`). They judge every answer and
decide nothing. Where the pass rate on the functions of training climbs from round to round and the one on the audit
functions does not follow, the policy has learned the functions instead of the instruction: reward hacking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from autoif_train.execution.reward import score
from autoif_train.feedback.judge import grouped
from autoif_train.types import Judged, Query


@dataclasses.dataclass(frozen=True)
class AuditRates:
    """Pass rates of the same answers, 0 to 1: on the functions of training and on those held back.

    `gap` is training minus audit; a gap that grows over the rounds is the sign of reward hacking.
    """

    answers: int
    training: float
    audit: float

    @property
    def gap(self) -> float:
        """Training minus audit."""
        return self.training - self.audit


def audit_rates(queries: Iterable[Query], judged: Iterable[Judged], above: float = 0.5) -> AuditRates | None:
    """One round's pass rates, over the answers on which both kinds of functions have an opinion; None without any.

    Both inputs are in the same order of queries, as `judge` writes them. An answer passes when its score, the mean per
    instruction and the minimum over instructions, is above `above`; only instructions with audit functions take part,
    so that the two rates speak of the same demands.
    """
    answers = training = audit = 0
    for query, group in grouped(queries, judged):
        watched = {function.instruction_id for function in query.functions if function.audit}
        for row in group if watched else ():
            pairs = zip(query.functions, row.verdict.outcomes, strict=True)
            of_watched = list(zip(*(pair for pair in pairs if pair[0].instruction_id in watched), strict=True))
            seen, unseen = score(*of_watched), score(*of_watched, audit=True)
            if seen is not None and unseen is not None:
                answers += 1
                training += seen > above
                audit += unseen > above
    return AuditRates(answers, training / answers, audit / answers) if answers else None
