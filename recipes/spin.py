"""Self-play fine-tuning: the policy against its own answers until it tells them no longer (SPIN, arXiv 2401.01335).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/spin.py --model qwen2-7b

No verifier and no new data: each round answers the prompts of the SFT demonstrations, prefers the demonstration to the
policy's own answer, and trains by DPO with the policy at the round's start as the reference. Without arguments: the
tiny model, four rounds in about a minute on one CPU core, after the earlier stages if the run folder lacks them. Leaves
`spin/round_N/`; recipes/evaluate.py scores it beside the other stages.
"""

from __future__ import annotations

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
        demonstrations, answers, spin = rows.first(settings.spin.max_demonstrations), [], settings.spin
        sampling = SamplingSettings(1, spin.temperature, 1.0, spin.max_new_tokens, settings.sampling.batch_size)
        for number in range(1, spin.rounds + 1):
            name, seed = f"spin/round_{number}", (settings.seed, "spin", number)
            with run.open_policy(policy) as chat:
                own = run.keep_split(
                    f"{name}/responses", own_answers, demonstrations, chat, sampling, *seed, read=Response.from_row
                )
            answers.append(own)
            # From the second round on, the answers of the round before are trained on again (SPIN §6.1).
            pairs = run.keep(f"{name}/pairs", self_play_pairs, demonstrations, answers[-2:])
            policy = run.train_round(name, number, train_dpo, policy, pairs, round_section(settings.dpo, spin, number))


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
