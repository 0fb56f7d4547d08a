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
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace, get_loader, set_parsing_settings

from autoif_train.chat.choice import Engines, RespondentSettings, SupervisorSettings
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.server import PolicySamplingSettings
from autoif_train.chat.vllm import VllmSettings
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.execution import ExecutionSettings
from autoif_train.feedback.demonstrations import DemonstrationsSettings
from autoif_train.feedback.pairs import PairsSettings
from autoif_train.feedback.quality import QualitySettings
from autoif_train.feedback.refinement import SparSettings
from autoif_train.feedback.reward_shaping import GrpoSettings
from autoif_train.feedback.rounds import OnlineDpoSettings
from autoif_train.feedback.self_play import SpinSettings
from autoif_train.setting import bounds, check_bounds, leaves, setting
from autoif_train.synthesis.agreement import AgreementSettings
from autoif_train.synthesis.back_translation import BackTranslationSettings
from autoif_train.synthesis.cross_validation import CrossValidationSettings
from autoif_train.synthesis.probes import ProbesSettings
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.synthesis.sharpening import SharpeningSettings
from autoif_train.training.adapter import LoraSettings
from autoif_train.training.arguments import FREE_ARGUMENTS, OF_THE_RUN, declared_types, fits
from autoif_train.training.engine import Engine
from autoif_train.types import UserError

# An installed package holds a copy of the checkout's (setup.py).
CHECKOUT, INSTALLED = Path(__file__).parents[1] / "recipes" / "configs", Path(__file__).parent / "configs"
CONFIGS = INSTALLED if INSTALLED.is_dir() else CHECKOUT
set_parsing_settings(docstring_parse_attribute_docstrings=True)


@dataclasses.dataclass(frozen=True)
class CacheSettings:
    """Where paid answers are kept."""

    path: str | None = setting(None, free=True)
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
    output_dir: str | None = setting(None, free=True)
    """Run folder that all recipes of an experiment share; null = runs/<model>-<mode>."""
    seed: int = setting(0, least=0, most=2**32 - 1)
    """Everything random derives from it."""
    engine: Engine | None = setting(None, free=True)
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
    sft: dict[str, Any] = setting(default_factory=dict, trainer="sft")
    """SFT: `global_batch_size` (conversations per update over all devices) and every argument of TRL's SFTConfig under
    its own name, e.g. --sft.learning_rate 7e-6 (paper App. B)."""
    dpo: dict[str, Any] = setting(default_factory=dict, trainer="dpo")
    """DPO, offline and online: `global_batch_size` (pairs per update over all devices) and every argument of TRL's
    DPOConfig under its own name, e.g. --dpo.beta 0.3 (paper App. B). Beside them `packed` (sequences end to end without
    padding, where that gives TRL's losses; true) and `reference_cache` (folder of reference log-probabilities to share
    between runs)."""
    lora: LoraSettings = dataclasses.field(default_factory=LoraSettings)
    online_dpo: OnlineDpoSettings = dataclasses.field(default_factory=OnlineDpoSettings)
    spar: SparSettings = dataclasses.field(default_factory=SparSettings)
    spin: SpinSettings = dataclasses.field(default_factory=SpinSettings)
    grpo: GrpoSettings = dataclasses.field(default_factory=GrpoSettings)
    # Answers are kept with how they were asked for, and verdicts with who gave them: nothing of it is fixed.
    evaluation: EvaluationSettings = setting(default_factory=EvaluationSettings, free=True)

    @property
    def engines(self) -> Engines:
        """The settings of whatever may run a checkpoint."""
        return Engines(self.vllm, self.sampling)


