"""What the commands share: file options that are refused before any work is done, and rows read with care."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoif_train.rows import check_writable
from autoif_train.types import Row, UserError

if TYPE_CHECKING:
    from autoif_train.config import Settings

Arguments = list[str]


def file_parser(command: str, description: str, **options: str) -> argparse.ArgumentParser:
    """A parser of required file options; a leading underscore marks a positional one."""
    parser = argparse.ArgumentParser(prog=f"autoif {command}", description=description, allow_abbrev=False)
    for name, text in options.items():
        if name.startswith("_"):
            parser.add_argument(name[1:], type=Path, help=text)
        else:
            parser.add_argument(f"--{name}", type=new_file if name == "output" else Path, required=True, help=text)
    return parser


def recipe_settings(command: str, flags: Arguments, *sections: str) -> Settings:
    """The recipes' settings by what flags are left, which may be of these sections only: no other would be heeded."""
    from autoif_train.config import Settings, parse

    others = {field.name for field in dataclasses.fields(Settings)} - {*sections}
    for flag in flags:
        key = flag.removeprefix("--").partition("=")[0]
        if flag.startswith("--") and key.partition(".")[0] in others:
            raise UserError(f"--{key}: autoif {command} takes of the recipes' settings {', '.join(sections)} alone")
    return parse(f"autoif {command}", "", flags)


def new_file(name: str) -> Path:
    """A path that a file can be written to, refused before any work is done."""
    path = Path(name)
    check_writable(path)
    if path.is_dir():
        raise UserError(f"--output {path}: is a folder; name a file to write")
    return path


def run_folder(folder: Path) -> Path:
    """The folder, if a recipe has written a run there; `UserError` otherwise."""
    if not (folder / "config.yaml").exists():
        raise UserError(f"{folder}: not a run folder (no config.yaml); name one that a recipe has written")
    return folder


def sources(row: Row) -> tuple[str, ...]:
    """The sources under `functions`, which are texts or objects with a `source`; `ValueError` for anything else."""
    functions = field(row, "functions", list, "a list")
    sources = tuple(function.get("source") if isinstance(function, dict) else function for function in functions)
    if not all(isinstance(source, str) for source in sources):
        raise ValueError("`functions` holds one whose source is not a string")
    return sources


def field(row: Any, key: str, kind: type | tuple[type, ...], named: str) -> Any:
    """A row's value of a kind; another one is refused, and `Rows` says in which file and line."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
    if not isinstance(row[key], kind):
        raise ValueError(f"`{key}` is not {named}")
    return row[key]
