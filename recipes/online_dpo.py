"""Iterative online DPO: the policy answers, execution judges, pairs train the next policy (paper §3.4, App. B).

    accelerate launch --config_file deepspeed_configs/zero3.yaml recipes/online_dpo.py --model qwen2-7b

Each round: K answers per query at temperature 0.8 → verdicts → pairs → DPO, starting from the SFT model. Without
arguments: the tiny model, three rounds in about a minute on one CPU core, after the earlier stages if the run folder
lacks them. Raise `--online_dpo.rounds` and run again to go on. Leaves `online_dpo/round_N/`.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import sft
from autoif_train.answering import judged_answers, scored_answers
from autoif_train.chat.policy import token_counter
from autoif_train.command import run_recipe
from autoif_train.evaluation.choice import validate
from autoif_train.evaluation.drift import drift, measurable
from autoif_train.feedback.pairs import pairs_by_score
from autoif_train.feedback.progress import best, change, is_flat, rate
from autoif_train.feedback.quality import check_quality_judge
from autoif_train.feedback.resample import joined, without_signal
from autoif_train.feedback.rounds import (
    check_validation,
    forebears,
    hold_back,
    round_learning_rate,
    round_queries,
    unparked,
    with_replay,
)
from autoif_train.report.online import round_summary, summary_lines
from autoif_train.run import Run, bring
from autoif_train.training.train import train_dpo
from autoif_train.types import Judged, Query


def main(settings):
    bring(settings, "sft", sft.main)
    with Run(settings, "online_dpo") as run:
        policies = [run.need("sft", "sft")]
        queries = list(run.need("data/queries", "generate_data", read=Query.from_row))
        check_quality_judge(settings.quality, settings.supervisor, settings.policy)
        queries, held_back = hold_back(queries, settings.online_dpo)
        history = [passed_prompts(run, settings, "online_dpo/start", policies[0], held_back)]
        check_validation(history[0], settings.online_dpo)
        for number in range(1, settings.online_dpo.rounds + 1):
            name = f"online_dpo/round_{number}"
            answering, start, reference = forebears(policies, history, settings.online_dpo)
            asked = ask(run, settings, queries, number)
            pairs = collect_pairs(run, settings, answering, number, asked)
            section = round_learning_rate(settings.dpo, settings.online_dpo, number)
            policy = run.train_round(name, number, train_dpo, start, pairs, section, reference=reference)
            earlier = {"round_start": start, "sft": policies[0]}
            policies.append(policy)
            history.append(passed_prompts(run, settings, name, policy, held_back))
            best_line = name_best(run, policies, history)
            look_back(run, settings, number, asked, policy, earlier, history[policies.index(start)], history[-1])
            if is_flat(history, settings.online_dpo.stop_when_flat):
                break
        if run.rank == 0 and best_line:
            print(best_line)


def ask(run, settings, queries, number):
    """The queries of one round: its share of them all, without the parked ones."""
    name, known = f"online_dpo/round_{number}/asked", {query.id: query for query in queries}
    offered = round_queries(queries, settings.online_dpo, settings.synthesis.max_answered_queries, number)
    earlier = [every_judged(run, f"online_dpo/round_{before}") for before in range(1, number)]
    asked = run.keep(
        name, unparked, offered, earlier, settings.online_dpo, settings.pairs.chosen_above,
        write=lambda query: {"query_id": query.id}, read=lambda row: known[row["query_id"]],
    )  # fmt: skip
    return list(asked)


def collect_pairs(run, settings, policy, number, queries):
    """One round's data: the policy's answers to `queries`, judged, scored and paired."""
    name, seed = f"online_dpo/round_{number}", (settings.seed, "online", number)
    if run.has(f"{name}/pairs"):
        return run.rows(f"{name}/pairs")
    judged = answer(run, settings, policy, queries, name, seed)
    earlier = [run.rows(f"online_dpo/round_{before}/pairs") for before in range(1, number)]
    fresh = pairs_by_score(queries, judged, settings.pairs, settings.quality, *seed)
    return run.keep(f"{name}/pairs", with_replay, fresh, earlier, settings.online_dpo, settings.seed + number)


def answer(run, settings, policy, queries, name, seed):
    """The policy's answers, judged and scored; then as many again where the first make no pair, within the budget."""
    first = draw(run, settings, policy, queries, seed, f"{name}/responses", f"{name}/judged", f"{name}/scored")
    budget = settings.online_dpo.resample_budget
    flat = without_signal(queries, first, settings.pairs, settings.quality, budget, *seed)
    if not flat:
        return first
    again = f"{name}/resampled"
    second = draw(run, settings, policy, flat, (*seed, "again"), again, f"{again}_judged", f"{again}_scored")
    return joined(queries, first, second)


def draw(run, settings, policy, queries, seed, responses, judged, scored):
    """K answers to each query, kept under the names of the three steps."""
    rows = judged_answers(run, policy, queries, settings.sampling, seed, responses=responses, judged=judged)
    return scored_answers(run, queries, rows, settings.pairs.chosen_above, seed, scored=scored)


def every_judged(run, name):
    """The judged answers of a round's draws, one after the other."""
    draws = (f"{name}/judged", f"{name}/resampled_judged")
    return chain.from_iterable(run.rows(draw, Judged.from_row) for draw in draws if run.has(draw))


def passed_prompts(run, settings, folder, policy, held_back):
    """Which validation prompts a policy passes: queries held back where there are any, else a benchmark's own set."""
    if not held_back:
        return validate(run, settings, folder, policy)
    greedy = settings.sampling.drawing(1, temperature=0.0)
    names = {"responses": f"{folder}/held_back_responses", "judged": f"{folder}/held_back"}
    judged = judged_answers(run, policy, held_back, greedy, (settings.seed,), **names)
    scores = [row.verdict.score for row in judged]
    return [score is not None and score > settings.pairs.chosen_above for score in scores]


def look_back(run, settings, number, asked, policy, earlier, before, after):
    """What the round came to: how far the policy moved, its figures in `summary.json`, and lines for the terminal."""
    name = f"online_dpo/round_{number}"
    if settings.online_dpo.drift_queries and measurable(settings.policy, settings.engines):
        run.keep(
            f"{name}/drift", drift, asked, settings.online_dpo.drift_queries, run.open_policy(policy), policy, earlier,
            settings.sampling, settings.seed, "online", number,
        )  # fmt: skip
    moved = change(before, after) if after else None
    if run.rank == 0 and not run.path(f"{name}/summary.json").exists():
        tokens = token_counter(policy, settings.policy)
        summary = run.write_json(f"{name}/summary", round_summary(run.folder, name, settings, asked, moved, tokens))
        print("\n".join(summary_lines(name, summary, run.steps())), flush=True)


def name_best(run, policies, history):
    """`best.json`: the policy that did best on validation, which need not be the last; the same as a line of text."""
    if not history[0]:
        return ""
    number = best(history)
    policy = Path(policies[number]).relative_to(run.folder).as_posix()
    run.write_json("online_dpo/best", {"round": number, "policy": policy, "pass_rate": rate(history[number])})
    return f"best on validation after {len(policies) - 1} rounds: {policy}, {100 * rate(history[number]):.1f} %"


if __name__ == "__main__":
    run_recipe(main, __file__, __doc__, trains=True)