FIELDS = {key: field for key, field, _ in leaves(Settings)}
"""Every field by its dotted key, sections whose names are a trainer's own as one."""
PASSED_THROUGH = {key: field.metadata["trainer"] for key, field in FIELDS.items() if "trainer" in field.metadata}
"""Those sections, e.g. `spar.dpo`, and the trainer that lists the names."""
FREE_KEYS = {key for key, _, free in leaves(Settings) if free} | {
    f"{section}.{name}" for section in PASSED_THROUGH for name in FREE_ARGUMENTS
}
"""What may change between two runs in one folder: it decides how fast or where, or extends, never what is made."""
RUN_THE_MODEL = ("api", "vllm", "transformers")
"""Kinds that run the model `supervisor.model`: which of them does is free as well. The others are somebody else."""


def parse(recipe: str, description: str, arguments: Sequence[str] | None = None) -> Settings:
    """The settings of a command line; `--help` and `--print_config` print and exit, bad input raises `UserError`."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser, layered = _parser(), _Layered(arguments)
    try:
        below = parser.parse_object(copy.deepcopy(layered.merged))
        if {"-h", "--help"} & {*layered.flags}:
            _print_help(recipe, description, below, layered.merged)
        # The defaults lie in what is below the flags.
        namespace = parser.parse_args(layered.flags, below, defaults=False) if layered.flags else below
    except ArgumentError as error:
        raise UserError(_with_hint(error)) from error
    parsed = parser.instantiate(namespace)
    settings = Settings(**{field.name: parsed[field.name] for field in dataclasses.fields(Settings)})
    for section in PASSED_THROUGH:
        # The parser would read a string such as "no" inside an untyped section once more, as a boolean.
        settings = _with(settings, section, _at(layered.merged, section))
    if settings.policy.model is None:
        settings = _with(settings, "policy.model", layered.named_model)
    check_bounds(settings)
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


def resolve(recipe: str = "recipe", **overrides: Any) -> Settings:
    """The settings of the layers and of keyword arguments, e.g. `resolve(model="tiny", **{"dpo.beta": 0.1})`."""
    return parse(recipe, "", [part for key, value in overrides.items() for part in (f"--{key}", str(value))])


class _Layered:
    """The layers below the flags, merged, and the flags that remain for the parser."""

    def __init__(self, arguments: list[str]):
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
        user = [_user_layer(Path(file)) for file in chosen.config]
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
    """What a model file sets; nothing for a hub id or a path, unless it looks like a model file's name mistyped."""
    near = difflib.get_close_matches(name.lower(), _names_of("model"), n=1, cutoff=0.85)
    if near and name not in _names_of("model") and not Path(name).exists():
        raise UserError(f"--model {name}: no such model or folder; did you mean {near[0]}?")
    return _read_layer(CONFIGS / "models" / f"{name}.yaml", also=("modes",)) if name in _names_of("model") else {}


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two layers as one: nested keys merge, everything else is replaced by the upper layer."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _user_layer(file: Path) -> dict[str, Any]:
    """A `--config` file, its values checked by themselves so that the message can name it."""
    layer = _read_layer(file)
    typed = {key: value for key, value in layer.items() if key not in PASSED_THROUGH}
    try:
        _parser().parse_object(copy.deepcopy(typed), defaults=False)
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
    sections = {key.partition(".")[0] for key in known_keys() if "." in key}
    layer = {key: {} if value is None and key in sections else value for key, value in layer.items()}
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
    return tuple(chain.from_iterable(map(_keys_of, FIELDS)))


def _keys_of(key: str) -> list[str]:
    if key not in PASSED_THROUGH:
        return [key]
    return [f"{key}.{name}" for name in sorted(declared_types(PASSED_THROUGH[key]).keys() - OF_THE_RUN.keys())]


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
    near = difflib.get_close_matches(key, known_keys(), n=2, cutoff=0.75)
    near = near or difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else "; --help lists them"


def dump(settings: Settings) -> str:
    """The settings as the YAML of `config.yaml` and `--print_config`; `--config` reads it back."""
    return yaml.safe_dump(dataclasses.asdict(settings), sort_keys=False, allow_unicode=True)


