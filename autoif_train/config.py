"""Settings in layers: paper < preset < model < mode < `--config` files < flags, into one strict tree.

Each section is a frozen dataclass that stands beside the functions it sets; this module lists them, merges the layers
and leaves parsing, types and help to jsonargparse.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import difflib
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace, get_loader, set_parsing_settings

from autoif_train.chat.base import SamplingSettings
from autoif_train.chat.choice import Engines, RespondentSettings, SupervisorSettings
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.server import PolicySamplingSettings
from autoif_train.chat.vllm import VllmSettings
from autoif_train.evaluation.settings import BENCHMARK_FILES, EvaluationSettings, JudgeSettings
from autoif_train.execution import ExecutionSettings
from autoif_train.feedback.demonstrations import DemonstrationsSettings
from autoif_train.feedback.pairs import PairsSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.refinement import SparSettings
from autoif_train.feedback.reward_shaping import GrpoSettings
from autoif_train.feedback.rounds import OnlineDpoSettings
from autoif_train.feedback.self_play import SpinSettings
from autoif_train.synthesis.agreement import AgreementSettings
from autoif_train.synthesis.back_translation import BackTranslationSettings
from autoif_train.synthesis.cross_validation import CrossValidationSettings
from autoif_train.synthesis.probes import ProbesSettings
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.synthesis.sharpening import SharpeningSettings
from autoif_train.training.adapter import LoraSettings
from autoif_train.training.arguments import OF_THE_RUN, declared_types, fits
from autoif_train.training.engine import Engine
from autoif_train.types import UserError

CONFIGS = Path(__file__).parent.parent / "recipes" / "configs"
# Sections whose names are a trainer's own, by their dotted keys, e.g. `spar.dpo`, and the section that lists the names.
PASSED_THROUGH = {
    "sft": "sft",
    "dpo": "dpo",
    "spin.dpo": "dpo",
    "spar.dpo": "dpo",
    "spar.sft": "sft",
    "grpo.trainer": "grpo",
}
OPTIONS = ("config", "print_config")
SERVED_BY = dataclasses.fields(PolicySamplingSettings)[len(dataclasses.fields(SamplingSettings)) :]
# What may change between two runs in one folder: it decides how fast or where, or extends, never what is made.
FREE_KEYS = (
    "output_dir",
    "engine",
    "execution.workers",
    "online_dpo.rounds",
    "spar.rounds",
    "spin.rounds",
    "grpo.rounds",
    "cache.path",
    "vllm.tensor_parallel_size",
    "vllm.gpu_memory_utilization",
    "policy.attention",
    "sampling.batch_size",
    # Where the policy is served; what is sampled from it is the same.
    *(f"sampling.{field.name}" for field in SERVED_BY),
    "synthesis.writing_batch_size",
    "quality.batch_size",
    "evaluation.benchmarks",
    # How answers are asked for: each is kept with it, and another way gets names of its own.
    "evaluation.max_prompts",
    "evaluation.max_new_tokens",
    "evaluation.temperature",
    "evaluation.top_p",
    "evaluation.strip_thinking",
    "evaluation.batch_size",
    "evaluation.lm_eval_batch_size",
    "evaluation.seeds",
    "evaluation.search",
    "evaluation.largest_drop",
    # Files that benchmarks are read from: answers and verdicts are kept under names that hang on what these hold.
    *(f"evaluation.{key}" for key in BENCHMARK_FILES),
    # Verdicts are kept under the name of the judge that gave them.
    *(f"evaluation.judge.{field.name}" for field in dataclasses.fields(JudgeSettings)),
    *(
        f"{section}.{key}"
        for section in PASSED_THROUGH
        for key in (
            "packed",
            "reference_cache",
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "gradient_checkpointing",
            "dataloader_num_workers",
            "report_to",
            "run_name",
            "logging_steps",
            "save_steps",
            "save_strategy",
            "save_total_limit",
        )
    ),
    *(
        f"{role}.{key}"
        for role in ("supervisor", "respondent")
        for key in (
            "base_url",
            "api_key_env",
            "max_concurrency",
            "requests_per_minute",
            "tokens_per_minute",
            "max_retries",
            "timeout_seconds",
            "price_per_million_input_tokens",
            "price_per_million_output_tokens",
        )
    ),
)

# The least a number may be: below it a step would do nothing, or something else, without a word. Null is always taken.
LEAST = {
    "sampling.responses_per_query": 1,
    "sampling.temperature": 0,
    "sampling.top_p": 1e-6,
    "sampling.max_new_tokens": 1,
    "sampling.batch_size": 1,
    "sampling.reload_timeout_seconds": 1,
    "sampling.max_concurrency": 1,
    "sampling.max_retries": 0,
    "sampling.timeout_seconds": 1e-6,
    "vllm.tensor_parallel_size": 1,
    "vllm.gpu_memory_utilization": 0.01,
    "vllm.max_model_len": 1,
    "synthesis.instruction_calls": 0,
    "synthesis.instructions_per_call": 1,
    "synthesis.max_instructions": 1,
    "synthesis.functions_per_instruction": 1,
    "synthesis.queries_per_instruction": 1,
    "synthesis.known_answers": 0,
    "synthesis.pilot_responses": 0,
    "synthesis.max_answered_queries": 1,
    "synthesis.audit_functions": 0,
    "synthesis.max_asks_again": 0,
    "synthesis.writing_temperature": 0,
    "synthesis.writing_max_new_tokens": 1,
    "synthesis.writing_batch_size": 1,
    "queries.max_queries": 1,
    "agreement.texts": 2,
    "agreement.answers_per_instruction": 0,
    "agreement.arbitrations": 0,
    "agreement.supervisor_accuracy": 0.5,
    "agreement.case_accuracy": 0.5,
    "agreement.size_exponent": 0,
    "sharpening.mutants_per_function": 0,
    "sharpening.texts": 2,
    "sharpening.arbitrations": 0,
    "back_translation.max_functions": 1,
    "quality.samples": 1,
    "quality.batch_size": 1,
    "quality.max_asks_again": 0,
    "quality.max_new_tokens": 1,
    "demonstrations.max_per_query": 1,
    "sharpening.mutant_weight": 1e-9,
    "demonstrations.max_conversations": 1,
    "demonstrations.share": 1e-9,
    "pairs.max_per_query": 1,
    "pairs.share": 1e-9,
    "lora.r": 1,
    "lora.alpha": 1,
    "lora.dropout": 0,
    "online_dpo.rounds": 1,
    "pairs.pass_rate_above": 0,
    "pairs.pass_rate_at_most": 0,
    "online_dpo.queries_per_round": 1e-6,
    "online_dpo.learning_rate_decay": 0,
    "online_dpo.replay": 0,
    "online_dpo.resample_budget": 0,
    "online_dpo.park_after": 1,
    "online_dpo.stop_when_flat": 1,
    "online_dpo.drift_queries": 0,
    "online_dpo.validation_queries": 0,
    "spar.refinements_per_node": 1,
    "spar.beam": 1,
    "spar.depth": 1,
    "spar.accept_above": 0,
    "spar.rounds": 1,
    "spar.responses_per_query": 1,
    "spar.temperature": 0,
    "spar.votes": 1,
    "spar.votes_temperature": 0,
    "spin.rounds": 1,
    "spin.max_demonstrations": 1,
    "spin.temperature": 0,
    "spin.max_new_tokens": 1,
    "grpo.rounds": 1,
    "grpo.pilot_responses": 0,
    "grpo.pass_rate_above": 0,
    "grpo.pass_rate_at_most": 0,
    "grpo.max_words": 1,
    "grpo.max_repetition": 0,
    "evaluation.max_prompts": 1,
    "evaluation.max_new_tokens": 1,
    "evaluation.temperature": 0,
    "evaluation.top_p": 1e-6,
    "evaluation.seeds": 1,
    "evaluation.largest_drop": 0,
    "evaluation.judge.max_new_tokens": 1,
    "evaluation.judge.attempts": 1,
    "evaluation.batch_size": 1,
    "evaluation.lm_eval_batch_size": 1,
}
MOST = {
    "lora.dropout": 0.99,
    "agreement.supervisor_accuracy": 0.999,
    "agreement.case_accuracy": 0.999,
    "sampling.top_p": 1,
    "vllm.gpu_memory_utilization": 1,
    "demonstrations.share": 1,
    "pairs.share": 1,
    "evaluation.top_p": 1,
    "grpo.pass_rate_above": 1,
    "grpo.pass_rate_at_most": 1,
    "grpo.max_repetition": 1,
    "pairs.pass_rate_above": 1,
    "pairs.pass_rate_at_most": 1,
}

set_parsing_settings(docstring_parse_attribute_docstrings=True)


@dataclasses.dataclass(frozen=True)
class CacheSettings:
    """Where paid answers are kept."""

    path: str | None = None
    """SQLite file of answers, to be shared between runs; null = one in the run folder (ours)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Every setting of an experiment; the recipes share them all."""

    model: str = "tiny"
    """Base model of the policy: a name under recipes/configs/models/, a hub id, or a local path."""
    mode: Literal["self_alignment", "strong_to_weak"] = "strong_to_weak"
    """Who supervises: the policy itself, or a stronger model (paper §4.1)."""
    preset: Literal["recommended", "paper", "reference"] = "recommended"
    """Gates and selection rules: ours, the paper's, or the released code's."""
    output_dir: str | None = None
    """Run folder that all recipes of an experiment share; null = runs/<model>-<mode>."""
    seed: int = 0
    """Everything random derives from it."""
    engine: Engine | None = None
    """What training must be started on; another one is refused with the right command. null = whatever it is."""
    policy: PolicySettings = dataclasses.field(default_factory=PolicySettings)
    supervisor: SupervisorSettings = dataclasses.field(default_factory=SupervisorSettings)
    respondent: RespondentSettings = dataclasses.field(default_factory=RespondentSettings)
    vllm: VllmSettings = dataclasses.field(default_factory=VllmSettings)
    cache: CacheSettings = dataclasses.field(default_factory=CacheSettings)
    execution: ExecutionSettings = dataclasses.field(default_factory=ExecutionSettings)
    synthesis: SynthesisSettings = dataclasses.field(default_factory=SynthesisSettings)
    queries: QueriesSettings = dataclasses.field(default_factory=QueriesSettings)
    probes: ProbesSettings = dataclasses.field(default_factory=ProbesSettings)
    agreement: AgreementSettings = dataclasses.field(default_factory=AgreementSettings)
    sharpening: SharpeningSettings = dataclasses.field(default_factory=SharpeningSettings)
    cross_validation: CrossValidationSettings = dataclasses.field(default_factory=CrossValidationSettings)
    back_translation: BackTranslationSettings = dataclasses.field(default_factory=BackTranslationSettings)
    quality: QualitySettings = dataclasses.field(default_factory=QualitySettings)
    sampling: PolicySamplingSettings = dataclasses.field(default_factory=PolicySamplingSettings)
    demonstrations: DemonstrationsSettings = dataclasses.field(default_factory=DemonstrationsSettings)
    pairs: PairsSettings = dataclasses.field(default_factory=PairsSettings)
    sft: dict[str, Any] = dataclasses.field(default_factory=dict)
    """SFT: `global_batch_size` (conversations per update over all devices) and every argument of TRL's SFTConfig under
    its own name, e.g. --sft.learning_rate 7e-6 (paper App. B)."""
    dpo: dict[str, Any] = dataclasses.field(default_factory=dict)
    """DPO, offline and online: `global_batch_size` (pairs per update over all devices) and every argument of TRL's
    DPOConfig under its own name, e.g. --dpo.beta 0.3 (paper App. B). Beside them `packed` (sequences end to end without
    padding, where that gives TRL's losses; true) and `reference_cache` (folder of reference log-probabilities to share
    between runs)."""
    lora: LoraSettings = dataclasses.field(default_factory=LoraSettings)
    online_dpo: OnlineDpoSettings = dataclasses.field(default_factory=OnlineDpoSettings)
    spar: SparSettings = dataclasses.field(default_factory=SparSettings)
    spin: SpinSettings = dataclasses.field(default_factory=SpinSettings)
    grpo: GrpoSettings = dataclasses.field(default_factory=GrpoSettings)
    evaluation: EvaluationSettings = dataclasses.field(default_factory=EvaluationSettings)

    @property
    def engines(self) -> Engines:
        """The settings of whatever may run a checkpoint."""
        return Engines(self.vllm, self.sampling)


def parse(recipe: str, description: str, arguments: Sequence[str] | None = None) -> Settings:
    """The settings of a command line; `--help` and `--print_config` print and exit, bad input raises `UserError`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(recipe, description)
    layered = _Layered(arguments, parser)
    try:
        parser.set_defaults(_flat_sections(parser.parse_object(copy.deepcopy(layered.merged))))
        parser.set_defaults({section: _at(layered.merged, section) for section in PASSED_THROUGH})
        namespace = parser.parse_args(layered.flags)
    except ArgumentError as error:
        raise UserError(_with_hint(error)) from error
    parsed = parser.instantiate(namespace)
    settings = Settings(**{field.name: parsed[field.name] for field in dataclasses.fields(Settings)})
    for section in PASSED_THROUGH:
        # The parser would read a string such as "no" inside an untyped section once more, as a boolean.
        settings = _with(settings, section, _at(layered.merged, section))
    if settings.policy.model is None:
        settings = _with(settings, "policy.model", layered.named_model)
    _check_bounds(settings)
    if layered.print_config:
        print(dump(settings), end="")
        sys.exit(0)
    return settings


