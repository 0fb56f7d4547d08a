"""SFT, DPO and GRPO through TRL: a file of rows and a checkpoint in, a checkpoint out."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from autoif_train.chat.policy import (
    PolicySettings,
    check_weights,
    flash_attention_usable,
    load_tokenizer,
    model_arguments,
)
from autoif_train.chat.transformers import complete_generation_config
from autoif_train.rows import Rows
from autoif_train.training.adapter import NO_ADAPTER, LoraSettings, keep_float32, merge, trained_model
from autoif_train.training.arguments import trainer_arguments
from autoif_train.training.card import write_card
from autoif_train.training.checkpoints import full_disk_told, newest_checkpoint, read_numbered_cpus, remove_torn
from autoif_train.training.engine import check_running, keeps_float32_weights, launched_engine
from autoif_train.training.group import Reward, as_reward_function, declare_ends
from autoif_train.training.inspection import check_template, ends_of, survey
from autoif_train.training.interruption import Stopped, deferred
from autoif_train.training.memory import leaving_nothing, spare_collector
from autoif_train.types import UserError

log = logging.getLogger(__name__)


@leaving_nothing()
def train_sft(
    checkpoint: str,
    demonstrations: Rows,
    section: dict[str, Any],
    policy: PolicySettings,
    seed: int,
    output: Path,
    lora: LoraSettings = NO_ADAPTER,
) -> dict[str, int]:
    """Fine-tune `checkpoint` on demonstrations (paper §3.4, App. B); writes a model folder with its metrics.

    The loss is taken on the completion alone, which TRL does by itself for prompt-completion rows. Returns how many
    rows there were, and how many of them were cut or dropped for their length.
    """
    from trl import SFTConfig

    from autoif_train.training.demonstration import DemonstrationTrainer

    spare_collector()
    check_weights(checkpoint)
    loading = _loading(policy, checkpoint, lora)
    arguments = SFTConfig(str(output / "trainer"), **trainer_arguments(section, loading, seed))
    dataset = _dataset(demonstrations, ("prompt", "completion"))
    tokenizer = load_tokenizer(checkpoint, policy)
    facts = dataclasses.asdict(survey(demonstrations, tokenizer, ends_of(checkpoint, tokenizer), section))
    model, adapted = trained_model(checkpoint, lora, loading)
    trainer = DemonstrationTrainer(model, args=arguments, train_dataset=dataset, processing_class=tokenizer, **adapted)
    keep_float32(trainer.model, lora, checkpoint)
    _finish(trainer, tokenizer, len(dataset), output)
    if trainer.is_world_process_zero():
        _seal(output, tokenizer, policy, lora, "sft", checkpoint, demonstrations.path, facts, section, seed)
    return facts


@leaving_nothing()
def train_dpo(
    checkpoint: str,
    pairs: Rows,
    section: dict[str, Any],
    policy: PolicySettings,
    seed: int,
    output: Path,
    reference: str | None = None,
    lora: LoraSettings = NO_ADAPTER,
) -> dict[str, int]:
    """Direct preference optimisation of `checkpoint` on pairs (paper §3.4, App. B).

    `reference` is the model that the policy is held to; None takes `checkpoint` itself. Both are read from their paths,
    never from weights in memory, so a round must have been saved before the next one starts. The reference is asked
    once unless the section says `precompute_ref_log_probs: false`. Returns as `train_sft` does.
    """
    from trl import DPOConfig

    from autoif_train.training.preference import PreferenceTrainer

    spare_collector()
    check_weights(checkpoint)
    once = {"precompute_ref_log_probs": not section.get("sync_ref_model", False)}
    loading = _loading(policy, checkpoint, lora)
    arguments = DPOConfig(str(output / "trainer"), **{**once, **trainer_arguments(section, loading, seed)})
    dataset = _dataset(pairs, ("prompt", "chosen", "rejected"))
    tokenizer = load_tokenizer(checkpoint, policy)
    facts = dataclasses.asdict(survey(pairs, tokenizer, ends_of(checkpoint, tokenizer), section))
    model, adapted = trained_model(checkpoint, lora, loading)
    trainer = PreferenceTrainer(
        model,
        args=arguments,
        start=checkpoint,
        reference=reference or checkpoint,
        cache=Path(section.get("reference_cache") or output / "trainer" / "reference"),
        packed=section.get("packed", True),
        train_dataset=dataset,
        processing_class=tokenizer,
        **adapted,
    )
    keep_float32(trainer.model, lora, checkpoint)
    _finish(trainer, tokenizer, len(dataset), output)
    if trainer.is_world_process_zero():
        _seal(output, tokenizer, policy, lora, "dpo", checkpoint, pairs.path, facts, section, seed)
    return facts


@leaving_nothing()
def train_grpo(
    checkpoint: str,
    prompts: Rows,
    reward: Reward,
    section: dict[str, Any],
    policy: PolicySettings,
    seed: int,
    output: Path,
    lora: LoraSettings = NO_ADAPTER,
) -> dict[str, int]:
    """Group-relative policy optimisation of `checkpoint` (arXiv 2402.03300, §4.1) on prompts with a `query_id` each.

    The trainer samples `num_generations` answers to a prompt and pays `reward(query ids, texts, whether each ended)`;
    its figures are logged, a reward of None is left out of its group. The reference of the KL term is `checkpoint`.
    Raises `UserError` where the prompts are fewer than those of one update. Returns how many there were.
    """
    from trl import GRPOConfig, GRPOTrainer

    spare_collector()
    check_weights(checkpoint)
    loading = _loading(policy, checkpoint, lora)
    try:
        arguments = GRPOConfig(str(output / "trainer"), **trainer_arguments(section, loading, seed))
    except ValueError as error:  # TRL's own checks: groups must be whole, and of two answers or more
        raise UserError(f"grpo.trainer: {error}") from error
    dataset = _dataset(prompts, ("prompt", "query_id"))
    if len(dataset) * arguments.num_generations < arguments.generation_batch_size:
        raise UserError(
            f"{prompts.path}: {len(dataset)} prompts with {arguments.num_generations} answers each do not fill one "
            f"update of {arguments.generation_batch_size} answers; lower grpo.trainer.global_batch_size or widen "
            "grpo.pass_rate_at_most"
        )
    tokenizer = load_tokenizer(checkpoint, policy)
    check_template(checkpoint, tokenizer)
    paid = as_reward_function(reward, ends := ends_of(checkpoint, tokenizer))
    declare_ends(arguments, ends)
    model, adapted = trained_model(checkpoint, lora, loading)
    trainer = GRPOTrainer(model, paid, arguments, dataset, processing_class=tokenizer, **adapted)
    trainer.eos_token_ids = sorted(ends)  # what masks the tokens after an answer
    keep_float32(trainer.model, lora, checkpoint)
    _finish(trainer, tokenizer, len(dataset), output)
    facts = {"rows": len(dataset), "truncated": 0, "dropped": 0}
    if trainer.is_world_process_zero():
        _seal(output, tokenizer, policy, lora, "grpo", checkpoint, prompts.path, facts, section, seed)
    return facts


def _loading(policy: PolicySettings, model: str, lora: LoraSettings = NO_ADAPTER) -> dict[str, Any]:
    """How a model is loaded to be trained.

    Without an engine that keeps float32 copies of the weights they must be float32 themselves: a step of 5e-7 is lost
    in bfloat16, and training would do nothing without a word. Below an adapter, which is float32, they do not move.
    """
    dtype = policy.dtype if lora.enabled or keeps_float32_weights(launched_engine()) else "float32"
    arguments = model_arguments(dataclasses.replace(policy, dtype=dtype), model)
    if dtype != policy.dtype:
        log.info("weights: float32, for nothing here keeps copies in it (policy.dtype: %s)", policy.dtype)
    if policy.attention == "auto":
        why = "" if flash_attention_usable() else "; FlashAttention-2 needs a CUDA GPU and the flash-attn package"
        log.info("attention: %s%s", arguments["attn_implementation"], why)
    return arguments


def _dataset(rows: Rows, columns: tuple[str, ...]) -> Any:
    """The file's columns as a dataset on disk, which several processes can share."""
    from datasets import load_dataset

    if next(iter(rows), None) is None:
        raise UserError(f"{rows.path} holds no rows: nothing to train on; see funnel.json for what was dropped and why")
    dataset = load_dataset("json", data_files=str(rows.path), split="train")
    missing = [column for column in columns if column not in dataset.column_names]
    if missing:
        raise UserError(f"{rows.path}: the rows lack {', '.join(missing)}; they need {', '.join(columns)}")
    return dataset.select_columns(list(columns))


