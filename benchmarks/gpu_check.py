"""What one GPU makes of a training step: tokens/s, model FLOP utilisation, memory and sampling speed, as a table.

    launch/gpu_check.sh [--size tiny]

A random Qwen2 (0.5B: the published shape; tiny: for a dry run on a CPU) is trained on made-up rows by the recipes' own
functions, once for a few steps and once for more: the difference is the steps alone, without loading. Each line of the
table is a process of its own, so that memory and engines do not mix; a line that fails says why and the rest go on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SIZES: dict[str, dict[str, Any]] = {
    "0.5b": {
        "model": {
            "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
            "num_key_value_heads": 2, "vocab_size": 151_936,
        },
        "words": 400, "per_device": 8, "steps": (2, 22), "answers": 64, "new_tokens": 256,
    },
    "tiny": {
        "model": {
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "vocab_size": 2048,
        },
        "words": 20, "per_device": 2, "steps": (1, 9), "answers": 4, "new_tokens": 8,
    },
}  # fmt: skip
COLUMNS = ("what", "seconds a step", "tokens/s", "utilisation", "peak GiB", "note")
# The peak of dense bfloat16 is looked up by the name that the driver gives.
KNOWN = ("h200", "h100", "h800", "a100", "b200", "l40s", "4090")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="0.5b")
    parser.add_argument("--line", choices=LINES, help="measure one line and print it as JSON")
    parser.add_argument("--folder", type=Path, help="where the model and the rows are")
    options = parser.parse_args()
    if options.line:
        print(json.dumps(LINES[options.line](options.folder, SIZES[options.size])))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), SIZES[options.size])
        for cells in (COLUMNS, ["---"] * len(COLUMNS)):
            print("|", " | ".join(cells), "|")
        for name in LINES:
            print("|", " | ".join(measured(name, options.size, folder)), "|", flush=True)


def prepare(folder: Path, size: dict[str, Any]) -> None:
    """A random model with the embedded tokenizer, and rows of made-up words."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

    from autoif_train.tiny import model_path

    tokenizer = AutoTokenizer.from_pretrained(model_path("base"))
    tokenizer.save_pretrained(folder / "model")
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(Qwen2Config(**size["model"], tie_word_embeddings=True, **ids))
    model.to(torch.bfloat16).save_pretrained(folder / "model")
    rows = size["per_device"] * max(size["steps"])
    with open(folder / "sft.jsonl", "w") as sft, open(folder / "dpo.jsonl", "w") as dpo:
        for number in range(rows):
            prompt = [{"role": "user", "content": f"question {number} " * 4}]
            chosen, rejected = (
                [{"role": "assistant", "content": " ".join([word] * size["words"])}] for word in ("red", "blue")
            )
            print(json.dumps({"prompt": prompt, "completion": chosen}), file=sft)
            print(json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}), file=dpo)


def measured(name: str, size: str, folder: str) -> list[str]:
    """A line of the table, measured in a process of its own."""
    import torch

    command = [sys.executable, __file__, "--line", name, "--size", size, "--folder", folder]
    if name.startswith("zero3"):
        if not torch.cuda.is_available():
            return [name, "", "", "", "", "skipped: no GPU"]
        config = str(ROOT / "deepspeed_configs" / "zero3.yaml")
        launch = ["-m", "accelerate.commands.launch", "--config_file", config, "--num_processes", "1"]
        command = [sys.executable, *launch, *command[1:]]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found = next((json.loads(text) for text in reversed(done.stdout.splitlines()) if text.startswith("{")), None)
    if found is None:
        said = [line for line in done.stderr.strip().splitlines() if "rror" in line] or ["no reason given"]
        return [name, "", "", "", "", f"failed: {said[-1].strip()[:120]}"]
    return [name, *(str(found.get(column, "")) for column in COLUMNS[1:])]


