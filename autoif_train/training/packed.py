"""A batch of sequences laid end to end, each of its own length: no padding is computed, and the head sees only labels.

Packing keeps the result of every sequence: positions begin anew, and attention never crosses a boundary. It takes the
place of the forward pass that TRL's trainers call with `fused_lm_head=True`, and returns what that one returns.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.utils import FusedCausalLMOutput, maybe_gather_lm_head_ctx

from autoif_train.training.token_scores import TokenScores

BY_SEQUENCE = "sdpa_by_sequence"
_LAYER_TYPES = {"full_attention", "sliding_attention"}
# Whatever scales or bends the logits between the head and the softmax is left to TRL, which knows the families.
_LOGIT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier",
                     "logits_scaling")  # fmt: skip
_TRITON_TILE = 32768  # columns of the vocabulary in one tile, as TRL sets it


def why_not_packed(model: Any) -> str | None:
    """The reason for which `model` must be trained on padded batches, or None when packing gives the same result."""
    config = model.config.get_text_config()
    if config is not model.config:
        return "a multi-modal model"
    if not getattr(model, "_supports_attention_backend", False):
        return f"the attention of {type(model).__name__} cannot be chosen"
    if config._attn_implementation not in ("sdpa", "flash_attention_2", BY_SEQUENCE):
        return f"{config._attn_implementation} attention"
    if not set(getattr(config, "layer_types", None) or ()) <= _LAYER_TYPES:
        return "layers that are not plain attention"
    if getattr(config, "num_experts_per_tok", None):
        return "a mixture of experts"
    if any(getattr(config, name, None) is not None for name in _LOGIT_TRANSFORMS):
        return "logits that are scaled or capped"
    return None


def add_packed_forward(model: Any) -> None:
    """Let `model(..., fused_lm_head=True)` pack its batch; every other call stays as it was."""
    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(BY_SEQUENCE, _attention_by_sequence)
        AttentionMaskInterface.register(BY_SEQUENCE, _no_mask_for_packed)
        model.config._attn_implementation = BY_SEQUENCE
    padded_forward = model.forward

    @functools.wraps(padded_forward)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return padded_forward(*args, **kwargs)
        return _packed_forward(self, kwargs["input_ids"], kwargs["attention_mask"], kwargs["labels"])

    model.forward = types.MethodType(forward, model)


def _packed_forward(model: Any, input_ids: Any, attention_mask: Any, labels: Any) -> FusedCausalLMOutput:
    """Per-token scores of a right-padded batch (rows, length); each field is (rows, length - 1), zero without label."""
    real = attention_mask.bool()
    lengths = attention_mask.sum(1)
    hidden = model.base_model(
        input_ids=input_ids[real][None],
        position_ids=(attention_mask.cumsum(1) - 1)[real][None],
        use_cache=False,
        **_boundaries(model.config._attn_implementation, lengths),
    ).last_hidden_state[0]
    # Position t speaks of token t + 1: where that one has a label, t is scored.
    mask = labels[:, 1:] != -100
    scored = F.pad(mask, (0, 1))[real]
    head = model.get_output_embeddings()
    scores = _token_scores(hidden[scored], head.weight, head.bias, labels[:, 1:][mask])
    # `masked_scatter` keeps the graph even where nothing is scored.
    log_probs, entropy, mean_logits, is_top1 = (x.new_zeros(mask.shape).masked_scatter(mask, x) for x in scores)
    return FusedCausalLMOutput(
        log_probs=log_probs, entropy=entropy, mean_logits=mean_logits, is_top1=is_top1, label_mask=mask
    )


def _boundaries(attention: str, lengths: Any) -> dict[str, Any]:
    """What tells the attention where one sequence ends and the next begins."""
    if attention == BY_SEQUENCE:
        return {"sequence_lengths": lengths.tolist()}
    ends = F.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    return {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": longest, "max_length_k": longest}


def _token_scores(hidden: Any, weight: Any, bias: Any, targets: Any) -> tuple[Any, ...]:
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        hidden = hidden.to(torch.get_autocast_dtype(kind))
    with maybe_gather_lm_head_ctx(weight, bias):
        if kind == "cpu":
            return TokenScores.apply(hidden, weight.to(hidden.dtype), bias, targets)
        outputs = ("log_probs", "entropy", "mean_logits", "is_top1")
        found = ChunkedLogProbFunction.apply(hidden, weight, bias, targets, 1.0, _TRITON_TILE, None, 1.0, outputs)
        return found[0], found[1], found[3], found[4]


def _attention_by_sequence(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, sequence_lengths: Any = None, **kwargs: Any
) -> tuple[Any, None]:
    """`sdpa` over each sequence of a packed row by itself; (1, heads, tokens, width) in, as transformers calls it."""
    if attention_mask is not None or sequence_lengths is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    window = kwargs.get("sliding_window")
    parts = [
        sdpa_attention_forward(module, q, k, v, _window_mask(q, window), **kwargs)[0]
        for q, k, v in zip(*(packed.split(sequence_lengths, dim=2) for packed in (query, key, value)), strict=True)
    ]
    return torch.cat(parts, 1), None


def _window_mask(query: Any, window: int | None) -> Any:
    """(1, 1, length, length), True where a token may look; None where the causal rule is all there is."""
    length = query.shape[2]
    if window is None or length <= window:
        return None
    position = torch.arange(length, device=query.device)
    back = position[:, None] - position[None, :]
    return ((back >= 0) & (back < window))[None, None]


def _no_mask_for_packed(*args: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
    """The mask of a padded batch; none for a packed one, whose sequences are attended one by one."""
    return None if attention_mask is None else sdpa_mask(*args, attention_mask=attention_mask, **kwargs)
