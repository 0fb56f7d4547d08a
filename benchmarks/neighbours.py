"""Ways on from one SFT model at equal verifier calls: rejection SFT, offline and online DPO, SPIN, SPaR, GRPO.

    python benchmarks/neighbours.py RUN [RUN ...] [--arms GRPO SPaR] --output results.jsonl
    python benchmarks/neighbours.py --table results.jsonl

Each RUN holds the data and the SFT model of one seed of the tiny model (`python recipes/sft.py --seed S --output_dir
RUN`). About 3,000 answers are judged in each arm that judges any; SPIN, which judges none, writes as many. The table
gives them as counted, with the tokens. Scores: greedy answers to the held-out sets H and Q (pass rate, relevance,
words), pass@8 at temperature 1 on the first 100 prompts of H, and the audit gap: what the functions of training say of
answers to 250 training queries minus what those held back say. An arm that has its line in the file is not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "recipes"))

from controls import borrow

import grpo
import offline_dpo
import online_dpo
import spar
import spin
from autoif_train.chat.choice import open_model
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import parse
from autoif_train.evaluation import tiny
from autoif_train.evaluation.stages import trained_stages
from autoif_train.evaluation.statistics import compare
from autoif_train.execution import Executor
from autoif_train.feedback.audit import audit_rates
from autoif_train.feedback.demonstrations import demonstrations
from autoif_train.feedback.judge import judge
from autoif_train.feedback.quality import quality_judge, score_quality
from autoif_train.feedback.sample import sample
from autoif_train.rows import Rows
from autoif_train.run import Run
from autoif_train.training.train import train_sft
from autoif_train.types import Judged, Query, Response

CALLS = 3000
QUERIES = 125  # of a round, eight answers each, three rounds
GRPO = ["--grpo.trainer.max_steps", "31"]  # 125 x 8 answers measure the difficulty, 31 x 64 are trained on


def rejection(settings):
    """The SFT model's own answers that pass, learnt by SFT."""
    with Run(settings, "rejection") as run:
        policy, seed = run.need("sft", "sft"), (settings.seed, "rejection")
        queries = run.rows("data/queries", Query.from_row).first(CALLS // settings.sampling.responses_per_query)
        with (
            Executor.of(settings.execution) as executor,
            run.open_policy(policy) as chat,
        ):
            made = run.keep(
                "rejection/round_1/responses", sample, queries, chat, settings.sampling, *seed, read=Response.from_row
            )
            judged = run.keep("judged", judge, queries, made, executor, read=Judged.from_row)
        relevance, above = quality_judge(settings.quality, None), settings.demonstrations.accept_above
        scored = score_quality(queries, judged, relevance, settings.quality, above, *seed)
        scored = run.keep("scored", lambda: scored, read=Judged.from_row)
        rows = run.keep(
            "rows", demonstrations, queries, scored, settings.demonstrations, settings.quality, settings.seed
        )
        return run.keep_model("policy", train_sft, policy, rows, settings.sft, settings.policy, settings.seed)


ARMS = {
    "SFT (start)": (lambda settings: None, []),
    "rejection SFT": (rejection, []),
    "offline DPO": (offline_dpo.main, []),
    "online DPO": (online_dpo.main, []),
    "SPIN, published β": (spin.main, ["--spin.betas", "[0.1, 0.1, 0.1, 5.0]"]),
    "SPIN, β 5": (spin.main, []),
    "SPaR": (spar.main, []),
    "GRPO": (grpo.main, GRPO),
    "GRPO, no gate": (grpo.main, [*GRPO, "--grpo.gate", "false"]),
}


def run_arm(name, run, folder):
    """One line of the results: what the arm spent, and what its last policy scored."""
    recipe, flags = ARMS[name]
    borrow(run, folder)
    sizes = [
        "--online_dpo.queries_per_round",
        str(QUERIES),
        "--evaluation.benchmarks",
        "[]",
        "--online_dpo.drift_queries",
        "0",
    ]
    flags = ["--seed", str(seed_of(run)), "--output_dir", str(folder), *sizes, *flags]
    settings = parse("neighbours.py", "", flags)
    cpu = time.process_time()
    policy = recipe(settings) or list(trained_stages(folder))[-1].model
    cpu = time.process_time() - cpu
    settings = dataclasses.replace(settings, evaluation=dataclasses.replace(settings.evaluation, benchmarks=["tiny"]))
    with open_model(policy, settings.policy, "policy") as chat:
        found = {"arm": name, "seed": settings.seed, "cpu_seconds": round(cpu, 1), **spent(folder, chat.tokenizer)}
        for name in ("H", "Q"):
            rows = list(tiny.answer_set(name, chat, settings.evaluation))
            found[name] = {
                key: value for key, value in tiny.metrics(rows).items() if key in ("relevance", "mean_words")
            }
            found[name]["passed"] = [row.passed for row in rows]
        found |= {"pass_at_8": pass_at_8(chat, settings), "audit_gap": audit_gap(chat, settings)}
    return found


def seed_of(run):
    return json.loads((run / "manifest.json").read_text())["seed"]


def spent(folder, tokenizer):
    """Answers judged and tokens written by the arm, its training's own included."""
    files = [path for name in ("responses", "resampled", "searched") for path in folder.glob(f"*/round_*/{name}.jsonl")]
    texts = [row["text"] for path in files for row in Rows(path)]
    tokens = sum(len(ids) + 1 for ids in tokenizer(texts, add_special_tokens=False).input_ids) if texts else 0
    judged = 0 if (folder / "spin").exists() else len(texts)
    for path in folder.glob("grpo/round_*/policy/metrics.jsonl"):
        for row in Rows(path):
            judged += 64 * ("completions/mean_length" in row)
            tokens += round(64 * row.get("completions/mean_length", 0))
    return {"judged": judged, "tokens": tokens}


def pass_at_8(chat, settings):
    """Share of prompts that one of eight answers passes, relevance included."""
    drawn = dataclasses.replace(settings.evaluation, temperature=1.0, max_prompts=100)
    tries = [[row.passed and row.relevant for row in tiny.answer_set("H", chat, drawn, seed)] for seed in range(8)]
    return statistics.fmean(map(any, zip(*tries, strict=True)))


def audit_gap(chat, settings):
    queries = Rows(Path(settings.output_dir) / "data/queries.jsonl", Query.from_row).first(2 * QUERIES)
    one = dataclasses.replace(settings.sampling, responses_per_query=1)
    with Executor.of(settings.execution) as executor:
        rates = audit_rates(queries, judge(queries, sample(queries, chat, one, settings.seed), executor))
    return rates and rates.gap


def print_table(file):
    """Means over the seeds with their standard deviations, and the change against the SFT model on the same prompts."""
    rows = list(Rows(file))
    spending, scores = (
        "judged | tokens | CPU s",
        "pass H+Q, % | against SFT [95 %] | relevant, % | words | pass@8 | audit gap",
    )
    print(f"| arm | seeds | {spending} | {scores} |")
    print("|" + "---|" * 11)
    start = {row["seed"]: row["H"]["passed"] + row["Q"]["passed"] for row in rows if row["arm"] == "SFT (start)"}
    for name in ARMS:
        arm = [row for row in rows if row["arm"] == name and row["seed"] in start]
        if not arm:
            print(f"| {name} | 0 | not run |" + " |" * 8)
            continue
        passed = [row["H"]["passed"] + row["Q"]["passed"] for row in arm]
        before = [value for row in arm for value in start[row["seed"]]]
        test = compare(before, [value for each in passed for value in each])
        low, high = 100 * test["difference_low"], 100 * test["difference_high"]
        sets = [row[each] for row in arm for each in ("H", "Q")]
        gaps = [100 * row["audit_gap"] for row in arm if row["audit_gap"] is not None]
        cells = [
            len(arm),
            *(f"{statistics.fmean(row[key] for row in arm):,.0f}" for key in ("judged", "tokens", "cpu_seconds")),
            spread([100 * statistics.fmean(each) for each in passed]),
            f"{100 * test['difference']:+.1f} [{low:+.1f}, {high:+.1f}]",
            f"{100 * statistics.fmean(each['relevance'] for each in sets):.1f}",
            f"{statistics.fmean(each['mean_words'] for each in sets):.1f}",
            spread([100 * row["pass_at_8"] for row in arm]), spread(gaps) if gaps else "–",
        ]  # fmt: skip
        print(f"| {name} |", " | ".join(map(str, cells)), "|")


def spread(values):
    return f"{statistics.fmean(values):.1f}" + (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--output", type=Path, default=Path("neighbours.jsonl"))
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    if asked.table:
        return print_table(asked.table)
    for run in asked.runs:
        for name in ARMS:
            seed = seed_of(run)
            done = {(row["arm"], row["seed"]) for row in Rows(asked.output)} if asked.output.exists() else set()
            if name in asked.arms and (name, seed) not in done:
                with tempfile.TemporaryDirectory() as folder:
                    found = run_arm(name, run, Path(folder))
                with asked.output.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                print(name, seed, found["cpu_seconds"], flush=True)


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
