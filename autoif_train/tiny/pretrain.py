"""Pretraining of the tiny models: one trunk at a constant rate, then a short decay for each of the two.

Steps are counted, never timed, so that the same seeds give the same weights on the same machine.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from autoif_train.tiny.corpus import examples

if TYPE_CHECKING:
    from transformers import Qwen2ForCausalLM, Qwen2Tokenizer

Batch = tuple[torch.Tensor, torch.Tensor]
_IGNORED = -100


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """The whole recipe; the rates and probabilities were found by trial on one CPU thread."""

    batch_size: int = 48
    """Examples per step; the loss counts answer tokens only."""
    warmup_steps: int = 100
    """Steps over which the trunk's rates rise linearly."""
    matrix_rate: float = 0.02
    """Muon's learning rate for the hidden matrices."""
    other_rate: float = 5e-3
    """AdamW's learning rate for embeddings and norms."""
    trunk_follow_probability: float = 0.6
    """How often instructions are followed in the trunk's text."""
    base_steps: tuple[int, int] = (800, 250)
    """The base leaves the trunk after the first number of steps and decays over the second."""
    base_follow_probability: float = 0.3
    """In the base's decay: mostly not, so that there is something to learn."""
    supervisor_steps: tuple[int, int] = (1600, 600)
    """The same for the supervisor, which needs to leave the trunk later."""
    supervisor_follow_probability: float = 0.95
    """In the supervisor's decay: nearly always."""
    final_rate: float = 0.03
    """Share of the rate that is left at the end of a decay."""
    seed: int = 0
    """Seed of the weights and of the text."""


class Learner:
    """A model with its two optimizers: Muon for hidden matrices, AdamW for everything else."""

    def __init__(self, model: Qwen2ForCausalLM, settings: Pretraining):
        self.model = model
        matrices, others = [], []
        for name, weights in model.named_parameters():
            (matrices if weights.dim() > 1 and "embed" not in name else others).append(weights)
        self.optimizers = (
            torch.optim.Muon(matrices, lr=settings.matrix_rate, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(others, lr=settings.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
        )
        self.rates = (settings.matrix_rate, settings.other_rate)

    def step(self, batch: Batch, rate: float) -> float:
        """One update at `rate` times the full rates; returns the loss."""
        inputs, targets = batch
        counted = targets[:, 1:] != _IGNORED
        # the head is the dearest part of so small a model: project answer positions only
        hidden = self.model.model(input_ids=inputs).last_hidden_state[:, :-1][counted]
        loss = torch.nn.functional.cross_entropy(self.model.lm_head(hidden), targets[:, 1:][counted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, full_rate in zip(self.optimizers, self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = full_rate * rate
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()


def new_model(tokenizer: Qwen2Tokenizer, seed: int) -> Qwen2ForCausalLM:
    """An untrained model of 0.62 M parameters."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=128,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=256,
            max_position_embeddings=tokenizer.model_max_length,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
            initializer_range=0.04,
        )
    )


def pretrain(tokenizer: Qwen2Tokenizer, settings: Pretraining) -> dict[str, Qwen2ForCausalLM]:
    """Train the trunk and both models; returns them by name (`base`, `supervisor`), in float32.

    Takes about five minutes on one CPU thread.
    """
    trunk = Learner(new_model(tokenizer, settings.seed).train(), settings)
    text = batches(tokenizer, settings, settings.trunk_follow_probability, settings.seed)
    trained, done = {}, 0
    plans = {
        "base": (settings.base_steps, settings.base_follow_probability),
        "supervisor": (settings.supervisor_steps, settings.supervisor_follow_probability),
    }
    for name, ((leave, decay), follow_probability) in plans.items():
        rates = [min(1.0, (step + 1) / settings.warmup_steps) for step in range(done, leave)]
        _run(trunk, text, rates, f"trunk to {leave}")
        done = leave
        learner = copy.deepcopy(trunk)
        rates = [1.0 - (1.0 - settings.final_rate) * (step + 1) / decay for step in range(decay)]
        own_text = batches(tokenizer, settings, follow_probability, settings.seed + leave)
        _run(learner, own_text, rates, name)
        trained[name] = learner.model.eval()
    return trained


def _run(learner: Learner, text: Iterator[Batch], rates: list[float], name: str) -> None:
    with tqdm(rates, desc=name, disable=None) as progress:
        for rate in progress:
            progress.set_postfix(loss=f"{learner.step(next(text), rate):.3f}")


def batches(tokenizer: Qwen2Tokenizer, settings: Pretraining, follow_probability: float, seed: int) -> Iterator[Batch]:
    """Endless batches of examples of like length: input ids and targets, both (batch_size, longest example)."""
    rng = random.Random(seed)
    stream = examples(rng, follow_probability)
    while True:
        encoded = [encode(tokenizer, *next(stream)) for _ in range(settings.batch_size * 16)]
        encoded.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        chunks = [encoded[start : start + settings.batch_size] for start in range(0, len(encoded), settings.batch_size)]
        rng.shuffle(chunks)
        yield from map(collate, chunks)


def encode(tokenizer: Qwen2Tokenizer, prompt: str, answer: str) -> tuple[list[int], list[int]]:
    """Token ids of the rendered prompt and of the answer with its end token."""
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    prompt_ids = tokenizer(rendered, add_special_tokens=False).input_ids
    return prompt_ids, [*tokenizer(answer, add_special_tokens=False).input_ids, tokenizer.eos_token_id]


def collate(pairs: list[tuple[list[int], list[int]]]) -> Batch:
    """Pad on the right; no mask is needed, as attention is causal and padding has no target."""
    length = max(len(prompt) + len(answer) for prompt, answer in pairs)
    inputs = torch.zeros(len(pairs), length, dtype=torch.long)
    targets = torch.full((len(pairs), length), _IGNORED)
    for row, (prompt, answer) in enumerate(pairs):
        end = len(prompt) + len(answer)
        inputs[row, :end] = torch.tensor(prompt + answer)
        targets[row, len(prompt) : end] = torch.tensor(answer)
    return inputs, targets
