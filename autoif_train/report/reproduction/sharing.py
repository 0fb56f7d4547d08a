"""What the runs of a grid have in common is made once: a later run begins with the files of an earlier one."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from autoif_train.config import Settings, differing_keys, dump
from autoif_train.funnel import read_funnel
from autoif_train.report.folder import json_of
from autoif_train.report.reproduction.grid import PlannedRun

# The parts of a run in order, each with the files and folders it leaves.
PARTS = {
    "written": ("data/instructions", "data/functions"),
    "checked": ("data/probed", "data/agreed", "data/sharp", "data/cross_validated", "data/checked"),
    "answered": ("data/pilot_*", "data/teachable", "data/queries", "data/responses", "data/judged"),
    "selected": ("data/scored", "data/demonstrations", "data/pairs"),
    "sft": ("data/demonstrations_share", "sft", "evaluation/sft"),
    "offline_dpo": ("data/pairs_share", "offline_dpo", "evaluation/offline_dpo"),
    "online_dpo": ("online_dpo", "evaluation/online_dpo"),
}
# Which part reads a setting, or a section, first; what is not listed is read from the beginning. Two runs share
# everything before the first part that reads a setting in which they differ.
FIRST_READ_BY = {
    **dict.fromkeys(("probes", "agreement", "sharpening", "cross_validation"), "checked"),
    "back_translation": "checked",
    "respondent": "answered",
    "demonstrations.accept_above": "answered",  # the pilot asks what passes
    "quality.enabled": "selected",
    "demonstrations.share": "sft",
    "pairs.share": "offline_dpo",
}
UNTRAINED = "evaluation/base"  # the untouched model
WAITING_SECONDS = 0.5


def shared_parts(one: Settings, other: Settings) -> tuple[str, ...]:
    """The parts, in order, that come out the same under both settings."""
    parts = tuple(PARTS)
    end = len(parts)
    for difference in differing_keys(dataclasses.asdict(one), other):
        key = difference.partition(":")[0]
        part = FIRST_READ_BY.get(key) or FIRST_READ_BY.get(key.partition(".")[0])
        end = min(end, parts.index(part) if part else 0)
    return parts[:end]


def lender(run: PlannedRun, earlier: Sequence[PlannedRun]) -> tuple[PlannedRun | None, tuple[str, ...]]:
    """The first of the earlier runs that shares the most with this one, and the parts that it lends."""
    shared = [(shared_parts(other.settings, run.settings), other) for other in earlier]
    parts, other = max(shared, key=lambda pair: len(pair[0]), default=((), None))
    return other, parts


def lend(source: PlannedRun, target: PlannedRun, parts: Sequence[str]) -> None:
    """Begin the folder of `target` with what `source` has of `parts`, unless it was begun before.

    Weights are linked where the file system allows, everything else is copied, so that a file that somebody mends by
    hand in one run stays as it was in the other. The folder appears whole. Under several processes rank 0 does it and
    the others wait.
    """
    if int(os.environ.get("RANK", "0")) != 0:
        while not target.folder.exists():
            time.sleep(WAITING_SECONDS)
        return
    if target.folder.exists():
        return
    begun = target.folder.with_name(f".{target.folder.name}.part")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(parents=True)
    names = [name for part in parts for name in PARTS[part]]
    if _same_policy(source.settings, target.settings):
        names.append(UNTRAINED)
    lent = list(_bring(source.folder, begun, names))
    _tell(source, begun, lent)
    (begun / "config.yaml").write_text(dump(target.settings), encoding="utf-8")
    os.replace(begun, target.folder)


def _same_policy(one: Settings, other: Settings) -> bool:
    greedy = one.evaluation.temperature == 0
    return (one.policy, one.evaluation) == (other.policy, other.evaluation) and (greedy or one.seed == other.seed)


def _bring(source: Path, target: Path, names: Sequence[str]) -> Iterator[str]:
    """Lay down whatever `source` has finished under the names; yields the steps that came along."""
    for name in names:
        for path in sorted({*source.glob(f"{name}.jsonl"), *source.glob(name)}):
            place = target / path.relative_to(source)
            if path.is_dir():
                shutil.copytree(path, place, copy_function=_link_or_copy, ignore=shutil.ignore_patterns(".*", "*.part"))
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)
            yield path.relative_to(source).as_posix().removesuffix(".jsonl")


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _tell(source: PlannedRun, folder: Path, lent: Sequence[str]) -> None:
    """The funnel of what was lent, and from where it comes; its time stays with the run that spent it."""

    def came(step: str) -> bool:
        return any(fnmatch.fnmatch(step, pattern) for name in lent for pattern in (name, f"{name}/*"))

    funnel = [entry for entry in read_funnel(source.folder / "funnel.json") if came(entry["stage"])]
    (folder / "funnel.json").write_text(json.dumps(funnel, indent=1), encoding="utf-8")
    manifest = json_of(source.folder, "manifest") or {}
    about = {"shared": {"with": source.name, "steps": list(lent)}}
    about |= {key: manifest[key] for key in ("versions", "execution", "before") if key in manifest}
    about["evaluation"] = {step: facts for step, facts in manifest.get("evaluation", {}).items() if came(step)}
    (folder / "manifest.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
