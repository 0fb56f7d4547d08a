"""Iterative online DPO: the policy answers, execution judges, pairs train the next policy (paper §3.4, App. B).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/online_dpo.py --model qwen2-7b

Each round: K answers per query at temperature 0.8 → verdicts → pairs → DPO, starting from the SFT model. Without
arguments: the tiny model, three rounds in about a minute on one CPU core, after the earlier stages if the run folder
lacks them. Raise `--online_dpo.rounds` and run again to go on. Leaves `online_dpo/round_N/`.
"""

from __future__ import annotations

import dataclasses
from itertools import chain

import sft
from autoif_train.chat.choice import open_chat, open_model
from autoif_train.command import run_recipe
from autoif_train.evaluation.choice import validate
from autoif_train.execution import Executor
from autoif_train.feedback.judge import judge
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.quality import quality_judge, score_quality
from autoif_train.feedback.resample import joined, without_signal
from autoif_train.feedback.rounds import round_learning_rate, round_queries, unparked, with_replay
from autoif_train.feedback.sample import sample
from autoif_train.run import Run, bring
from autoif_train.training.train import train_dpo
from autoif_train.types import Judged, Query, Response


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "online_dpo") as run:
        policy = sft_model = run.need("sft", "sft")
        queries = list(run.need("data/queries", "generate_data", read=Query.from_row))
        for number in range(1, settings.online_dpo.rounds + 1):
            start = policy if settings.online_dpo.start_from == "previous" else sft_model
            reference = start if settings.online_dpo.reference == "round_start" else sft_model
            pairs = collect_pairs(run, settings, policy, number, ask(run, settings, queries, number))
            section = round_learning_rate(settings.dpo, settings.online_dpo, number)
            policy = run.keep_model(
                f"online_dpo/round_{number}/policy", train_dpo, start, pairs, section, settings.policy,
                settings.seed + number, reference=reference,
            )  # fmt: skip
            run.copy(f"online_dpo/round_{number}/policy/metrics.jsonl", f"online_dpo/round_{number}/metrics.jsonl")
            validate(run, settings, f"online_dpo/round_{number}", policy)


def ask(run, settings, queries, number):
    """The queries of one round: its share of them all, without the parked ones."""
    name, known = f"online_dpo/round_{number}/asked", {query.id: query for query in queries}
    offered = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
    earlier = [every_judged(run, f"online_dpo/round_{before}") for before in range(1, number)]
    asked = run.keep(
        name, unparked, offered, earlier, settings.online_dpo, settings.pairs.chosen_above,
        write=lambda query: {"query_id": query.id}, read=lambda row: known[row["query_id"]],
    )  # fmt: skip
    return list(asked)


def collect_pairs(run, settings, policy, number, queries):
    """One round's data: the policy's answers to `queries`, judged, scored and paired."""
    name, seed = f"online_dpo/round_{number}", (settings.seed, "online", number)
    if run.has(f"{name}/pairs"):
        return run.rows(f"{name}/pairs")
    judged = answer(run, settings, policy, queries, name, seed)
    if settings.quality.enabled:
        with open_chat(settings.supervisor, settings.policy, "supervisor", run.cache_path()) as supervisor:
            judged = run.keep(
                f"{name}/scored", score_quality, queries, judged, quality_judge(settings.quality, supervisor),
                settings.quality, settings.pairs.chosen_above, *seed, read=Judged.from_row,
            )  # fmt: skip
    earlier = [run.rows(f"online_dpo/round_{before}/pairs") for before in range(1, number)]
    fresh = pairs_by_score(queries, judged, settings.pairs, settings.quality, *seed)
    return run.keep(f"{name}/pairs", with_replay, fresh, earlier, settings.online_dpo, settings.seed + number)


def answer(run, settings, policy, queries, name, seed):
    """The policy's answers, judged; then as many again where the first ones hold no pair, within the budget."""
    with (
        Executor(**dataclasses.asdict(settings.execution)) as executor,
        open_model(policy, settings.policy, run.signature(policy)) as chat,
    ):
        responses = run.keep_split(
            f"{name}/responses", sample, queries, chat, settings.sampling, *seed, read=Response.from_row
        )
        judged = run.keep(f"{name}/judged", judge, queries, responses, executor, read=Judged.from_row)
        flat = without_signal(queries, judged, settings.pairs, settings.online_dpo.resample_budget, *seed)
        if not flat:
            return judged
        responses = run.keep_split(
            f"{name}/resampled", sample, flat, chat, settings.sampling, *seed, "again", read=Response.from_row
        )
        again = run.keep(f"{name}/resampled_judged", judge, flat, responses, executor, read=Judged.from_row)
        return joined(queries, judged, again)


def every_judged(run, name):
    """The judged answers of a round's draws, one after the other."""
    draws = (f"{name}/judged", f"{name}/resampled_judged")
    return chain.from_iterable(run.rows(draw, Judged.from_row) for draw in draws if run.has(draw))


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
