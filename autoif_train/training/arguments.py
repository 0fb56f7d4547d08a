"""TRL's own arguments passed through, and the few of ours that become them.

Sections such as `sft` and `dpo` hold TRL's names, which are not declared again here. To refuse a misspelt one without
importing TRL (seconds), its dataclasses are read as text.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from autoif_train.types import UserError

_OUR_TYPES = {
    "sft": {"global_batch_size": "int | None"},
    # `packed`: sequences laid end to end without padding where that gives TRL's losses; false = TRL's padded batches.
    # `reference_cache`: folder of reference log-probabilities, to share between runs; null = this training's own.
    "dpo": {"global_batch_size": "int | None", "packed": "bool", "reference_cache": "str | None"},
    "grpo": {"global_batch_size": "int | None"},
}
OURS = frozenset().union(*_OUR_TYPES.values())
# TRL's names for what the run decides itself, and the flag that sets it for every recipe at once.
OF_THE_RUN = {"output_dir": "--output_dir", "seed": "--seed"}
# Names that decide how fast a training goes and what is seen of it, never what comes of it.
FREE_ARGUMENTS = (
    # how a batch is split and what it costs in memory
    "packed",
    "reference_cache",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
    "activation_offloading",
    "torch_empty_cache_steps",
    "precompute_ref_batch_size",
    "ds3_gather_for_generation",
    # how the machine is used, and how long one process waits for another
    "torch_compile",
    "torch_compile_backend",
    "torch_compile_mode",
    "dataset_num_proc",
    "dataloader_num_workers",
    "dataloader_persistent_workers",
    "dataloader_prefetch_factor",
    "dataloader_pin_memory",
    "dataloader_multiprocessing_context",
    "ddp_backend",
    "ddp_bucket_cap_mb",
    "ddp_find_unused_parameters",
    "ddp_timeout",
    # what is seen of it
    "report_to",
    "run_name",
    "project",
    "log_level",
    "log_level_replica",
    "log_on_each_node",
    "logging_strategy",
    "logging_steps",
    "logging_first_step",
    "logging_nan_inf_filter",
    "log_completions",
    "log_unique_prompts",
    "num_completions_to_print",
    "include_num_input_tokens_seen",
    "skip_memory_metrics",
    "disable_tqdm",
    # how often it can be gone on with
    "save_steps",
    "save_strategy",
    "save_total_limit",
)
_SOURCES = {  # later ones declare anew what differs
    "sft": ("transformers/training_args.py", "trl/trainer/base_config.py", "trl/trainer/sft_config.py"),
    "dpo": ("transformers/training_args.py", "trl/trainer/base_config.py", "trl/trainer/dpo_config.py"),
    "grpo": ("transformers/training_args.py", "trl/trainer/base_config.py", "trl/trainer/grpo_config.py"),
}
_TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool, "dict": dict, "list": list, "None": type(None)}


def known_names(section: str) -> frozenset[str]:
    """Every name that may stand in a section of the trainer `sft`, `dpo` or `grpo`."""
    return frozenset(declared_types(section))


@functools.cache
def declared_types(section: str) -> dict[str, str]:
    """Every name that may stand in a section of the trainer `sft`, `dpo` or `grpo`, and its annotation."""
    declared = dict(_OUR_TYPES[section])
    for source in _SOURCES[section]:
        declared |= _fields(source)
    return declared


@functools.cache
def _fields(source: str) -> dict[str, str]:
    package, _, inside = source.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"{package} is not installed; run `make venv`, or `pip install -e .` in the checkout")
    tree = ast.parse((Path(found.submodule_search_locations[0]) / inside).read_text(encoding="utf-8"))
    return {
        statement.target.id: ast.unparse(statement.annotation)
        for definition in tree.body
        if isinstance(definition, ast.ClassDef)
        for statement in definition.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def fits(value: Any, declared: str) -> bool:
    """Whether a value is of a declared type, as far as its outermost name tells; an enumeration is named by a text."""
    names = [name.strip().partition("[")[0] for name in declared.split("|")]
    if isinstance(value, bool):
        return "bool" in names  # which Python would count among the whole numbers
    return any(isinstance(value, _TYPES.get(name, str)) for name in names)


def accumulation_steps(global_batch_size: int, per_device: int, world_size: int) -> int:
    """How many micro-batches make the stated global batch, so that the number of GPUs never changes the experiment."""
    if not all(type(size) is int and size > 0 for size in (global_batch_size, per_device)):
        raise UserError(
            f"global_batch_size {global_batch_size!r} and per_device_train_batch_size {per_device!r} must be whole "
            "numbers above 0"
        )
    together = per_device * world_size
    if global_batch_size % together == 0:
        return global_batch_size // together
    fitting = [size for size in range(1, global_batch_size + 1) if global_batch_size % (per_device * size) == 0]
    nearest = min(fitting, key=lambda size: abs(size - world_size), default=None)
    mend = f"use {nearest} processes or " if nearest else ""
    raise UserError(
        f"global_batch_size {global_batch_size} cannot be reached with {world_size} processes of "
        f"per_device_train_batch_size {per_device}; {mend}change one of the two sizes"
    )


def _accumulation(together: int, arguments: dict[str, Any]) -> int:
    """The accumulation that the global batch asks for here; one that is stated must agree."""
    per_device = arguments["per_device_train_batch_size"]
    steps = accumulation_steps(together, per_device, int(os.environ.get("WORLD_SIZE", "1")))
    stated = arguments.get("gradient_accumulation_steps", steps)
    if stated != steps:
        raise UserError(
            f"gradient_accumulation_steps {stated}: global_batch_size {together} asks for {steps} here; leave it out, "
            "or set global_batch_size to null"
        )
    return steps


def trainer_arguments(section: dict[str, Any], model_arguments: dict[str, Any], seed: int) -> dict[str, Any]:
    """Keyword arguments of TRL's configurations: the section as it is, and what follows from the machine."""
    import torch

    arguments = {key: value for key, value in section.items() if key not in OURS}
    arguments.setdefault("per_device_train_batch_size", 1)
    if section.get("global_batch_size") is not None:
        arguments["gradient_accumulation_steps"] = _accumulation(section["global_batch_size"], arguments)
    if not torch.cuda.is_available():
        # Without these the trainer moves to a missing device, or DeepSpeed's batch assertion fails.
        arguments |= {"use_cpu": True, "dataloader_pin_memory": False}
    arguments.setdefault("model_init_kwargs", model_arguments)
    arguments.setdefault("report_to", "none")
    if "wandb" in str(arguments["report_to"]) and not os.environ.get("WANDB_API_KEY"):
        # Without a key the tracker would end the run with an error of usage.
        os.environ.setdefault("WANDB_MODE", "offline")
    arguments.setdefault("disable_tqdm", not sys.stderr.isatty())
    return {**arguments, "seed": seed}
