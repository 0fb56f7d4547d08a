r"""SPIN where the data's distribution is known: the exact KL divergence after each round, against further SFT.

    python benchmarks/spin.py
    python benchmarks/spin.py --hidden 128 --demonstrations 100 --start_epochs 8 --sft_rate 1e-3 --rates 3e-4 \
        --epochs 1 --answers 8

A probabilistic grammar gives each of four prompts 320 answers, 1,280 strings in all with known probabilities. The
first command is a policy of 21,376 parameters with more demonstrations than it can learn by heart, the second one of
331,264 with few enough to. Both start from an SFT that is stopped early on purpose: a converged one leaves nothing to
gain. Four rounds of SPIN by the project's own functions, and as many of further SFT at the first one's rate on the
same demonstrations with as many trained tokens (a pair counts twice, and from the second round on there are twice as
many). KL(data || policy) is in nats, by summing over all strings. The least one after any epoch of further SFT is
given too: whoever has further data to stop by could have it.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
import tempfile
from pathlib import Path

import torch

from autoif_train.chat.base import SamplingSettings
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.transformers import TransformersChat, load
from autoif_train.command import exit_with_code, prepare
from autoif_train.feedback.self_play import SpinSettings, own_answers, round_section, self_play_pairs
from autoif_train.rows import Rows, plain, write_rows
from autoif_train.training.train import train_dpo, train_sft
from autoif_train.types import Demonstration, Selection

PROMPTS, SLOTS = ("red", "green", "blue", "grey"), ("abcd", "efgh", "ijkl", "mnop")
TEMPLATE = (
    "{% for turn in messages %}{{ turn.content + ' :' if turn.role == 'user' else ' ' + turn.content + ' <end>' }}"
    "{% endfor %}"
)
TRAINER = {
    "per_device_train_batch_size": 64, "num_train_epochs": 1, "lr_scheduler_type": "constant", "bf16": False,
    "gradient_checkpointing": False, "save_strategy": "no", "logging_steps": 50, "max_length": 32,
}  # fmt: skip
SCHEDULE = {"lr_scheduler_type": "linear", "warmup_steps": 0.1}  # of SPIN, as published


def grammar(seed: int) -> dict[tuple[str, str], float]:
    """The probability of each (prompt, answer): every word depends on the prompt and on the word before it."""
    chance, found = random.Random(seed), {}

    def table(options: int) -> list[float]:
        weights = [chance.gammavariate(0.5, 1.0) + 1e-3 for _ in range(options)]
        return [weight / sum(weights) for weight in weights]

    follow = {(prompt, word): table(4) for prompt in PROMPTS for word in ("", *itertools.chain(*SLOTS))}
    stop = {(prompt, word): 0.2 + 0.6 * chance.random() for prompt in PROMPTS for word in SLOTS[2]}
    for prompt in PROMPTS:
        for length in (3, 4):
            for words in itertools.product(*SLOTS[:length]):
                p = 1 / len(PROMPTS)
                for place, word in enumerate(words):
                    before = words[place - 1] if place else ""
                    p *= follow[prompt, before][SLOTS[place].index(word)]
                p *= stop[prompt, words[2]] if length == 3 else 1 - stop[prompt, words[2]]
                found[prompt, " ".join(words)] = p
    return found


def build(folder: Path, hidden: int, seed: int) -> str:
    """An untrained model with its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<pad>", "<end>", ":", *PROMPTS, *itertools.chain(*SLOTS)]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<end>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )
    print(f"{model.num_parameters():,} parameters")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def kl(checkpoint: str | Path, data: dict[tuple[str, str], float]) -> float:
    """KL(data || policy) in nats: the sum over every string."""
    model, tokenizer = load(checkpoint)
    total = 0.0
    for length in (3, 4):
        of_length = [(prompt, text) for prompt, text in data if len(text.split()) == length]
        ids = torch.tensor(tokenizer([f"{prompt} : {text} <end>" for prompt, text in of_length]).input_ids)
        with torch.no_grad():
            log_probs = model(ids).logits.log_softmax(-1)[:, 1:-1].gather(-1, ids[:, 2:, None])[..., 0].sum(-1)
        for each, log_prob in zip(of_length, log_probs.tolist(), strict=True):
            total += data[each] * (math.log(data[each] * len(PROMPTS)) - log_prob)
    return total


