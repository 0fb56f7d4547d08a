"""TRL's preference trainer with a faster step: sequences of their own length, the head at completion tokens alone.

The losses and the metrics are TRL's own code; only the forward pass that feeds them is another (`packed`).
"""

from __future__ import annotations

import logging
from typing import Any

from peft import PeftModel
from trl import DPOTrainer

from autoif_train.training.packed import add_packed_forward, why_not_packed

log = logging.getLogger(__name__)


class PreferenceTrainer(DPOTrainer):
    """`DPOTrainer` whose micro-batches are packed where that gives the same losses, and TRL's padded ones elsewhere."""

    def __init__(self, *args: Any, packed: bool = True, **kwargs: Any):
        self._may_pack = packed
        super().__init__(*args, **kwargs)
        self._pack()

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        self._pack()  # TRL asks for these before its constructor is through
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def _pack(self) -> None:
        if not self._may_pack:
            return
        self._may_pack = False
        reason = why_not_packed(self.model) or self._why_not_here()
        if reason:
            log.info("preference step on padded batches: %s", reason)
            return
        for model in (self.model, self.ref_model):
            if model is not None:
                add_packed_forward(_bare(self.accelerator.unwrap_model(model)))

    def _why_not_here(self) -> str | None:
        """What in the trainer's own settings needs the padded form."""
        if self._is_vlm:
            return "a multi-modal model"
        if self.use_weighting:
            return "use_weighting"
        if self.is_fsdp_enabled:
            return "FSDP"
        if isinstance(self.model, PeftModel) and self.model.active_peft_config.is_prompt_learning:
            return "prompt learning"
        return None


def _bare(model: Any) -> Any:
    """The model below its adapters, which is the one that TRL calls."""
    return model.get_base_model() if isinstance(model, PeftModel) else model
