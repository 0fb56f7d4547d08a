"""One executor a level for all who ask: the same outcomes are wanted of the kernel's walls and of WebAssembly."""

from __future__ import annotations

import pytest

from autoif_train.execution import Executor
from autoif_train.execution.wasm import component


@pytest.fixture(scope="session")
def wasm() -> str:
    """The level's name where its packages are installed."""
    if not component.installed():
        pytest.skip("the extra `wasm` is not installed")
    return "wasm"


@pytest.fixture(scope="session", params=["auto", "wasm"])
def executor(request):
    level = request.param if request.param == "auto" else request.getfixturevalue("wasm")
    with Executor(level=level, workers=2, timeout_seconds=0.3, memory_limit_mb=128) as executor:
        yield executor
