"""Another decoding: a policy that may try again until the checks of a set pass (SPaR, arXiv 2412.11605).

It tries with the very checks that grade it, so a score says what a search can reach with a perfect judge.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.evaluation.answers import decoding
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.feedback.judge import Verify
from autoif_train.feedback.refinement import critique, refining
from autoif_train.feedback.search import Refine, SearchSettings, best, search
from autoif_train.run import Run
from autoif_train.types import Judged, Query, Response, Verdict

Violated = Callable[[str, str], list[str]]
"""(prompt, answer) → the prompt's instructions that the answer violates."""


@dataclasses.dataclass(frozen=True)
class Searching:
    """A `ChatModel` whose answer is the model's own where it passes, else the best that a search from there finds."""

    chat: ChatModel
    refine: Refine
    verify: Verify
    settings: SearchSettings

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """One answer to each prompt, the first of several that the model gives being the root of its search."""
        queries = [Query(prompt.messages[-1]["content"], (), (), id=prompt.payload) for prompt in prompts]
        own = [answers[0] for answers in self.chat.answer(prompts, settings)]
        asked = [(query, Response(query.id, each.text, "")) for query, each in zip(queries, own, strict=True)]
        found = map(best, search(queries, self.verify(asked), self.refine, self.verify, self.settings))
        return [
            [Answer(leaf.response.text, leaf.response.finished) if leaf.response.parent_id else each]
            for leaf, each in zip(found, own, strict=True)
        ]


def by_checks(violated: Violated) -> Verify:
    """All or nothing, by the checks of a benchmark."""

    def verify(asked: Sequence[tuple[Query, Response]]) -> list[Judged]:
        found = [(response, violated(query.prompt, response.text)) for query, response in asked]
        return [Judged(response, Verdict((), float(not each)), critique=critique(each)) for response, each in found]

    return verify


def searched(benchmark: Any, run: Run) -> Any:
    """The benchmark under `evaluation.search`: sets of their own names, whose scores never share a greedy column."""
    strategy = run.settings.evaluation.search
    spar = dataclasses.replace(run.settings.spar, strategy=strategy)
    refiner = "policy" if strategy == "best_of_n" else spar.refiner

    def answer(of_set: str, chat: ChatModel, evaluation: EvaluationSettings, seed: int) -> Iterator[Any]:
        verify = by_checks(benchmark.violated(evaluation))
        with run.open_refiner(refiner, nullcontext(chat)) as mender:
            searching = Searching(chat, refining(mender, spar, decoding(evaluation), seed), verify, spar)
            yield from benchmark.answer(of_set.removesuffix(f"_{strategy}"), searching, evaluation, seed)

    budget = {field.name: getattr(spar, field.name) for field in dataclasses.fields(SearchSettings)}
    facts = {**budget, "temperature": spar.temperature, "refiner": refiner, "verified_by": "the checks that grade"}
    return dataclasses.replace(
        benchmark,
        sets=tuple(f"{each}_{strategy}" for each in benchmark.sets),
        answer=answer,
        search=facts,
        shared=benchmark.shared and refiner == "policy",
    )
