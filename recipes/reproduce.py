"""Reproduce the paper's Tables 1 to 5 and Figure 4: run what is missing, reuse what is there, print ours beside theirs.

    accelerate launch recipes/reproduce.py --table 1 --model tiny
    accelerate launch recipes/reproduce.py --table all --model qwen2-7b --dry_run

Every run is one of recipes/configs/reproduce.yaml, executed by the other recipes; flags of theirs hold for all runs.
Without arguments: every table on the tiny model with three seeds, about an hour on one CPU core; the same command goes
on after a stop. Leaves `runs/` and `tables/` (Markdown, LaTeX, CSV, figures) in the output folder.
"""

from __future__ import annotations

import os

import generate_data
import offline_dpo
import online_dpo
import sft
from autoif_train.command import run_recipe
from autoif_train.evaluation.choice import check_benchmarks, evaluate_stage, stages
from autoif_train.evaluation.results import write_results
from autoif_train.report.reproduction.costs import print_plan
from autoif_train.report.reproduction.files import write_tables
from autoif_train.report.reproduction.grid import read_arguments
from autoif_train.report.reproduction.sharing import lend, lender
from autoif_train.run import Run

STEPS = {"sft": sft.main, "offline_dpo": offline_dpo.main, "online_dpo": online_dpo.main}


def main(settings):
    first_rank = os.environ.get("RANK", "0") == "0"
    if first_rank:
        print_plan(settings)
    if settings.dry_run:
        return
    for number, run in enumerate(() if settings.tables_only else settings.runs, 1):
        if not run.finished():
            if first_rank:
                print(f"run {number} of {len(settings.runs)}: {run.name}", flush=True)
            source, parts = lender(run, settings.runs[: number - 1])
            if source:
                lend(source, run, parts)
            execute(run)
    if first_rank:
        print(write_tables(settings))


def execute(planned):
    """One run of the grid, from its data to its scores."""
    check_benchmarks(Run(planned.settings, "evaluate"), planned.settings)
    generate_data.main(planned.settings)
    for stage in planned.stages:
        STEPS[stage](planned.settings)
    with Run(planned.settings, "evaluate") as run:
        for stage in stages(run, planned.settings):
            evaluate_stage(run, planned.settings, stage)
        write_results(run, planned.settings)


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True, parse=read_arguments)
