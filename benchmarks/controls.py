"""Two controls of a finished tiny run: is it the fresh prompts, or the amount of data, that online DPO gains from?

    python benchmarks/controls.py runs/quickstart

`same_prompts`: three online rounds from the run's SFT model that ask the offline stage's queries every time.
`more_offline`: offline DPO from the run's SFT model on as many of the respondent's queries as three rounds ask.
Both are kept in RUN/controls and scored on H and Q like every stage.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "recipes"))

import online_dpo
from autoif_train.chat.choice import open_chat, open_model, respondent_settings
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import Settings, parse
from autoif_train.evaluation import tiny
from autoif_train.execution import Executor
from autoif_train.feedback.judge import judge
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.quality import quality_judge, score_quality
from autoif_train.feedback.sample import sample
from autoif_train.run import Run
from autoif_train.training.train import train_dpo
from autoif_train.types import Judged, Query, Response


def same_prompts(folder: Path, settings: Settings) -> Path:
    """Online rounds that ask the offline stage's queries again and again."""
    control = folder / "controls" / "same_prompts"
    rounds = dataclasses.replace(
        settings.online_dpo, fresh_queries=False, queries_per_round=settings.synthesis.max_answered_queries
    )
    changed = dataclasses.replace(settings, output_dir=str(control), online_dpo=rounds)
    borrow(folder, control)
    online_dpo.main(changed)
    return control / f"online_dpo/round_{rounds.rounds}/policy"


def more_offline(folder: Path, settings: Settings) -> Path:
    """Offline DPO on the respondent's answers to as many queries as all rounds ask."""
    control = folder / "controls" / "more_offline"
    count = settings.online_dpo.rounds * settings.online_dpo.queries_per_round
    borrow(folder, control)
    changed = dataclasses.replace(settings, output_dir=str(control))
    responding = respondent_settings(settings.supervisor, settings.respondent)
    with Run(changed, "controls") as run:
        queries = run.rows("data/queries", Query.from_row).first(count)
        with (
            Executor.of(settings.execution) as executor,
            open_chat(responding, settings.policy, "respondent", run.cache_path()) as respondent,
        ):
            answers = run.keep(
                "responses", sample, queries, respondent, settings.sampling, settings.seed, read=Response.from_row
            )
            judged = run.keep("judged", judge, queries, answers, executor, read=Judged.from_row)
        relevance, above = quality_judge(settings.quality, respondent), settings.pairs.chosen_above
        scored = run.keep(
            "scored", score_quality, queries, judged, relevance, settings.quality, above, settings.seed,
            read=Judged.from_row,
        )  # fmt: skip
        pairs = run.keep("pairs", pairs_by_score, queries, scored, settings.pairs, settings.quality, settings.seed)
        sft = str(folder / "sft")
        return Path(run.keep_model("policy", train_dpo, sft, pairs, settings.dpo, settings.policy, settings.seed))


def borrow(folder: Path, control: Path) -> None:
    """Give a control the run's own queries and SFT model."""
    for name in ("data", "sft"):
        (control / name).parent.mkdir(parents=True, exist_ok=True)
        if not (control / name).exists():
            (control / name).symlink_to((folder / name).resolve())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    settings = parse("controls.py", "", ["--config", str(folder / "config.yaml")])
    for control in (same_prompts, more_offline):
        policy = control(folder, settings)
        with open_model(str(policy), settings.policy, control.__name__) as chat:
            for name in ("H", "Q"):
                found = tiny.metrics(tiny.answer_set(name, chat, settings.evaluation))
                print(
                    f"{control.__name__:<14} {name}  pass {100 * found['pass_rate']:.1f}  "
                    f"relevant {100 * found['relevance']:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
