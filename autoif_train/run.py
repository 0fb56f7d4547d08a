"""A run folder: every step of an experiment under its name, done once.

`keep()` is the one piece of machinery: finished → load; else call, write under a temporary name, rename, note in the
funnel what was dropped and why. Resuming, inspecting, sharing and extending a run are the same act. A kill at any
moment leaves either the whole file or none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import yaml
from tqdm import tqdm

from autoif_train import lock
from autoif_train.chat.base import ChatModel
from autoif_train.chat.choice import check_chat, open_chat, open_kept
from autoif_train.chat.shared import SharedChat, Superfluous, bounds, share_paths
from autoif_train.config import Settings, differing_keys, dump, load_dump
from autoif_train.execution import Executor
from autoif_train.funnel import Tally, funnel_lines, gate_lines, hint_lines, read_funnel, update_funnel
from autoif_train.lazy import Lazy
from autoif_train.progress import Progress
from autoif_train.ranks import Ranks
from autoif_train.resources import is_model, resolve
from autoif_train.rows import Rows, atomic_file, plain, write_rows
from autoif_train.training.engine import start_command
from autoif_train.types import Row, UserError, content_id
from autoif_train.versions import versions

log = logging.getLogger(__name__)
Opened = TypeVar("Opened")

EMBEDDED = "tiny"
INPUT_FILES = (
    "synthesis.seeds",
    "queries.path",
    "agreement.answers",
    "demonstrations.conversations",
    "supervisor.recordings",
    "respondent.recordings",
    "policy.chat_template",
)
FIRST_MADE = {"queries": ("data/pilot_queries", "data/queries")}
"""Sections that decide nothing but what comes of these files: until one of them is there they may change."""


def undecided(folder: Path) -> set[str]:
    """The sections that have decided nothing in a run folder."""
    return {key for key, names in FIRST_MADE.items() if not any((folder / f"{name}.jsonl").exists() for name in names)}


class Run:
    """The folder of one experiment, shared by all recipes; a context manager that holds its lock.

    Under several processes rank 0 makes the data files and the others wait for them to appear; training steps run on
    every rank.
    """

    def __init__(self, settings: Settings, recipe: str):
        self.settings = settings
        self.recipe = recipe
        self.folder = Path(settings.output_dir or f"runs/{Path(settings.model).name}-{settings.mode}")
        self.ranks = Ranks(self.folder)
        self.rank = self.ranks.rank
        self._lock: Any = None
        self._progress: Any = None
        self._chats: dict[str, ChatModel] = {}

    def __enter__(self) -> Run:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"output_dir: {self.folder}: {error.strerror}; name a folder that can be written"
            ) from error
        if self.rank == 0:
            try:
                self._lock = lock.take(self.folder, self.recipe)
                self.ranks.forget_failures()
                self._claim()
            except BaseException as error:
                self.ranks.tell_failure(error)
                if self._lock is not None:
                    lock.release(self._lock)
                raise
            self._progress = Progress(self.path("progress.json"), self._manifest().get("calls", {}))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.ranks.tell_failure(error)
        if self._lock is not None:
            # A disk that is full or cannot be written has its own line already.
            with contextlib.suppress(OSError, UserError):
                self._note_chats()
                self._progress.close()
            lock.release(self._lock)

    def _claim(self) -> None:
        """A folder belongs to one resolved configuration; another one is refused, never merged.

        Until something has been made it belongs to nobody: a refused setting must not need a second folder. Nor does a
        section that has decided nothing yet.
        """
        file = self.folder / "config.yaml"
        begun = self._begun()
        if file.exists():
            before = _read_config(file)
            differing = differing_keys(before, self.settings, undecided(self.folder))
            if begun and differing:
                kept = self.path("cache.sqlite")
                paid = f" with --cache.path {kept}, which pays for no answer again" if kept.exists() else ""
                raise UserError(
                    f"output_dir: {self.folder} belongs to another configuration, which differs in "
                    f"{'; '.join(differing)}; give the same settings or another --output_dir{paid}"
                )
            if begun:
                self._note_before(before)
        elif any(self.folder.glob("*.json*")):
            raise UserError(f"output_dir: {self.folder} holds files but no config.yaml; name another folder")
        with atomic_file(file) as opened:
            opened.write(dump(self.settings))
        self._claim_inputs(begun)

    def _note_before(self, before: dict[str, Any]) -> None:
        # Versions that did not note how, or by whom, each answer was made went by the settings as they stood until now.
        for section in ("evaluation", "policy"):
            changed = before.get(section) != dataclasses.asdict(getattr(self.settings, section))
            if changed and section not in self.recorded("before"):
                self.remember("before", section, before.get(section))

    def before(self, section: str) -> dict[str, Any]:
        """`evaluation` or `policy` of the settings as they stood until they first changed in this folder."""
        # Read first: rank 0 notes what stood before, then writes the file anew, at any moment of the other ranks.
        standing = _read_config(self.path("config.yaml"))
        return self.recorded("before").get(section) or standing.get(section) or {}

    def _begun(self) -> bool:
        """Whether rows or a part of a training lie in the folder; paid answers are kept by content and fit any."""
        return any(True for kind in ("*.jsonl", "*.part", "*.safetensors") for _ in self.folder.rglob(kind))

    def _claim_inputs(self, begun: bool) -> None:
        """A file that the settings name belongs to the configuration by its content, not by its name alone."""
        known = self._manifest().get("inputs", {}) if begun else {}
        free = undecided(self.folder)
        for key, digest in _input_digests(self.settings).items():
            if known.get(key, digest) != digest and key.partition(".")[0] not in free:
                mend = "restore it or name another --output_dir"
                raise UserError(f"{key}: the file has changed since {self.folder} was begun; {mend}")
            if known.get(key) != digest:
                self.remember("inputs", key, digest)

    def _manifest(self) -> dict[str, Any]:
        file = self.path("manifest.json")
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def path(self, name: str) -> Path:
        """Where `name` lies in the folder."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether the rows, the model or the facts of that name are finished."""
        return any(self.path(f"{name}.{kind}").exists() for kind in ("jsonl", "json")) or is_model(self.path(name))

    def rows(self, name: str, read: Callable[[Row], Any] | None = None) -> Rows:
        """The finished rows of a name."""
        return Rows(self.path(f"{name}.jsonl"), read)

    def keep(
        self,
        name: str,
        step: Callable[..., Iterator[Any]],
        *inputs: Any,
        read: Callable[[Row], Any] | None = None,
        write: Callable[[Any], Row] = plain,
        **options: Any,
    ) -> Rows:
        """The rows that `step(*inputs, **options)` yields, made once and streamed to `name.jsonl`.

        `step` yields rows and the events `Kept` and `Dropped`; `read` and `write` turn rows into nouns and back.
        """
        rows = self.rows(name, read)
        if self.rank != 0:
            self.ranks.wait_for(rows.path)
        if rows.path.exists():
            return rows
        tally, start = Tally(name), _clock()
        temporary = rows.path.with_name(f".{rows.path.name}.whole")
        passing = tally.passing(step(*inputs, **options))
        # On a terminal only, and only for steps that last.
        bar = tqdm(passing, desc=name, unit=" rows", delay=2, leave=False, disable=None)
        with self._progress.during(name, tally, lambda tally: bar.set_postfix_str(tally.text(), refresh=False)):
            write_rows(temporary, (write(row) for row in bar))
        self._note(name, tally, start)
        os.replace(temporary, rows.path)
        return rows

    def keep_split(
        self,
        name: str,
        step: Callable[..., Iterator[Any]],
        items: Iterable[Any],
        *inputs: Any,
        read: Callable[[Row], Any] | None = None,
    ) -> Rows:
        """`keep(name, step, items, *inputs)`, the items shared out over the ranks; one file comes of it.

        `step` must treat each item by itself, so that the file does not depend on the number of processes, and yield
        rows alone.
        """
        rows = self.rows(name, read)
        if rows.path.exists() or self.ranks.size == 1:
            return self.keep(name, step, items, *inputs, read=read)
        items = list(items)
        parts = share_paths(rows.path, content_id([content_id(plain(item)) for item in items]), self.ranks.size)
        if not parts[self.rank].exists():
            first, last = bounds(len(items), self.rank, self.ranks.size)
            write_rows(parts[self.rank], step(items[first:last], *inputs))
        if self.rank == 0:
            for path in parts:
                self.ranks.wait_for(path)
            self.keep(name, lambda: chain.from_iterable(Rows(path, read) for path in parts))
            _remove_shares(rows.path)
        self.ranks.wait_for(rows.path)
        return rows

    def keep_shared(
        self,
        name: str,
        step: Callable[[ChatModel], Iterator[Any]],
        chat: ChatModel,
        read: Callable[[Row], Any] | None = None,
    ) -> Rows:
        """`keep(name, step, chat)`, what `step` asks `chat` shared out over the ranks; one file comes of it.

        For a step whose items nobody can split from outside. Every rank runs it and must ask the same; the rows of
        rank 0 are kept.
        """
        rows = self.rows(name, read)
        if rows.path.exists() or self.ranks.size == 1:
            return self.keep(name, step, chat, read=read)
        # The name tells the model; what runs it may change in a begun folder.
        signature = content_id(plain(self.settings.policy))
        shared = SharedChat(chat, signature, rows.path, self.rank, self.ranks.size, self.ranks.wait_for)
        if self.rank == 0:
            self.keep(name, step, shared)
        else:
            with contextlib.suppress(Superfluous):
                for _ in step(shared):
                    pass
        self.ranks.wait_for(rows.path)
        # Each rank: one that came late has laid down shares that nobody reads.
        _remove_shares(rows.path)
        return rows

    def alone(self, opening: Callable[[], AbstractContextManager[Opened]]) -> AbstractContextManager[Opened | None]:
        """What `opening()` opens, on rank 0, which does the work; None on the ranks that wait for what comes of it."""
        return opening() if self.rank == 0 else contextlib.nullcontext()

    def _note(self, name: str, tally: Tally, start: dict[str, float]) -> None:
        entries = tally.entries()
        update_funnel(self.path("funnel.json"), entries)
        self.remember("steps", name, _since(start))
        self._note_chats()
        for line in [*funnel_lines(entries), *hint_lines(entries)]:
            log.info("%s", line)

    def watch(self, role: str, chat: ChatModel | None) -> None:
        """Count what `chat` spends in the role of `role`, in the manifest and for `autoif status`."""
        if self.rank == 0:
            self._chats[role] = chat
            self._progress.watch(role, chat)

    def _note_chats(self) -> None:
        spent = self._progress.spent()
        for role, chat in self._chats.items():
            self.remember("calls", role, spent.get(role, {}))
            self.remember("chats", role, {"name": chat.name, **getattr(chat, "facts", {})})

    def open_policy(self, model: str, name: str | None = None, role: str = "policy") -> Lazy:
        """A state of the policy as a chat model whose answers are kept; `name` signs them, else its path in the folder.

        Like the others below it is opened when a step first asks it, so that finished steps open nobody. What it spends
        is counted under its `role`.
        """
        return self._lazy_chat(role, open_kept, model, self.settings.policy, name or self.signature(model))

    def open_supervisor(self, role: str = "supervisor", **changed: Any) -> Lazy:
        """The supervisor, with what is `changed` of its settings; what it spends is counted under its `role`."""
        supervisor = dataclasses.replace(self.settings.supervisor, **changed)
        return self._lazy_chat(role, open_chat, supervisor, self.settings.policy, "supervisor")

    def open_refiner(self, kind: str, itself: AbstractContextManager[ChatModel]) -> AbstractContextManager[ChatModel]:
        """Who mends a policy's answers: the policy `itself`, the supervisor, or the tiny world's script."""
        changed = {"kind": "tiny"} if kind == "tiny" else {}
        return itself if kind == "policy" else self.open_supervisor("refiner", **changed)

    def check_refiner(self, kind: str) -> None:
        """Refuse a refiner who could not be opened, before the answers are sampled that are to be mended."""
        if kind == "supervisor":
            check_chat(self.settings.supervisor, self.settings.policy, "supervisor")

    def open_executor(self) -> Lazy:
        """The executor, by the section `execution`."""
        return Lazy(lambda: Executor.of(self.settings.execution))

    def _lazy_chat(self, role: str, opens: Callable[..., AbstractContextManager[ChatModel]], *asked: Any) -> Lazy:
        @contextlib.contextmanager
        def watched() -> Iterator[ChatModel]:
            with opens(*asked, self.cache_path(), self.settings.engines) as chat:
                self.watch(role, chat)
                yield chat

        return Lazy(watched)

    def show_gates(self) -> None:
        """Each gate with its reasons and three examples."""
        if self.rank == 0:
            for line in gate_lines(read_funnel(self.path("funnel.json"))):
                log.info("%s", line)

    def keep_model(self, name: str, train: Callable[..., dict[str, Any] | None], *inputs: Any, **options: Any) -> str:
        """The model folder that `train(*inputs, output=FOLDER, **options)` writes, made once; returns its path.

        The facts that `train` returns, if any, are noted in the manifest. An interrupted training leaves its
        checkpoints in `name.part` and goes on from the newest.
        """
        final, part = self.path(name), self.path(f"{name}.part")
        if not is_model(final):
            start = _clock()
            part.mkdir(parents=True, exist_ok=True)
            facts = train(*inputs, output=part, **options)
            if self.rank == 0:
                shutil.rmtree(part / "trainer", ignore_errors=True)
                os.replace(part, final)
                self.remember("steps", name, {**_since(start), **_launched(), **(facts or {})})
                log.info("%s trained in %.0f s", name, time.monotonic() - start["wall"])
            self.ranks.wait_for(final)
        return str(final)

    def train(
        self, name: str, train: Callable[..., dict[str, Any] | None], *inputs: Any, number: int = 0, **options: Any
    ) -> str:
        """`keep_model` with the settings' policy and adapter, and a seed for each round `number`."""
        settings = self.settings
        ours = {"policy": settings.policy, "seed": settings.seed + number, "lora": settings.lora}
        return self.keep_model(name, train, *inputs, **ours, **options)

    def train_round(
        self, name: str, number: int, train: Callable[..., dict[str, Any] | None], *inputs: Any, **options: Any
    ) -> str:
        """`train` the policy of round `number` into `name/policy`; its metrics lie beside the round's data too."""
        policy = self.train(f"{name}/policy", train, *inputs, number=number, **options)
        self.copy(f"{name}/policy/metrics.jsonl", f"{name}/metrics.jsonl")
        return policy

    def write_json(self, name: str, value: Any) -> Any:
        """Write `name.json`, in place of an earlier one, and return the value."""
        if self.rank == 0:
            with atomic_file(self.path(f"{name}.json")) as file:
                json.dump(value, file, indent=1)
        return value

    def need(self, name: str, recipe: str, read: Callable[[Row], Any] | None = None) -> Any:
        """What an earlier recipe made: its rows, or its model's path. Refuses, with the command to run, where it is
        missing."""
        if not self.has(name):
            # The same flags: a run folder belongs to one configuration. Data are made without a launcher.
            engine = "none" if name.startswith("data/") else self.settings.engine
            command = start_command(engine, f"recipes/{recipe}.py")
            raise UserError(f"{self.path(name)} is missing; first run: {command}")
        return str(self.path(name)) if self.path(name).is_dir() else self.rows(name, read)

    def copy(self, source: str, target: str) -> None:
        """Lay a finished file under a second name."""
        if self.rank == 0 and not self.path(target).exists():
            text = self.path(source).read_text(encoding="utf-8")
            with atomic_file(self.path(target)) as file:
                file.write(text)

    def signature(self, model: str) -> str:
        """The name under which a model of this folder signs its answers: no path that would differ elsewhere."""
        return Path(model).relative_to(self.folder).as_posix()

    def cache_path(self) -> Path:
        """The file of paid answers: the run's own, unless `cache.path` names one to share.

        Each process has a file of its own: they may run on machines that share nothing but a network's disk.
        """
        path = Path(self.settings.cache.path) if self.settings.cache.path else self.path("cache.sqlite")
        return path.with_stem(f"{path.stem}_{self.rank}") if self.rank else path

    def remember(self, section: str, name: str, value: Any) -> None:
        """Note a fact in manifest.json: versions, hardware, seeds, sandbox level, seconds, calls and tokens."""
        if self.rank != 0:
            return
        manifest = self._manifest()
        if "versions" not in manifest:  # asking for them starts a process
            manifest["versions"] = versions()
        manifest["seed"] = self.settings.seed
        manifest.setdefault(section, {})[name] = value
        with atomic_file(self.path("manifest.json")) as opened:
            json.dump(manifest, opened, ensure_ascii=False, indent=1)

    def recorded(self, section: str) -> dict[str, Any]:
        """What `remember` noted in a section of the manifest."""
        return self._manifest().get(section, {})

    def steps(self) -> dict[str, Any]:
        """What the manifest says of the steps that were made."""
        return self.recorded("steps")


