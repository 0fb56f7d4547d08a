"""Self-play with tree-search refinement: pairs that differ in what was wrong alone (SPaR, arXiv 2412.11605).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/spar.py --model qwen2-7b

Each round: K answers per query → verdicts → one failing answer each, refined in a search until it passes → pairs of
(refinement, failure) → DPO of the policy, SFT of the refiner. Without arguments: the tiny model with a script for a
refiner, three rounds in about a minute on one CPU core, after the earlier stages if the run folder lacks them. Raise
`--spar.rounds` and run again to go on. Leaves `spar/round_N/`; recipes/evaluate.py scores it beside the other stages.
"""

from __future__ import annotations

from functools import partial

import sft
from autoif_train.answering import scored_answers
from autoif_train.command import run_recipe
from autoif_train.feedback.judge import verified
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.quality import check_quality_judge
from autoif_train.feedback.refinement import (
    accepted_over_failing,
    by_functions,
    by_votes,
    ends,
    failing_roots,
    refinements,
    refining,
    searched,
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
        check_quality_judge(settings.quality, settings.supervisor, settings.policy)
        run.check_refiner(settings.spar.refiner)
        for number in range(1, settings.spar.rounds + 1):
            name = f"spar/round_{number}"
            asked = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
            pairs, mended = refine(run, settings, policy, refiner, number, asked)
            if settings.spar.train_refiner:
                section = {**settings.sft, **settings.spar.sft}
                refiner = run.train(f"{name}/refiner", train_sft, refiner or policy, mended, section, number=number)
            policy = run.train_round(name, number, train_dpo, policy, pairs, {**settings.dpo, **settings.spar.dpo})


def refine(run, settings, policy, refiner, number, queries):
    """One round's data: the pairs that the policy learns from, and the demonstrations for the refiner."""
    name, seed, spar = f"spar/round_{number}", (settings.seed, "spar", number), settings.spar
    drawn = settings.sampling.drawing(spar.responses_per_query, spar.temperature)
    with run.open_policy(policy) as chat:
        responses = run.keep_split(f"{name}/responses", sample, queries, chat, drawn, *seed, read=Response.from_row)
    checked = run.rows("data/checked", CheckedInstruction.from_row) if run.has("data/checked") else ()
    instructions = {row.instruction.id: row.instruction.text for row in checked}
    who, itself = "policy" if refiner else spar.refiner, run.open_policy(refiner or policy, role="refiner")
    with run.open_executor() as executor, run.open_refiner(who, itself) as chat:
        votes, mend = by_votes(chat, spar, settings.sampling, *seed), refining(chat, spar, settings.sampling, *seed)
        verify = verifying(by_functions(executor, instructions), votes, spar)
        judged = run.keep_split(f"{name}/judged", verified, responses, queries, verify, read=Judged.from_row)
        roots = run.keep(
            f"{name}/roots", failing_roots, queries, judged, settings.pairs, spar.accept_above, *seed,
            read=Judged.from_row,
        )  # fmt: skip
        answers = run.keep_split(f"{name}/searched", searched, roots, queries, mend, verify, spar, read=Judged.from_row)
    found = run.keep(f"{name}/ends", ends, queries, answers, read=Judged.from_row)
    found = scored_answers(run, queries, found, spar.accept_above, seed, scored=f"{name}/scored")
    rule = accepted_over_failing(spar)
    pairs = run.keep(f"{name}/pairs", pairs_by_score, queries, found, rule, settings.quality, *seed)
    return pairs, run.keep(f"{name}/refinements", refinements, queries, answers, found, spar, settings.quality)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
