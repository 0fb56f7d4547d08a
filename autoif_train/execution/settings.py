"""How untrusted functions are run."""

from __future__ import annotations

import dataclasses

from autoif_train.setting import setting

LEVELS = ("auto", "strict", "seccomp", "wasm", "rlimit", "none")


@dataclasses.dataclass(frozen=True)
class ExecutionSettings:
    """The walls around verification functions, and what one call may use."""

    level: str = "auto"
    """auto | strict | seccomp | wasm | rlimit | none; `auto` takes the strongest that the machine allows (ours)."""
    workers: int = setting(2, least=1, free=True)
    """Functions run side by side; one core each (ours)."""
    timeout_seconds: float = setting(1.0, above=0)
    """CPU seconds per call; a call that sleeps ends after about four times that (ours)."""
    memory_limit_mb: int = setting(256, least=1)
    """Memory that a function may allocate, in MiB (ours)."""
    strikes: int = setting(2, least=1)
    """Timeouts after which the remaining texts of a function stay untried (ours)."""
    packs: list[str] = dataclasses.field(default_factory=list)
    """Installed packages that functions may import beside the standard library's allow-list, such as nltk (ours)."""
