"""`results.json`: what the kept answers amount to, how stages differ, and how a score is read back to its items."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from autoif_train.config import Settings
from autoif_train.evaluation.answers import Answered, Shown
from autoif_train.evaluation.benchmarks import BENCHMARKS, Benchmark
from autoif_train.evaluation.choice import kept_sets, stages
from autoif_train.evaluation.stages import Stage
from autoif_train.evaluation.statistics import compare
from autoif_train.evaluation.way import made_with
from autoif_train.rows import Rows
from autoif_train.run import Run
from autoif_train.training.card import write_scores
from autoif_train.types import Row
from autoif_train.versions import versions

Values = dict[int | str, float | None]
"""What stages are compared on: a number for each item by the item's key, None where there is none."""


def write_cards(run: Run, settings: Settings, results: dict[str, Any]) -> None:
    """The scores on the card of each model that the run has trained."""
    for stage in stages(run, settings):
        if stage.stage != "base":
            of_stage = [row for row in results["scores"] if (row["stage"], row["round"]) == (stage.stage, stage.round)]
            write_scores(Path(stage.model), of_stage)


def write_results(run: Run, settings: Settings) -> dict[str, Any]:
    """`results.json`: the scores of every stage, and paired tests between the stages on the same prompts.

    Stages that were asked, sampled or graded in different ways (`comparable`) are not tested against each other. Where
    answers are sampled, a figure is the mean over the seeds, bounds of intervals included (so an interval is that of
    one seed), and `spread` holds the standard deviations over the seeds.
    """
    scores: list[Row] = []
    values: dict[tuple[str, str, str], dict[str, Values]] = {}
    for stage in stages(run, settings):
        for kept in kept_sets(run, settings, stage):
            samples = [list(run.rows(name, kept.benchmark.read)) for name in kept.items]
            place = {"stage": stage.stage, "round": stage.round, "seed": settings.seed}
            where = {"benchmark": kept.bench, "set": kept.set, "n": len(samples[0])}
            named = {"items": list(kept.items), "answers": list(kept.answers)}
            figures = _mean_metrics([kept.benchmark.metrics(rows) for rows in samples])
            grader = {"grader": kept.benchmark.grading.facts(settings)} if kept.benchmark.grading else {}
            noted = made_with(run, kept.answers[0], kept.benchmark, settings.evaluation)
            score = {**place, **where, **named, **noted, **grader, **figures}
            scores.append(score)
            way = (kept.bench, kept.set, comparable(score))
            values.setdefault(way, {})[stage.name] = _mean_values(samples, kept.benchmark.value)
    comparisons = [
        {"benchmark": bench, "set": name, "before": before, "after": after}
        | compare(*common_values(table[before], table[after]), settings.seed)
        for (bench, name, _), table in values.items()
        for before, after in combinations(table, 2)
    ]
    return run.write_json("results", {"versions": versions(), "scores": scores, "comparisons": comparisons})


def item_values(folder: Path, score: Row, metric: str | None = None) -> Values:
    """What a score of `results.json` in `folder` is made of: a number for each item, by the item's key.

    It is what stages are compared on, or one of the benchmark's `shares`; the mean over the samples where there are
    several. Empty where the items are gone, or the benchmark has no such share.
    """
    benchmark = BENCHMARKS.get(score["benchmark"])
    value = benchmark and (benchmark.shares.get(metric) if metric else benchmark.value)
    paths = [folder / f"{name}.jsonl" for name in _names(score, "items")]
    if value is None or not all(path.exists() for path in paths):
        return {}
    return _mean_values([Rows(path, benchmark.read) for path in paths], value)


def shown_items(folder: Path, score: Row) -> Rows[Shown] | None:
    """The items behind a score of `results.json` in `folder` as people are shown them, of the first sampling.

    None where the file is gone, or the benchmark has nothing but figures.
    """
    benchmark = BENCHMARKS.get(score["benchmark"])
    if benchmark is None:
        return None
    files, read = ("answers", _answer_of) if benchmark.grading else ("items", _item_of(benchmark))
    path = folder / f"{_names(score, files)[0]}.jsonl"
    return Rows(path, read) if read and path.exists() else None


def _item_of(benchmark: Benchmark) -> Callable[[Row], Shown] | None:
    shown = benchmark.shown
    return shown and (lambda row: shown(benchmark.read(row)))


def _answer_of(row: Row) -> Shown:
    answered = Answered.from_row(row)
    return Shown(answered.prompt, answered.responses)


def _names(score: Row, files: str) -> list[str]:
    # Results that name no files are from before they did.
    return score.get(files) or [f"evaluation/{_stage(score).name}/{score['set']}"]


def comparable(score: Row) -> str:
    """What two scores of one set must have in common to be set side by side: what was asked of how many prompts, who
    answered, and who graded."""
    common = [score.get(key) or None for key in ("files", "decoding", "engine", "n", "scorer", "grader")]
    return json.dumps([*common, score.get("strip_thinking", True)], sort_keys=True)


def _mean_values(samples: Iterable[Iterable[Any]], value: Callable[[Any], float | None]) -> Values:
    """One number per item: the mean over the samples that have one."""
    found: dict[int | str, list[float | None]] = {}
    for rows in samples:
        for row in rows:
            found.setdefault(row.key, []).append(value(row))
    known = {key: [each for each in values if each is not None] for key, values in found.items()}
    return {key: statistics.fmean(values) if values else None for key, values in known.items()}


def common_values(before: Values, after: Values) -> tuple[list[float | None], list[float | None]]:
    """The values of the items that both have, side by side."""
    both = [key for key in before if key in after]
    return [before[key] for key in both], [after[key] for key in both]


def _mean_metrics(samples: list[dict[str, float]]) -> Row:
    """`metrics`, and where there are several seeds how many and how far they lie apart."""
    if len(samples) == 1:
        return {"metrics": samples[0]}
    columns = {key: [each[key] for each in samples if key in each] for key in samples[0]}
    means = {key: statistics.fmean(column) for key, column in columns.items()}
    spread = {key: statistics.stdev(column) if len(column) > 1 else 0.0 for key, column in columns.items()}
    return {"metrics": means, "seeds": len(samples), "spread": spread}


def drops(results: dict[str, Any], largest: float | None) -> list[str]:
    """The gate: what fell against the base model, beyond noise, by more than `largest`; nothing where that is None.

    What was scored otherwise than the base model has not passed either.
    """
    if largest is None:
        return []
    against_base = {(row["after"], row["set"]): row for row in results["comparisons"] if row["before"] == "base"}
    trained = [(_stage(score).name, score["set"]) for score in results["scores"] if score["stage"] != "base"]
    fell = [
        f"{name}: {stage} is {-100 * row['difference']:.1f} points below base, more than evaluation.largest_drop = "
        f"{largest:g} allows"
        for (stage, name), row in against_base.items()
        if row["verdict"] == "worse" and -row["difference"] > largest
    ]
    apart = [
        f"{name}: {stage} and base were not scored in the same way; remove the older file in evaluation/, run again"
        for stage, name in trained
        if (stage, name) not in against_base
    ]
    return fell + apart


def _stage(score: Row) -> Stage:
    return Stage(score["stage"], score["round"], "")
