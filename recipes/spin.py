"""Self-play fine-tuning: the policy against its own answers until it tells them no longer (SPIN, arXiv 2401.01335).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/spin.py --model qwen2-7b

No verifier and no new data: each round answers the prompts of the SFT demonstrations, prefers the demonstration to the
policy's own answer, and trains by DPO with the policy at the round's start as the reference. Without arguments: the
tiny model, four rounds in about a minute on one CPU core, after the earlier stages if the run folder lacks them. Leaves
`spin/round_N/`; recipes/evaluate.py scores it beside the other stages.
"""

from __future__ import annotations

from itertools import islice

import sft
from autoif_train.chat.base import SamplingSettings
from autoif_train.command import run_recipe
from autoif_train.feedback.self_play import own_answers, round_section, self_play_pairs
from autoif_train.run import Run, bring
from autoif_train.training.train import train_dpo
from autoif_train.types import Demonstration, Response


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "spin") as run:
        policy = run.need("sft", "sft")
        name = "data/demonstrations_share" if settings.demonstrations.share < 1 else "data/demonstrations"
        rows = run.need(name, "sft", read=lambda row: Demonstration(**row))
        demonstrations = list(islice(rows, settings.spin.max_demonstrations))
        answers = []
        for number in range(1, settings.spin.rounds + 1):
            name = f"spin/round_{number}"
            answers.append(answer(run, settings, policy, demonstrations, number))
            # From the second round on, the answers of the round before are trained on again (SPIN §6.1).
            pairs = run.keep(f"{name}/pairs", self_play_pairs, demonstrations, answers[-2:])
            section = round_section(settings.dpo, settings.spin, number)
            train = {"policy": settings.policy, "seed": settings.seed + number, "lora": settings.lora}
            policy = run.keep_model(f"{name}/policy", train_dpo, policy, pairs, section, **train)
            run.copy(f"{name}/policy/metrics.jsonl", f"{name}/metrics.jsonl")


def answer(run, settings, policy, demonstrations, number):
    """The policy's own answer to each demonstration's prompt."""
    name = f"spin/round_{number}/responses"
    if run.has(name):
        return run.rows(name, Response.from_row)
    spin = settings.spin
    sampling = SamplingSettings(1, spin.temperature, 1.0, spin.max_new_tokens, settings.sampling.batch_size)
    with run.open_policy(policy) as chat:
        return run.keep_split(
            name, own_answers, demonstrations, chat, sampling, settings.seed, "spin", number, read=Response.from_row
        )


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
