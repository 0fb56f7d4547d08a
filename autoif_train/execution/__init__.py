"""Runs verification functions that a language model wrote, on texts that a language model wrote."""

from autoif_train.execution.executor import Executor
from autoif_train.execution.settings import ExecutionSettings
from autoif_train.types import Outcome

__all__ = ["ExecutionSettings", "Executor", "Outcome"]
