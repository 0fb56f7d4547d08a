"""What an experiment will take, before anything is spent: memory, steps, tokens, hours, calls and money."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from autoif_train.cli.arguments import Arguments
from autoif_train.types import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from autoif_train.training.plan import Gpu, PlannedStage, Shape


def main(arguments: Arguments) -> None:
    from rich.console import Console

    from autoif_train.config import parse
    from autoif_train.training.arguments import accumulation_steps
    from autoif_train.training.plan import GPUS, shape, stages

    options, rest = _options(sorted(GPUS)).parse_known_args(arguments)
    settings = parse("autoif plan", "", rest)
    for name in ("gpus", "tokens"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)}: must be 1 or more")
    if not 0 < options.mfu <= 1:
        raise UserError(f"--mfu {options.mfu}: a share, above 0 and at most 1")
    model, gpu = shape(settings.policy), GPUS[options.gpu]
    rows = _rows(settings, options)
    planned = stages(settings.sft, settings.dpo, settings.online_dpo.rounds, rows, options.tokens)
    for stage in planned:
        try:
            accumulation_steps(stage.global_batch_size, stage.per_device, options.gpus)
        except UserError as error:
            raise UserError(f"--gpus {options.gpus}: {error}") from error
    console = Console(highlight=False)
    console.print(
        f"{settings.model}: {model.parameters:,} parameters · {options.gpus} × {options.gpu}, {gpu.memory_gib} GiB, "
        f"{gpu.peak_tflops:g} TFLOP/s dense bfloat16 ({gpu.source})"
    )
    console.print(_memory(model, planned[0], planned[1], options.gpus, gpu))
    console.print(
        "Longest micro-batches; weights and optimizer as DeepSpeed estimates them, activations after arXiv 2205.05198. "
        "A process's own CUDA context and fragmentation, a few GiB, come on top.\n"
    )
    console.print(_time(model, planned, gpu, options))
    console.print(
        f"Assumed: {options.tokens:g} tokens a sequence, {options.mfu:.0%} model FLOP utilisation; sampling of the "
        f"online rounds and evaluation not counted. Rows: {rows['source']}.\n"
    )
    console.print(_calls(settings, options))
    console.print(
        f"Assumed: {options.surviving:.0%} of the instructions and {options.passing:.0%} of the responses pass; "
        "arbitration (agreement, sharpening) is the most that its budgets allow; answers that are asked for again, "
        "SPaR, GRPO and judged benchmarks are not counted; a local model costs time instead of money."
    )


def _options(gpus: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autoif plan",
        allow_abbrev=False,
        description="Memory per GPU and engine, steps, tokens, hours, supervisor calls and money of an experiment. "
        "Nothing is downloaded for the models under recipes/configs/models/. Also takes every flag of the recipes.",
    )
    parser.add_argument("--gpus", type=int, default=8, help="how many GPUs train (8)")
    parser.add_argument("--gpu", choices=gpus, default="a100", help="which (a100 of 80 GB)")
    parser.add_argument("--mfu", type=float, default=0.4, help="model FLOP utilisation that is assumed (0.4)")
    parser.add_argument("--tokens", type=float, default=600, help="tokens of prompt and answer together (600)")
    parser.add_argument("--demonstrations", type=int, help="rows of SFT (the run's; else 10000, paper Table 5)")
    parser.add_argument("--pairs", type=int, help="pairs of each DPO (the run's; else 4000, paper Table 5)")
    parser.add_argument("--surviving", type=float, default=0.3, help="share of instructions that survive (0.3)")
    parser.add_argument("--passing", type=float, default=0.5, help="share of responses that pass (0.5)")
    return parser


def _rows(settings: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Rows of SFT, DPO and a round: what the command line says, what the run folder holds, or the paper's."""
    from autoif_train.run import Run

    run = Run(settings, "plan")
    of_run = {name: len(run.rows(f"data/{name}")) for name in ("demonstrations", "pairs") if run.has(f"data/{name}")}
    demonstrations = options.demonstrations or of_run.get("demonstrations", 10_000)
    pairs = options.pairs or of_run.get("pairs", 4_000)
    source = f"of {run.folder}" if of_run else "paper Table 5 for Qwen2-72B as supervisor, unless given"
    return {"sft": demonstrations, "dpo": pairs, "online": pairs, "source": source}


def _memory(model: Shape, sft: PlannedStage, dpo: PlannedStage, gpus: int, gpu: Gpu) -> Table:
    from rich.table import Table

    from autoif_train.training.plan import GIB, memory_bytes, state_bytes

    table = Table("engine", "weights, optimizer", "SFT together", "DPO together", "fits", title="GiB on each GPU")
    for column in table.columns[1:4]:
        column.justify = "right"
    together = [memory_bytes(model, stage, gpus) for stage in (sft, dpo)]
    for engine, states in state_bytes(model, gpus).items():
        needs = [needed[engine] / GIB for needed in together]
        fits = "yes" if max(needs) < gpu.memory_gib * 0.95 else "no"
        table.add_row(engine, f"{states / GIB:.1f}", *(f"{need:.1f}" for need in needs), fits)
    return table


def _time(model: Shape, planned: list[PlannedStage], gpu: Gpu, options: argparse.Namespace) -> Table:
    from rich.table import Table

    from autoif_train.training.plan import hours, training_flops

    table = Table("stage", "rows", "steps", "million tokens", "hours", title="Training")
    for column in table.columns[1:]:
        column.justify = "right"
    whole = 0.0
    for stage in planned:
        takes = hours(training_flops(model, stage), gpu, options.gpus, options.mfu)
        whole += takes
        table.add_row(stage.name, f"{stage.rows:,}", f"{stage.steps:,}", f"{stage.tokens / 1e6:.1f}", f"{takes:.2f}")
    steps, tokens = sum(stage.steps for stage in planned), sum(stage.tokens for stage in planned)
    table.add_row("together", "", f"{steps:,}", f"{tokens / 1e6:.1f}", f"{whole:.2f}")
    return table


def _calls(settings: Any, options: argparse.Namespace) -> Table:
    from rich.table import Table

    from autoif_train.chat.choice import respondent_settings
    from autoif_train.synthesis.plan import planned_calls

    roles = {
        "supervisor": settings.supervisor,
        "respondent": respondent_settings(settings.supervisor, settings.respondent),
    }
    kinds = ", ".join(f"{role}: {who.kind}" for role, who in roles.items())
    table = Table("step", "who", "answers", "mn tokens in", "out", "money", title=f"Calls ({kinds})")
    for column in table.columns[2:]:
        column.justify = "right"
    whole = 0.0
    planned = planned_calls(
        settings.synthesis, settings.agreement, settings.sharpening, settings.back_translation, settings.sampling,
        settings.quality, settings.online_dpo, options.surviving, options.passing,
    )  # fmt: skip
    for calls in planned:
        who = roles[calls.role]
        money = calls.input_tokens * who.price_per_million_input_tokens / 1e6
        money += calls.output_tokens * who.price_per_million_output_tokens / 1e6
        whole += money
        table.add_row(
            calls.step, calls.role, f"{calls.answers:,}", f"{calls.input_tokens / 1e6:.2f}",
            f"{calls.output_tokens / 1e6:.2f}", f"{money:.2f}",
        )  # fmt: skip
    table.add_row("together", "", f"{sum(calls.answers for calls in planned):,}", "", "", f"{whole:.2f}")
    if not whole:
        table.caption = "No prices set: --supervisor.price_per_million_input_tokens and …_output_tokens"
    return table
