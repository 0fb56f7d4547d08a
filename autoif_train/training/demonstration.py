"""TRL's trainer for demonstrations, its epochs laid out in whole global batches."""

from __future__ import annotations

from trl import SFTTrainer

from autoif_train.training.epochs import InWholeBatches


class DemonstrationTrainer(InWholeBatches, SFTTrainer):
    """`SFTTrainer` whose steps do not depend on the number of processes."""
