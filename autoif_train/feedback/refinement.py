"""Refined pairs (SPaR, arXiv 2412.11605): who refines, who verifies, which answers are refined, what comes of them."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from autoif_train.chat.base import ChatModel, Prompt, SamplingSettings
from autoif_train.feedback.judge import Verify, frames, grouped, verdicts
from autoif_train.feedback.pairs import PairsSettings, fails, outside_band
from autoif_train.feedback.quality import QualitySettings, good_quality
from autoif_train.feedback.search import Refine, SearchSettings, best, search, value
from autoif_train.setting import setting
from autoif_train.synthesis import labels, reading
from autoif_train.synthesis.asking import Attempt, ask_until_readable, whole
from autoif_train.synthesis.cross_validation import Runs
from autoif_train.synthesis.prompt import fill
from autoif_train.types import Demonstration, Dropped, Judged, Kept, Messages, Outcome, Query, Response, Verdict
from autoif_train.types import derived_seed as seeded


@dataclasses.dataclass(frozen=True)
class SparSettings(SearchSettings):
    """Self-play with tree-search refinement (recipes/spar.py); its queries are those of `online_dpo`'s rounds."""

    rounds: int = setting(3, least=1, free=True)
    """Rounds of sample → search → pair → train (SPaR: 3)."""
    responses_per_query: int = setting(5, least=1)
    """Answers per query, among which a failing one is looked for (SPaR: 5)."""
    temperature: float = setting(0.9, least=0)
    """Softmax temperature of the answers, and of their refinements (SPaR: 0.9 for the answers)."""
    verify: Literal["functions", "judge", "both"] = "functions"
    """What gives an answer its score: its functions, the refiner's votes (SPaR), or the lesser of the two."""
    votes: int = setting(5, least=1)
    """Judgements drawn of an answer where the refiner judges; the score is the share of Yes (SPaR: 5)."""
    votes_temperature: float = setting(0.7, least=0)
    """Softmax temperature of judgements (SPaR: 0.7)."""
    refiner: Literal["policy", "supervisor", "tiny"] = "policy"
    """Who refines until a refiner is trained: the policy, the supervisor, or the tiny world's script."""
    train_refiner: bool = True
    """Fine-tune the refiner on each round's refinements that passed; it refines in the next round (SPaR)."""
    dpo: dict[str, Any] = setting(default_factory=dict, trainer="dpo")
    """Laid over `dpo` for the policy, e.g. --spar.dpo.beta 0.1."""
    sft: dict[str, Any] = setting(default_factory=dict, trainer="sft")
    """Laid over `sft` for the refiner, e.g. --spar.sft.learning_rate 2e-6."""


def refining(chat: ChatModel, settings: SparSettings, sampling: SamplingSettings, *seed: object) -> Refine:
    """`chat` mends an answer after its critique; under `best_of_n` it answers the query anew instead."""
    prompt = _anew if settings.strategy == "best_of_n" else _mended
    drawn = sampling.drawing(settings.refinements_per_node, settings.temperature)

    def refine(asked: Sequence[tuple[Query, Judged, int]]) -> list[list[Response]]:
        found = chat.answer([prompt(query, answer, first, seed) for query, answer, first in asked], drawn)
        return [
            [Response(query.id, reading.without_thinking(each.text), chat.name, 0, each.finished) for each in answers]
            for (query, _, _), answers in zip(asked, found, strict=True)
        ]

    return refine


def _anew(query: Query, _: Judged, first: int, seed: tuple) -> Prompt:
    return Prompt(query.messages, "response", query.prompt, seeded(*seed, "anew", query.id), first)


def _mended(query: Query, answer: Judged, first: int, seed: tuple) -> Prompt:
    payload = json.dumps([query.prompt, answer.response.text, answer.critique], ensure_ascii=False)
    messages = refine_messages(query, answer)
    return Prompt(messages, "refinement", payload, seeded(*seed, "refine", answer.response.id), first)


def refine_messages(query: Query, answer: Judged) -> Messages:
    """The conversation that asks for a refinement, in the search and in the refiner's training alike."""
    text = fill("refine", prompt=query.prompt, response=answer.response.text, critique=answer.critique)
    return [{"role": "user", "content": text}]


def verifying(functions: Verify, votes: Verify, settings: SparSettings) -> Verify:
    """The verdicts that `settings.verify` names; of two the lesser, or that of the one who has an opinion."""
    judges = {"functions": [functions], "judge": [votes], "both": [functions, votes]}[settings.verify]

    def verify(asked: Sequence[tuple[Query, Response]]) -> list[Judged]:
        return [_least(found) for found in zip(*(judge(asked) for judge in judges), strict=True)]

    return verify


def _least(found: Sequence[Judged]) -> Judged:
    score = min((each.verdict.score for each in found if each.verdict.score is not None), default=None)
    said = "\n".join(each.critique for each in found if each.critique)
    return Judged(found[0].response, Verdict(found[0].verdict.outcomes, score), critique=said)


