"""Low-rank adapters (LoRA, arXiv 2106.09685) through peft: begun, trained on from stage to stage, merged or kept.

An adapter holds no second model for the preference loss: the reference is the model as the stage found it, which is the
model without the new adapter, or with the adapter's own beginning.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from autoif_train.chat.policy import base_of
from autoif_train.chat.transformers import complete_generation_config
from autoif_train.setting import setting
from autoif_train.types import UserError


@dataclasses.dataclass(frozen=True)
class LoraSettings:
    """Training of low-rank adapters instead of all weights, in SFT and DPO alike."""

    enabled: bool = False
    """Train an adapter; the learning rates of the paper, which trains all weights, are then too small by far."""
    r: int = setting(16, least=1)
    """Rank of the adapter."""
    alpha: int = setting(32, least=1)
    """Scale of the adapter; its product is multiplied by alpha / r."""
    dropout: float = setting(0.0, least=0, below=1)
    """Dropout on the adapter's input."""
    target_modules: str | list[str] = "all-linear"
    """Which linear layers get one: their names, or all-linear for every one but the head."""
    merge: bool = True
    """Merge the adapter into the weights when a stage ends, and begin a new one in the next; false = keep the stages'
    models as one adapter over the base model, trained on from stage to stage."""
    quantize: Literal["nf4"] | None = None
    """Hold the frozen weights in 4 bits (QLoRA, arXiv 2305.14314); needs a CUDA GPU and bitsandbytes."""


NO_ADAPTER = LoraSettings()


def trained_model(checkpoint: str, lora: LoraSettings, loading: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What a trainer is given as its model, and the arguments that go with it.

    A path where the trainer loads all weights itself; a loaded model where `checkpoint` is an adapter to go on with.
    """
    if not lora.enabled:
        if base_of(checkpoint) != checkpoint:
            raise UserError(f"lora.enabled: {checkpoint} is an adapter; set lora.enabled to true to train it on")
        return checkpoint, {}
    quantized = {} if lora.quantize is None else {"quantization_config": _quantization()}
    if base_of(checkpoint) == checkpoint:
        return checkpoint, {"peft_config": _config(lora), **quantized}
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(base_of(checkpoint), **loading, **quantized)
    return PeftModel.from_pretrained(base, checkpoint, is_trainable=True), {}


def keep_float32(model: Any, lora: LoraSettings, checkpoint: str) -> None:
    """Give the adapter over weights in 4 bits its float32 back, which TRL's trainers (1.16) turn into bfloat16.

    There a step of 5e-6 is lost, and training would do next to nothing without a word. An adapter that `checkpoint`
    holds has its own values again, not rounded ones, as the reference has.
    """
    if lora.quantize is None:
        return
    from peft import load_peft_weights, set_peft_model_state_dict

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if base_of(checkpoint) != checkpoint:
        set_peft_model_state_dict(model, load_peft_weights(checkpoint))


def merge(folder: Path, dtype: str, tokenizer: Any) -> None:
    """Turn a folder with an adapter into one with the whole model that it makes of its base, in `dtype`.

    It says which tokens end an answer of `tokenizer`: its base may know nothing of the chat template's.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(base_of(str(folder)), dtype=dtype)
    model = PeftModel.from_pretrained(base, str(folder)).merge_and_unload()
    complete_generation_config(model, tokenizer)
    for file in folder.glob("adapter_*"):
        file.unlink()
    model.save_pretrained(str(folder))


def _config(lora: LoraSettings) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
    )


def _quantization() -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            "lora.quantize: nf4 needs a CUDA GPU and bitsandbytes; pip install bitsandbytes or set it to null"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
