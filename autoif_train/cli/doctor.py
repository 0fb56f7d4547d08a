"""What this machine has and lacks for an experiment: a line for each thing, and the mend where one is needed."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

from autoif_train.cli.arguments import Arguments
from autoif_train.types import UserError

GIB = 2**30
ENDPOINT_SECONDS = 5
# Bytes a parameter in a checkpoint: bfloat16 weights, and in float32 the weights and Adam's two moments.
CHECKPOINT_BYTES = 14


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, `note` where something optional is missing, `fault` where the run would fail."""

    name: str
    state: Literal["ok", "note", "fault"]
    text: str
    mend: str = ""


def main(arguments: Arguments) -> None:
    from autoif_train.config import parse

    parser = argparse.ArgumentParser(
        prog="autoif doctor",
        allow_abbrev=False,
        description="Look at versions, GPUs, FlashAttention-2, compiler, disk, the supervisor's endpoint, the sandbox, "
        "every file that is read, the NLI model and the chat template of --model. Takes every flag of the recipes. "
        "Ends with 2 when something must be mended.",
    )
    _, rest = parser.parse_known_args(arguments)
    settings = parse("autoif doctor", "", rest)
    faults = []
    for check in CHECKS:
        for finding in check(settings):
            mark = {"ok": "✓", "note": "·", "fault": "✗"}[finding.state]
            print(f"{mark} {finding.name:<14} {finding.text}{f' → {finding.mend}' if finding.mend else ''}", flush=True)
            faults += [finding.name] if finding.state == "fault" else []
    if faults:
        raise UserError(f"doctor: to mend: {', '.join(faults)}")


def versions(settings: Any) -> Iterator[Finding]:
    """Python, the packages and the commit; a package outside of the range it was tried with is named."""
    from autoif_train.versions import versions as installed

    found = installed()
    text = ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)
    yield Finding("versions", "ok", text)
    for requirement in unmet():
        yield Finding("versions", "fault", f"needs {requirement}", "make venv")


