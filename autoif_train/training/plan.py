"""What a training will take before anything is spent: memory on each GPU, steps, tokens and hours.

Every formula is one that a reader can check by hand; what is assumed rather than known is a parameter.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from autoif_train.chat.policy import PolicySettings, base_model
from autoif_train.types import UserError

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU's memory and its peak of dense bfloat16 matrix products, from its maker's data sheet."""

    memory_gib: int
    peak_tflops: float
    source: str


GPUS = {
    "a100-40": Gpu(40, 312, "NVIDIA A100 data sheet"),
    "a100": Gpu(80, 312, "NVIDIA A100 data sheet"),
    "h100": Gpu(80, 989.4, "NVIDIA H100 data sheet, SXM, without sparsity"),
    "h800": Gpu(80, 989.4, "as H100 SXM, with a slower NVLink"),
    "h200": Gpu(141, 989.4, "NVIDIA H200 data sheet, SXM, without sparsity"),
    "b200": Gpu(180, 2250, "NVIDIA Blackwell architecture brief, without sparsity"),
    "l40s": Gpu(48, 362, "NVIDIA L40S data sheet, without sparsity"),
    "rtx4090": Gpu(24, 165.2, "NVIDIA Ada architecture white paper, without sparsity"),
}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the formulas need to know of a model."""

    parameters: int
    largest_layer: int
    """Parameters of the module that holds most itself, which ZeRO-3 gathers as a whole."""
    layers: int
    hidden: int
    vocabulary: int
    attention_width: int
    """Heads times their width."""


def shape(policy: PolicySettings) -> Shape:
    """Counted on a model without memory (PyTorch's meta device), made from its configuration alone.

    The configuration is `policy.architecture` or else the checkpoint's. Raises `UserError` where neither can be had.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if policy.architecture:
        config = AutoConfig.for_model(**policy.architecture)
    else:
        try:
            config = AutoConfig.from_pretrained(base_model(policy))
        except UserError as error:
            mend = "or give its shape: --policy.architecture '{model_type: …, hidden_size: …}'"
            raise UserError(f"{error}; {mend}") from error
    text = config.get_text_config()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    heads = text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    return Shape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        largest_layer=max(
            sum(parameter.numel() for parameter in module.parameters(recurse=False)) for module in model.modules()
        ),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        attention_width=heads * width,
    )


def state_bytes(shape: Shape, gpus: int) -> dict[str, int]:
    """Bytes on each GPU for weights, gradients and Adam's states, by engine.

    ZeRO-2 and 3 are DeepSpeed's own estimates (`estimate_zero2_model_states_mem_needs` and its sister in 0.19): 2 bytes
    for the bfloat16 weights; 18 for gradients in bfloat16 and float32, float32 weights and two moments, or for all but
    the float32 gradients. ZeRO-1 leaves the bfloat16 gradients whole, in the same terms. Without DeepSpeed the weights
    are float32: 4 for weights, 4 for gradients, 8 for moments.
    """
    all_, largest = shape.parameters, 4 * shape.largest_layer
    return {
        "ddp": 16 * all_,
        "zero1": 4 * all_ + int(16 * all_ / gpus),
        "zero2": 2 * all_ + int(18 * all_ / gpus),
        "zero3": largest + int(18 * all_ / gpus),
        "zero3_offload": largest,
        "fsdp2": largest + int(16 * all_ / gpus),
    }


def activation_bytes(shape: Shape, tokens: int, checkpointing: bool) -> int:
    """Bytes that `tokens` in flight on a GPU take between forward and backward pass.

    34 bytes per token, layer and hidden unit where the attention scores are not kept (Korthikanti et al.,
    arXiv 2205.05198, §4.1); with gradient checkpointing 2, the input of each layer, and one layer's 34.
    """
    per_token = 2 * shape.layers + 34 if checkpointing else 34 * shape.layers
    return per_token * tokens * shape.hidden


def logit_bytes(shape: Shape, positions: int) -> int:
    """Bytes of the logits of `positions` at once: in bfloat16, in float32, and the float32 gradient."""
    return 10 * positions * shape.vocabulary


LOGIT_POSITIONS = 1024  # more than the trainers on a GPU hold at once: both make the logits piece by piece


@dataclasses.dataclass(frozen=True)
class PlannedStage:
    """One training: how many rows it sees, and how."""

    name: str
    rows: int
    epochs: float
    global_batch_size: int
    per_device: int
    max_length: int
    sequences_per_row: int
    tokens_per_sequence: float
    checkpointing: bool

    @property
    def steps(self) -> int:
        """Optimizer steps; an epoch's last batch is filled up with its first rows."""
        return math.ceil(math.ceil(self.rows / self.global_batch_size) * self.epochs)

    @property
    def tokens(self) -> int:
        """Tokens that are trained on, all epochs together."""
        return round(self.rows * self.epochs * self.sequences_per_row * self.tokens_per_sequence)

    @property
    def tokens_in_flight(self) -> int:
        """Tokens of one micro-batch on a GPU when every sequence is as long as `max_length`."""
        return self.per_device * self.sequences_per_row * self.max_length


def stages(
    sft: dict[str, Any], dpo: dict[str, Any], rounds: int, rows: dict[str, int], tokens: float
) -> list[PlannedStage]:
    """SFT, offline DPO and the online rounds under their settings; `rows` holds `sft`, `dpo` and `online` (a round)."""
    found = [
        _stage("sft", sft, rows["sft"], 1, tokens),
        _stage("offline_dpo", dpo, rows["dpo"], 2, tokens),
    ]
    return found + [_stage(f"online round {number}", dpo, rows["online"], 2, tokens) for number in range(1, rounds + 1)]


def _stage(name: str, section: dict[str, Any], rows: int, sequences: int, tokens: float) -> PlannedStage:
    return PlannedStage(
        name=name,
        rows=rows,
        epochs=section.get("num_train_epochs", 3.0),
        global_batch_size=section.get("global_batch_size") or 1,
        per_device=section.get("per_device_train_batch_size", 1),
        max_length=section.get("max_length") or 1024,
        sequences_per_row=sequences,
        tokens_per_sequence=tokens,
        checkpointing=section.get("gradient_checkpointing", True),
    )


def memory_bytes(shape: Shape, stage: PlannedStage, gpus: int) -> dict[str, int]:
    """Bytes on each GPU by engine at the stage's longest micro-batch."""
    passing = activation_bytes(shape, stage.tokens_in_flight, stage.checkpointing)
    passing += logit_bytes(shape, min(LOGIT_POSITIONS, stage.tokens_in_flight))
    return {engine: states + passing for engine, states in state_bytes(shape, gpus).items()}


def training_flops(shape: Shape, stage: PlannedStage) -> float:
    """Floating-point operations of a stage.

    6 per parameter and token, and 12 per layer, attention width, token and length (Chowdhery et al., arXiv 2204.02311,
    App. B); a third of them once more for the reference of DPO, which is asked once.
    """
    per_token = 6 * shape.parameters + 12 * shape.layers * shape.attention_width * stage.tokens_per_sequence
    once = stage.tokens / stage.epochs / 3 if stage.sequences_per_row == 2 else 0
    return per_token * (stage.tokens + once)


def hours(flops: float, gpu: Gpu, gpus: int, utilisation: float) -> float:
    """Hours at a model FLOP utilisation in (0, 1]."""
    return flops / (gpus * gpu.peak_tflops * 1e12 * utilisation) / 3600
