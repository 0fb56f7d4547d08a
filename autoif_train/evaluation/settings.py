"""What is measured."""

from __future__ import annotations

import dataclasses
from typing import Literal

from autoif_train.chat.choice import SupervisorSettings
from autoif_train.setting import setting


@dataclasses.dataclass(frozen=True)
class JudgeSettings(SupervisorSettings):
    """Who judges answers that no rule can check; the keys of a supervisor, and how a verdict is asked for."""

    max_new_tokens: int = setting(2048, least=1)
    """Longest verdict with its reasons, in tokens (ours)."""
    attempts: int = setting(3, least=1)
    """How often a verdict is asked for at most until it can be read; then it is counted apart (ours)."""


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """Benchmarks, their size, and how the policy answers them."""

    benchmarks: list[str] = dataclasses.field(default_factory=list)
    """Benchmarks that recipes/evaluate.py runs: `tiny` is the embedded world's held-out sets H and Q, `ifeval` is
    IFEval; docs/evaluation.md lists them all."""
    max_prompts: int | None = setting(None, least=1)
    """Most prompts of each set, from its beginning; null = all."""
    max_new_tokens: int = setting(1024, least=1)
    """Longest answer in tokens; decoding is greedy (paper §4.1)."""
    temperature: float = setting(0.0, least=0)
    """Softmax temperature of the answers; 0 is greedy (paper §4.1)."""
    top_p: float = setting(1.0, above=0, most=1)
    """Nucleus mass in (0, 1] where answers are sampled (ours)."""
    seeds: int = setting(5, least=1)
    """How often every benchmark is answered where `temperature` is above 0; figures are means (paper App. B: 5)."""
    batch_size: int = setting(256, least=1)
    """Answers decoded side by side by a local model."""
    lm_eval_batch_size: int = setting(8, least=1)
    """Questions side by side where lm-eval asks (C-Eval, MMLU, GSM8K, HellaSwag)."""
    search: Literal["best_of_n", "breadth_first", "depth_first"] | None = None
    """Answer every set once more under this search, with the budgets of `spar` and the checks that grade: the best of
    the policy's own answers, or refinements by `spar.refiner`; null = no search (SPaR: at inference)."""
    strip_thinking: bool = True
    """Whether a `<think>` block is taken off an answer before anyone judges it."""
    largest_drop: float | None = setting(None, least=0, most=1)
    """The gate: recipes/evaluate.py ends with exit code 1 where a stage is worse than the base model, beyond noise, by
    more than this share on any benchmark, e.g. 0.02; null = drops are only shown (ours)."""
    judge: JudgeSettings = dataclasses.field(default_factory=JudgeSettings)
    """Who judges FollowBench, InfoBench, MT-Bench and Arena-Hard."""
    ifeval_prompts: str | None = None
    """IFEval's prompts, a local copy of its input_data.jsonl; null = google/IFEval from the hub."""
    ifbench_prompts: str | None = None
    """IFBench's prompts, a local copy of its IFBench_test.jsonl; null = the file that comes with its checkers."""
    ifbench_checkout: str | None = None
    """A checkout of IFBench's repository, for its checkers; null = the installed package `ifbench`."""
    followbench_prompts: str | None = None
    """FollowBench's folder of *_constraints.json files."""
    infobench_prompts: str | None = None
    """InfoBench's questions, rows {id, input, instruction, decomposed_questions}."""
    mt_bench_prompts: str | None = None
    """MT-Bench's question.jsonl."""
    mt_bench_references: str | None = None
    """MT-Bench's reference answers, shown to the judge where a question has one (reference_answer/gpt-4.jsonl)."""
    arena_hard_prompts: str | None = None
    """Arena-Hard's question.jsonl."""
    arena_hard_baseline: str | None = None
    """Answers that the policy is compared with, rows {prompt, response}."""
    humaneval_prompts: str | None = None
    """HumanEval.jsonl or HumanEval.jsonl.gz; null = openai/openai_humaneval from the hub."""
    mbpp_prompts: str | None = None
    """mbpp.jsonl; null = google-research-datasets/mbpp from the hub."""
    ceval_data: str | None = None
    """C-Eval's folder with dev/*_dev.csv and val/*_val.csv; null = from the hub, as lm-eval does."""
    mmlu_data: str | None = None
    """MMLU's folder with dev/*_dev.csv and test/*_test.csv; null = from the hub, as lm-eval does."""
    gsm8k_data: str | None = None
    """GSM8K's folder with train.jsonl and test.jsonl; null = from the hub, as lm-eval does."""
    hellaswag_data: str | None = None
    """HellaSwag's folder with hellaswag_val.jsonl; null = from the hub, as lm-eval does."""