def _finish(trainer: Any, tokenizer: Any, rows: int, output: Path) -> None:
    """Train, resuming from the newest checkpoint there is, and save model, tokenizer and metrics."""
    from transformers import PrinterCallback
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    precision = "bf16" if trainer.args.bf16 else "fp16" if trainer.args.fp16 else "no"
    check_running(trainer.accelerator, precision)
    if len(trainer.train_dataset) == 0:
        raise UserError(f"max_length: all {rows} rows are longer than it; raise max_length")
    trainer.remove_callback(PrinterCallback)
    complete_generation_config(trainer.model, tokenizer)
    folder = Path(trainer.args.output_dir)
    with full_disk_told(folder):
        _train(trainer, folder)
        trainer.save_model(str(output))
    if trainer.is_world_process_zero():
        tokenizer.save_pretrained(str(output))
        with open(output / "metrics.jsonl", "w", encoding="utf-8") as file:
            for entry in trainer.state.log_history:
                if "loss" in entry:
                    file.write(json.dumps({"step": entry["step"], **_numbers(entry)}) + "\n")
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()
    # ZeRO-3 leaves a global switch behind that would shard every model loaded later, the next round's sampler included.
    unset_hf_deepspeed_config()


def _seal(output: Path, tokenizer: Any, policy: PolicySettings, lora: LoraSettings, *card: Any) -> None:
    """What turns the saved weights into a model to hand on: the adapter merged, where it is to be, and the card."""
    if lora.enabled and lora.merge:
        merge(output, policy.dtype, tokenizer)
    write_card(output, *card)


def _train(trainer: Any, folder: Path) -> None:
    """Train from the newest whole checkpoint; a signal ends it with one more and raises `Stopped`."""
    from autoif_train.training.callbacks import SealCheckpoints, StopWhenAsked

    read_numbered_cpus()
    if trainer.is_world_process_zero():
        remove_torn(folder)
    trainer.add_callback(SealCheckpoints())
    trainer.add_callback(stop := StopWhenAsked())
    with deferred():
        trainer.train(resume_from_checkpoint=newest_checkpoint(folder))
    if stop.stopping:
        raise Stopped(f"in {folder.parent}, saved at step {trainer.state.global_step} of {trainer.state.max_steps}")


def _numbers(entry: dict[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in entry.items() if key != "step" and _is_number(value)}


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
