"""What each setting of online DPO does, on the validation set, one at a time, over the seeds of several tiny runs.

    python benchmarks/ablation.py RUN [RUN ...] [--output DIR] [--only NAME ...] [--table]

Each RUN holds the data and the SFT model of one seed (`python recipes/sft.py --seed S --output_dir RUN`); only the
online rounds are run anew, in DIR/NAME/, half a minute of CPU each. A second call goes on where the first one stopped.
`--table` prints what is there so far and runs nothing. No reported set is looked at: settings are chosen on
`validation` alone.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "recipes"))

import numpy as np
from controls import borrow

import online_dpo
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import parse
from autoif_train.evaluation.tiny import Scored
from autoif_train.report.reproduction.measured import bootstrap_interval
from autoif_train.rows import Rows

DEFAULT = "default"
VARIANTS = {
    DEFAULT: (),
    "K 4": ("--sampling.responses_per_query", "4"),
    "K 16": ("--sampling.responses_per_query", "16"),
    "temperature 0.6": ("--sampling.temperature", "0.6"),
    "temperature 1.1": ("--sampling.temperature", "1.1"),
    "beta 0.1": ("--dpo.beta", "0.1"),
    "beta 1.0": ("--dpo.beta", "1.0"),
    "NLL 0": ("--dpo.loss_weights", "[1.0, 0.0]"),
    "NLL 0.3": ("--dpo.loss_weights", "[1.0, 0.3]"),
    "reference sft": ("--online_dpo.reference", "sft"),
    "start_from sft": ("--online_dpo.start_from", "sft"),
    "replay 0.5": ("--online_dpo.replay", "0.5"),
    "pass rate <= 0.5": ("--pairs.pass_rate_at_most", "0.5"),
    "resample 0.5": ("--online_dpo.resample_budget", "0.5"),
    "pairs per query 2": ("--pairs.max_per_query", "2"),
    "lengths matched": ("--pairs.match_length", "true"),
    "no quality gate": ("--quality.enabled", "false"),
    "rate decay 1.0": ("--online_dpo.learning_rate_decay", "1.0"),
}


def share_first_answers(run: Path, output: Path, folder: Path) -> None:
    """The first round asks the same SFT model the same queries, unless a setting of sampling is what changes."""
    names = ("start/validation", *(f"round_1/{name}" for name in ("asked", "responses", "judged")))
    for name in names:
        source, target = (place / f"online_dpo/{name}.jsonl" for place in (output / DEFAULT / run.name, folder))
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def run_variant(name: str, run: Path, output: Path, rounds: int) -> None:
    """The online rounds of one seed under one changed setting, kept in `output`."""
    folder = output / name / run.name
    borrow(run, folder)
    flags = ["--config", str(run / "config.yaml"), "--output_dir", str(folder), "--online_dpo.rounds", str(rounds)]
    flags += ["--online_dpo.drift_queries", "0", *VARIANTS[name]]
    if not any(flag.startswith("--sampling") for flag in VARIANTS[name]):
        share_first_answers(run, output, folder)
    online_dpo.main(parse("ablation.py", "", flags))


def finished(folder: Path, rounds: int) -> bool:
    """Whether the last round was validated, which is the last thing a round does."""
    return (folder / f"online_dpo/round_{rounds}/validation.jsonl").exists()


def figures(folder: Path, rounds: int) -> dict[str, float]:
    """What one seed came to: the last round's validation answers, and how much all rounds sampled and trained on."""
    scored = list(Rows(folder / f"online_dpo/round_{rounds}/validation.jsonl", Scored.from_row))
    count = {
        name: sum(len(Rows(path)) for path in folder.glob(f"online_dpo/round_*/{name}.jsonl"))
        for name in ("responses", "resampled", "pairs")
    }
    return {
        "pass": 100 * statistics.fmean(row.passed for row in scored),
        "relevant": 100 * statistics.fmean(row.relevant for row in scored),
        "words": statistics.fmean(len(row.text.split()) for row in scored),
        "answers": count["responses"] + count["resampled"],
        "pairs": count["pairs"],
    }


def passed(folder: Path, rounds: int) -> list[bool]:
    """Which validation prompts the last round's policy passes."""
    return [row.passed for row in Rows(folder / f"online_dpo/round_{rounds}/validation.jsonl", Scored.from_row)]


def print_table(output: Path, runs: list[Path], rounds: int) -> None:
    """One line per variant: mean ± deviation over the seeds, and the paired difference to the default."""
    print("| setting | seeds | validation | against the default | relevant | words | answers | pairs |")
    print("|---|---|---|---|---|---|---|---|")
    for name in VARIANTS:
        folders = {run.name: output / name / run.name for run in runs}
        done = {seed: folder for seed, folder in folders.items() if finished(folder, rounds)}
        if not done:
            continue
        found = [figures(folder, rounds) for folder in done.values()]
        cells = [name, str(len(done)), spread([row["pass"] for row in found]), against_default(output, done, rounds)]
        for figure, digits in (("relevant", 1), ("words", 1), ("answers", 0), ("pairs", 0)):
            cells.append(f"{statistics.fmean(row[figure] for row in found):.{digits}f}")
        print("|", " | ".join(cells), "|", flush=True)


def spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{deviation}"


def against_default(output: Path, done: dict[str, Path], rounds: int) -> str:
    """The mean paired difference on the same prompts and seeds, and its 95 % interval with both drawn anew."""
    seeds = [seed for seed in done if finished(output / DEFAULT / seed, rounds)]
    sides = [[passed(where, rounds) for where in (output / DEFAULT / seed, done[seed])] for seed in seeds]
    differences = np.array([np.subtract(after, before, dtype=float) for before, after in sides])
    if not differences.any():
        return "–"
    low, high = bootstrap_interval(differences)
    return f"{100 * differences.mean():+.1f} ({low:+.1f} to {high:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    # Seed by seed, so that a stop leaves whole columns rather than whole rows.
    for run in asked.runs if not asked.table else ():
        for name in asked.only:
            run_variant(name, run, asked.output, asked.rounds)
    print_table(asked.output, asked.runs, asked.rounds)


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