def training(method: str, attention: str) -> Any:
    """A line: the seconds between a short and a longer training, over the steps between them."""

    def line(folder: Path, size: dict[str, Any]) -> dict[str, Any]:
        import torch

        from autoif_train.chat.policy import PolicySettings, flash_attention_usable
        from autoif_train.rows import Rows
        from autoif_train.training.engine import launched_engine
        from autoif_train.training.train import train_dpo, train_sft

        on_gpu = torch.cuda.is_available()
        if attention == "flash_attention_2" and not flash_attention_usable():
            return {"note": "skipped: no GPU or no flash-attn"}
        policy = PolicySettings(attention=attention, dtype="bfloat16")
        section = {
            "global_batch_size": size["per_device"], "per_device_train_batch_size": size["per_device"],
            "learning_rate": 1e-6, "max_length": 2048, "bf16": on_gpu, "gradient_checkpointing": True,
            "save_strategy": "no", "logging_steps": 1,
        }  # fmt: skip
        train, model = {"sft": train_sft, "dpo": train_dpo}[method], str(folder / "model")
        took = []
        fewer, more = size["steps"]
        for steps in (fewer, fewer, more):  # the first one pays for imports and kernels
            with tempfile.TemporaryDirectory() as output:
                start = time.perf_counter()
                train(model, Rows(folder / f"{method}.jsonl"), {**section, "max_steps": steps}, policy, 0, Path(output))
                took.append(time.perf_counter() - start)
        seconds = (took[2] - took[1]) / (more - fewer)
        tokens, flops = work(folder, method, size["per_device"])
        peak = (
            torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        )
        return {
            "seconds a step": f"{seconds:.3f}",
            "tokens/s": f"{tokens / seconds:,.0f}",
            "utilisation": utilisation(flops / seconds),
            "peak GiB": f"{peak / 2**30:.2f}",
            "note": f"{attention}, {launched_engine()}, {'bf16' if on_gpu else 'float32 on a CPU'}",
        }

    return line


def work(folder: Path, method: str, rows: int) -> tuple[int, float]:
    """Tokens and floating-point operations of one optimizer step over `rows` rows, the reference's included."""
    from autoif_train.chat.policy import PolicySettings, load_tokenizer
    from autoif_train.rows import Rows
    from autoif_train.training.inspection import ends_of, inspect_row
    from autoif_train.training.plan import PlannedStage, shape, training_flops

    model = str(folder / "model")
    tokenizer = load_tokenizer(model, PolicySettings())
    row = next(iter(Rows(folder / f"{method}.jsonl")))
    sequences = inspect_row(row, tokenizer, ends_of(model, tokenizer), {})
    each = sum(len(sequence.ids) for sequence in sequences) / len(sequences)
    stage = PlannedStage(method, rows, 1, rows, rows, 2048, len(sequences), each, checkpointing=True)
    return stage.tokens, training_flops(shape(PolicySettings(model)), stage)


def utilisation(flops_per_second: float) -> str:
    """Model FLOP utilisation of this GPU, in percent of its maker's dense bfloat16 peak."""
    import torch

    from autoif_train.training.plan import GPUS

    if not torch.cuda.is_available():
        return "no GPU"
    name = torch.cuda.get_device_name().lower()
    known = next((gpu for gpu in KNOWN if gpu in name), None)
    if known is None:
        return f"peak of {name} unknown"
    return f"{100 * flops_per_second / (GPUS[known.replace('4090', 'rtx4090')].peak_tflops * 1e12):.1f} %"


def sampling(folder: Path, size: dict[str, Any]) -> dict[str, Any]:
    """A line: answers drawn from the random model, which end at `max_new_tokens` but for a few."""
    import torch

    from autoif_train.chat.base import Prompt, SamplingSettings
    from autoif_train.chat.transformers import TransformersChat

    settings = SamplingSettings(responses_per_query=4, max_new_tokens=size["new_tokens"])
    prompts = [
        Prompt(({"role": "user", "content": f"question {number}"},), seed=number)
        for number in range(size["answers"] // 4)
    ]
    with TransformersChat(str(folder / "model")) as chat:
        chat.answer(prompts[:1], settings)
        start = time.perf_counter()
        answers = chat.answer(prompts, settings)
        seconds = time.perf_counter() - start
        # The tokenizer knows few of the model's tokens; an answer that was not cut counts nothing.
        tokens = sum(size["new_tokens"] for several in answers for answer in several if not answer.finished)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    note = f"{size['answers']} answers of up to {size['new_tokens']} tokens side by side"
    return {"tokens/s": f"{tokens / seconds:,.0f}", "peak GiB": f"{peak / 2**30:.2f}", "note": note}


LINES = {
    "sft sdpa": training("sft", "sdpa"),
    "sft flash": training("sft", "flash_attention_2"),
    "dpo sdpa": training("dpo", "sdpa"),
    "dpo flash": training("dpo", "flash_attention_2"),
    "zero3 sft": training("sft", "sdpa"),
    "zero3 dpo": training("dpo", "sdpa"),
    "sampling": sampling,
}

if __name__ == "__main__":
    main()
