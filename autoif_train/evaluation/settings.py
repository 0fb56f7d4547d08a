"""What is measured."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """Benchmarks, their size, and how the policy answers them."""

    benchmarks: list[str] = dataclasses.field(default_factory=list)
    """Benchmarks that recipes/evaluate.py runs: `tiny` is the embedded world's held-out sets H and Q, `ifeval` is
    IFEval (docs/evaluation.md)."""
    max_prompts: int | None = None
    """Most prompts of each set, from its beginning; null = all."""
    max_new_tokens: int = 1024
    """Longest answer in tokens; decoding is greedy (paper §4.1)."""
    batch_size: int = 256
    """Answers decoded side by side by a local model."""
    ifeval_prompts: str | None = None
    """IFEval's prompts, a local copy of its input_data.jsonl; null = google/IFEval from the hub."""
    strip_thinking: bool = True
    """Whether a `<think>` block is taken off an answer before IFEval's checks see it."""
