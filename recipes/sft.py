"""Supervised fine-tuning on the demonstrations that passed (paper §3.4, App. B).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/sft.py --model qwen2-7b

Paper: 8 A100 for a 7B model; learning rate 7e-6, 3 epochs, global batch 128. Without arguments: the tiny model, half a
minute on one CPU core, after generating the data if the run folder has none. Leaves `sft/`.
"""

from __future__ import annotations

import generate_data
from autoif_train.chat.policy import base_model
from autoif_train.command import run_recipe
from autoif_train.feedback.share import share_of
from autoif_train.run import Run, bring
from autoif_train.training.train import train_sft
from autoif_train.types import Demonstration


def main(settings):
    bring(settings, "data/demonstrations", generate_data.main)
    with Run(settings, "sft") as run:
        demonstrations = run.need("data/demonstrations", "generate_data")
        if (share := settings.demonstrations.share) < 1:
            demonstrations = run.keep(
                "data/demonstrations_share", share_of, demonstrations, Demonstration, share, settings.seed
            )
        run.train("sft", train_sft, base_model(settings.policy), demonstrations, settings.sft)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
