"""Offline DPO of the SFT model on pairs of the respondent's answers (paper §3.4, App. B).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/offline_dpo.py --model qwen2-7b

Paper: 8 A100 for a 7B model; learning rate 5e-7, β 0.3, 2 epochs, global batch 64. Without arguments: the tiny model,
after the earlier stages if the run folder lacks them. Leaves `offline_dpo/`.
"""

from __future__ import annotations

import generate_data
import sft
from autoif_train.command import run_recipe
from autoif_train.feedback.share import share_of
from autoif_train.run import Run, bring
from autoif_train.training.train import train_dpo
from autoif_train.types import PreferencePair


def main(settings):
    bring(settings, "data/pairs", generate_data.main)
    bring(settings, "sft", sft.main)
    with Run(settings, "offline_dpo") as run:
        policy = run.need("sft", "sft")
        pairs = run.need("data/pairs", "generate_data")
        if (share := settings.pairs.share) < 1:
            pairs = run.keep("data/pairs_share", share_of, pairs, PreferencePair, share, settings.seed)
        run.train("offline_dpo", train_dpo, policy, pairs, settings.dpo)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
