"""One executor for the module that asks: starting one costs a tenth of a second, hanging functions much more."""

from __future__ import annotations

import pytest

from autoif_train.execution import Executor


@pytest.fixture(scope="session")
def executor():
    with Executor(workers=2, timeout_seconds=0.3, memory_limit_mb=128) as executor:
        yield executor
