"""The tiny tokenizer: byte-level BPE over generated text, with the chat template that training and sampling share."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from autoif_train.tiny.corpus import instructed_example
from autoif_train.tiny.questions import ALL

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

PAD, USER, ASSISTANT, END = "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"
VOCABULARY_SIZE = 1024
TRAINING_TEXTS = 30_000

# The prompt's rendering is a prefix of the whole conversation's, which completion-only training relies on.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}<|end|>"
    "{% else %}<|user|>{{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(seed: int = 0) -> Qwen2Tokenizer:
    """A tokenizer of 1024 pieces, trained on text in which every word of the world occurs.

    It is a true Qwen2 tokenizer, as `AutoTokenizer` makes one for every Qwen2 model: with splitting rules of our own,
    training and loading would silently disagree about some texts.
    """
    from transformers import Qwen2Tokenizer

    rng = random.Random(seed)
    pairs = (
        instructed_example(rng, ALL, follow_probability=1.0, held_out_parameters=rng.random() < 0.2)
        for _ in range(TRAINING_TEXTS)
    )
    blank = Qwen2Tokenizer(eos_token=END, pad_token=PAD, unk_token=PAD, padding_side="left", model_max_length=256)
    tokenizer = blank.train_new_from_iterator(
        ("\n".join(pair) for pair in pairs), VOCABULARY_SIZE, new_special_tokens=[USER, ASSISTANT], show_progress=False
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
