"""FILE RECIPE FLAGS of an `accelerate launch`: fails where the recipe would refuse the engine that FILE starts."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from autoif_train.config import parse
from autoif_train.training.engine import check_engine


def environment_of(launch: dict) -> dict[str, str]:
    """What `accelerate launch` tells its processes of the engine."""
    environment = {"WORLD_SIZE": str(launch.get("num_processes", 1))}
    if launch.get("distributed_type") == "DEEPSPEED":
        file = launch["deepspeed_config"]["deepspeed_config_file"]
        environment |= {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": file}
    if launch.get("distributed_type") == "FSDP":
        version = str(launch["fsdp_config"]["fsdp_version"])
        environment |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": version}
    return environment


if __name__ == "__main__":
    file, recipe, *flags = sys.argv[1:]
    if "trains=True)" in Path(recipe).read_text(encoding="utf-8"):
        launch = yaml.safe_load(Path(file).read_text(encoding="utf-8")) if file else {}
        settings = parse(recipe, "", [flag for flag in flags if flag != "--print_config"])
        check_engine(settings.engine, recipe, environment_of(launch))
