"""Self-play with tree-search refinement: pairs that differ in what was wrong alone (SPaR, arXiv 2412.11605).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/spar.py --model qwen2-7b

Each round: K answers per query → verdicts → one failing answer each, refined in a search until it passes → pairs of
(refinement, failure) → DPO of the policy, SFT of the refiner. Without arguments: the tiny model with a script for a
refiner, three rounds in about a minute on one CPU core, after the earlier stages if the run folder lacks them. Raise
`--spar.rounds` and run again to go on. Leaves `spar/round_N/`; recipes/evaluate.py scores it beside the other stages.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import online_dpo
import sft
from autoif_train.chat.choice import open_refiner
from autoif_train.command import run_recipe
from autoif_train.execution import Executor
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.refinement import (
    by_functions,
    by_votes,
    ends,
    failing_roots,
    refinements,
    refining,
    searched,
    verified,
    verifying,
)
from autoif_train.feedback.rounds import round_queries
from autoif_train.feedback.sample import sample
from autoif_train.run import Run, bring
from autoif_train.training.train import train_dpo, train_sft
from autoif_train.types import CheckedInstruction, Judged, Query, Response


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "spar") as run:
        policy, refiner = run.need("sft", "sft"), None
        read = partial(Query.from_row, bare=settings.spar.verify != "functions")
        queries = list(run.need("data/queries", "generate_data", read=read))
        for number in range(1, settings.spar.rounds + 1):
            name = f"spar/round_{number}"
            asked = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
            pairs, mended = refine(run, settings, policy, refiner, number, asked)
            if settings.spar.train_refiner:
                section = {**settings.sft, **settings.spar.sft}
                refiner = run.train(f"{name}/refiner", train_sft, refiner or policy, mended, section, number=number)
            section = {**settings.dpo, **settings.spar.dpo}
            policy = run.train_round(name, number, train_dpo, policy, pairs, section)


def refine(run, settings, policy, refiner, number, queries):
    """One round's data: the pairs that the policy learns from, and the demonstrations for the refiner."""
    name, seed, spar = f"spar/round_{number}", (settings.seed, "spar", number), settings.spar
    if run.has(f"{name}/pairs") and run.has(f"{name}/refinements"):
        return run.rows(f"{name}/pairs"), run.rows(f"{name}/refinements")
    failing = dataclasses.replace(
        settings.pairs, chosen_above=spar.accept_above, rejected_at_or_below=spar.accept_above
    )
    if not run.has(f"{name}/searched"):
        search(run, settings, policy, refiner, name, seed, queries, failing)
    answers = run.rows(f"{name}/searched", Judged.from_row)
    found = run.keep(f"{name}/ends", ends, queries, answers, read=Judged.from_row)
    found = online_dpo.with_quality(run, settings, name, queries, found, spar.accept_above, seed)
    # The band is one of all the policy's answers; of a root and its best refinement always one half passes.
    passing = dataclasses.replace(failing, pass_rate_above=0.0, pass_rate_at_most=1.0)
    pairs = run.keep(f"{name}/pairs", pairs_by_score, queries, found, passing, settings.quality, *seed)
    return pairs, run.keep(f"{name}/refinements", refinements, queries, answers, found, spar, settings.quality)


def search(run, settings, policy, refiner, name, seed, queries, failing):
    """The policy's answers, judged; one failing answer for each query; and the search from each of them."""
    spar, instructions = settings.spar, {}
    if run.has("data/checked"):
        checked = run.rows("data/checked", CheckedInstruction.from_row)
        instructions = {row.instruction.id: row.instruction.text for row in checked}
    drawn = dataclasses.replace(
        settings.sampling, responses_per_query=spar.responses_per_query, temperature=spar.temperature
    )
    with run.open_policy(policy) as chat:
        responses = run.keep_split(f"{name}/responses", sample, queries, chat, drawn, *seed, read=Response.from_row)
    itself = run.open_policy(refiner or policy, role="refiner")
    others = settings.supervisor, settings.policy, run.cache_path(), settings.engines
    with (
        Executor(**dataclasses.asdict(settings.execution)) as executor,
        open_refiner("policy" if refiner else spar.refiner, itself, *others) as chat,
    ):
        run.watch("refiner", chat)
        votes = by_votes(chat, spar, settings.sampling, *seed)
        verify = verifying(by_functions(executor, instructions), votes, spar)
        judged = run.keep_split(f"{name}/judged", verified, list(responses), queries, verify, read=Judged.from_row)
        roots = run.keep(f"{name}/roots", failing_roots, queries, judged, failing, *seed, read=Judged.from_row)
        mending = refining(chat, spar, settings.sampling, *seed)
        run.keep_split(f"{name}/searched", searched, list(roots), queries, mending, verify, spar, read=Judged.from_row)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
