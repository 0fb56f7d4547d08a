"""What a preference step costs: ours against TRL's trainer at its defaults and at the best settings found for it.

    AUTOIF_TEST_DATA=FOLDER python benchmarks/dpo_step.py [--rounds 2] [--steps 4] [--output FILE]

The pairs are answers of the public `autoif_llama3` data under a byte-level vocabulary of 32,000 trained on that very
text, so that lengths are real; the model is a random Qwen2 of 14 M parameters, the same weights for every arm. All arms
see the same pairs in the same global batches, in float32 on one thread; the reference's pass counts. Each arm is a
process of its own (its peak memory is its own), and the arms take turns. CPU seconds from the trainer's construction to
the end of training, tokens of prompts and answers without padding, the least and the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PAIRS_PER_STEP = 8
VOCABULARY = 32_000
TRL_DEFAULTS: dict[str, Any] = {"per_device_train_batch_size": PAIRS_PER_STEP}
KEPT = {"precompute_ref_log_probs": True, "gradient_checkpointing": False}
ARMS: dict[str, dict[str, Any]] = {
    "TRL, its defaults": TRL_DEFAULTS,
    "TRL, no checkpointing, reference once": {**TRL_DEFAULTS, **KEPT},
    "TRL, the same, one pair at a time": {"per_device_train_batch_size": 1, **KEPT},
    "ours, checkpointing as in TRL's defaults": {**TRL_DEFAULTS, "precompute_ref_log_probs": True, "ours": True},
    "ours, all pairs at once": {**TRL_DEFAULTS, **KEPT, "ours": True},
    "ours, one pair at a time": {"per_device_train_batch_size": 1, **KEPT, "ours": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="how often each arm runs")
    parser.add_argument("--steps", type=int, default=4, help=f"optimizer steps, of {PAIRS_PER_STEP} pairs each")
    parser.add_argument("--output", help="file for every figure as JSON")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.arm:
        print(json.dumps(run_arm(ARMS[chosen.arm], chosen.folder, chosen.steps)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), chosen.steps * PAIRS_PER_STEP)
        found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
        for _ in range(chosen.rounds):
            for arm in ARMS:
                found[arm].append(in_a_process(arm, Path(folder), chosen.steps))
                print(f"{found[arm][-1]['cpu_seconds']:8.1f} CPU s  {arm}", file=sys.stderr, flush=True)
    print(table(found, chosen.steps))
    if chosen.output:
        Path(chosen.output).write_text(json.dumps(found, indent=1), encoding="utf-8")


def prepare(folder: Path, count: int) -> None:
    """Tokenizer, random model and pairs, shared by all arms."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    data = os.environ.get("AUTOIF_TEST_DATA")
    if not data:
        sys.exit("AUTOIF_TEST_DATA names no folder with public data")
    lines = (Path(data) / "autoif_llama3" / "completions-0.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    trained = ByteLevelBPETokenizer()
    texts = [text for row in rows for text in (row["query"], row["instruction"], *row["completions"])]
    trained.train_from_iterator(texts, vocab_size=VOCABULARY, min_frequency=1, special_tokens=["<pad>", "<|end|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, pad_token="<pad>", eos_token="<|end|>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=704, num_hidden_layers=8, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    chance = random.Random(0)
    with open(folder / "pairs.jsonl", "w", encoding="utf-8") as file:
        for row in chance.sample(rows, count):
            answers = chance.sample([text for text in row["completions"] if text.strip()], 2)
            chosen, rejected = ([{"role": "assistant", "content": text}] for text in answers)
            prompt = [{"role": "user", "content": f"{row['query']}\n{row['instruction']}"}]
            file.write(json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}) + "\n")


def in_a_process(arm: str, folder: Path, steps: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--arm", arm, "--folder", str(folder), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arm}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run_arm(settings: dict[str, Any], folder: Path, steps: int) -> dict[str, Any]:
    """Train one arm in this process; CPU seconds, peak memory in MB, tokens and the loss of each step."""
    import torch

    torch.set_num_threads(1)
    from datasets import load_dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    from autoif_train.training.preference import PreferenceTrainer

    settings = dict(settings)
    ours = settings.pop("ours", False)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = DPOConfig(
            scratch, use_cpu=True, bf16=False, max_steps=steps, learning_rate=1e-4, beta=0.3, logging_steps=1,
            save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
            gradient_accumulation_steps=PAIRS_PER_STEP // settings["per_device_train_batch_size"], **settings,
        )  # fmt: skip
        dataset = load_dataset("json", data_files=str(folder / "pairs.jsonl"), split="train", cache_dir=scratch)
        shared = {
            "args": arguments,
            "train_dataset": dataset,
            "processing_class": AutoTokenizer.from_pretrained(folder),
        }
        start = time.process_time()
        if ours:
            trainer: Any = PreferenceTrainer(
                str(folder), start=str(folder), reference=str(folder), cache=Path(scratch) / "reference", **shared
            )
        else:
            trainer = DPOTrainer(str(folder), **shared)
        built = time.process_time()
        trainer.train()
        end = time.process_time()
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    return {
        "cpu_seconds": end - start,
        "before_the_first_step": built - start,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "tokens": history[-1]["num_tokens"],
        "losses": [entry["loss"] for entry in history],
    }


def table(found: dict[str, list[dict[str, Any]]], steps: int) -> str:
    """Markdown: an arm a row, and how it compares with TRL's defaults and with the fastest of TRL's arms."""
    least = {arm: min(run["cpu_seconds"] for run in runs) for arm, runs in found.items()}
    first = next(iter(found))
    strongest = min((arm for arm in found if arm.startswith("TRL")), key=least.__getitem__)
    peak = {arm: max(run["peak_mb"] for run in runs) for arm, runs in found.items()}
    lines = [
        "| arm | CPU s a step, least / median | tokens/s | against the defaults | against the strongest TRL | peak MB |"
        " share of the defaults' | largest difference of losses |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, runs in found.items():
        median = statistics.median(run["cpu_seconds"] for run in runs)
        apart = max(abs(x - y) for x, y in zip(runs[0]["losses"], found[first][0]["losses"], strict=True))
        lines.append(
            f"| {arm} | {least[arm] / steps:.2f} / {median / steps:.2f} | {runs[0]['tokens'] / least[arm]:.0f} "
            f"| {least[first] / least[arm]:.2f} × | {least[strongest] / least[arm]:.2f} × | {peak[arm]:.0f} "
            f"| {peak[arm] / peak[first]:.2f} | {apart:.1e} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