def _at(layer: dict[str, Any], section: str) -> dict[str, Any]:
    """What a layer holds under a dotted key."""
    return functools.reduce(lambda inner, name: inner.get(name) or {}, section.split("."), layer)


def _with(tree: Any, key: str, value: Any) -> Any:
    """A tree of settings with one value replaced, by its dotted key."""
    name, _, rest = key.partition(".")
    return dataclasses.replace(tree, **{name: _with(getattr(tree, name), rest, value) if rest else value})


def _check_bounds(settings: Settings) -> None:
    for key, value in flat(dataclasses.asdict(settings)).items():
        if value is None:
            continue
        if key in LEAST and value < LEAST[key]:
            raise UserError(f"{key}: {value} is too little; the least is {LEAST[key]}")
        if key in MOST and value > MOST[key]:
            raise UserError(f"{key}: {value} is too much; the most is {MOST[key]}")


def resolve(recipe: str = "recipe", **overrides: Any) -> Settings:
    """The settings of the layers and of keyword arguments, e.g. `resolve(model="tiny", **{"dpo.beta": 0.1})`."""
    return parse(recipe, "", [part for key, value in overrides.items() for part in (f"--{key}", str(value))])


class _Layered:
    """The layers below the flags, merged, and the flags that remain for the parser."""

    def __init__(self, arguments: list[str], parser: ArgumentParser):
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        first.add_argument("--config", action="append", default=[])
        first.add_argument("--print_config", action="store_true")
        for name in ("model", "mode", "preset"):
            first.add_argument(f"--{name}")
        try:
            chosen, self.flags = first.parse_known_args(arguments)
            self.print_config = chosen.print_config
        except argparse.ArgumentError as error:
            raise UserError(str(error)) from error
        user = [_user_layer(Path(file), parser) for file in chosen.config]
        names = {"model": "tiny", "mode": "strong_to_weak", "preset": "recommended"}
        for layer in [*user, vars(chosen)]:
            names |= {key: layer[key] for key in names if layer.get(key) is not None}
        for kind in ("mode", "preset"):
            _known_choice(kind, names[kind])
        model = _model_layer(names["model"])
        by_mode = model.pop("modes", {}).get(names["mode"], {})
        self.named_model = model.get("policy", {}).get("model", names["model"])
        mode_file = CONFIGS / "modes" / f"{names['mode']}.yaml"
        preset_file = CONFIGS / "presets" / f"{names['preset']}.yaml"
        merged: dict[str, Any] = {}
        numbers = [_read_layer(CONFIGS / f"{name}.yaml") for name in ("paper", "neighbours")]
        below = (*numbers, _read_layer(preset_file), model, _read_layer(mode_file), by_mode)
        for layer in below:
            merged = merge(merged, layer)
        if names["mode"] == "strong_to_weak" and self._names_a_supervisor(user):
            # Whoever names another supervisor means it to answer as well, unless a respondent is named too.
            merged.pop("respondent", None)
        for layer in user:
            merged = merge(merged, layer)
        for layer in (names, self._passed_through()):
            merged = merge(merged, layer)
        self.merged = merged

    def _passed_through(self) -> dict[str, Any]:
        """The layer of the flags that belong to TRL, e.g. `--sft.learning_rate 1e-6`, taken out of `flags`."""
        layer: dict[str, Any] = {}
        remaining, flags = [], iter(self.flags)
        for flag in flags:
            key, equals, value = flag.removeprefix("--").partition("=")
            section = key.rpartition(".")[0]
            if flag.startswith("--") and key in PASSED_THROUGH:
                raise UserError(f"--{key}: a section, not a setting; set its keys, e.g. --{key}.max_steps 10")
            if not flag.startswith("--") or section not in PASSED_THROUGH:
                remaining.append(flag)
                continue
            value = value if equals else next(flags, None)
            if value is None or (value.startswith("--") and not equals):
                raise UserError(f"--{key}: its value is missing")
            found = _passed_value(key, value)
            layer = merge(layer, functools.reduce(lambda inner, part: {part: inner}, reversed(key.split(".")), found))
        self.flags = remaining
        return layer

    def _names_a_supervisor(self, user: list[dict[str, Any]]) -> bool:
        keys = ("kind", "model", "base_url")
        in_flags = any(flag.split("=")[0] in {f"--supervisor.{key}" for key in keys} for flag in self.flags)
        return in_flags or any(key in (layer.get("supervisor") or {}) for layer in user for key in keys)