def rounds(seed: int, asked: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """The divergence at the start and after each round, of SPIN and of further SFT, and the least of the latter."""
    data, policy = grammar(seed), PolicySettings(model="grammar", dtype="float32")
    drawn = random.Random(seed).choices(list(data), list(data.values()), k=asked.demonstrations)
    turns = [
        [[{"role": role, "content": text}] for role, text in zip(("user", "assistant"), row, strict=True)]
        for row in drawn
    ]
    demonstrations = [Demonstration(prompt, answer, str(place), None) for place, (prompt, answer) in enumerate(turns)]
    write_rows(folder / "demonstrations.jsonl", map(plain, demonstrations))
    rows, sft = Rows(folder / "demonstrations.jsonl"), {**TRAINER, "learning_rate": asked.sft_rate}
    base, played = build(folder / "base", asked.hidden, seed), folder / "sft"
    train_sft(base, rows, {**sft, "num_train_epochs": asked.start_epochs}, policy, seed, played)
    trained, each_epoch = played, [kl(played, data)]
    spin, further, answers = each_epoch[:], each_epoch[:], []
    settings = SpinSettings(
        learning_rates=asked.rates, betas=asked.betas, dpo={"optim": asked.optim, "loss_type": ["sigmoid"]}
    )
    sampling = SamplingSettings(1, 1.0, 1.0, 8, 512)
    for number in range(1, 5):
        chat = TransformersChat(load(played), f"round {number - 1}")
        answers.append(
            [list(own_answers(demonstrations, chat, sampling, seed, number, draw)) for draw in range(asked.answers)]
        )
        pairs = Rows(folder / f"pairs_{number}.jsonl")
        recent = list(itertools.chain(*answers[-2:]))
        write_rows(pairs.path, map(plain, Selection.of(self_play_pairs(demonstrations, recent)).rows))
        section = round_section({**TRAINER, **SCHEDULE, "num_train_epochs": asked.epochs}, settings, number)
        train_dpo(str(played), pairs, section, policy, seed + number, played := folder / f"spin_{number}")
        spin.append(kl(played, data))
        epochs = {"num_train_epochs": 2 * len(recent) * asked.epochs, "save_strategy": "epoch", "save_only_model": True}
        train_sft(str(trained), rows, {**sft, **epochs}, policy, seed + number, trained := folder / f"sft_{number}")
        each_epoch += [kl(path, data) for path in (trained / "trainer").glob("checkpoint-*")]
        further.append(kl(trained, data))
    return {"SPIN": spin, "further SFT": further, "its best epoch": [min(each_epoch)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--hidden", type=int, default=32, help="width of the policy")
    parser.add_argument("--demonstrations", type=int, default=1500)
    parser.add_argument("--start_epochs", type=float, default=4)
    parser.add_argument("--sft_rate", type=float, default=2e-3, help="of the start and of further SFT")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3], help="of SPIN's rounds")
    parser.add_argument("--betas", type=float, nargs="+", default=[5.0])
    parser.add_argument("--optim", default="adamw_torch", help="of SPIN; the paper's is rmsprop")
    parser.add_argument("--epochs", type=int, default=2, help="of SPIN in each round")
    parser.add_argument("--answers", type=int, default=1, help="own answers to a demonstration in each round")
    asked = parser.parse_args()
    found = []
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found.append(rounds(seed, asked, Path(folder)))
        for name, values in found[-1].items():
            print(f"seed {seed}  {name:<14}", "  ".join(f"{value:.4f}" for value in values), flush=True)
    for name in found[0]:
        columns = zip(*(each[name] for each in found), strict=True)
        print(f"mean    {name:<14}", "  ".join(f"{statistics.fmean(column):.4f}" for column in columns))


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
