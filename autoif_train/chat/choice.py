"""Settings → chat models: who supervises, who responds, and the policy."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

from autoif_train.chat.api import ApiChat, ApiSettings
from autoif_train.chat.base import ChatModel
from autoif_train.chat.cache import AnswerCache
from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.chat.recorded import RecordedChat
from autoif_train.resources import resolve
from autoif_train.types import UserError

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
    base_url: str | None = None
    """As supervisor.base_url."""
    api_key_env: str | None = None
    """As supervisor.api_key_env."""
    max_concurrency: int | None = None
    """As supervisor.max_concurrency."""
    requests_per_minute: float | None = None
    """As supervisor.requests_per_minute."""
    tokens_per_minute: float | None = None
    """As supervisor.tokens_per_minute."""
    max_retries: int | None = None
    """As supervisor.max_retries."""
    timeout_seconds: float | None = None
    """As supervisor.timeout_seconds."""
    recordings: str | None = None
    """As supervisor.recordings."""


def respondent_settings(supervisor: SupervisorSettings, respondent: RespondentSettings) -> SupervisorSettings:
    """The respondent's settings in full: the supervisor's, and what is set of its own."""
    own = {key: value for key, value in dataclasses.asdict(respondent).items() if value is not None}
    return dataclasses.replace(supervisor, **own)


def open_chat(
    settings: SupervisorSettings, policy: PolicySettings, role: str, cache: Path
) -> AbstractContextManager[ChatModel]:
    """The chat model of a role (`supervisor` or `respondent`), to be used in a `with` block.

    `cache` is the file that keeps paid answers. Raises `UserError` where the settings name nobody.
    """
    match settings.kind:
        case "recorded":
            if settings.recordings is None:
                raise UserError(f"{role}.recordings: no file named; name one or choose another {role}.kind, e.g. api")
            return nullcontext(RecordedChat(resolve(settings.recordings)))
        case "api":
            named = {field.name: getattr(settings, field.name) for field in dataclasses.fields(ApiSettings)}
            return _open_api(ApiSettings(**named), cache, role)
        case "transformers":
            if not settings.model:
                raise UserError(f"{role}.model: not set; name a hub id or a local path")
            return open_model(resolve(settings.model), PolicySettings(), Path(settings.model).name)
        case "policy":
            if not policy.model:
                raise UserError(f"policy.model: not set, and {role}.kind is policy; name a hub id or a local path")
            return open_model(resolve(policy.model), policy, "base")
        case "tiny":
            from autoif_train.tiny.writer import TinyWriter

            return nullcontext(TinyWriter())
        case "vllm":
            raise UserError(
                f"{role}.kind vllm: an engine inside this process is not supported yet; run `vllm serve MODEL` "
                f"and use --{role}.kind api --{role}.base_url http://localhost:8000/v1"
            )


@contextmanager
def _open_api(settings: ApiSettings, cache: Path, role: str) -> Iterator[ChatModel]:
    with AnswerCache(cache) as kept:
        yield ApiChat(settings, kept, role)


def local_device() -> str | None:
    """This process's own GPU under a launcher of several; None leaves the choice to the loader."""
    import torch

    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank is not None and torch.cuda.is_available() else None


def open_model(path: str, policy: PolicySettings, name: str) -> AbstractContextManager[ChatModel]:
    """A local checkpoint as a chat model, with the tokenizer and template of training; `name` signs its answers."""
    from autoif_train.chat.transformers import TransformersChat, load

    tokenizer = load_tokenizer(path, policy)
    model, _ = load(path, local_device())
    return TransformersChat((model, tokenizer), name)
