"""A local model behind an offline vLLM engine, which lives in a process of its own.

The process ends with the `with` block: that is what gives a GPU's memory back for sure. Prompts are rendered here, with
the tokenizer and template of training, and travel as token ids.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

from autoif_train.chat.base import Answer, Prompt, SamplingSettings, Usage
from autoif_train.chat.cache import Keeper, sample_seed
from autoif_train.chat.transformers import render
from autoif_train.setting import setting
from autoif_train.types import UserError

ANSWERS_PER_BATCH = 4096  # handed over at once: enough to keep an engine busy, little enough to lose at a kill
CLOSING_SECONDS = 30.0
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclasses.dataclass(frozen=True)
class VllmSettings:
    """The engine of whoever is sampled with vLLM."""

    tensor_parallel_size: int = setting(1, least=1, free=True)
    """GPUs over which one copy of the model is spread (ours)."""
    gpu_memory_utilization: float = setting(0.9, above=0, most=1, free=True)
    """Share of each GPU's memory that the engine may take, 0 to 1 (vLLM's own default)."""
    max_model_len: int | None = setting(None, least=1, free=True)
    """Longest prompt and answer together in tokens; null = what the model allows."""


class VllmChat:
    """A `ChatModel` over a vLLM engine, to be used in a `with` block.

    Each answer is a request of its own with a seed of its own; the engine's prefix caching reads their common prompt
    once. Raises `UserError` where vLLM is missing, cannot load the model, or ends. `version` is vLLM's.
    """

    def __init__(
        self,
        path: str,
        tokenizer: Any,
        ends: Sequence[int],
        settings: VllmSettings,
        name: str | None = None,
        keeper: Keeper | None = None,
    ):
        self.path, self.tokenizer, self.ends, self.settings = path, tokenizer, list(ends), settings
        self.name = name or Path(path).name
        self.keeper = keeper or Keeper()
        self.usage: dict[str, Usage] = {}
        self.version = ""

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"engine": f"vllm {self.version}"}

    def __enter__(self) -> Self:
        if under_launcher():
            raise UserError(
                "vllm: under a launcher every process would open an engine on the same GPU; start the recipe in one "
                "process, or sample with another --policy.sampling_engine, which a begun folder takes"
            )
        mine, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autoif_train.chat.engine", str(its.fileno())],
                pass_fds=[its.fileno()],
                start_new_session=True,
                env={"VLLM_LOGGING_LEVEL": "WARNING", **_without_launcher(os.environ)},
            )
        self._socket = mine
        self._requests, self._replies = mine.makefile("w", encoding="utf-8"), mine.makefile("r", encoding="utf-8")
        arguments = dataclasses.asdict(self.settings) | {"model": self.path, "enable_prefix_caching": True, "seed": 0}
        try:
            self.version = self._ask(arguments)["ready"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the engine's process and whatever it started."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        try:
            self._process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
            line = self._replies.readline()
        except OSError:
            line = ""
        reply = json.loads(line) if line else {"error": f"the engine ended with exit code {self._process.wait()}"}
        if "error" in reply:
            raise UserError(f"vLLM, {self.path}: {reply['error']}; {_mend(reply['error'])}")
        return reply

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` answers for each prompt, in the order of the prompts."""
        started = time.monotonic()
        per_batch = max(1, ANSWERS_PER_BATCH // settings.responses_per_query)
        answers: list[list[Answer]] = []
        with tqdm(total=len(prompts) * settings.responses_per_query, unit="answer", disable=None) as progress:
            for start in range(0, len(prompts), per_batch):
                batch = prompts[start : start + per_batch]
                answers += self.keeper.batch(batch, settings, self._batch)
                progress.update(len(batch) * settings.responses_per_query)
        for step in {prompt.step for prompt in prompts}:
            self.usage.setdefault(step, Usage()).seconds += time.monotonic() - started
        return answers

    def _batch(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        count = settings.responses_per_query
        encoded = [
            self.tokenizer(render(self.tokenizer, prompt.messages), add_special_tokens=False).input_ids
            for prompt in prompts
        ]
        sampling = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_new_tokens,
            "stop_token_ids": self.ends,
        }
        errands = [
            (ids, sampling | {"seed": sample_seed(prompt, prompt.first + number), "schema": prompt.schema})
            for prompt, ids in zip(prompts, encoded, strict=True)
            for number in range(count)
        ]
        reply = self._ask({"prompts": [ids for ids, _ in errands], "sampling": [given for _, given in errands]})
        found = [(Answer(text, finished), tokens) for text, finished, tokens in reply["answers"]]
        rows = [found[start : start + count] for start in range(0, len(found), count)]
        for prompt, ids, row in zip(prompts, encoded, rows, strict=True):
            self.usage.setdefault(prompt.step, Usage()).add(count, len(ids), sum(tokens for _, tokens in row))
        return [[answer for answer, _ in row] for row in rows]


def under_launcher() -> bool:
    """Whether this process is one of several, in which no engine is opened."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _mend(error: str) -> str:
    if "No module named 'vllm'" in error:
        return "run `pip install -e '.[vllm]'`, or serve the model elsewhere and name it with kind api and a base_url"
    return "see the engine's own lines above; vllm.gpu_memory_utilization and vllm.max_model_len decide what it takes"


def _without_launcher(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what a launcher says of its processes, which the engine would take for its own."""
    return {
        name: value
        for name, value in environment.items()
        if name not in LAUNCHER and not name.startswith(("TORCHELASTIC_", "ACCELERATE_"))
    }
