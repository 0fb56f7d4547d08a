"""How a set is asked for: answers are kept with it, and those of two ways are never taken for each other."""

from __future__ import annotations

import dataclasses

from autoif_train.config import flat
from autoif_train.evaluation.answers import decoding
from autoif_train.evaluation.benchmarks import BENCHMARKS, Benchmark
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.run import Run
from autoif_train.types import Row

ASKED = ("max_prompts", "max_new_tokens", "temperature", "top_p", "strip_thinking")
"""The settings of `evaluation` that decide it."""


def answering(benchmark: Benchmark, settings: EvaluationSettings) -> EvaluationSettings:
    """The settings under which a benchmark is answered."""
    return dataclasses.replace(settings, temperature=0.0, top_p=1.0) if benchmark.greedy else settings


def way(benchmark: Benchmark, settings: EvaluationSettings) -> Row:
    """What the kept answers of a set hang on besides the policy, the seed and the files."""
    sampling = decoding(answering(benchmark, settings))
    drawn = {name: getattr(sampling, name) for name in ("temperature", "top_p", "max_new_tokens")}
    decoded = {**drawn, "search": benchmark.search} if benchmark.search else drawn
    # A grading has its own; lm-eval reads answers as they are.
    read = {"strip_thinking": settings.strip_thinking} if benchmark.strips and not benchmark.grading else {}
    return {"decoding": decoded, "max_prompts": settings.max_prompts, **read}


def made_with(run: Run, answers: str, benchmark: Benchmark, settings: EvaluationSettings) -> Row:
    """What is noted of how the kept answers of a name were made.

    Earlier versions noted less, and let nothing of it change: what they left out is what the settings said.
    """
    noted = run.recorded("evaluation").get(answers, {})
    if "max_prompts" not in noted:
        before = run.before("evaluation")
        same = {key: before[key] for key in ASKED if key in before}
        noted |= way(benchmark, dataclasses.replace(settings, **same))
    if "engine" not in noted:
        noted["engine"] = run.before("policy").get("sampling_engine")
    return noted


def other_way(run: Run, answers: str, benchmark: Benchmark, settings: EvaluationSettings) -> list[str]:
    """`key: kept → asked` for what differs between the way in which the answers of a name were asked for and that of
    the settings; empty where they agree, or nobody has answered."""
    if not run.has(answers):
        return []
    kept, asked = flat(made_with(run, answers, benchmark, settings)), flat(way(benchmark, settings))
    return [
        f"evaluation.{key.removeprefix('decoding.')}: {kept.get(key)} → {value}"
        for key, value in asked.items()
        if kept.get(key) != value
    ]


def is_as_asked(score: Row, settings: EvaluationSettings) -> bool:
    """Whether a score of `results.json` says that it was asked for as the settings have it."""
    return flat(way(BENCHMARKS[score["benchmark"]], settings)).items() <= flat(score).items()
