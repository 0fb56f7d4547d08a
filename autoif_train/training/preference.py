"""TRL's preference trainer with a faster step and a reference that is asked once.

Sequences keep their own length and the head sees completion tokens alone (`packed`); the reference's log-probabilities
come from disk where they have been computed before (`reference`). The losses and the metrics are TRL's own code.
"""

from __future__ import annotations

import gc
import logging
import time
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list, gather_object
from peft import PeftModel
from transformers import AutoModelForCausalLM
from trl import DPOConfig, DPOTrainer
from trl.models.utils import prepare_deepspeed
from trl.trainer.utils import add_fused_lm_head

from autoif_train.training.epochs import InWholeBatches
from autoif_train.training.memory import forget_sharded_models
from autoif_train.training.packed import add_packed_forward, why_not_packed
from autoif_train.training.reference import LogProbs, read_log_probs, reference_key, write_log_probs

log = logging.getLogger(__name__)


class PreferenceTrainer(InWholeBatches, DPOTrainer):
    """`DPOTrainer` whose micro-batches are packed where that gives the same losses, and TRL's padded ones elsewhere.

    `model` is what `start`, a path or hub id, was loaded to, or `start` itself. `reference` is the path of the model
    that the policy is held to. A second model is in memory only while it is asked, and only where it is not `start`, or
    for good where the settings need it at every step. `cache` is the folder of log-probabilities computed before.
    """

    def __init__(
        self,
        model: Any,
        args: DPOConfig,
        start: str,
        reference: str,
        cache: Path,
        packed: bool = True,
        **kwargs: Any,
    ):
        self._reference = reference
        self._is_start = reference == start
        self._cache = cache
        self._packing: bool | None = None if packed else False
        at_every_step = not args.precompute_ref_log_probs or args.distributed_state.distributed_type == "FSDP"
        if at_every_step and not self._is_start:
            kwargs["ref_model"] = _load(reference, args)
        super().__init__(model, args=args, **kwargs)
        self._pack()
        if self.precompute_ref_logps and isinstance(self.model, PeftModel) and "ref" in self.model.peft_config:
            self.model.delete_adapter("ref")  # the copy of an adapter's beginning, which has been asked

    def _pack(self) -> None:
        """Let the models pack; before the reference is asked, which TRL's constructor does, or else after it."""
        if self._packing is not None:
            return
        reason = why_not_packed(_bare(self.model)) or self._why_not_here()
        self._packing = reason is None
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

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: Any) -> Any:
        """Tokens of the chosen answers in the whole global batch, which the `sft` loss is a mean over."""
        if "sft" not in self.loss_types or not batch_samples:
            return None
        return self.accelerator.gather(sum(_chosen_tokens(batch) for batch in batch_samples).to(device)).sum()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss, its `sft` part weighted so that the global batch counts and not how it was split.

        TRL takes the mean over the tokens of each micro-batch, and the trainer the mean of these.
        """
        stated = self.loss_weights
        if num_items_in_batch is not None and model.training:
            parts = self.args.world_size * self.current_gradient_accumulation_steps
            share = float(_chosen_tokens(inputs) * parts / num_items_in_batch)
            self.loss_weights = [
                weight * share if name == "sft" else weight
                for name, weight in zip(self.loss_types, stated, strict=True)
            ]
        try:
            return super().compute_loss(model, inputs, return_outputs)
        finally:
            self.loss_weights = stated

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        """The dataset with the reference's log-probabilities beside each pair, from disk or computed now."""
        self._pack()
        if self.is_fsdp_enabled:
            return super()._precompute_ref_logps(dataset, name, batch_size)
        file, found = broadcast_object_list(self._look_up(dataset) if self.is_world_process_zero() else [None, None])
        if found is None:
            start = time.monotonic()
            found = self._ask_reference(dataset, batch_size)
            log.info("reference log-probabilities of %d pairs took %.0f s", len(found), time.monotonic() - start)
            if self.is_world_process_zero():
                write_log_probs(file, found)
        else:
            log.info("reference log-probabilities of %d pairs read from %s", len(found), file)
        chosen, rejected = zip(*found, strict=True)
        return dataset.add_column("ref_chosen_logps", chosen).add_column("ref_rejected_logps", rejected)

    def _look_up(self, dataset: Any) -> list[Any]:
        settings = {name: getattr(self.args, name) for name in ("max_length", "truncation_mode", "ld_alpha")}
        settings |= {"dtype": self.model.dtype, "precision": self.accelerator.mixed_precision}
        file = self._cache / f"{reference_key(self._reference, dataset, settings)}.jsonl"
        return [file, read_log_probs(file, len(dataset))]

    def _ask_reference(self, dataset: Any, batch_size: int) -> LogProbs:
        """One pass of the reference over the pairs, shared out over the ranks, like lengths together."""
        model = self._reference_model()
        order = sorted(range(len(dataset)), key=_lengths(dataset).__getitem__)
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        # As many passes on every rank: they gather sharded weights together.
        batches += batches[:1] * (-len(batches) % self.args.world_size)
        found = {}
        for batch in batches[self.args.process_index :: self.args.world_size]:
            inputs = self._prepare_inputs(self.data_collator([dataset[index] for index in batch]))
            chosen, rejected = (log_probs.tolist() for log_probs in self.compute_ref_log_probs(model, inputs))
            found |= dict(zip(batch, zip(chosen, rejected, strict=True), strict=True))
        if self.is_deepspeed_enabled:
            model.destroy()  # its hooks, which may lie on the policy
            forget_sharded_models()
        del model
        gc.collect()
        everywhere: dict[int, tuple[float, float]] = {}
        for part in gather_object([found]):
            everywhere |= part
        return [everywhere[index] for index in range(len(dataset))]

    def _reference_model(self) -> Any:
        """The reference, ready on this machine: the policy before its first step, or a model of its own."""
        if self._is_start:
            model = self.model
        else:
            model = _load(self._reference, self.args)
            (add_packed_forward if self._packing else add_fused_lm_head)(model)
        if self.is_deepspeed_enabled:
            # The parameters are still sharded, or on the CPU: an inference engine places and gathers them.
            return prepare_deepspeed(model, self.accelerator)
        return model.to(self.accelerator.device)


def _chosen_tokens(inputs: dict[str, Any]) -> Any:
    """How many tokens of the chosen answers, the first half of the rows, are predicted."""
    mask = inputs["completion_mask"]
    return mask[: len(mask) // 2, 1:].sum()


def _load(model: str, args: DPOConfig) -> Any:
    """A model of its own for the reference, loaded as TRL loads the policy."""
    return AutoModelForCausalLM.from_pretrained(model, **{"dtype": "float32", **(args.model_init_kwargs or {})}).eval()


def _bare(model: Any) -> Any:
    """The model below its adapters, which is the one that TRL calls."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def _lengths(dataset: Any) -> list[int]:
    columns = ("prompt_ids", "chosen_ids", "rejected_ids")
    return [sum(map(len, row)) for row in zip(*(dataset[column] for column in columns), strict=True)]
