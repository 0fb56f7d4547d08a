"""Files that ship with the package, named in settings as `bundled:PATH`."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
PREFIX = "bundled:"


def resolve(name: str) -> str:
    """`bundled:PATH` → the path of that file or folder inside the package; any other name as it is."""
    return str(PACKAGE / name.removeprefix(PREFIX)) if name.startswith(PREFIX) else name


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model: a whole one, or an adapter that names its base."""
    return any((folder / name).exists() for name in ("config.json", "adapter_config.json"))