def _passed_value(key: str, text: str) -> Any:
    """A flag's text as YAML reads it, or as it is where only that fits: `no` is the name of a strategy as well."""
    _check_key(key, "command line")
    section, _, name = key.rpartition(".")
    try:
        value = get_loader("yaml")(text)
    except yaml.YAMLError:
        value = text
    value = value if fits(value, declared_types(PASSED_THROUGH[section])[name]) else text
    _check_value(key, value, "command line")
    return value


def _names_of(kind: str) -> list[str]:
    return sorted(file.stem for file in (CONFIGS / f"{kind}s").glob("*.yaml"))


def _known_choice(kind: str, name: str) -> None:
    if name not in _names_of(kind):
        raise UserError(f"--{kind} {name}: unknown; choose one of {', '.join(_names_of(kind))}")


def _model_layer(name: str) -> dict[str, Any]:
    """What a model file sets; nothing for a hub id or a path."""
    return _read_layer(CONFIGS / "models" / f"{name}.yaml", also=("modes",)) if name in _names_of("model") else {}


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two layers as one: nested keys merge, everything else is replaced by the upper layer."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _user_layer(file: Path, parser: ArgumentParser) -> dict[str, Any]:
    """A `--config` file, its values checked by themselves so that the message can name it."""
    layer = _read_layer(file)
    typed = {key: value for key, value in layer.items() if key not in PASSED_THROUGH}
    try:
        parser.parse_object(copy.deepcopy(typed))
    except ArgumentError as error:
        raise UserError(f"--config {file}: {_with_hint(error)}") from error
    return layer


