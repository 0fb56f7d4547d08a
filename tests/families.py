"""Random tiny models of the families that people train, each with a tokenizer and a chat template of its form.

Nothing is downloaded: the configuration classes are the families' own, the tokenizers are trained on the spot, the
templates are written after the form of each family's (markers, beginning and end tokens, who may speak).
"""

from __future__ import annotations

import dataclasses
import json
import string
from pathlib import Path
from typing import Any

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Qwen3 puts an empty train of thought before an answer that has none.
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# No mark begins an answer, and nobody but user and assistant may speak.
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% else %}{{ raise_exception('only user and assistant') }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PHI3 = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
PHI4 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}<|im_sep|>{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant<|im_sep|>{% endif %}"
)
# One token begins the text, ends the answer and pads.
OLMO2 = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n' }}<|assistant|>\n{% endif %}"
)


@dataclasses.dataclass(frozen=True)
class Family:
    """What sets a family apart: its configuration, its special tokens and who adds the beginning token."""

    config: str
    template: str
    marks: tuple[str, ...]
    ends_with: str
    """The token that must end an answer."""
    bos: str | None = None
    eos: str = "<|endoftext|>"
    pad: str | None = None
    adds_bos: bool = False
    tokenizer: str = "TokenizersBackend"
    options: tuple[tuple[str, Any], ...] = ()


FAMILIES = {
    "qwen2": Family(
        "Qwen2Config", CHATML, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", pad="<|endoftext|>",
        tokenizer="Qwen2Tokenizer",
    ),
    "qwen3": Family(
        "Qwen3Config", QWEN3, ("<|im_start|>", "<|im_end|>", "<think>", "</think>"), "<|im_end|>", pad="<|endoftext|>",
        tokenizer="Qwen2Tokenizer",
    ),
    "llama3": Family(
        "LlamaConfig", LLAMA3, ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), "<|eot_id|>",
        bos="<|begin_of_text|>", eos="<|end_of_text|>", adds_bos=True,
    ),
    "mistral": Family(
        "MistralConfig", MISTRAL, ("[INST]", "[/INST]"), "</s>", bos="<s>", eos="</s>", adds_bos=True,
        options=(("sliding_window", 64),),
    ),
    "gemma2": Family(
        "Gemma2Config", GEMMA, ("<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", bos="<bos>", eos="<eos>",
        pad="<pad>", adds_bos=True, tokenizer="GemmaTokenizer",
        options=(("query_pre_attn_scalar", 16), ("sliding_window", 64), ("attn_logit_softcapping", 2.0)),
    ),
    "gemma3": Family(
        "Gemma3TextConfig", GEMMA, ("<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", bos="<bos>", eos="<eos>",
        pad="<pad>", adds_bos=True, tokenizer="GemmaTokenizer",
        options=(("query_pre_attn_scalar", 16), ("sliding_window", 64)),
    ),
    "phi3": Family("Phi3Config", PHI3, ("<|user|>", "<|assistant|>", "<|end|>"), "<|end|>", pad="<|endoftext|>"),
    "phi4": Family(
        "Phi3Config", PHI4, ("<|im_start|>", "<|im_sep|>", "<|im_end|>"), "<|im_end|>", bos="<|endoftext|>",
        pad="<|dummy_85|>",
    ),
    "olmo2": Family(
        "Olmo2Config", OLMO2, ("<|user|>", "<|assistant|>"), "<|endoftext|>", bos="<|endoftext|>", pad="<|pad|>",
    ),
}  # fmt: skip


def build(name: str, folder: Path, template: str | None = "own") -> str:
    """Save a random tiny model of a family with its tokenizer; returns the folder's path.

    `template` is a chat template, "own" for the family's, or None for a base model that brings none.
    """
    import torch
    import transformers

    family = FAMILIES[name]
    tokenizer = _tokenizer(family)
    tokenizer.chat_template = family.template if template == "own" else template
    tokenizer.save_pretrained(folder)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = getattr(transformers, family.config)(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **ids, **SIZES, **dict(family.options)
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    return str(folder)


def _tokenizer(family: Family) -> Any:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    named = {"bos_token": family.bos, "eos_token": family.eos, "pad_token": family.pad}
    named = {key: token for key, token in named.items() if token}
    texts = [string.printable, *(["Write a short answer with exactly two words, please."] * 20)]
    if family.tokenizer != "TokenizersBackend":
        blank = getattr(transformers, family.tokenizer)(**named)
        return blank.train_new_from_iterator(texts, 400, new_special_tokens=list(family.marks), show_progress=False)
    special = list(dict.fromkeys([*named.values(), *family.marks]))
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    if family.adds_bos:
        beginning = [(family.bos, backend.token_to_id(family.bos))]
        backend.post_processor = processors.TemplateProcessing(f"{family.bos} $A", special_tokens=beginning)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **named)


def write_rows(folder: Path, rows: int = 4) -> tuple[Path, Path]:
    """A file of demonstrations and a file of pairs."""
    demonstrations, pairs = folder / "demonstrations.jsonl", folder / "pairs.jsonl"
    with open(demonstrations, "w") as sft, open(pairs, "w") as dpo:
        for number in range(rows):
            prompt = [{"role": "user", "content": f"Write {number} words."}]
            chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("two words", "many more words"))
            print(json.dumps({"prompt": prompt, "completion": chosen}), file=sft)
            print(json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}), file=dpo)
    return demonstrations, pairs
