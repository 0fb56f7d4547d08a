"""A local causal language model as a chat model: batched sampling with `transformers`, on a GPU or a CPU.

Every answer has its own stream of random numbers, so it depends on its prompt's seed and on its number, not on what
else is in the batch (up to floating-point rounding). Prompts are read once, whatever the number of answers; rows that
have ended leave the batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tqdm import tqdm

from autoif_train.chat.base import Answer, Prompt, SamplingSettings, Usage
from autoif_train.chat.cache import Keeper
from autoif_train.chat.policy import plain_attention
from autoif_train.types import Messages, UserError, derived_seed

if TYPE_CHECKING:
    import torch

_SHRINK_BELOW = 0.75  # selecting rows copies the cache, so a few ended rows ride along until it pays


def render(tokenizer: Any, messages: Messages) -> str:
    """The prompt's text up to where the answer begins: the one form for sampling and for training."""
    return apply_template(tokenizer, messages, tokenize=False, add_generation_prompt=True)


def apply_template(tokenizer: Any, messages: Messages, **options: Any) -> Any:
    """The tokenizer's chat template applied; `UserError` where the template refuses the conversation."""
    import jinja2

    try:
        return tokenizer.apply_chat_template(messages, **options)
    except jinja2.TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        raise UserError(
            f"policy.chat_template: the chat template refuses a conversation of {roles} ({error}); "
            "name another with --policy.chat_template"
        ) from error


