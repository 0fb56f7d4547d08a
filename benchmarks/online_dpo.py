"""Online DPO here against TRL's `OnlineDPOTrainer`: what a useful pair costs, and what equal CPU time buys.

    python benchmarks/online_dpo.py RUN [RUN ...] [--equal wall] [--output results.json]

Each RUN holds the data and the SFT model of one seed of the tiny model (`python recipes/sft.py --seed S --output_dir
RUN`). From the same SFT model, on the same queries in the same order, with the same functions and the same script for
relevance, three arms train one after the other in this process:

- ours: `recipes/online_dpo.py` at the run's settings, without validation;
- TRL, its defaults: batch 8, gradient checkpointing;
- TRL, tuned: batch 64, no gradient checkpointing.

TRL's arms take learning rate, β, temperature, precision and answer length from the run, since its own (5e-7, bfloat16)
would teach so small a model nothing on a CPU; the rate is constant after a warm-up, so that a stop anywhere is fair.
They stop when they have used the CPU time that ours took (`--equal cpu`) or its wall time (`--equal wall`, on a core
that nobody shares), or generated as many tokens (`--equal tokens`). A generated pair is two answers; a useful one has
two different rewards, and from the others, ties, TRL's trainer learns as well. CPU time counts this process and the
executor's; imports come before.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "recipes"))

from controls import borrow

import online_dpo
from autoif_train.chat.transformers import TransformersChat, load
from autoif_train.command import exit_with_code, prepare
from autoif_train.config import Settings, parse
from autoif_train.evaluation import tiny
from autoif_train.evaluation.statistics import mcnemar
from autoif_train.execution import Executor
from autoif_train.feedback.rounds import round_queries
from autoif_train.rows import Rows
from autoif_train.tiny.domain import relevant
from autoif_train.types import Query

TRL_ARMS = {
    "TRL, its defaults": {"per_device_train_batch_size": 8, "gradient_checkpointing": True},
    "TRL, tuned": {"per_device_train_batch_size": 64, "gradient_checkpointing": False},
}
SETS = ("H", "Q")


@dataclasses.dataclass
class Arm:
    """What one arm of one seed did; `passed` and `relevant` speak of the held-out prompts."""

    name: str
    run: str
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    answers: int = 0
    tokens: int = 0
    useful_pairs: int = 0
    ties: int = 0
    passed: list[bool] = dataclasses.field(default_factory=list)
    relevant: float = 0.0


def cpu_seconds() -> float:
    """CPU time of this process and of its ended children."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def asked_queries(run: Path, settings: Settings) -> list[list[Query]]:
    """The queries of each of our rounds."""
    queries = list(Rows(run / "data/queries.jsonl", Query.from_row))
    answered = settings.synthesis.max_answered_queries
    numbers = range(1, settings.online_dpo.rounds + 1)
    return [list(round_queries(queries, settings.online_dpo, answered, number)) for number in numbers]


def our_arm(run: Path, settings: Settings, tokenizer: Any) -> Arm:
    """The recipe's own rounds."""
    arm = Arm("ours", run.name)
    with tempfile.TemporaryDirectory() as folder:
        borrow(run, Path(folder))
        quiet = dataclasses.replace(settings.evaluation, benchmarks=[])
        rounds = dataclasses.replace(settings.online_dpo, drift_queries=0)
        changed = dataclasses.replace(settings, output_dir=folder, evaluation=quiet, online_dpo=rounds)
        cpu, wall = cpu_seconds(), time.monotonic()
        online_dpo.main(changed)
        arm.cpu_seconds, arm.wall_seconds = cpu_seconds() - cpu, time.monotonic() - wall
        for path in sorted(Path(folder).glob("online_dpo/round_*/responses.jsonl")):
            arm.answers += len(Rows(path))
            arm.tokens += count_tokens(tokenizer, (row["text"] for row in Rows(path)))
            arm.useful_pairs += len(Rows(path.with_name("pairs.jsonl")))
        model, _ = load(f"{folder}/online_dpo/round_{settings.online_dpo.rounds}/policy")
        score(arm, model, tokenizer, settings)
    return arm


def trl_arm(name: str, run: Path, settings: Settings, tokenizer: Any, limit: Callable[[Arm], bool], steps: int) -> Arm:
    """TRL's trainer on the same queries, again and again in the order of the rounds, until `limit` says stop."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, TrainerCallback
    from trl.experimental.online_dpo import OnlineDPOConfig, OnlineDPOTrainer

    arm = Arm(name, run.name)
    rounds = asked_queries(run, settings)
    queries = {query.prompt: query for of_round in rounds for query in of_round}

    class Stop(TrainerCallback):
        def on_step_end(self, arguments, state, control, **_):
            arm.cpu_seconds, arm.wall_seconds = cpu_seconds() - cpu, time.monotonic() - wall
            control.should_training_stop = limit(arm)

    with tempfile.TemporaryDirectory() as folder, Executor.of(settings.execution) as executor:
        arguments = OnlineDPOConfig(
            folder,
            max_steps=steps,
            learning_rate=settings.dpo["learning_rate"],
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=settings.dpo["warmup_steps"],
            adam_beta2=settings.dpo["adam_beta2"],
            weight_decay=0.0,
            beta=[settings.dpo["beta"]],
            temperature=settings.sampling.temperature,
            max_new_tokens=settings.sampling.max_new_tokens,
            max_length=settings.dpo["max_length"],
            bf16=False,
            use_cpu=True,
            dataloader_pin_memory=False,
            save_strategy="no",
            logging_steps=100,
            report_to="none",
            disable_tqdm=True,
            seed=settings.seed,
            **TRL_ARMS[name],
        )
        models = [AutoModelForCausalLM.from_pretrained(run / "sft", dtype="float32") for _ in range(2)]
        rows = [{"prompt": query.messages} for of_round in rounds for query in of_round]
        reward = counting_reward(arm, executor.as_reward_function(list(queries.values())), queries, tokenizer)
        cpu, wall = cpu_seconds(), time.monotonic()
        trainer = OnlineDPOTrainer(
            model=models[0],
            ref_model=models[1],
            reward_funcs=reward,
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[Stop()],
        )
        trainer.train()
        score(arm, trainer.model.eval(), tokenizer, settings)
    return arm


def counting_reward(arm: Arm, follows: Callable[..., list], queries: dict[str, Query], tokenizer: Any) -> Callable:
    """The functions' score, 0 for an answer that misses the fact or that nobody could judge; counts pairs and ties."""

    def reward(prompts: Sequence, completions: Sequence, **columns: Any) -> list[float]:
        asked = [prompt if isinstance(prompt, str) else prompt[-1]["content"] for prompt in prompts]
        texts = [answer if isinstance(answer, str) else answer[-1]["content"] for answer in completions]
        scores = follows(asked, texts)
        values = [
            value if value is not None and relevant(queries[prompt].user_query, text) else 0.0
            for value, prompt, text in zip(scores, asked, texts, strict=True)
        ]
        half = len(values) // 2
        ties = sum(first == second for first, second in zip(values[:half], values[half:], strict=True))
        arm.answers += len(values)
        arm.tokens += count_tokens(tokenizer, texts)
        arm.ties += ties
        arm.useful_pairs += half - ties
        return values

    return reward


