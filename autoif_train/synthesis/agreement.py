"""Disagreement: the functions of an instruction meet many texts; where they part, the supervisor decides a few.

Functions that behave alike on every text form a cluster, which is one hypothesis of what the instruction means. The
cases and the supervisor's answers say which cluster is right; the others go. The answers become cases.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from autoif_train.resources import resolve
from autoif_train.rows import Rows
from autoif_train.setting import setting
from autoif_train.synthesis.cross_validation import INSTRUCTIONS_PER_FRAME, Runs
from autoif_train.synthesis.dispute import Answers, Arbiter, Dispute, Label, Trust, posterior, settle, verdict
from autoif_train.synthesis.variations import variations
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Evidence,
    Kept,
    TestCase,
    UserError,
    VerificationFunction,
    derived_seed,
)


@dataclasses.dataclass(frozen=True)
class AgreementSettings:
    """How functions that disagree are told apart (ours)."""

    enabled: bool = True
    """Compare functions on many texts at all (paper and released code: no)."""
    texts: int = setting(320, least=2)
    """Most texts on which the functions of an instruction are compared: cases, real answers, and changes of both."""
    answers: str | None = None
    """JSON Lines with a `text` each, real answers to be among these texts; null = none."""
    answers_per_instruction: int = setting(20, least=0)
    """Real answers drawn for each instruction."""
    arbitrations: int = setting(16, least=0)
    """Most texts of an instruction that the supervisor is asked about; 0 = never."""
    supervisor_accuracy: float = setting(0.9, above=0.5, below=1)
    """How often such an answer is taken to be right, above 0.5 and below 1."""
    case_accuracy: float = setting(0.85, above=0.5, below=1)
    """How often a case's label is taken to be right, above 0.5 and below 1."""
    size_exponent: float = setting(1.0, least=0)
    """A cluster's weight before any evidence is its number of functions to this power: 0 = size does not count."""
    sure_above: float = setting(0.99, least=0, most=1)
    """Nothing more is asked once a cluster is right with more than this probability."""
    alike_above: float = setting(0.85, least=0, most=1)
    """Clusters that say the same of more than this share of the texts differ in matters of taste: they stand together
    where the evidence does not part them."""
    refuted_below: float = setting(0.1, least=0, most=1)
    """What is less likely than this, times the likeliest, counts as refuted by the evidence."""
    accept_above: float = setting(0.9, least=0, most=1)
    """Below this probability of its best cluster, with those alike, an instruction is dropped as undecided."""


def trust_of(settings: AgreementSettings) -> Trust:
    """How far labels are believed, here and where functions meet their mutants."""
    return Trust(settings.case_accuracy, settings.supervisor_accuracy, settings.sure_above, settings.refuted_below)


def read_answers(settings: AgreementSettings) -> list[str]:
    """The real answers of `agreement.answers`, each once; none where no file is named."""
    if settings.answers is None:
        return []
    texts = (row.get("text") for row in Rows(Path(resolve(settings.answers))))
    answers = list(dict.fromkeys(text for text in texts if isinstance(text, str)))
    if not answers:
        raise UserError(f"agreement.answers: {settings.answers}: no row has a `text`; name a file of answers")
    return answers