def _remove_shares(path: Path) -> None:
    for share in path.parent.glob(f".{path.stem}.*-of-*{path.suffix}"):
        share.unlink(missing_ok=True)


def _input_digests(settings: Settings) -> dict[str, str]:
    """SHA-256 of each file that decides what is made; a missing one is the business of the step that reads it."""
    digests = {}
    for key in INPUT_FILES:
        section, _, name = key.partition(".")
        named = getattr(getattr(settings, section), name)
        if named and Path(resolve(named)).is_file():
            with open(resolve(named), "rb") as file:
                digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config = load_dump(file)
    except (OSError, ValueError, yaml.YAMLError):
        config = None
    if not isinstance(config, dict):
        raise UserError(f"{file}: not the settings of a run; mend the file or name another --output_dir")
    return config


def bring(settings: Settings, name: str, recipe: Callable[[Settings], None]) -> None:
    """Run an earlier recipe first when the embedded default lacks what it makes.

    Any other model costs hours, so there a missing stage is refused with the command instead (`Run.need`).
    """
    if settings.model == EMBEDDED and not Run(settings, "").has(name):
        recipe(settings)


def _clock() -> dict[str, float]:
    return {"wall": time.monotonic(), "cpu": time.process_time()}


def _since(start: dict[str, float]) -> dict[str, float]:
    now = _clock()
    return {
        "seconds": round(now["wall"] - start["wall"], 3),
        "cpu_seconds": round(now["cpu"] - start["cpu"], 3),
    }


def _launched() -> dict[str, Any]:
    from accelerate.state import PartialState

    with contextlib.suppress(AttributeError):
        state = PartialState()
        return {
            "world_size": state.num_processes,
            "distributed_type": state.distributed_type.value,
            "precision": os.environ.get("ACCELERATE_MIXED_PRECISION", "no"),
        }
    return {}
