"""Settings → chat models: who supervises, who responds, and the policy."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from autoif_train.chat.api import ApiChat, ApiSettings
from autoif_train.chat.base import ChatModel
from autoif_train.chat.cache import AnswerCache, Keeper
from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.chat.recorded import RecordedChat
from autoif_train.chat.server import PolicySamplingSettings
from autoif_train.chat.vllm import VllmSettings, under_launcher
from autoif_train.resources import resolve
from autoif_train.setting import setting
from autoif_train.types import UserError, content_id

Kind = Literal["recorded", "api", "vllm", "transformers", "policy", "tiny"]


@dataclasses.dataclass(frozen=True)
class SupervisorSettings(ApiSettings):
    """Who writes instructions, functions and back-translations, and scores quality."""

    model: str = ""
    """Name under which a server knows the model, or hub id or path of a local one."""
    kind: Kind = "api"
    """recorded answers, any OpenAI-compatible server (api), a vLLM engine, a local model (transformers), the base model
    of the policy, or the tiny world's own writer of answers, a script (tiny)."""
    recordings: str | None = None
    """File of recorded answers for `kind: recorded`; the bundled one belongs to the tiny model."""


@dataclasses.dataclass(frozen=True)
class RespondentSettings:
    """Who answers the queries whose answers become SFT and offline DPO data; what is null is as the supervisor's."""

    kind: Kind | None = None
    """As supervisor.kind."""
    model: str | None = None
    """As supervisor.model."""
    base_url: str | None = setting(None, free=True)
    """As supervisor.base_url."""
    api_key_env: str | None = setting(None, free=True)
    """As supervisor.api_key_env."""
    max_concurrency: int | None = setting(None, least=1, free=True)
    """As supervisor.max_concurrency."""
    requests_per_minute: float | None = setting(None, above=0, free=True)
    """As supervisor.requests_per_minute."""
    tokens_per_minute: float | None = setting(None, above=0, free=True)
    """As supervisor.tokens_per_minute."""
    max_retries: int | None = setting(None, least=0, free=True)
    """As supervisor.max_retries."""
    timeout_seconds: float | None = setting(None, above=0, free=True)
    """As supervisor.timeout_seconds."""
    price_per_million_input_tokens: float | None = setting(None, least=0, free=True)
    """As supervisor.price_per_million_input_tokens."""
    price_per_million_output_tokens: float | None = setting(None, least=0, free=True)
    """As supervisor.price_per_million_output_tokens."""
    json_schema: Literal["auto", "always", "never"] | None = None
    """As supervisor.json_schema."""
    recordings: str | None = None
    """As supervisor.recordings."""


@dataclasses.dataclass(frozen=True)
class Engines:
    """The settings of whatever may run a checkpoint."""

    vllm: VllmSettings = dataclasses.field(default_factory=VllmSettings)
    server: PolicySamplingSettings = dataclasses.field(default_factory=PolicySamplingSettings)


ALL_DEFAULT = Engines()


def respondent_settings(supervisor: SupervisorSettings, respondent: RespondentSettings) -> SupervisorSettings:
    """The respondent's settings in full: the supervisor's, and what is set of its own."""
    own = {key: value for key, value in dataclasses.asdict(respondent).items() if value is not None}
    return dataclasses.replace(supervisor, **own)


def open_chat(
    settings: SupervisorSettings, policy: PolicySettings, section: str, cache: Path, engines: Engines = ALL_DEFAULT
) -> AbstractContextManager[ChatModel]:
    """The chat model that the settings of a section name (`supervisor`, `evaluation.judge` …), for a `with` block.

    `cache` is the file that keeps its answers, paid or computed. Raises `UserError` where the settings name nobody.
    """
    check_chat(settings, policy, section)
    match settings.kind:
        case "recorded":
            return nullcontext(RecordedChat(resolve(settings.recordings)))
        case "api":
            return _open_api(_api_settings(settings), cache, section)
        case "policy":
            return open_kept(policy.model, policy, "base", cache, engines)
        case "tiny":
            from autoif_train.tiny.writer import TinyWriter

            return nullcontext(TinyWriter())
        case engine:
            itself = PolicySettings(sampling_engine=engine)
            return open_kept(settings.model, itself, Path(settings.model).name, cache, engines)


