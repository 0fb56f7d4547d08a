"""Evaluate every stage that the run folder holds, and write `results.json` and `report.html` (paper §4).

    python recipes/evaluate.py --model qwen2-7b --evaluation.ifeval_prompts ifeval.jsonl

Without arguments: the tiny model's base, SFT, offline DPO and online DPO policies on its held-out sets, after training
whichever of them the run folder lacks; about two minutes of CPU time in all.
"""

from __future__ import annotations

import sys

import offline_dpo
import online_dpo
from autoif_train.command import run_recipe
from autoif_train.evaluation.choice import check_benchmarks, evaluate_stage, stages
from autoif_train.evaluation.results import drops, write_cards, write_results
from autoif_train.report.page import write_report
from autoif_train.report.table import print_stages
from autoif_train.run import Run, bring


def main(settings):
    run = Run(settings, "evaluate")
    before = run.steps()
    check_benchmarks(run, settings)
    bring(settings, "offline_dpo", offline_dpo.main)
    bring(settings, f"online_dpo/round_{settings.online_dpo.rounds}/summary", online_dpo.main)
    with run:
        for stage in stages(run, settings):
            evaluate_stage(run, settings, stage)
        if run.rank == 0:
            show(run, settings, before)


def show(run, settings, before):
    """The table of stages, the report and the cards; exit code 1 where a stage fell further than is allowed."""
    results = write_results(run, settings)
    write_cards(run, settings, results)
    print_stages(results)
    if run.steps() == before:
        print("every step was done before; only the table and the report were written anew")
    print(f"report: {write_report(run.folder)}")
    if dropped := drops(results, settings.evaluation.largest_drop):
        sys.exit("\n".join(dropped))


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__)
