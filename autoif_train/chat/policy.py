"""The model that is trained: where it comes from and how it is loaded."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, Literal

from autoif_train.resources import resolve
from autoif_train.types import UserError


@dataclasses.dataclass(frozen=True)
class PolicySettings:
    """The base model of the policy."""

    model: str | None = None
    """Hub id, local path or `bundled:` path of the base model; null = what `--model` names."""
    chat_template: str | None = None
    """Jinja file with a chat template, for base models that bring none; saved with every checkpoint."""
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = "auto"
    """Attention implementation; auto = FlashAttention-2 where CUDA and the package are there (paper App. B), else
    sdpa."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the loaded weights; auto = as stored."""


def base_model(policy: PolicySettings) -> str:
    """The path or hub id of the base model, checked before any work is done."""
    model = resolve(policy.model or "")
    check_model(model)
    return model


def attention_implementation(wanted: str) -> str:
    """`auto` resolved to what this machine can really run; a named implementation that it cannot is refused."""
    if wanted == "auto":
        return "flash_attention_2" if _flash_attention_usable() else "sdpa"
    if wanted == "flash_attention_2" and not _flash_attention_usable():
        raise UserError(
            "policy.attention: flash_attention_2 needs a CUDA GPU and the flash-attn package; "
            "install `autoif_train[flash]` or set policy.attention to sdpa"
        )
    return wanted


def _flash_attention_usable() -> bool:
    import torch
    from transformers.utils import is_flash_attn_2_available

    return torch.cuda.is_available() and is_flash_attn_2_available()


def model_arguments(policy: PolicySettings) -> dict[str, Any]:
    """Keyword arguments of `from_pretrained` for this policy."""
    return {"dtype": policy.dtype, "attn_implementation": attention_implementation(policy.attention)}


def load_tokenizer(model: str, policy: PolicySettings) -> Any:
    """The tokenizer of a checkpoint with the chat template that both sampling and training use."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(f"policy.model: no tokenizer could be loaded from {model} ({first_line(error)})") from error
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
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@functools.cache
def check_model(model: str) -> None:
    """Refuse a model that cannot be loaded before any work is done."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--model: {model} is neither a file under recipes/configs/models/, nor a folder with a model, nor a hub "
            f"id that can be reached ({first_line(error)})"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
