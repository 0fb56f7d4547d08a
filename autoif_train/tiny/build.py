"""Make the embedded default from nothing: tokenizer, two models, three evaluation sets, and the figures they reach.

    python -m autoif_train.tiny.build --output runs/tiny_model

One CPU thread, about five minutes, 1 GB of memory. Step counts and seeds are fixed, so a machine repeats itself;
another processor or torch release rounds differently and ends with slightly other weights. The shipped files
(`autoif_train/tiny/data`) are this command's output.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from autoif_train.chat.transformers import TransformersChat
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.tiny import SETS, answer_set, metrics
from autoif_train.rows import atomic_file, write_rows
from autoif_train.tiny.domain import EVALUATION_SETS, draw_prompts, plain_conversations, user_queries

Figures = dict[str, dict[str, float]]
_MEASURING = EvaluationSettings(max_new_tokens=96)


def build(output: Path) -> dict[str, Figures]:
    """Write everything below `output`; returns the metrics by model and evaluation set."""
    import torch

    from autoif_train.tiny.pretrain import Pretraining, pretrain
    from autoif_train.tiny.tokenizer import train_tokenizer

    torch.set_num_threads(1)
    write_prompts(output)
    tokenizer = train_tokenizer()
    figures = {}
    for name, model in pretrain(tokenizer, Pretraining()).items():
        save(model, tokenizer, output / name)
        figures[name] = measure(output / name)
    with atomic_file(output / "figures.json") as file:
        json.dump(figures, file, indent=1)
    return figures


def write_prompts(output: Path) -> None:
    """Write the user queries for post-training, conversations about them, and draw the frozen evaluation sets."""
    write_rows(output / "queries.jsonl", ({"query": text} for text in user_queries("train")))
    write_rows(output / "conversations.jsonl", plain_conversations("train", each=2, seed=20))
    for name, draw in EVALUATION_SETS.items():
        prompts = draw_prompts(draw.prompts, draw.seed, draw.split, draw.held_out_parameters)
        write_rows(output / f"{name}.jsonl", prompts)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save a model in bfloat16 with everything that `from_pretrained` and a sampler need."""
    import torch
    from transformers import GenerationConfig

    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=True
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measure(folder: Path) -> Figures:
    """Greedy metrics of a saved model on the shipped evaluation sets, loaded as a user would load it."""
    with TransformersChat(folder, device="cpu") as chat:
        return {name: metrics(answer_set(name, chat, _MEASURING)) for name in SETS}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Make the embedded tiny models and their evaluation sets from nothing."
    )
    parser.add_argument("--output", type=Path, default=Path("runs/tiny_model"), help="folder to write into")
    figures = build(parser.parse_args().output)
    print(f"{'model':<12}{'set':<12}{'pass %':>8}{'relevant %':>12}{'words':>8}")
    for name, sets in figures.items():
        for split, found in sets.items():
            shares = f"{100 * found['pass_rate']:>8.1f}{100 * found['relevance']:>12.1f}{found['mean_words']:>8.1f}"
            print(f"{name:<12}{split:<12}{shares}")


if __name__ == "__main__":
    main()