def unmet() -> list[str]:
    """The requirements of the installed package that this environment does not meet."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires("autoif_train") or []]
    except metadata.PackageNotFoundError:
        return []

    def met(requirement: Requirement) -> bool:
        try:
            return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
        except metadata.PackageNotFoundError:
            return False

    own = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [str(requirement) for requirement in own if not met(requirement)]


def gpus(settings: Any) -> Iterator[Finding]:
    """The GPUs, and whether FlashAttention-2 can run on them."""
    import torch

    from autoif_train.chat.policy import INSTALL_FLASH, flash_attention_usable

    if not torch.cuda.is_available():
        launched_on_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"
        if settings.engine in (None, "none") or launched_on_cpu or settings.sft.get("use_cpu"):
            yield Finding("gpu", "note", "none: training and sampling run on the CPU")
        else:
            mend = "look where the GPUs are; a trial on the CPU is --sft.use_cpu true on deepspeed_configs/*_cpu.yaml"
            yield Finding("gpu", "fault", f"none, and engine {settings.engine} trains on them", mend)
        return
    for number in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(number)
        bf16 = "bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16"
        yield Finding("gpu", "ok", f"{number}: {device.name}, {device.total_memory / GIB:.0f} GiB, {bf16}")
    if flash_attention_usable():
        yield Finding("flash", "ok", "FlashAttention-2 is used")
    else:
        yield Finding("flash", "note", "FlashAttention-2 is not installed; sdpa is used", INSTALL_FLASH)


def compiler(settings: Any) -> Iterator[Finding]:
    """What DeepSpeed builds its parts with at the first start."""
    wanted = (settings.engine or "").startswith("zero")
    for program, mend in (("g++", "apt install g++"), ("ninja", "pip install ninja")):
        if where := shutil.which(program):
            yield Finding(program, "ok", where)
        else:
            yield Finding(program, "fault" if wanted else "note", "missing; DeepSpeed builds with it", mend)


def disk(settings: Any) -> Iterator[Finding]:
    """Room for the run folder: the last model and the checkpoints that rotation keeps."""
    from autoif_train.run import Run
    from autoif_train.training.plan import shape

    folder = Run(settings, "doctor").folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield Finding("disk", "fault", f"{there} cannot be written", "name another --output_dir")
        return
    free = shutil.disk_usage(there).free
    try:
        parameters = shape(settings.policy).parameters
    except UserError:
        yield Finding("disk", "ok", f"{free / GIB:.0f} GiB free under {there}")
        return
    kept = settings.sft.get("save_total_limit") or 1
    # While one more checkpoint is written, those before it are still there; and the models of three stages.
    needs = parameters * (CHECKPOINT_BYTES * (kept + 1) + 2 * (2 + settings.online_dpo.rounds))
    text = f"{free / GIB:.0f} GiB free under {there}, {needs / GIB:.1f} needed for checkpoints and models"
    enough = free > needs
    yield Finding("disk", "ok" if enough else "fault", text, "" if enough else "free some or name another --output_dir")


def endpoint(settings: Any) -> Iterator[Finding]:
    """Whether the supervisor's and the respondent's servers answer and know the model."""
    from autoif_train.chat.choice import respondent_settings

    seen = set()
    for role, chat in (
        ("supervisor", settings.supervisor),
        ("respondent", respondent_settings(settings.supervisor, settings.respondent)),
    ):
        if chat.kind == "api" and (chat.base_url, chat.model) not in seen:
            seen.add((chat.base_url, chat.model))
            yield _endpoint(role, chat)


def _endpoint(role: str, chat: Any) -> Finding:
    if not chat.base_url:
        return Finding(role, "fault", "no server named", f"--{role}.base_url http://localhost:8000/v1")
    key = os.environ.get(chat.api_key_env or "", "")
    request = Request(f"{chat.base_url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urlopen(request, timeout=ENDPOINT_SECONDS) as answer:
            known = [model["id"] for model in json.load(answer)["data"]]
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        mend = f"start it or set --{role}.base_url"
        return Finding(role, "fault", f"{chat.base_url} does not answer ({reason})", mend)
    except (ValueError, KeyError, TypeError):
        return Finding(role, "note", f"{chat.base_url} answers, but lists no models as OpenAI-compatible servers do")
    if chat.model not in known:
        mend = f"set --{role}.model to one of: {', '.join(known[:5])}"
        return Finding(role, "fault", f"{chat.base_url} has no model {chat.model!r}", mend)
    return Finding(role, "ok", f"{chat.base_url} answers and serves {chat.model}")


def sandbox(settings: Any) -> Iterator[Finding]:
    """What locks generated code in on this machine."""
    from autoif_train.execution import Executor

    with Executor.of(dataclasses.replace(settings.execution, workers=1)) as executor:
        walled = executor.level in ("strict", "seccomp")
        mend = "" if walled else "let this user make namespaces, or run where seccomp filters are allowed"
        yield Finding("sandbox", "ok" if walled else "note", executor.report, mend)


def files(settings: Any) -> Iterator[Finding]:
    """Whether what the settings name to be read can be read, as the step that needs it will."""
    from autoif_train.evaluation.benchmarks import BENCHMARKS
    from autoif_train.evaluation.choice import check_benchmarks
    from autoif_train.evaluation.files import digests
    from autoif_train.run import Run

    for name, named, read in _data_files(settings):
        yield _tried(name, named, read)
    run, wanted = Run(settings, "doctor"), settings.evaluation.benchmarks
    yield _tried("benchmarks", ", ".join(wanted), lambda: check_benchmarks(run, settings))
    unread = {key for name, benchmark in BENCHMARKS.items() if name not in wanted for key in benchmark.reads}
    for key in sorted(unread):
        found = _tried("benchmarks", "", partial(digests, settings.evaluation, [key]))
        if found.state == "fault":
            yield Finding(found.name, "note", f"{found.text}; no benchmark of evaluation.benchmarks reads it")


def _data_files(settings: Any) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """What recipes/generate_data.py reads: what to call it, what the settings say, and its reader."""
    from autoif_train.chat.choice import respondent_settings
    from autoif_train.chat.recorded import RecordedChat
    from autoif_train.resources import resolve
    from autoif_train.synthesis.agreement import read_answers
    from autoif_train.synthesis.back_translation import check_nli
    from autoif_train.synthesis.queries import check_queries, conversation_rows
    from autoif_train.synthesis.self_instruct import read_seeds

    if conversations := settings.demonstrations.conversations:
        key = "demonstrations.conversations"
        yield "conversations", conversations, lambda: next(iter(conversation_rows(conversations, "train", key)), None)
        return
    yield "seeds", settings.synthesis.seeds, partial(read_seeds, settings.synthesis.seeds)
    yield "queries", settings.queries.path, partial(check_queries, settings.queries)
    responding = respondent_settings(settings.supervisor, settings.respondent)
    recordings = {chat.recordings for chat in (settings.supervisor, responding) if chat.kind == "recorded"}
    for file in sorted(recordings - {None}):
        yield "recordings", file, partial(RecordedChat, resolve(file))
    if settings.agreement.enabled and settings.agreement.answers:
        yield "answers", settings.agreement.answers, partial(read_answers, settings.agreement)
    if settings.back_translation.kind == "nli":
        yield "nli", settings.back_translation.model, partial(check_nli, settings.back_translation.model)


def _tried(name: str, named: str, read: Callable[[], Any]) -> Finding:
    try:
        read()
    except UserError as error:
        return Finding(name, "fault", str(error))
    return Finding(name, "ok", named)


def template(settings: Any) -> Iterator[Finding]:
    """Whether the policy's model is there and its chat template teaches what sampling shows."""
    from autoif_train.chat.policy import base_model, load_tokenizer
    from autoif_train.training.inspection import check_template

    try:
        model = base_model(settings.policy)
        check_template(model, load_tokenizer(model, settings.policy))
    except UserError as error:
        yield Finding("model", "fault", str(error))
    else:
        yield Finding("model", "ok", f"{settings.model}: weights, tokenizer and chat template are in order")


CHECKS: tuple[Callable[[Any], Iterator[Finding]], ...] = (
    versions, gpus, compiler, disk, endpoint, sandbox, files, template,
)  # fmt: skip