def count_tokens(tokenizer: Any, texts: Iterator[str] | Sequence[str]) -> int:
    """Tokens of answers, their ends included."""
    return sum(len(ids) + 1 for ids in tokenizer(list(texts), add_special_tokens=False).input_ids)


def score(arm: Arm, model: Any, tokenizer: Any, settings: Settings) -> None:
    """Greedy answers to the held-out prompts; not part of the time."""
    chat = TransformersChat((model, tokenizer), arm.name)
    scored = [row for name in SETS for row in tiny.answer_set(name, chat, settings.evaluation)]
    arm.passed = [row.passed for row in scored]
    arm.relevant = statistics.fmean(row.relevant for row in scored)


def print_tables(arms: list[Arm]) -> None:
    names = list(dict.fromkeys(arm.name for arm in arms))
    print("\n| arm | seeds | CPU ms a generated pair | CPU ms a useful pair | wall ms of each | ties |")
    print("|---|---|---|---|---|---|")
    for name in names:
        of_arm = [arm for arm in arms if arm.name == name]
        cells = [
            span([2000 * arm.cpu_seconds / arm.answers for arm in of_arm]),
            span([1000 * arm.cpu_seconds / arm.useful_pairs for arm in of_arm]),
            span([2000 * arm.wall_seconds / arm.answers for arm in of_arm])
            + "; "
            + span([1000 * arm.wall_seconds / arm.useful_pairs for arm in of_arm]),
            span([100 * arm.ties / (arm.ties + arm.useful_pairs) for arm in of_arm]) + " %",
        ]
        print(f"| {name} | {len(of_arm)} |", " | ".join(cells), "|")
    print("\n| arm | CPU s | wall s | tokens | held-out pass rate | relevant | against ours |")
    print("|---|---|---|---|---|---|---|")
    reference = [passed for arm in arms if arm.name == names[0] for passed in arm.passed]
    for name in names:
        of_arm = [arm for arm in arms if arm.name == name]
        rates = [100 * statistics.fmean(arm.passed) for arm in of_arm]
        passed = [each for arm in of_arm for each in arm.passed]
        test = mcnemar(reference, passed) if name != names[0] and len(passed) == len(reference) else None
        against = f"{100 * test['difference']:+.1f}, p {test['p']:.2g}" if test else "–"
        deviation = f" ± {statistics.stdev(rates):.1f}" if len(rates) > 1 else ""
        figures = (
            f"{statistics.fmean(arm.cpu_seconds for arm in of_arm):.0f}",
            f"{statistics.fmean(arm.wall_seconds for arm in of_arm):.0f}",
            f"{statistics.fmean(arm.tokens for arm in of_arm):,.0f}",
            f"{statistics.fmean(rates):.1f}{deviation}",
            f"{100 * statistics.fmean(arm.relevant for arm in of_arm):.1f}",
        )
        print(f"| {name} |", " | ".join(figures), f"| {against} |", flush=True)


def span(values: list[float]) -> str:
    return f"{min(values):.1f}" if len(values) == 1 else f"{min(values):.1f} to {max(values):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--equal", choices=("cpu", "wall", "tokens"), default="cpu")
    parser.add_argument("--steps", type=int, default=100_000, help="most steps of TRL's arms")
    parser.add_argument("--output", type=Path, help="figures of every arm as JSON")
    asked = parser.parse_args()

    arms: list[Arm] = []
    for run in asked.runs:
        settings = parse("online_dpo.py", "", ["--config", str(run / "config.yaml")])
        _, tokenizer = load(run / "sft")
        arms.append(own := our_arm(run, settings, tokenizer))
        limits = {
            "cpu": lambda arm, own=own: arm.cpu_seconds >= own.cpu_seconds,
            "wall": lambda arm, own=own: arm.wall_seconds >= own.wall_seconds,
            "tokens": lambda arm, own=own: arm.tokens >= own.tokens,
        }
        arms += [trl_arm(name, run, settings, tokenizer, limits[asked.equal], asked.steps) for name in TRL_ARMS]
        print_tables(arms)
    if asked.output:
        asked.output.write_text(json.dumps([dataclasses.asdict(arm) for arm in arms]), encoding="utf-8")


if __name__ == "__main__":
    prepare()
    exit_with_code(main)
