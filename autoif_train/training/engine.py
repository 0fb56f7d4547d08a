"""What the process was launched on, and a refusal before any work when it is not what the settings ask for."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any, Literal

from autoif_train.types import UserError

Engine = Literal["none", "ddp", "zero1", "zero2", "zero3", "zero3_offload", "fsdp2"]


def launched_engine(environment: Mapping[str, str] = os.environ) -> str:
    """The engine that `accelerate launch` prepared, read from the variables it sets."""
    if environment.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        return _zero_stage(environment)
    if environment.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        return "fsdp2" if environment.get("FSDP_VERSION") == "2" else "fsdp1"
    return "ddp" if int(environment.get("WORLD_SIZE", "1")) > 1 else "none"


def check_running(accelerator: Any, precision: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to train when what runs is not what the launcher announced: some of its failures are silent.

    Under accelerate 1.15 `FSDP` with `use_cpu: true` becomes plain DDP, and without a GPU as many processes as were
    asked for, each training by itself. `precision` is what the settings ask for: bf16, fp16 or no.
    """
    announced, running = launched_engine(environment), _running_engine(accelerator.state)
    processes = int(environment.get("WORLD_SIZE", "1"))
    for what, wanted, found in (
        ("processes", processes, accelerator.num_processes),
        ("engine", announced, running),
        ("precision", precision, accelerator.mixed_precision),
    ):
        if wanted != found:
            raise UserError(
                f"{what}: asked for {wanted}, running on {found}; start with one of the files of deepspeed_configs/ "
                "that suits this machine, e.g. ddp_cpu.yaml where there is no GPU"
            )


def _running_engine(state: Any) -> str:
    kind = state.distributed_type.value
    if kind == "DEEPSPEED":
        zero = state.deepspeed_plugin.deepspeed_config["zero_optimization"]
        return _named_stage(zero)
    if kind == "FSDP":
        return f"fsdp{state.fsdp_plugin.fsdp_version}"
    return "ddp" if state.num_processes > 1 else "none"


def keeps_float32_weights(engine: str) -> bool:
    """Whether the engine updates float32 copies of bfloat16 weights: DeepSpeed's optimizers do, AdamW does not."""
    return engine.startswith("zero")


def _zero_stage(environment: Mapping[str, str]) -> str:
    file = environment.get("ACCELERATE_DEEPSPEED_CONFIG_FILE")
    if not file or file == "none":
        stage = environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
        offload = environment.get("ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE", "none") == "cpu"
        return f"zero{stage}_offload" if offload else f"zero{stage}"
    import json

    with open(file, encoding="utf-8") as opened:
        return _named_stage(json.load(opened)["zero_optimization"])


def _named_stage(zero: Mapping[str, Any]) -> str:
    offload = (zero.get("offload_param") or {}).get("device") == "cpu"
    return f"zero{zero['stage']}_offload" if offload else f"zero{zero['stage']}"


def check_engine(wanted: Engine | None, recipe: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a start on another engine than `wanted`, with the command that starts the right one; None takes any."""
    found = launched_engine(environment)
    if wanted is None or found == wanted:
        return
    raise UserError(f"engine: asked for {wanted}, started on {found}; use: {start_command(wanted, recipe)}")


def start_command(engine: Engine | None, recipe: str) -> str:
    """The command that starts `recipe` on an engine, with the flags of this process; None leaves the launcher's own."""
    launcher = {"none": "python", None: "accelerate launch"}
    with_file = f"accelerate launch --config_file deepspeed_configs/{engine}.yaml"
    return f"{launcher.get(engine, with_file)} {recipe} {shlex.join(sys.argv[1:])}".rstrip()