def agree(
    drafts: Iterable[CheckedInstruction],
    executor: Runs,
    arbiter: Arbiter,
    settings: AgreementSettings,
    answers: Sequence[str],
    seed: int,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    """Each instruction with the cluster of functions that is right, its cases and the texts that were decided."""
    drafts = iter(drafts)
    trust = trust_of(settings)
    while frame := list(islice(drafts, INSTRUCTIONS_PER_FRAME)):
        pools = [_texts(draft, settings, answers, seed) for draft in frame]
        rows = compared(frame, pools, executor)
        clusters = [_clusters(of_draft) for of_draft in rows]
        disputes = [
            Dispute(
                tuple(pool),
                tuple(found),
                tuple(len(members) ** settings.size_exponent for members in found.values()),
                tuple(dict.fromkeys(draft.cases)),
            )
            for draft, pool, found in zip(frame, pools, clusters, strict=True)
        ]
        names = [draft.instruction.text for draft in frame]
        decided = settle(disputes, names, arbiter, settings.arbitrations, trust)
        for draft, dispute, found, said in zip(frame, disputes, clusters, decided, strict=True):
            yield from _survivors(draft, dispute, found, said, settings, trust)


def _texts(draft: CheckedInstruction, settings: AgreementSettings, answers: Sequence[str], seed: int) -> list[str]:
    text, sources = draft.instruction.text, [function.source for function in draft.functions]
    chance = random.Random(derived_seed(seed, "answers", text))
    drawn = chance.sample(answers, min(len(answers), settings.answers_per_instruction))
    return variations(text, draft.cases, sources, drawn, settings.texts, seed)


def compared(
    frame: Sequence[CheckedInstruction], pools: Sequence[Sequence[str]], executor: Runs
) -> list[list[tuple[Label, ...]]]:
    """For each instruction, what each of its functions says of the texts of its pool."""
    jobs = [(f.source, list(pool)) for draft, pool in zip(frame, pools, strict=True) for f in draft.functions]
    found = iter(executor.run(jobs))
    return [[tuple(map(verdict, next(found))) for _ in draft.functions] for draft in frame]


def _clusters(rows: Sequence[tuple[Label, ...]]) -> dict[tuple[Label, ...], list[int]]:
    """The numbers of the functions by what they say; those that never say anything else than one label are none."""
    clusters: dict[tuple[Label, ...], list[int]] = {}
    for number, row in enumerate(rows):
        if len(set(row) - {None}) > 1:
            clusters.setdefault(row, []).append(number)
    return clusters


def _survivors(
    draft: CheckedInstruction,
    dispute: Dispute,
    clusters: dict[tuple[Label, ...], list[int]],
    answers: Answers,
    settings: AgreementSettings,
    trust: Trust,
) -> Iterator[CheckedInstruction | Kept | Dropped]:
    text, functions = draft.instruction.text, draft.functions
    members = list(clusters.values())
    grouped = {number for group in members for number in group}
    for number in sorted(set(range(len(functions))) - grouped):
        yield Dropped("function", "constant", f"{text}\n{functions[number].source}")
    chances = posterior(dispute, answers, trust)
    best = max(range(len(chances)), key=chances.__getitem__)
    alike = _alike(dispute, best, settings.alike_above)
    lost = _lost(best, sum(chances[number] for number in alike), members, settings)
    if lost:
        yield Dropped("instruction", lost, text)
        if grouped:
            yield Dropped("function", "instruction dropped", text, len(grouped))
        if draft.cases:
            yield Dropped("case", "instruction dropped", text, len(draft.cases))
        return
    standing = [number for number in alike if chances[number] >= trust.odds * chances[best]]
    kept = sorted(number for cluster in standing for number in members[cluster])
    for cluster, group in enumerate(members):
        for number in group if cluster not in standing else ():
            example = _difference(dispute, cluster, best)
            yield Dropped("function", "outvoted", f"{text}\n{example}\n{functions[number].source}")
    share = _agreements(clusters)
    cases = [*draft.cases, *(TestCase(asked, said) for asked, said in answers.items() if said is not None)]
    yield Kept("instruction")
    yield Kept("function", len(kept))
    distinct = len(dict.fromkeys(draft.cases))
    yield Kept("case", distinct)
    if distinct < len(draft.cases):
        yield Dropped("case", "duplicate", text, len(draft.cases) - distinct)
    survivors = tuple(_with_evidence(functions[number], share[number], answers) for number in kept)
    yield dataclasses.replace(draft, functions=survivors, cases=tuple(dict.fromkeys(cases)))


def _alike(dispute: Dispute, best: int, above: float) -> list[int]:
    """The hypotheses that say nearly the same as the best one, itself among them; none where nobody is right."""
    if best == len(dispute.rows):
        return []
    least = above * len(dispute.texts)
    same = [sum(one is two for one, two in zip(row, dispute.rows[best], strict=True)) for row in dispute.rows]
    return [number for number, count in enumerate(same) if number == best or count > least]


def _lost(best: int, chance: float, members: list[list[int]], settings: AgreementSettings) -> str | None:
    if not members:
        return "only constant functions"
    if best == len(members):
        return "no function fits the cases and answers"
    return "undecided" if chance < settings.accept_above else None


def _difference(dispute: Dispute, other: int, best: int) -> str:
    """A text on which two clusters part, for a person to see."""
    pairs = zip(dispute.texts, dispute.rows[other], dispute.rows[best], strict=True)
    text, said, right = next((text, said, right) for text, said, right in pairs if said is not right)
    return f"says {said} instead of {right} of {text!r}"


def _agreements(clusters: dict[tuple[Label, ...], list[int]]) -> dict[int, float | None]:
    """For each function the mean share of texts on which the others said the same; None where it is alone."""
    rows = {number: row for row, members in clusters.items() for number in members}
    shares: dict[int, float | None] = {}
    for row, members in clusters.items():
        others = [other for number, other in rows.items() if number != members[0]]
        same = sum(one is two for other in others for one, two in zip(row, other, strict=True))
        share = same / (len(others) * len(row)) if others else None
        shares |= dict.fromkeys(members, share)
    return shares


def _with_evidence(function: VerificationFunction, share: float | None, answers: Answers) -> VerificationFunction:
    evidence = function.evidence or Evidence()
    arbitrated = evidence.arbitrated + len(answers)
    return dataclasses.replace(function, evidence=dataclasses.replace(evidence, agreement=share, arbitrated=arbitrated))
