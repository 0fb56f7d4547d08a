"""TRL's own arguments passed through, and the few of ours that become them.

The sections `sft` and `dpo` hold TRL's names, which are not declared again here. To refuse a misspelt one without
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

OURS = frozenset({"global_batch_size"})
_SOURCES = {
    "sft": ("trl/trainer/sft_config.py", "trl/trainer/base_config.py", "transformers/training_args.py"),
    "dpo": ("trl/trainer/dpo_config.py", "trl/trainer/base_config.py", "transformers/training_args.py"),
}


@functools.cache
def known_names(section: str) -> frozenset[str]:
    """Every name that may stand in the section `sft` or `dpo`."""
    return OURS.union(*(_fields(source) for source in _SOURCES[section]))


@functools.cache
def _fields(source: str) -> frozenset[str]:
    package, _, inside = source.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"{package} is not installed; run `make venv` or `pip install autoif_train`")
    tree = ast.parse((Path(found.submodule_search_locations[0]) / inside).read_text(encoding="utf-8"))
    return frozenset(
        statement.target.id
        for definition in tree.body
        if isinstance(definition, ast.ClassDef)
        for statement in definition.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    )


def accumulation_steps(global_batch_size: int, per_device: int, world_size: int) -> int:
    """How many micro-batches make the stated global batch, so that the number of GPUs never changes the experiment."""
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


def trainer_arguments(section: dict[str, Any], model_arguments: dict[str, Any], seed: int) -> dict[str, Any]:
    """Keyword arguments of `SFTConfig` or `DPOConfig`: the section as it is, and what follows from the machine."""
    import torch

    arguments = {key: value for key, value in section.items() if key not in OURS}
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    per_device = arguments.setdefault("per_device_train_batch_size", 1)
    if "global_batch_size" in section:
        arguments["gradient_accumulation_steps"] = accumulation_steps(
            section["global_batch_size"], per_device, world_size
        )
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
