"""The model that is trained: where it comes from and how it is loaded."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from autoif_train.resources import resolve
from autoif_train.setting import setting
from autoif_train.types import UserError

# Its package is built against the torch that is installed.
INSTALL_FLASH = "pip install -e '.[flash]' --no-build-isolation"


@dataclasses.dataclass(frozen=True)
class PolicySettings:
    """The base model of the policy."""

    model: str | None = None
    """Hub id, local path or `bundled:` path of the base model; null = what `--model` names."""
    chat_template: str | None = None
    """Jinja file with a chat template, for base models that bring none; saved with every checkpoint."""
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = setting("auto", free=True)
    """Attention implementation of training; auto = FlashAttention-2 where CUDA and the package are there (paper App.
    B), else sdpa, or eager for models that cap their attention logits (Gemma 2), which sdpa would leave out. What is
    sampled by transformers takes one of these two."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the weights that training loads (auto = as stored) under DeepSpeed, which keeps float32 copies, and
    below a LoRA adapter, where they do not move; elsewhere training loads float32, since steps of 5e-7 are lost in
    bfloat16. transformers samples in bfloat16 on a GPU and in float32 on a CPU, whatever stands here."""
    architecture: dict[str, Any] | None = None
    """What `autoif plan` must know of the model's config.json to count its parameters without the hub."""
    sampling_engine: Literal["transformers", "vllm", "server"] = setting("transformers", free=True)
    """What draws the policy's answers: transformers in this process, vLLM in one of its own, or a server that is told
    of each checkpoint (`sampling.base_url`) (ours)."""


def base_model(policy: PolicySettings) -> str:
    """The path or hub id of the base model, checked before any work is done."""
    model = resolve(policy.model or "")
    check_model(model)
    return model


def base_of(model: str) -> str:
    """The model below an adapter's folder; any other model is its own."""
    file = Path(model) / "adapter_config.json"
    return json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"] if file.is_file() else model


def attention_implementation(wanted: str, model: str | None = None) -> str:
    """`auto` resolved to what this machine can really run; a named implementation that it cannot is refused."""
    if wanted == "flash_attention_2" and not flash_attention_usable():
        raise UserError(
            "policy.attention: flash_attention_2 needs a CUDA GPU and the flash-attn package; "
            f"run `{INSTALL_FLASH}` or set policy.attention to sdpa"
        )
    without_flash = plain_attention(model) if model else "sdpa"
    if wanted == "sdpa" and without_flash == "eager":
        raise UserError(f"policy.attention: sdpa leaves out the capped logits of {model}; use auto or eager")
    if wanted == "auto":
        return "flash_attention_2" if flash_attention_usable() else without_flash
    return wanted


def plain_attention(model: str) -> str:
    """The attention implementation that needs nothing but PyTorch and is the model's own.

    sdpa has no place for capped logits and transformers drops the cap without a word: the attention of Gemma 2 would
    be another one than it was pretrained with.
    """
    return "eager" if getattr(_text_config(model), "attn_logit_softcapping", None) is not None else "sdpa"


def flash_attention_usable() -> bool:
    """Whether FlashAttention-2 is installed and has a GPU to run on."""
    import torch
    from transformers.utils import is_flash_attn_2_available

    return torch.cuda.is_available() and is_flash_attn_2_available()


def model_arguments(policy: PolicySettings, model: str | None = None) -> dict[str, Any]:
    """Keyword arguments of `from_pretrained` for this policy; `model` is the checkpoint they are for."""
    return {"dtype": policy.dtype, "attn_implementation": attention_implementation(policy.attention, model)}


def load_tokenizer(model: str, policy: PolicySettings) -> Any:
    """The tokenizer of a checkpoint with the chat template that both sampling and training use."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        mend = "name a model that brings one, or save one in its folder"
        raise UserError(
            f"policy.model: no tokenizer could be loaded from {model} ({first_line(error)}); {mend}"
        ) from error
    if policy.chat_template:
        file = Path(resolve(policy.chat_template))
        try:
            tokenizer.chat_template = file.read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"policy.chat_template: {file}: {error.strerror}; name a Jinja file") from error
    if not tokenizer.chat_template:
        raise UserError(
            f"policy.model: {model} has no chat template; name one with --policy.chat_template FILE "
            "(it is saved with every checkpoint)"
        )
    if tokenizer.pad_token is None:
        # Masks say what is padding, never the token, so the end token may serve.
        tokenizer.pad_token = tokenizer.eos_token
    _check_vocabulary(tokenizer, model)
    return tokenizer


def token_counter(model: str, policy: PolicySettings) -> Callable[[Iterable[str]], int]:
    """A function that counts a checkpoint's tokens in texts."""
    tokenizer = load_tokenizer(model, policy)

    def count(texts: Iterable[str]) -> int:
        texts = list(texts)
        return sum(map(len, tokenizer(texts, add_special_tokens=False).input_ids)) if texts else 0

    return count


def _check_vocabulary(tokenizer: Any, model: str) -> None:
    """A token without an embedding would fail in the middle of training, on a GPU with an unreadable message."""
    largest, rows = max(tokenizer.get_vocab().values()), _text_config(model).vocab_size
    if largest >= rows:
        raise UserError(
            f"policy.model: the tokenizer of {model} makes token ids up to {largest}, its model has {rows} embeddings: "
            "they do not belong together; restore the tokenizer files that the model was published with"
        )


def check_model(model: str) -> None:
    """Refuse a model that cannot be loaded before any work is done."""
    _config(model)
    if base_of(model) != model:
        check_model(base_of(model))
    elif Path(model).is_dir():
        _check_files(Path(model))


@functools.cache
def _config(model: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(base_of(model))
    except (OSError, ValueError) as error:
        raise UserError(
            f"--model: {model} is neither a file under recipes/configs/models/, nor a folder with a model, nor a hub "
            f"id that can be reached ({first_line(error)})"
        ) from error


def _text_config(model: str) -> Any:
    return _config(model).get_text_config()


def _check_files(folder: Path) -> None:
    """Refuse a folder whose weights are absent or cut short, as an interrupted download or copy leaves them."""
    for file in _weight_files(folder):
        if not file.is_file():
            raise UserError(f"--model: {folder} lacks the weights {file.name}; download or copy the model again")
        if file.suffix == ".safetensors" and file.stat().st_size != _declared_size(file):
            raise UserError(f"--model: {file} is cut short or damaged; download or copy the model again")


def _weight_files(folder: Path) -> list[Path]:
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            return [folder / shard for shard in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
        if (folder / name).is_file():
            return [folder / name]
    return [folder / "model.safetensors"]


def _declared_size(file: Path) -> int | None:
    """Bytes that a safetensors file says it has; None where its head cannot be read."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > file.stat().st_size:
            return None
        try:
            head = json.loads(opened.read(length))
            return 8 + length + max(tensor["data_offsets"][1] for key, tensor in head.items() if key != "__metadata__")
        except (ValueError, KeyError, TypeError):
            return None


def check_weights(model: str) -> None:
    """Refuse a model folder that lacks some of its weights: they would be drawn at random without a word.

    The model is put together without memory (PyTorch's meta device), so this costs seconds for any size.
    """
    from transformers import AutoModelForCausalLM

    check_model(model)
    model = base_of(model)
    if not Path(model).is_dir():
        return
    _, report = AutoModelForCausalLM.from_pretrained(model, device_map="meta", output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"--model: the weights in {model} lack {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}, which its config.json asks for; "
            "config and weights do not belong together"
        )


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
