"""Files that ship with the package, named in settings as `bundled:PATH`."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
PREFIX = "bundled:"


def resolve(name: str) -> str:
    """`bundled:PATH` → the path of that file or folder inside the package; any other name as it is."""
    return str(PACKAGE / name.removeprefix(PREFIX)) if name.startswith(PREFIX) else name
