"""Optional packages that functions may import, as the parent sees them; `inside/packs.py` loads them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from autoif_train.types import UserError


def check(packs: Iterable[str]) -> None:
    """Raises UserError for a pack that is not installed here."""
    for name in packs:
        if not name.isidentifier() or importlib.util.find_spec(name) is None:
            raise UserError(f"execution.packs: {name} is not installed here; pip install it or leave it out")


def path() -> list[str]:
    """The folders that packs are imported from."""
    return [folder for folder in sys.path if Path(folder).is_dir()]
