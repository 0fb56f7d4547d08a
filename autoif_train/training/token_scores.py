"""What the language model's head says of given tokens, without ever holding the logits of a whole batch."""

from __future__ import annotations

from typing import Any

import torch

CHUNK = 128  # positions whose logits are held at once: (128, vocabulary) in float32


class TokenScores(torch.autograd.Function):
    """`(log_probs, entropy, mean_logits, is_top1)`, each (positions,), of `targets` under `hidden @ weight.T + bias`.

    `hidden` (positions, width), `weight` (vocabulary, width), `bias` (vocabulary,) or None, `targets` (positions,).
    Only `log_probs` carries a gradient. The logits are made chunk by chunk and made again in the backward pass. On
    devices with Triton, TRL's kernel of the same signature is faster; this one is for the others, where TRL's reads a
    tile some twenty times.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any) -> tuple[Any, ...]:
        count, vocabulary = len(hidden), len(weight)
        log_z, of_target, expected = (hidden.new_empty(count, dtype=torch.float32) for _ in range(3))
        is_top1 = torch.empty(count, dtype=torch.bool, device=hidden.device)
        for rows in _chunks(count):
            logits = _logits(hidden[rows], weight, bias)
            top = logits.amax(1, keepdim=True)
            target = logits.gather(1, targets[rows, None])
            exponentials = (logits - top).exp_()
            total = exponentials.sum(1)
            log_z[rows] = total.log() + top[:, 0]
            of_target[rows] = target[:, 0]
            is_top1[rows] = (target == top)[:, 0]
            expected[rows] = torch.linalg.vecdot(exponentials, logits) / total
        # The mean over the vocabulary is linear: one product with the mean row instead of a pass over the logits.
        mean_logits = hidden.float() @ weight.sum(0, dtype=torch.float32) / vocabulary
        if bias is not None:
            mean_logits += bias.float().mean()
        entropy = log_z - expected
        ctx.save_for_backward(hidden, weight, bias, targets, log_z)
        ctx.mark_non_differentiable(entropy, mean_logits, is_top1)
        return of_target - log_z, entropy, mean_logits, is_top1

    @staticmethod
    def backward(ctx: Any, of_log_probs: Any, *_: Any) -> tuple[Any, ...]:
        from trl.trainer.utils import maybe_gather_lm_head_ctx

        hidden, weight, bias, targets, log_z = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias, _ = ctx.needs_input_grad
        of_hidden = torch.empty_like(hidden) if wants_hidden else None
        with maybe_gather_lm_head_ctx(weight, bias):
            of_weight = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
            of_bias = torch.zeros_like(bias, dtype=torch.float32) if wants_bias else None
            for rows in _chunks(len(hidden)):
                # d log p_target / d logit_j = [j is the target] - p_j
                of_logits = _logits(hidden[rows], weight, bias).sub_(log_z[rows, None]).exp_()
                of_logits.mul_(-of_log_probs[rows, None])
                of_logits.scatter_add_(1, targets[rows, None], of_log_probs[rows, None])
                of_logits = of_logits.to(hidden.dtype)
                if wants_hidden:
                    torch.mm(of_logits, weight, out=of_hidden[rows])
                if wants_weight:
                    of_weight.addmm_(of_logits.t().float(), hidden[rows].float())
                if wants_bias:
                    of_bias += of_logits.float().sum(0)
        return of_hidden, _like(of_weight, weight), _like(of_bias, bias), None


def _chunks(count: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def _logits(hidden: Any, weight: Any, bias: Any) -> Any:
    logits = torch.mm(hidden, weight.t()).float()
    return logits if bias is None else logits.add_(bias)


def _like(gradient: Any, parameter: Any) -> Any:
    return None if gradient is None else gradient.to(parameter.dtype)
