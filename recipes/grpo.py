"""GRPO with the verification functions as reward: what the field moved to after iterative DPO (arXiv 2402.03300).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/grpo.py --model qwen2-7b

The policy answers the queries of an online round; those that it follows now and then are trained on. TRL's trainer
samples groups of answers and pays each the share of its constraints that hold, unless the floor or the gate of
relevance finds it worth nothing. Without arguments: the tiny model, three minutes on one CPU core, after the
earlier stages if the run folder lacks them. Leaves `grpo/round_N/`; recipes/evaluate.py scores it.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager, nullcontext

import sft
from autoif_train.chat.choice import open_chat
from autoif_train.command import run_recipe
from autoif_train.execution import Executor
from autoif_train.feedback.judge import judge
from autoif_train.feedback.quality import quality_judge
from autoif_train.feedback.reward_shaping import in_band, reliabilities, shaped_reward
from autoif_train.feedback.rounds import round_queries
from autoif_train.feedback.sample import sample
from autoif_train.run import Run, bring
from autoif_train.training.train import train_grpo
from autoif_train.types import CheckedInstruction, Judged, Query, Response


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "grpo") as run:
        policy = run.need("sft", "sft")
        queries = list(run.need("data/queries", "generate_data", read=Query.from_row))
        for number in range(1, settings.grpo.rounds + 1):
            name = f"grpo/round_{number}"
            asked = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
            prompts = choose(run, settings, policy, asked, number)
            if not run.has(f"{name}/policy"):
                with rewarding(run, settings, asked, number) as reward:
                    run.train_round(name, number, train_grpo, policy, prompts, reward, settings.grpo.trainer)
            policy = str(run.path(f"{name}/policy"))


def choose(run, settings, policy, queries, number):
    """The prompts of a round: those whose pass rate under the policy lies in the band."""
    name, grpo, seed = f"grpo/round_{number}", settings.grpo, (settings.seed, "grpo", number)
    write = {"write": lambda query: {"prompt": query.messages, "query_id": query.id}}
    if not grpo.pilot_responses:
        return run.keep(f"{name}/prompts", iter, queries, **write)
    if not run.has(f"{name}/prompts"):
        sampling = dataclasses.replace(settings.sampling, responses_per_query=grpo.pilot_responses)
        with (
            Executor(**dataclasses.asdict(settings.execution)) as executor,
            run.open_policy(policy) as chat,
        ):
            responses = run.keep_split(
                f"{name}/responses", sample, queries, chat, sampling, *seed, read=Response.from_row
            )
            run.keep(f"{name}/judged", judge, queries, responses, executor)
    judged = run.rows(f"{name}/judged", Judged.from_row)
    return run.keep(f"{name}/prompts", in_band, queries, judged, grpo, settings.pairs.chosen_above, **write)


@contextmanager
def rewarding(run, settings, queries, number):
    """The reward of a round, with the executor and the judge of relevance open behind it."""
    checked = run.rows("data/checked", CheckedInstruction.from_row)
    weights = reliabilities(checked) if settings.grpo.weigh_functions and run.has("data/checked") else {}
    gated = settings.grpo.gate and settings.quality.enabled
    asked = (settings.supervisor, settings.policy, "supervisor", run.cache_path(), settings.engines)
    with (
        Executor(**dataclasses.asdict(settings.execution)) as executor,
        open_chat(*asked) if gated else nullcontext() as supervisor,
    ):
        if gated:
            run.watch("supervisor", supervisor)
        gate = quality_judge(settings.quality, supervisor) if gated else None
        seed = (settings.seed, "grpo", number)
        yield shaped_reward(queries, weights, executor, settings.grpo, settings.quality, gate, *seed)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
