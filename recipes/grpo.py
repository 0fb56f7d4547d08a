"""GRPO with the verification functions as reward: what the field moved to after iterative DPO (arXiv 2402.03300).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/grpo.py --model qwen2-7b

The policy answers the queries of an online round; those that it follows now and then are trained on. TRL's trainer
samples groups of answers and pays each the share of its constraints that hold, unless the floor or the gate of
relevance finds it worth nothing. Without arguments: the tiny model, three minutes on one CPU core, after the
earlier stages if the run folder lacks them. Leaves `grpo/round_N/`; recipes/evaluate.py scores it.
"""

from __future__ import annotations

from contextlib import contextmanager

import sft
from autoif_train.answering import judged_answers
from autoif_train.command import run_recipe
from autoif_train.feedback.quality import check_quality_judge, quality_judge
from autoif_train.feedback.reward_shaping import in_band, reliabilities, shaped_reward
from autoif_train.feedback.rounds import round_queries
from autoif_train.run import Run, bring
from autoif_train.training.train import train_grpo
from autoif_train.types import CheckedInstruction, Query


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "grpo") as run:
        policy = run.need("sft", "sft")
        queries = list(run.need("data/queries", "generate_data", read=Query.from_row))
        if settings.grpo.gate:
            check_quality_judge(settings.quality, settings.supervisor, settings.policy)
        for number in range(1, settings.grpo.rounds + 1):
            name, seed = f"grpo/round_{number}", (settings.seed, "grpo", number)
            asked = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
            prompts = choose(run, settings, policy, asked, name, seed)
            if not run.has(f"{name}/metrics"):  # a round's last file
                with rewarding(run, settings, asked, seed) as reward:
                    run.train_round(name, number, train_grpo, policy, prompts, reward, settings.grpo.trainer)
            policy = str(run.path(f"{name}/policy"))


def choose(run, settings, policy, queries, name, seed):
    """The prompts of a round: those whose pass rate under the policy lies in the band."""
    chosen = queries
    if settings.grpo.pilot_responses:
        sampling = settings.sampling.drawing(settings.grpo.pilot_responses)
        names = {step: f"{name}/{step}" for step in ("responses", "judged")}
        judged = judged_answers(run, policy, queries, sampling, seed, **names)
        chosen = in_band(queries, judged, settings.grpo, settings.pairs.chosen_above)
    return run.keep(
        f"{name}/prompts", lambda: chosen, write=lambda query: {"prompt": query.messages, "query_id": query.id}
    )


@contextmanager
def rewarding(run, settings, queries, seed):
    """The reward of a round, with the executor and the judge of relevance open behind it."""
    grpo, gated, weights = settings.grpo, settings.grpo.gate and settings.quality.enabled, {}
    if grpo.weigh_functions and run.has("data/checked"):
        weights = reliabilities(run.rows("data/checked", CheckedInstruction.from_row))
    with run.open_executor() as executor, run.open_supervisor() as supervisor:
        # Opened now: a model that is loaded while another trains under ZeRO-3 would be sharded with it.
        gate = quality_judge(settings.quality, supervisor.open()) if gated else None
        yield shaped_reward(queries, weights, executor.open(), grpo, settings.quality, gate, *seed)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