class TransformersChat:
    """A `ChatModel` over any causal language model with a chat template.

    `model` is a path, a hub id, or a loaded `(model, tokenizer)` pair, which stays the caller's. Weights are loaded in
    float32 on a CPU and in bfloat16 on a GPU. Raises `UserError` for a model that cannot be loaded or asked. `close`,
    or leaving the `with` block, frees the memory. `keeper` keeps its answers, a batch at a time.
    """

    def __init__(
        self,
        model: str | Path | tuple[Any, Any],
        name: str | None = None,
        device: str | None = None,
        keeper: Keeper | None = None,
    ):
        self.model, self.tokenizer = model if isinstance(model, tuple) else load(model, device)
        default = self.model.config.name_or_path if isinstance(model, tuple) else str(model)
        self.name = name or Path(default).name
        if not self.tokenizer.chat_template:
            raise UserError(f"{default}: the tokenizer has no chat template; choose a chat model or add one to it")
        self.end_ids = frozenset(end_ids(self.model, self.tokenizer))
        self.keeper = keeper or Keeper()
        self.usage: dict[str, Usage] = {}

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        import transformers

        return {"engine": f"transformers {transformers.__version__}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the model and give its memory back."""
        self.model = None
        give_back()

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` answers for each prompt, in the order of the prompts."""
        lengths = [len(self.encode(prompt)) for prompt in prompts]
        order = sorted(range(len(prompts)), key=lambda index: lengths[index])
        per_batch = max(1, settings.batch_size // settings.responses_per_query)
        answers: list[list[Answer]] = [[] for _ in prompts]
        started, was_training = time.monotonic(), self.model.training
        self.model.eval()
        with tqdm(total=len(prompts) * settings.responses_per_query, unit="answer", disable=None) as progress:
            for start in range(0, len(order), per_batch):
                batch = order[start : start + per_batch]
                of_batch = self.keeper.batch([prompts[index] for index in batch], settings, self._batch)
                for index, of_prompt in zip(batch, of_batch, strict=True):
                    answers[index] = of_prompt
                progress.update(len(batch) * settings.responses_per_query)
        self.model.train(was_training)
        for step in {prompt.step for prompt in prompts}:
            self.usage.setdefault(step, Usage()).seconds += time.monotonic() - started
        return answers

    def _batch(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """The answers of one batch, decoded side by side."""
        count = settings.responses_per_query
        encoded = [self.encode(prompt) for prompt in prompts]
        seeds = [derived_seed(prompt.seed, prompt.first + number) for prompt in prompts for number in range(count)]
        rows = _decode(self.model, encoded, seeds, self.end_ids, settings)
        texts = self.tokenizer.batch_decode([ids for ids, _ in rows], skip_special_tokens=True)
        found = [Answer(text, finished) for text, (_, finished) in zip(texts, rows, strict=True)]
        for number, prompt in enumerate(prompts):
            of_prompt = rows[number * count : (number + 1) * count]
            written = sum(len(ids) for ids, _ in of_prompt)
            self.usage.setdefault(prompt.step, Usage()).add(count, len(encoded[number]), written)
        return [found[start : start + count] for start in range(0, len(found), count)]

    def encode(self, prompt: Prompt) -> list[int]:
        """Token ids of the rendered prompt."""
        return self.tokenizer(render(self.tokenizer, prompt.messages), add_special_tokens=False).input_ids


def give_back() -> None:
    """Make room on a GPU that models took to which nothing refers any more: they hold themselves in cycles."""
    import torch
    from accelerate.utils.memory import clear_device_cache

    if torch.cuda.is_available():
        clear_device_cache(garbage_collection=True)


def load(path: str | Path, device: str | None = None) -> tuple[Any, Any]:
    """A model, ready for inference, and its tokenizer; `UserError` where there is none."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if Path(path).is_absolute() and not Path(path).is_dir():
        raise UserError(f"{path}: no such folder; give the folder of a saved model or a hub id")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if torch.device(device).type == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        attention = plain_attention(str(path))
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation=attention)
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        mend = "give the folder of a saved model or a hub id"
        raise UserError(f"{path}: cannot load a model from here ({reason}); {mend}") from error
    return model.to(device).eval(), tokenizer


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer: models disagree on whether that is one or several, and on who knows it."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, (list, tuple)) else [declared]
    known = (*ids, tokenizer.eos_token_id, turn_end_id(tokenizer))
    return list(dict.fromkeys(id_ for id_ in known if id_ is not None))


def complete_generation_config(model: Any, tokenizer: Any) -> None:
    """Make a model to be saved say itself which tokens end an answer and which one pads.

    A base model trained on a chat template writes the template's end of turn, which its published configuration does
    not know: engines that read it would never stop. Sampling figures beside `do_sample: false`, as some models are
    published with, would be refused when the model is saved, after the training.
    """
    config, ids = model.generation_config, end_ids(model, tokenizer)
    config.eos_token_id = ids[0] if len(ids) == 1 else ids
    config.pad_token_id = tokenizer.pad_token_id
    if any(getattr(config, name, None) is not None for name in ("temperature", "top_p", "top_k")):
        config.do_sample = True


def turn_end_id(tokenizer: Any) -> int | None:
    """The special token with which the chat template closes an answer, if it does.

    Base models are often published with another end token than their template's, and after SFT on the template it is
    the template's that they write.
    """
    mark = "an answer"
    turns = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": mark}]
    closing = apply_template(tokenizer, turns, tokenize=False).rpartition(mark)[2]
    ids = tokenizer(closing.lstrip(), add_special_tokens=False).input_ids
    special = {id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special | set(tokenizer.all_special_ids) else None


def _decode(
    model: Any, prompts: list[list[int]], seeds: list[int], end_ids: frozenset[int], settings: SamplingSettings
) -> list[tuple[list[int], bool]]:
    """Token ids of one answer per seed (without the end token), and whether it ended by itself.

    `seeds` holds the same number of answers for each prompt, prompt by prompt.
    """
    import torch

    with torch.inference_mode():
        per_prompt = len(seeds) // len(prompts)
        batch = _Batch(model, prompts, per_prompt)
        uniforms = None if settings.temperature == 0 else _uniforms(seeds, settings.max_new_tokens).to(model.device)
        ends = torch.tensor(sorted(end_ids), device=model.device)
        columns, row_of = [], torch.arange(len(seeds), device=model.device)
        ended = torch.zeros(len(seeds), dtype=torch.bool, device=model.device)
        for step in range(settings.max_new_tokens):
            tokens = _choose(batch.logits, None if uniforms is None else uniforms[row_of, step], settings)
            ended = ended | torch.isin(tokens, ends)
            column = torch.full((len(seeds),), -1, device=model.device)
            column[row_of] = tokens
            columns.append(column)
            alive = int((~ended).sum())
            if alive == 0:
                break
            if alive < _SHRINK_BELOW * len(ended):
                kept = (~ended).nonzero()[:, 0]
                batch.keep(kept)
                tokens, row_of, ended = tokens[kept], row_of[kept], ended[kept]
            if step + 1 < settings.max_new_tokens:
                batch.advance(tokens)
    return [_until_end(row, end_ids) for row in torch.stack(columns, 1).tolist()]


def _until_end(tokens: list[int], end_ids: frozenset[int]) -> tuple[list[int], bool]:
    """Cut a row at its end token; what follows was decoded while the row waited to be dropped."""
    for position, token in enumerate(tokens):
        if token in end_ids:
            return tokens[:position], True
    return tokens, False


class _Batch:
    """Prompts under way: the key-value cache, the attention mask (rows, tokens so far) and the last logits."""

    def __init__(self, model: Any, prompts: list[list[int]], per_prompt: int):
        import torch
        from transformers import DynamicCache

        self.model = model
        self.cache = DynamicCache(config=model.config)
        length = max(map(len, prompts))
        ids = torch.zeros(len(prompts), length, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, length - len(prompt) :] = torch.tensor(prompt)
            mask[row, length - len(prompt) :] = 1
        self.mask = mask.to(model.device)
        self.positions = (self.mask.cumsum(1) - 1).clamp(min=0)
        self._forward(ids.to(model.device))
        if per_prompt > 1:
            self.cache.batch_repeat_interleave(per_prompt)
            self.mask = self.mask.repeat_interleave(per_prompt, 0)
            self.logits = self.logits.repeat_interleave(per_prompt, 0)
            self.positions = self.positions.repeat_interleave(per_prompt, 0)

    def _forward(self, ids: torch.Tensor) -> None:
        output = self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.logits = output.logits[:, -1].float()

    def advance(self, tokens: torch.Tensor) -> None:
        """Append one token to every row and compute the logits of the next."""
        self.mask = _append_ones(self.mask)
        self.positions = self.positions[:, -1:] + 1
        self._forward(tokens[:, None])

    def keep(self, rows: torch.Tensor) -> None:
        """Drop every row but these."""
        self.cache.batch_select_indices(rows)
        self.mask, self.positions = self.mask[rows], self.positions[rows]


def _append_ones(mask: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat([mask, mask.new_ones(len(mask), 1)], 1)


def _uniforms(seeds: list[int], count: int) -> torch.Tensor:
    """(seeds, count) numbers in [0, 1), each row from its own generator; made on the CPU, equal on every device."""
    import torch

    return torch.stack([torch.rand(count, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def _choose(logits: torch.Tensor, uniforms: torch.Tensor | None, settings: SamplingSettings) -> torch.Tensor:
    """The next token of each row: the likeliest, or by inverting the cumulative distribution at `uniforms`."""
    import torch

    if uniforms is None:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits / settings.temperature, -1)
    if settings.top_p < 1:
        ordered, order = probabilities.sort(-1, descending=True)
        before = ordered.cumsum(-1) - ordered
        probabilities = torch.zeros_like(ordered).scatter(-1, order, ordered.masked_fill(before >= settings.top_p, 0.0))
    cumulative = probabilities.cumsum(-1)
    points = uniforms[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, points, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