def check_chat(settings: SupervisorSettings, policy: PolicySettings, section: str) -> None:
    """Raise `UserError` for whoever `open_chat` could not open in this process, without loading anybody."""
    match settings.kind:
        case "recorded" if settings.recordings is None:
            raise UserError(f"{section}.recordings: no file named; name one or choose another {section}.kind, e.g. api")
        case "api":
            ApiChat(_api_settings(settings), section=section)
        case "transformers" | "vllm" if not settings.model:
            raise UserError(f"{section}.model: not set; name a hub id or a local path")
        case "vllm" if under_launcher():
            raise UserError(
                f"{section}.kind: vllm cannot be opened under a launcher of several processes; run `vllm serve "
                f"{settings.model}` on other GPUs and give --{section}.kind api --{section}.base_url ADDRESS, which a "
                "begun folder takes"
            )
        case "policy" if not policy.model:
            raise UserError(f"policy.model: not set, and {section}.kind is policy; name a hub id or a local path")


def _api_settings(settings: SupervisorSettings) -> ApiSettings:
    return ApiSettings(**{field.name: getattr(settings, field.name) for field in dataclasses.fields(ApiSettings)})


@contextmanager
def open_roles(
    supervisor: SupervisorSettings, respondent: SupervisorSettings, policy: PolicySettings, cache: Path,
    engines: Engines = ALL_DEFAULT,
) -> Iterator[dict[str, ChatModel]]:  # fmt: skip
    """The chat models of both roles by name; one local model that does both is loaded once."""
    with open_chat(supervisor, policy, "supervisor", cache, engines) as writes:
        if respondent == supervisor and respondent.kind in ("policy", *ENGINES):
            yield {"supervisor": writes, "respondent": writes}
            return
        with open_chat(respondent, policy, "respondent", cache, engines) as answers:
            yield {"supervisor": writes, "respondent": answers}


@contextmanager
def _open_api(settings: ApiSettings, cache: Path, section: str) -> Iterator[ChatModel]:
    with AnswerCache(cache) as kept:
        yield ApiChat(settings, kept, section)


@contextmanager
def open_kept(
    model: str, policy: PolicySettings, name: str, cache: Path, engines: Engines = ALL_DEFAULT
) -> Iterator[ChatModel]:
    """`open_model` with answers kept in the file `cache`, under the weights that they are of."""
    path = resolve(model)
    key = content_id(name, weights_id(path), dataclasses.astuple(policy))
    with AnswerCache(cache) as kept, open_model(path, policy, name, engines, Keeper(kept, key)) as chat:
        yield chat


def weights_id(path: str) -> str:
    """What changes whenever the weights of a model do: a folder's files with their sizes and times, or the commit."""
    if Path(path).is_dir():
        stats = {file.name: file.stat() for file in Path(path).iterdir()}
        return content_id(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()))
    from transformers import AutoConfig

    return f"{path}@{AutoConfig.from_pretrained(path)._commit_hash}"


def local_device() -> str | None:
    """This process's own GPU under a launcher of several; None leaves the choice to the loader."""
    import torch

    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank is not None and torch.cuda.is_available() else None


def open_model(
    path: str,
    policy: PolicySettings,
    name: str,
    engines: Engines = ALL_DEFAULT,
    keeper: Keeper | None = None,
) -> AbstractContextManager[ChatModel]:
    """A local checkpoint as a chat model, with the tokenizer and template of training; `name` signs its answers.

    `policy.sampling_engine` says what runs it. `keeper` keeps its answers over a kill.
    """
    tokenizer = load_tokenizer(path, policy)
    return ENGINES[policy.sampling_engine](path, tokenizer, name, engines, keeper)


def _with_transformers(
    path: str, tokenizer: Any, name: str, engines: Engines, keeper: Keeper | None
) -> AbstractContextManager[ChatModel]:
    from autoif_train.chat.transformers import TransformersChat, load

    model, _ = load(path, local_device())
    return TransformersChat((model, tokenizer), name, keeper=keeper)


def _with_vllm(
    path: str, tokenizer: Any, name: str, engines: Engines, keeper: Keeper | None
) -> AbstractContextManager[ChatModel]:
    from autoif_train.chat.vllm import VllmChat

    return VllmChat(path, tokenizer, _ends(tokenizer), engines.vllm, name, keeper)


def _with_server(
    path: str, tokenizer: Any, name: str, engines: Engines, keeper: Keeper | None
) -> AbstractContextManager[ChatModel]:
    from autoif_train.chat.server import ServerChat

    return ServerChat(path, tokenizer, _ends(tokenizer), engines.server, name, keeper)


def _ends(tokenizer: Any) -> list[int]:
    from autoif_train.chat.transformers import turn_end_id

    return sorted({tokenizer.eos_token_id, turn_end_id(tokenizer)} - {None})


ENGINES = {"transformers": _with_transformers, "vllm": _with_vllm, "server": _with_server}