def by_functions(executor: Runs, instructions: Mapping[str, str]) -> Verify:
    """Exact verdicts; the critique names what is violated, by the texts of `instructions` or else by its source."""

    def named(query: Query, row: Judged) -> Iterable[str]:
        said = zip(query.functions, row.verdict.outcomes, strict=True)
        violated = [each for each, outcome in said if outcome is Outcome.VIOLATED and not each.audit]
        return dict.fromkeys(instructions.get(each.instruction_id, each.source) for each in violated)

    return lambda asked: [
        dataclasses.replace(row, critique=critique(named(query, row)))
        for (query, _), row in zip(asked, verdicts(asked, executor), strict=True)
    ]


def critique(violated: Iterable[str]) -> str:
    """What a refiner is told: a line for each instruction that is violated."""
    return "\n".join(f"Not followed: {text}" for text in violated)


def by_votes(chat: ChatModel, settings: SparSettings, sampling: SamplingSettings, *seed: object) -> Verify:
    """The share of Yes among a chat model's judgements; the critique is the first that says No."""
    drawn = sampling.drawing(settings.votes, settings.votes_temperature)

    def verify(asked: Sequence[tuple[Query, Response]]) -> list[Judged]:
        prompts = [_judgement(query, response, seed) for query, response in asked]
        found = ask_until_readable(chat, prompts, drawn, lambda said: labels.yes_or_no(whole(said)), 0)
        return [_voted(response, votes) for (_, response), votes in zip(asked, found, strict=True)]

    return verify


def _judgement(query: Query, response: Response, seed: tuple) -> Prompt:
    text = fill("follows", prompt=query.prompt, response=response.text)
    return Prompt([{"role": "user", "content": text}], "judgement", text, seeded(*seed, "votes", response.id))


def _voted(response: Response, votes: Sequence[Attempt[bool]]) -> Judged:
    read = [vote for vote in votes if not vote.reason]
    against = [reading.without_thinking(vote.answer.text) for vote in read if not vote.value]
    score = 1 - len(against) / len(read) if read else None
    return Judged(response, Verdict((), score), critique=against[0] if against else "")


def failing_roots(
    queries: Iterable[Query], judged: Iterable[Judged], settings: PairsSettings, accept_above: float, *seed: object
) -> Iterator[Judged | Kept | Dropped]:
    """One failing answer, drawn, of each query that has any and lies in the band of pass rates: its search's root.

    What scores at most `accept_above` fails, if a pair may reject it; `settings` hold the band.
    """
    for query, rows in grouped(queries, judged):
        failing = [row for row in rows if row.response.finished and fails(query, row, accept_above)]
        passed = any(value(row) > accept_above for row in rows)
        reason = "no answer failed" if passed else "nobody could judge"
        if failing:
            # A share of 0 is no limit: a query that no answer follows may be searched.
            reason = outside_band(rows, accept_above, settings.pass_rate_above or -1.0, settings.pass_rate_at_most)
        if reason:
            yield Dropped("query", reason, query.prompt)
        else:
            yield Kept("query")
            yield random.Random(seeded(*seed, "root", query.id)).choice(failing)


def searched(
    roots: Iterable[Judged], queries: Iterable[Query], refine: Refine, verify: Verify, settings: SearchSettings
) -> Iterator[Judged]:
    """Every answer of each root's search, the root first."""
    for frame in frames(queries, roots):
        for answers in search([query for query, _ in frame], [rows[0] for _, rows in frame], refine, verify, settings):
            yield from answers


def ends(queries: Iterable[Query], answers: Iterable[Judged]) -> Iterator[Judged]:
    """The two ends of each search: its root and, where some refinement is worth more, the best."""
    for _, rows in grouped(queries, answers):
        yield rows[0]
        if best(rows) is not rows[0]:
            yield best(rows)


def accepted_over_failing(settings: SparSettings) -> PairsSettings:
    """What pairs the ends of a search: the best refinement where it passes, over the root.

    The section `pairs` has no say in it but for its band of pass rates, which is one of all the policy's answers and
    decides what is searched: of the two ends always one half passes.
    """
    return PairsSettings(chosen_above=settings.accept_above, rejected_at_or_below=settings.accept_above)


def refinements(
    queries: Iterable[Query],
    answers: Iterable[Judged],
    found: Iterable[Judged],
    settings: SparSettings,
    quality: QualitySettings,
) -> Iterator[Demonstration]:
    """What the refiner learns from: the refinements that passed, asked for as the search asked.

    `found` holds the ends of each search, `answers` all of it: a leaf was written from its parent, not from the root.
    """
    for (query, nodes), (_, (_, *leaves)) in zip(grouped(queries, answers), grouped(queries, found), strict=True):
        parents = {row.response.id: row for row in nodes}
        for leaf in leaves:
            if value(leaf) > settings.accept_above and good_quality(leaf, quality):
                asked = refine_messages(query, parents[leaf.response.parent_id])
                completion = [{"role": "assistant", "content": leaf.response.text}]
                yield Demonstration(asked, completion, query.id, leaf.verdict.score)