def _read_layer(file: Path, also: tuple[str, ...] = ()) -> dict[str, Any]:
    try:
        # jsonargparse's loader reads 7e-6 as a number, which plain PyYAML does not.
        layer = get_loader("yaml")(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UserError(f"--config {file}: {error.strerror}; name a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {file}: not YAML ({' '.join(str(error).split())}); mend the file") from error
    if not isinstance(layer, dict):
        raise UserError(f"--config {file}: a settings file is a mapping of keys, not {type(layer).__name__}")
    layer = {key: {} if value is None and key in _sections() else value for key, value in layer.items()}
    for key, value in _dotted(layer):
        if key.split(".")[0] not in also:
            _check_key(key, str(file))
            _check_value(key, value, str(file))
    return layer


def _dotted(layer: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in layer.items():
        name = f"{before}{key}"
        inside_trl = before.removesuffix(".") in PASSED_THROUGH
        if isinstance(value, dict) and not inside_trl and name not in known_keys():
            yield from _dotted(value, f"{name}.")
        else:
            yield name, value


@functools.cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key that a layer or a flag may set."""
    keys = []
    for field in dataclasses.fields(Settings):
        inner = _sections().get(field.name)
        keys.extend([field.name] if inner is None else [f"{field.name}.{name}" for name in inner])
    return tuple(keys)


@functools.cache
def _sections() -> dict[str, tuple[str, ...]]:
    """The sections and the keys that may be set in each."""
    sections = {}
    for field in dataclasses.fields(Settings):
        if field.name in PASSED_THROUGH or dataclasses.is_dataclass(field.default_factory):
            sections[field.name] = tuple(_inner_keys(field.name, field.default_factory))
    return sections


def _inner_keys(name: str, section: type) -> Iterator[str]:
    """The keys of the section `name`, those of a section within it dotted."""
    if name in PASSED_THROUGH:
        yield from sorted(declared_types(PASSED_THROUGH[name]).keys() - OF_THE_RUN.keys())
        return
    for field in dataclasses.fields(section):
        inner = f"{name}.{field.name}"
        if inner in PASSED_THROUGH or dataclasses.is_dataclass(field.default_factory):
            yield from (f"{field.name}.{key}" for key in _inner_keys(inner, field.default_factory))
        else:
            yield field.name


def _check_key(key: str, where: str) -> None:
    section, _, name = key.rpartition(".")
    if section in PASSED_THROUGH and name in OF_THE_RUN:
        raise UserError(f"{where}: {key} is the run's own; use {OF_THE_RUN[name]}")
    if key not in known_keys():
        raise UserError(f"{where}: unknown setting {key}{_nearest(key)}")


def _check_value(key: str, value: Any, where: str) -> None:
    """Refuse a value that TRL could not take; our own sections are checked by the parser."""
    section, _, name = key.rpartition(".")
    declared = declared_types(PASSED_THROUGH[section])[name] if section in PASSED_THROUGH else None
    if declared and not fits(value, declared):
        raise UserError(f"{where}: {key} takes {declared}, not {value!r}")


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; --help lists them"


def dump(settings: Settings) -> str:
    """The settings as the YAML of `config.yaml` and `--print_config`; `--config` reads it back."""
    return yaml.safe_dump(dataclasses.asdict(settings), sort_keys=False, allow_unicode=True)


def load_dump(file: Path) -> dict[str, Any]:
    """The settings of a run folder's `config.yaml`."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def differing_keys(old: dict[str, Any], settings: Settings) -> list[str]:
    """`key: old → new` for every setting that decides what is made and that differs.

    A setting that is younger than `old` differs where it is not as this version ships it for the model.
    """
    before, after = flat(old), flat(dataclasses.asdict(settings))
    if younger := after.keys() - before.keys():
        shipped = resolve(model=settings.model, mode=settings.mode, preset=settings.preset)
        before |= {key: value for key, value in flat(dataclasses.asdict(shipped)).items() if key in younger}
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not _is_free(key, after)
    ]


def _is_free(key: str, settings: dict[str, Any]) -> bool:
    """Whether a key may change; how a global batch is split may where its size is stated, and decides it elsewhere."""
    section, _, name = key.rpartition(".")
    # A section that is laid over another one may leave the size to that.
    stated = [settings.get(f"{each}.global_batch_size") for each in (section, PASSED_THROUGH.get(section))]
    splits = name in ("per_device_train_batch_size", "gradient_accumulation_steps")
    return key in FREE_KEYS and not (splits and stated == [None, None])


def flat(tree: dict[str, Any], before: str = "") -> dict[str, Any]:
    """A tree of settings with dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{before}{key}.") if isinstance(value, dict) and value else {f"{before}{key}": value}
    return leaves


def _parser(recipe: str, description: str) -> ArgumentParser:
    usage = f"{recipe} [--config FILE] [--model NAME] [--section.key VALUE] ..."
    parser = ArgumentParser(prog=recipe, usage=usage, description=description, exit_on_error=False)
    parser.add_argument(
        "--config", type=list[str] | None, help="Settings file laid over the model's and the mode's; repeatable."
    )
    parser.add_argument("--print_config", action="store_true", help="Print the resolved settings as YAML and exit.")
    parser.add_class_arguments(Settings, sub_configs=False)
    return parser


def _flat_sections(namespace: Namespace) -> dict[str, Any]:
    """A namespace as dotted keys, the untyped sections left out."""
    leaves = vars(namespace.as_flat())
    untyped = tuple(f"{section}." for section in (*PASSED_THROUGH, *OPTIONS))
    return {key: value for key, value in leaves.items() if not f"{key}.".startswith(untyped)}


def _with_hint(error: Exception) -> str:
    """The parser's message on one line, with the nearest setting where it speaks of an unknown one."""
    text = " ".join(str(error).split())
    if "unrecognized" not in text and "is not accepted" not in text:
        return text
    words = [word.strip("'\"").split("=")[0] for word in text.split()]
    named = next((word for word in words if word.startswith("--") or "." in word.strip(".")), "")
    return text + _nearest(named.removeprefix("--"))
