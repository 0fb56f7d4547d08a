"""Packages and data that a benchmark needs beside this project: refused with the command that gets them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping

from autoif_train.types import UserError


def check_packages(bench: str, packages: Iterable[str]) -> None:
    """Refuse where a package of the extra `eval` is missing."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"{bench}: the package {package} is not installed; get it with: {sys.executable} -m pip install "
                "-c constraints.txt -e '.[eval]'"
            )


def check_nltk(bench: str, data: Mapping[str, str]) -> None:
    """Refuse where NLTK lacks some of its data packages, given by name with the path that each brings."""
    import nltk

    def missing(path: str) -> bool:
        try:
            nltk.data.find(path)
        except LookupError:
            return True
        return False

    if names := [name for name, path in data.items() if missing(path)]:
        raise UserError(
            f"{bench}: NLTK's data {' and '.join(names)} are missing; get them with: {sys.executable} -m "
            f"nltk.downloader {' '.join(names)} (without internet: docs/evaluation.md)"
        )