def load_dump(file: Path) -> dict[str, Any]:
    """The settings of a run folder's `config.yaml`."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def differing_keys(old: dict[str, Any], settings: Settings, undecided: Collection[str] = ()) -> list[str]:
    """`key: old → new` for every setting that decides what is made and that differs, outside of `undecided` sections.

    A setting that is younger than `old` differs where it is not as this version ships it for the model.
    """
    before, after = flat(old), flat(dataclasses.asdict(settings))
    if younger := after.keys() - before.keys():
        shipped = resolve(model=settings.model, mode=settings.mode, preset=settings.preset)
        before |= {key: value for key, value in flat(dataclasses.asdict(shipped)).items() if key in younger}
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
        and not _is_free(key, before, after)
        and key.partition(".")[0] not in undecided
    ]


def _is_free(key: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a key may change, where that hangs on other keys too."""
    section, _, name = key.rpartition(".")
    if key in ("supervisor.kind", "respondent.kind"):
        # A respondent that has no kind of its own has the supervisor's.
        return all((tree.get(key) or tree.get("supervisor.kind")) in RUN_THE_MODEL for tree in (before, after))
    # How a global batch is split is free where its size is stated, and decides it elsewhere. A section that is laid
    # over another one may leave the size to that.
    stated = [after.get(f"{each}.global_batch_size") for each in (section, PASSED_THROUGH.get(section))]
    splits = name in ("per_device_train_batch_size", "gradient_accumulation_steps")
    return key in FREE_KEYS and not (splits and stated == [None, None])


def flat(tree: dict[str, Any], before: str = "") -> dict[str, Any]:
    """A tree of settings with dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{before}{key}.") if isinstance(value, dict) and value else {f"{before}{key}": value}
    return leaves


@functools.cache
def _parser() -> ArgumentParser:
    """The parser of every recipe; it is never changed, since it takes longer to build than to use."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument(
        "--config", type=list[str] | None, help="Settings file laid over the model's and the mode's; repeatable."
    )
    parser.add_argument("--print_config", action="store_true", help="Print the resolved settings as YAML and exit.")
    parser.add_class_arguments(Settings, sub_configs=False)
    return parser


def _print_help(recipe: str, description: str, resolved: Namespace, merged: dict[str, Any]) -> NoReturn:
    """Print every setting with its bounds and its value, and exit."""
    parser = _parser.__wrapped__()
    parser.prog, parser.description = recipe, description
    parser.usage = f"{recipe} [--config FILE] [--model NAME] [--section.key VALUE] ..."
    parser.set_defaults({key: resolved[key] for key in FIELDS})
    for action in parser._actions:
        if action.dest in FIELDS and (said := bounds(FIELDS[action.dest])):
            action.help = f"{action.help} It must be {said}."
        if action.dest in PASSED_THROUGH:  # a default that the parser shows it has read once more, `no` as False
            action.help = f"{action.help} (default: {_at(merged, action.dest)})"
            action.default = argparse.SUPPRESS
    parser.print_help()
    sys.exit(0)


_REFUSED = re.compile(r'.*Parser key "(?P<key>[^"]+)": .*(?:Got|Given) value: ?(?P<value>.*)')
_TAKES = re.compile(r"Expected an? (?:<class '(\w+)'>|typing\.Literal\[(.*?)\])")


def _with_hint(error: Exception) -> str:
    """The parser's message on one line: what a setting takes, or the nearest one where it speaks of an unknown one."""
    text = " ".join(str(error).split())
    if (refused := _REFUSED.match(text)) and (takes := _TAKES.findall(text)):
        named = ["null" if name == "NoneType" else name or f"one of {choices}" for name, choices in takes]
        return f"{refused['key']} takes {' or '.join(named)}, not {refused['value']}"
    if "unrecognized" not in text and "is not accepted" not in text:
        return text
    words = [word.strip("'\"").split("=")[0] for word in text.split()]
    named = next((word for word in words if word.startswith("--") or "." in word.strip(".")), "")
    return text + _nearest(named.removeprefix("--"))
