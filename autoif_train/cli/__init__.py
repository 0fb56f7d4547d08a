"""`autoif`: the parts of the pipeline as commands of their own.

    autoif cross-validate --input IN.jsonl --output OUT.jsonl [--preset P] [--cross_validation.key V]
    autoif judge          --functions F.jsonl --responses R.jsonl --output OUT.jsonl
    autoif score          --benchmark NAME --prompts P.jsonl --responses R.jsonl --output OUT.jsonl
    autoif contamination  --train F.jsonl … --benchmark B.jsonl … [--evaluation.judge.model M --output PAIRS.jsonl]
    autoif export         RUN_FOLDER --format trl|llama_factory|parquet --output FOLDER [--push_to_hub REPO]
    autoif inspect        [flags of the recipes] [--data ROWS.jsonl] [--rows N] [--tokens]
    autoif plan           [flags of the recipes] [--gpus N] [--gpu NAME]
    autoif report         RUN_FOLDER [RUN_FOLDER … --output PAGE.html]
    autoif status         RUN_FOLDER [--examples]
    autoif doctor         [flags of the recipes]

Each takes --help.
"""

from __future__ import annotations

import sys

from autoif_train.cli import contamination, cross_validate, doctor, export, inspect, judge, plan, report, score, status
from autoif_train.command import exit_with_code, prepare
from autoif_train.types import UserError

COMMANDS = {
    "cross-validate": cross_validate.main,
    "judge": judge.main,
    "score": score.main,
    "contamination": contamination.main,
    "export": export.main,
    "inspect": inspect.main,
    "plan": plan.main,
    "report": report.main,
    "status": status.main,
    "doctor": doctor.main,
}


def main() -> None:
    """Entry point of the console script."""
    prepare()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return
    command = COMMANDS.get(arguments[0])

    def run() -> None:
        if command is None:
            raise UserError(f"autoif {arguments[0]}: unknown command; choose one of {', '.join(COMMANDS)}")
        command(arguments[1:])

    exit_with_code(run)
