"""What the trainer is told between its steps: checkpoints are sealed, and a signal ends the training in good order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from accelerate.utils import reduce
from transformers import TrainerCallback

from autoif_train.training.checkpoints import seal
from autoif_train.training.interruption import asked


class SealCheckpoints(TrainerCallback):
    """Seals each checkpoint once all ranks have written theirs."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        ranks = PartialState()
        ranks.wait_for_everyone()
        if ranks.is_main_process:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class StopWhenAsked(TrainerCallback):
    """Saves a checkpoint and ends the training after the step in which any rank was sent a signal."""

    def __init__(self) -> None:
        self.stopping = False

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # A scheduler may signal one machine of many; all must stop after the same step.
        self.stopping = _on_any_rank(asked())
        if self.stopping:
            control.should_save = control.should_training_stop = True


def _on_any_rank(flag: bool) -> bool:
    ranks = PartialState()
    if ranks.num_processes == 1:
        return flag
    return bool(reduce(torch.tensor([int(flag)], device=ranks.device), "sum").item())
