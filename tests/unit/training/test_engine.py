"""What `accelerate launch` prepared, and the refusal of anything else."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

import autoif_train
from autoif_train.training.engine import Engine, check_engine, check_running, launched_engine
from autoif_train.types import UserError

ROOT = Path(autoif_train.__file__).parent.parent
ENGINES = get_args(Engine)


@pytest.mark.parametrize(
    ("environment", "engine"),
    [
        ({}, "none"),
        ({"WORLD_SIZE": "1"}, "none"),
        ({"WORLD_SIZE": "8"}, "ddp"),
        ({"ACCELERATE_USE_DEEPSPEED": "false", "WORLD_SIZE": "2"}, "ddp"),
        ({"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, "zero3"),
        ({"ACCELERATE_USE_DEEPSPEED": "True", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}, "zero1"),
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "zero2"),
        (
            {
                "ACCELERATE_USE_DEEPSPEED": "true",
                "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3",
                "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "cpu",
            },
            "zero3_offload",
        ),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}, "fsdp2"),
        ({"ACCELERATE_USE_FSDP": "true"}, "fsdp1"),
    ],
)
def test_the_engine_is_read_from_the_launchers_variables(environment, engine):
    assert launched_engine(environment) == engine


def deepspeed(tmp_path, zero):
    file = tmp_path / "ds.json"
    file.write_text(json.dumps({"zero_optimization": zero}))
    return {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)}


@pytest.mark.parametrize(
    ("zero", "engine"),
    [
        ({"stage": 3}, "zero3"),
        ({"stage": 3, "offload_param": {"device": "cpu"}}, "zero3_offload"),
        ({"stage": 3, "offload_param": {"device": "none"}}, "zero3"),
        ({"stage": 3, "offload_param": None}, "zero3"),
        ({"stage": 2, "offload_optimizer": {"device": "cpu"}}, "zero2"),
    ],
)
def test_a_deepspeed_file_says_its_stage(tmp_path, zero, engine):
    assert launched_engine(deepspeed(tmp_path, zero)) == engine


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine.startswith("zero")])
def test_the_shipped_files_are_what_they_are_called(engine):
    file = ROOT / "deepspeed_configs" / f"{engine}.json"
    environment = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)}
    assert launched_engine(environment) == engine


def test_no_wish_takes_any_engine():
    check_engine(None, "recipes/sft.py", {"WORLD_SIZE": "8"})


def test_the_engine_asked_for_is_taken():
    check_engine("ddp", "recipes/sft.py", {"WORLD_SIZE": "8"})


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "none"])
def test_a_refusal_names_a_command_that_exists(engine):
    with pytest.raises(UserError, match=f"asked for {engine}, started on none") as found:
        check_engine(engine, "recipes/sft.py", {})
    words = str(found.value).split("use: ")[1].split()
    assert words[:3] == ["accelerate", "launch", "--config_file"]
    assert (ROOT / words[3]).exists()
    assert words[4] == "recipes/sft.py"


def test_one_process_is_started_by_python():
    with pytest.raises(UserError, match=r"use: python recipes/sft\.py"):
        check_engine("none", "recipes/sft.py", {"WORLD_SIZE": "2"})


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    flags = ["--synthesis.instructions_per_query", "[1, 2]", "--output_dir", "my runs/a"]
    monkeypatch.setattr(sys, "argv", ["recipes/sft.py", *flags])
    with pytest.raises(UserError) as found:
        check_engine("zero3", "recipes/sft.py", {})
    assert shlex.split(str(found.value).split("use: ")[1])[-4:] == flags


def running(kind, processes, precision="no", **plugins):
    """Stands in for an accelerator that has started."""
    state = SimpleNamespace(distributed_type=SimpleNamespace(value=kind), num_processes=processes, **plugins)
    return SimpleNamespace(state=state, num_processes=processes, mixed_precision=precision)


def zero(stage, **more):
    return SimpleNamespace(deepspeed_config={"zero_optimization": {"stage": stage, **more}})


DDP = {"WORLD_SIZE": "2"}
ZERO3 = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "WORLD_SIZE": "2"}
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("environment", "accelerator"),
    [
        ({}, running("NO", 1)),
        (DDP, running("MULTI_GPU", 2)),
        (DDP, running("MULTI_CPU", 2)),
        (ZERO3, running("DEEPSPEED", 2, deepspeed_plugin=zero(3))),
        (FSDP, running("FSDP", 2, fsdp_plugin=SimpleNamespace(fsdp_version=2))),
    ],
)
def test_what_runs_as_announced_is_taken(environment, accelerator):
    check_running(accelerator, "no", environment)


@pytest.mark.parametrize(
    ("environment", "accelerator", "named"),
    [
        (DDP, running("NO", 1), "processes: asked for 2, running on 1"),
        (FSDP, running("MULTI_CPU", 2), "engine: asked for fsdp2, running on ddp"),
        (FSDP, running("NO", 1), "processes: asked for 2"),
        (ZERO3, running("DEEPSPEED", 2, deepspeed_plugin=zero(2)), "engine: asked for zero3, running on zero2"),
        ({}, running("NO", 1, "fp16"), "precision: asked for no, running on fp16"),
    ],
)
def test_a_launchers_silent_failure_is_refused(environment, accelerator, named):
    with pytest.raises(UserError, match=named):
        check_running(accelerator, "no", environment)
