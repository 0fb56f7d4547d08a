"""The policy behind a server that the user runs and that is told which checkpoint to load.

Prompts are rendered here, with the tokenizer and template of training, and travel as token ids; a server's own template
is never asked. What it serves is read from its list of models, never taken on trust: SGLang and vLLM both name there
the folder that the weights came from.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp

from autoif_train.chat.api import ApiChat, ApiSettings, Form, open_session, run_apart
from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.cache import Keeper
from autoif_train.chat.transformers import render
from autoif_train.rows import atomic_file
from autoif_train.setting import setting
from autoif_train.types import UserError, content_id

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
VERSION_PATHS = ("version", "server_info", "get_server_info")  # vLLM's, SGLang's, and SGLang's earlier one
QUOTED_CHARACTERS = 300


@dataclasses.dataclass(frozen=True)
class PolicySamplingSettings(SamplingSettings):
    """How answers are drawn; from `base_url` on, the server that draws the policy's with `policy.sampling_engine:
    server`."""

    base_url: str | None = setting(None, free=True)
    """Address of a server of SGLang or vLLM up to and with `/v1`, e.g. http://localhost:30000/v1 (ours)."""
    reload: Literal["sglang", "vllm_lora", "command"] = setting("sglang", free=True)
    """How the server is told of the next checkpoint: SGLang's update_weights_from_disk, vLLM's load_lora_adapter (for
    `lora.merge: false`), or `reload_command` (ours)."""
    reload_command: str | None = setting(None, free=True)
    """Shell command that makes the server serve `{checkpoint}`, which stands for the folder's path (ours)."""
    reload_timeout_seconds: float = setting(1800.0, least=1, free=True)
    """Seconds until the server must serve the checkpoint it was told of (ours)."""
    api_key_env: str = setting("OPENAI_API_KEY", free=True)
    """Name of the environment variable with the server's key; unset for a server that asks for none (ours)."""
    max_concurrency: int = setting(256, least=1, free=True)
    """Requests in flight at once, of each process; also the most answers that a kill can cost (ours)."""
    max_retries: int = setting(8, least=0, free=True)
    """How often one request is sent again before the run stops, and how often all wait while nothing but "too many
    requests" comes; with all of the waits one to two minutes, or as long as the server asks (ours)."""
    timeout_seconds: float = setting(600.0, above=0, free=True)
    """Seconds from sending a request to the end of its answer, after which it is sent again (ours)."""


_loaded: dict[str, str] = {}
"""Address → the weights that this process last had a server load, so that a round's steps do not load them again."""
_held: dict[str, str] = {}
"""Address → the folder that an open `ServerChat` of this process needs there."""


class ServerChat(ApiChat):
    """A `ChatModel` over the checkpoint at `path`, served by somebody else; to be used in a `with` block.

    Entering it has the server load the checkpoint (process 0 of a launcher's; the others wait for its word that
    these very weights are served) and raises `UserError` where that fails, or where another one is open at the
    address. A server that went away in the middle and came back with other weights is noticed before it is asked
    again. `keeper` says where answers are kept and under which name of the weights.
    """

    limits = ("max_concurrency",)

    def __init__(
        self,
        path: str,
        tokenizer: Any,
        ends: Sequence[int],
        settings: PolicySamplingSettings,
        name: str | None = None,
        keeper: Keeper | None = None,
    ):
        if not settings.base_url:
            raise UserError("sampling.base_url: not set, and policy.sampling_engine is server; name its address")
        self.path = str(Path(path).resolve()) if Path(path).is_dir() else path
        self.tokenizer, self.sampling = tokenizer, settings
        named = {field.name: getattr(settings, field.name, None) for field in dataclasses.fields(ApiSettings)}
        named = {key: value for key, value in named.items() if value is not None}
        keeper = keeper or Keeper()
        form = Form("completions", lambda prompt: self._as_tokens(prompt, ends), lambda choice: choice["text"])
        super().__init__(ApiSettings(**named, model=self.path), keeper.cache, "sampling", form)
        self.name = name or Path(path).name
        self.key = keeper.name or self.path
        # Beside the answers: where process 0 tells the others which weights it had the server load.
        self.word = keeper.cache and keeper.cache.path.parent / f".served_{content_id(settings.base_url)}"
        self.served: dict[str, Any] = {}
        self.version = ""

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "engine": f"{self.served.get('owned_by', 'server')} {self.version}".strip(),
            "reload": self.sampling.reload,
        }

    def _as_tokens(self, prompt: Prompt, ends: Sequence[int]) -> dict[str, Any]:
        ids = self.tokenizer(render(self.tokenizer, prompt.messages), add_special_tokens=False).input_ids
        return {"prompt": ids, "stop_token_ids": list(ends)}

    def __enter__(self) -> Self:
        address = self.settings.base_url
        if _held.get(address, self.path) != self.path:
            raise UserError(
                f"sampling.base_url: {address} would have to serve {self.path} and another checkpoint at once; let "
                "only one of policy, respondent, supervisor and refiner be on this server"
            )
        if int(os.environ.get("RANK", "0")) == 0:
            run_apart(self._load())
        self._holder = address not in _held
        _held[address] = self.path
        return self

    def __exit__(self, *error: object) -> None:
        if self._holder:
            _held.pop(self.settings.base_url, None)

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """As `ApiChat.answer`, once the server serves the checkpoint, and as long as it does."""
        run_apart(self._meet())
        return super().answer(prompts, settings)

    async def before_retry(self, session: aiohttp.ClientSession) -> None:
        """Refuse a server that came back with other weights; one that has not come back is the retries' business."""
        cards = await self.cards(session)
        if cards and self.card_in(cards) is None:
            raise UserError(
                f"sampling.base_url: {self.settings.base_url} has begun anew and serves {_names(cards)} instead of "
                f"{self.path}; the same command has it load the checkpoint again"
            )

    async def _load(self) -> None:
        async with open_session(self.settings) as session:
            address = self.settings.base_url
            if _loaded.get(address) != self.key or self.card_in(await self.cards(session)) is None:
                _loaded.pop(address, None)
                started = time.monotonic()
                await RELOADS[self.sampling.reload](self, session)
                log.info("%s loaded %s in %.0f s", address, self.path, time.monotonic() - started)
            cards = await self.cards(session)
            self.served = self.card_in(cards) or {}
            if not self.served:
                raise UserError(
                    f"sampling.reload: {address} serves {_names(cards)}, not {self.path}, though it was told to load "
                    "it; let it list the folder as id or root of a model"
                )
            _loaded[address] = self.key
            if self.word:
                with atomic_file(self.word) as file:
                    file.write(self.key)
            await self._ready(session)

    async def _ready(self, session: aiohttp.ClientSession) -> None:
        self.settings = dataclasses.replace(self.settings, model=self.served["id"])
        self.version = await self._version(session)

    async def _meet(self) -> None:
        async with open_session(self.settings) as session:
            if self.served:
                await self.before_retry(session)
            else:
                await self._word_of_first()
                self.served = await self.listed(session)
                await self._ready(session)

    async def _word_of_first(self) -> None:
        """Wait until process 0 has had these weights loaded: a path that is listed may hold older ones."""
        give_up_at = time.monotonic() + self.sampling.reload_timeout_seconds
        while self.word and not (self.word.exists() and self.word.read_text(encoding="utf-8") == self.key):
            if time.monotonic() > give_up_at:
                raise UserError(
                    f"sampling.base_url: process 0 has not had {self.path} loaded within "
                    f"sampling.reload_timeout_seconds = {self.sampling.reload_timeout_seconds:g}; see its own lines"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def listed(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """The server's card of the checkpoint, once it has one."""
        give_up_at = time.monotonic() + self.sampling.reload_timeout_seconds
        while True:
            cards = await self.cards(session)
            if card := self.card_in(cards):
                return card
            if time.monotonic() > give_up_at:
                raise UserError(
                    f"sampling.base_url: {self.settings.base_url} serves {_names(cards)}, not {self.path}, after "
                    f"sampling.reload_timeout_seconds = {self.sampling.reload_timeout_seconds:g}; see the server's log"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def cards(self, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        """The server's list of models; empty where it gives none."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
            async with session.get(f"{self.settings.base_url.rstrip('/')}/models") as response:
                return (await response.json(content_type=None))["data"]
        return []

    def card_in(self, cards: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The card of the checkpoint in a list of models."""
        return next((card for card in cards if self.path in (card.get("id"), card.get("root"))), None)

    async def _version(self, session: aiohttp.ClientSession) -> str:
        for path in VERSION_PATHS:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
                async with session.get(f"{self.root}/{path}") as response:
                    return str((await response.json(content_type=None))["version"])
        return ""

    @property
    def root(self) -> str:
        """The server's address without `/v1`."""
        return self.settings.base_url.rstrip("/").removesuffix("/v1")

    async def post(self, session: aiohttp.ClientSession, url: str, body: dict[str, str], must: bool = True) -> None:
        """Tell the server to do something that may take long; `UserError` where it will not and `must`."""
        patience = aiohttp.ClientTimeout(total=self.sampling.reload_timeout_seconds)
        try:
            async with session.post(url, json=body, timeout=patience) as response:
                said = " ".join((await response.text()).split())[:QUOTED_CHARACTERS]
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UserError(
                f"sampling.base_url: {url} cannot be reached ({error or 'no answer in time'}); "
                "start the server or name another address"
            ) from error
        if must and response.status != 200:
            raise UserError(
                f"sampling.reload: {url} refuses {self.path} ({response.status}: {said}); the server must be one that "
                "sampling.reload names, see the folder under this path, and stand as docs/howto/sampling_server.md says"
            )


def _names(cards: list[dict[str, Any]]) -> str:
    return ", ".join(str(card.get("id")) for card in cards) or "nothing"


async def _sglang(chat: ServerChat, session: aiohttp.ClientSession) -> None:
    """SGLang swaps the weights in place, drops its prefix cache, and lists the folder as its model."""
    await chat.post(session, f"{chat.root}/update_weights_from_disk", {"model_path": chat.path})


async def _vllm_lora(chat: ServerChat, session: aiohttp.ClientSession) -> None:
    """vLLM loads an adapter over its base model under a name; the folder's own, after an older one of that name."""
    if not (Path(chat.path) / "adapter_config.json").is_file():
        if chat.card_in(await chat.cards(session)):
            return  # the base model itself
        raise UserError(
            f"sampling.reload: vllm_lora loads adapters, and {chat.path} is a whole model; "
            "set lora.enabled and lora.merge false, or another sampling.reload"
        )
    await chat.post(session, f"{chat.root}/v1/unload_lora_adapter", {"lora_name": chat.path}, must=False)
    await chat.post(session, f"{chat.root}/v1/load_lora_adapter", {"lora_name": chat.path, "lora_path": chat.path})


async def _command(chat: ServerChat, session: aiohttp.ClientSession) -> None:
    """Whatever the user's own command does, until the server lists the checkpoint."""
    command = chat.sampling.reload_command
    if not command or "{checkpoint}" not in command:
        raise UserError(
            "sampling.reload_command: not set or without {checkpoint}, and sampling.reload is command; "
            "name a command that has the server serve that folder"
        )
    # Its output is the user's to read, and none of this program's.
    process = await asyncio.create_subprocess_shell(
        command.replace("{checkpoint}", shlex.quote(chat.path)), stdout=2, start_new_session=True
    )
    try:
        code = await asyncio.wait_for(process.wait(), chat.sampling.reload_timeout_seconds)
    except TimeoutError as error:
        os.killpg(process.pid, signal.SIGKILL)
        raise UserError(
            f"sampling.reload_command: {command!r} has not ended within sampling.reload_timeout_seconds = "
            f"{chat.sampling.reload_timeout_seconds:g}; let it start what lasts in the background"
        ) from error
    if code:
        raise UserError(f"sampling.reload_command: {command!r} ended with exit code {code}; see its own lines above")
    await chat.listed(session)


RELOADS = {"sglang": _sglang, "vllm_lora": _vllm_lora, "command": _command}
