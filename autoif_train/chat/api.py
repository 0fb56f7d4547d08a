"""A supervisor behind any server that speaks the OpenAI chat completions protocol."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import aiohttp
from tqdm import tqdm

from autoif_train.chat.base import Answer, Prompt, SamplingSettings, Usage
from autoif_train.chat.cache import AnswerCache, answer_key, sample_seed
from autoif_train.chat.limits import Pace, Throttle, backoff_seconds, retry_after_seconds
from autoif_train.setting import check_bounds, setting
from autoif_train.types import UserError

log = logging.getLogger(__name__)

MAY_PASS = {408, 409, 425}  # besides every 5xx: statuses after which the same request may succeed
TOO_MANY = 429
# Statuses that are about a prompt where others are answered: too long for the model, or caught by a filter.
ABOUT_A_PROMPT = {400, 413, 422}
# For a key without rights or with its budget spent. At OpenRouter for a flagged prompt too:
# then one of these keys stands in the error's metadata (https://openrouter.ai/docs/errors).
FORBIDDEN = 403
FLAGGED = {"flagged_input", "reasons"}
# Prompts: where a third of all are refused, here and there, such a row comes once in 10**15.
MOST_REFUSED_IN_A_ROW = 32
CUT = {"length", "content_filter", "abort"}  # finish reasons of a text that the model did not end itself
QUOTED_CHARACTERS = 300  # of a server's message in an error of ours
NO_SCHEMA = {400, 415, 422, 501}  # statuses with which servers refuse a form of answer that they do not know
MILLION = 1_000_000
BYTES_PER_TOKEN = 4  # a rule of thumb, used for pacing and where a server does not count tokens


@dataclasses.dataclass(frozen=True)
class ApiSettings:
    """Which server is asked, and how hard."""

    model: str = ""
    """Name under which the server knows the model."""
    base_url: str = setting("https://api.openai.com/v1", free=True)
    """Address of an OpenAI-compatible server up to and with `/v1`, e.g. http://localhost:8000/v1 (ours)."""
    api_key_env: str = setting("OPENAI_API_KEY", free=True)
    """Name of the environment variable that holds the key, never the key itself; it may be unset for a server that asks
    for none (ours)."""
    max_concurrency: int = setting(64, least=1, free=True)
    """Requests in flight at once; also the most answers that a kill can cost (ours)."""
    requests_per_minute: float | None = setting(None, above=0, free=True)
    """Requests per minute, failed ones included; None sets no limit (ours)."""
    tokens_per_minute: float | None = setting(None, above=0, free=True)
    """Tokens per minute, read and written; None sets no limit (ours)."""
    max_retries: int = setting(8, least=0, free=True)
    """How often one request is sent again before the run stops, and how often all wait while nothing but "too many
    requests" comes; with all of the waits one to two minutes, or as long as the server asks (ours)."""
    timeout_seconds: float = setting(600.0, above=0, free=True)
    """Seconds from sending a request to the end of its answer, after which it is sent again (ours)."""
    price_per_million_input_tokens: float = setting(0.0, least=0, free=True)
    """Price of a million tokens read, in any currency; used to show what a run costs (ours)."""
    price_per_million_output_tokens: float = setting(0.0, least=0, free=True)
    """Price of a million tokens written, in the same currency (ours)."""
    json_schema: Literal["auto", "always", "never"] = "auto"
    """Hold answers in JSON to their schema by `response_format`; auto asks for it until the server refuses (ours)."""


@dataclasses.dataclass(frozen=True)
class Form:
    """How a request asks: the endpoint's path, what of the prompt goes into the body, the text of a choice."""

    path: str
    ask: Callable[[Prompt], dict[str, Any]]
    text: Callable[[dict[str, Any]], str | None]


CONVERSATION = Form(
    "chat/completions", lambda prompt: {"messages": prompt.messages}, lambda choice: choice["message"].get("content")
)


class ApiChat:
    """A `ChatModel` behind an OpenAI-compatible server.

    Every answer is a request of its own (`n=1`, with a seed of its own), and is committed to `cache` before its slot
    goes to the next request: what was answered once is never asked again, in this run or, with the same cache, in a
    later one. `usage` counts per step what this process has spent. `section` names the settings in error messages,
    `form` says how a prompt becomes a request.
    """

    limits = ("max_concurrency", "requests_per_minute")  # settings of the section by which it is asked less

    def __init__(
        self,
        settings: ApiSettings,
        cache: AnswerCache | None = None,
        section: str = "supervisor",
        form: Form = CONVERSATION,
    ):
        _check(settings, section)
        self.settings = settings
        self.cache = cache
        self.section = section
        self.form = form
        self.name = settings.model
        self.key = settings.model  # what stands for the model in the keys of kept answers
        self.usage: dict[str, Usage] = {}
        self.request_pace = Pace(settings.requests_per_minute)
        self.token_pace = Pace(settings.tokens_per_minute)
        self.throttle = Throttle(settings.max_concurrency)
        self.reached = False  # whether the server has ever taken a connection
        self.answered: set[str] = set()  # steps of which an answer came, or was kept
        self.refused_in_a_row = 0  # the last prompts of the calls so far, up to the last one with an answer
        # Whether answers are held to a schema; None until the server has said whether it can.
        self.by_schema: bool | None = {"always": True, "never": False, "auto": None}[settings.json_schema]

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"json_schema": self.by_schema}

    def answer(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[Answer]]:
        """`responses_per_query` answers for each prompt, in the order of the prompts.

        Works inside a running event loop too, e.g. in a notebook. A request that may pass later is sent again, up to
        `max_retries` times; a text that stays empty is an empty answer. A prompt that the server refuses while it
        answers others is a `refused` answer, which is not kept: refusing costs nothing, and may end with the server's
        next settings. Raises `UserError` where the server refuses every prompt, or many in a row over calls, or stays
        unusable; requests in flight then still end, and their answers are kept.
        """
        batch = _Batch(self, prompts, settings)
        run_apart(batch.run())
        return batch.answers()

    async def before_retry(self, session: aiohttp.ClientSession) -> None:
        """Called before a request is sent again; raises `UserError` where that has no use any more."""


@dataclasses.dataclass(frozen=True)
class _Errand:
    """One answer to be fetched."""

    key: str
    prompt: Prompt
    number: int
    """Of the prompt in its batch."""
    index: int


@dataclasses.dataclass(frozen=True)
class _Reply:
    """What a server said to one request."""

    answer: Answer
    prompt_tokens: int
    completion_tokens: int


class _TryAgain(Exception):
    """The request failed in a way that may pass. `wait_seconds`: what the server asked for, None where it did not."""

    def __init__(self, reason: str, wait_seconds: float | None = None):
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class _TooMany(_TryAgain):
    """The server is asked too much; all wait."""


class _Refused(UserError):
    """A request that no repetition will mend: its status, what the server said, and whether others may do better."""

    def __init__(self, line: str, status: int, said: str, about_a_prompt: bool):
        super().__init__(line)
        self.status, self.said, self.about_a_prompt = status, said, about_a_prompt


class _Batch:
    """One call of `ApiChat.answer`: finds what is kept and fetches the rest side by side until the first failure."""

    def __init__(self, chat: ApiChat, prompts: Sequence[Prompt], sampling: SamplingSettings):
        self.chat = chat
        self.sampling = sampling
        self.keys: list[list[str]] = []
        self.found: dict[str, Answer] = {}
        self.errands: list[_Errand] = []
        self.steps = dict.fromkeys(prompt.step for prompt in prompts)
        self.refused: dict[int, _Refused] = {}  # number of the prompt -> what the server said to it last
        self.failure: UserError | None = None
        for step in self.steps:
            chat.usage.setdefault(step, Usage())
        self._find_kept(prompts)

    def _find_kept(self, prompts: Sequence[Prompt]) -> None:
        wanted = set()
        for number, prompt in enumerate(prompts):
            if self.chat.settings.json_schema == "never":
                prompt = dataclasses.replace(prompt, schema=None)
            indices = range(prompt.first, prompt.first + self.sampling.responses_per_query)
            keys = [answer_key(self.chat.key, prompt, self.sampling, index) for index in indices]
            self.keys.append(keys)
            for index, key in zip(indices, keys, strict=True):
                if key not in wanted:
                    wanted.add(key)
                    kept = self.chat.cache.get(key) if self.chat.cache is not None else None
                    if kept is None:
                        self.errands.append(_Errand(key, prompt, number, index))
                        continue
                    self.found[key] = kept
                    self.chat.answered.add(prompt.step)
                self.chat.usage[prompt.step].cached += 1

    def answers(self) -> list[list[Answer]]:
        return [[self.found[key] for key in keys] for keys in self.keys]

    async def run(self) -> None:
        """Fetch every errand; raises the `UserError` that stopped the batch, if any, with what is kept so far."""
        started = time.monotonic()
        self.stopped = asyncio.Event()
        self.chat.throttle.begin()
        total = sum(map(len, self.keys))
        try:
            with tqdm(
                total=total, initial=total - len(self.errands), desc=", ".join(self.steps), disable=None
            ) as self.bar:
                async with open_session(self.chat.settings) as self.session:
                    await self._work(self._first_by_schema())
                    queue = iter(self.errands)
                    async with asyncio.TaskGroup() as slots:
                        for _ in range(min(self.chat.settings.max_concurrency, len(self.errands))):
                            slots.create_task(self._work(queue))
        finally:
            for step in self.steps:
                self.chat.usage[step].seconds += time.monotonic() - started
        self._weigh_refusals()
        if self.failure:
            raise UserError(f"{self.failure}{self._progress()}") from self.failure
        self._remember_row()

    def _first_by_schema(self) -> Iterator[_Errand]:
        """The errand that goes alone, to find out for all others whether the server can hold an answer to a schema."""
        if self.chat.by_schema is None:
            place = next((i for i, errand in enumerate(self.errands) if errand.prompt.schema is not None), None)
            if place is not None:
                yield self.errands.pop(place)

    def _weigh_refusals(self) -> None:
        """Fail where a step had refusals and never an answer; else say how many prompts were refused."""
        if not self.refused or self.failure:
            return
        last = list(self.refused.values())[-1]
        if self.steps.keys() - self.chat.answered:
            self.failure = last
        else:
            log.warning(
                "%s: the server refused %d of %d prompts (the last one with %s); there is no text for them",
                self.chat.section, len(self.refused), len(self.keys), last.said,
            )  # fmt: skip

    def _remember_row(self) -> None:
        """How many prompts were refused last, for the next call to go on counting."""
        backwards = reversed(range(len(self.keys)))
        row = sum(1 for _ in itertools.takewhile(self.refused.__contains__, backwards))
        before = self.chat.refused_in_a_row if row == len(self.keys) else 0
        self.chat.refused_in_a_row = before + row

    def _progress(self) -> str:
        if self.chat.cache is not None:
            if kept := self.chat.cache.count():
                return f"; {kept} answers are kept in {self.chat.cache.path}, and the same command goes on from there"
            return ""
        lost = sum(not answer.refused for answer in self.found.values())
        return f"; {lost} answers are lost, since no cache keeps them" if lost else ""

    async def _work(self, queue: Iterator[_Errand]) -> None:
        """One slot: takes errands until there are none or the batch has failed."""
        for errand in queue:
            if self.failure:
                return
            try:
                answer = await self._fetch(errand)
            except UserError as error:
                # The other slots end their requests in flight, which are paid for, and start no more.
                self.failure = self.failure or error
                self.stopped.set()
                return
            if answer is None:
                return
            self.found[errand.key] = answer
            self._show()

    def _show(self) -> None:
        if self.bar.disable:
            return
        spent = [self.chat.usage[step] for step in self.steps]
        shown = {
            "tokens": sum(usage.prompt_tokens + usage.completion_tokens for usage in spent),
            "retries": sum(usage.retries for usage in spent),
        }
        if money := sum(usage.money for usage in spent):
            shown["cost"] = f"{money:.2f}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    async def _fetch(self, errand: _Errand) -> Answer | None:
        """One answer, committed unless the prompt is refused; None where the batch was stopped before it came."""
        usage = self.chat.usage[errand.prompt.step]
        failures = 0
        while True:
            last = failures == self.chat.settings.max_retries
            try:
                reply = await self._send(errand)
            except _Refused as refusal:
                return self._refusal(errand, refusal)
            except _TooMany as trouble:
                # The throttle makes all wait. As long as others are answered, it is not this request that fails.
                if self.chat.throttle.in_a_row > self.chat.settings.max_retries:
                    raise self._gave_up(trouble) from trouble
                wait_seconds = 0.0
            except _TryAgain as trouble:
                if last:
                    raise self._gave_up(trouble) from trouble
                wait_seconds = backoff_seconds(failures, trouble.wait_seconds)
                failures += 1
            else:
                if reply is None:
                    return None
                # An empty text may be a server's hiccup; one that comes again and again is what the model says.
                if reply.answer.text or not reply.answer.finished or last:
                    usage.calls += 1
                    self.chat.answered.add(errand.prompt.step)
                    self.refused.pop(errand.number, None)
                    return reply.answer if self.chat.cache is None else self.chat.cache.put(errand.key, reply.answer)
                wait_seconds = backoff_seconds(0)
                failures += 1
            usage.retries += 1
            if await self._stopped_within(wait_seconds):
                return None
            await self.chat.before_retry(self.session)

    async def _send(self, errand: _Errand) -> _Reply | None:
        """Send the request once it is its turn, and count what it cost; None where the batch was stopped before."""
        chat, usage = self.chat, self.chat.usage[errand.prompt.step]
        async with chat.throttle:
            body = self._request_body(errand)
            booked = self._expected_tokens(usage, body)
            if await self._stopped_before_turn(booked):
                return None
            sent_at = time.monotonic()
            try:
                reply = await self._ask_by_schema(errand, body)
            except _TooMany as trouble:
                chat.throttle.too_many(sent_at, trouble.wait_seconds)
                raise
            except _Refused:
                chat.throttle.answered()
                raise
            chat.throttle.answered()
        usage.add(0, reply.prompt_tokens, reply.completion_tokens)
        usage.money += _price(chat.settings, reply)
        chat.token_pace.correct(reply.prompt_tokens + reply.completion_tokens - booked)
        return reply

    async def _stopped_before_turn(self, tokens: float) -> bool:
        """Wait for a moment that the limits leave free, outside any pause; returns whether the batch is stopped."""
        chat = self.chat
        while True:
            # First the pause: whoever booked before it would go right after it, all at once.
            while pause_seconds := chat.throttle.pause_seconds():
                if await self._stopped_within(pause_seconds):
                    return True
            if await self._stopped_within(max(chat.request_pace.reserve(), chat.token_pace.reserve(tokens))):
                return True
            if not chat.throttle.pause_seconds():
                return False
            chat.token_pace.correct(-tokens)  # they are not spent; the moment itself has passed

    def _refusal(self, errand: _Errand, refusal: _Refused) -> Answer:
        """The answer to a prompt that the server refuses; raises where it is not about this prompt alone.

        Refusals come back at once and answers take their time, so a row is one of prompts in their order, in which a
        request in flight may still turn out well, not one of replies as they come. It goes on over calls.
        """
        if not refusal.about_a_prompt:
            raise refusal
        self.refused[errand.number] = refusal
        first = last = errand.number
        while first - 1 in self.refused:
            first -= 1
        while last + 1 in self.refused:
            last += 1
        before = 0 if first else self.chat.refused_in_a_row
        if before + last - first + 1 >= MOST_REFUSED_IN_A_ROW:
            raise refusal
        self.chat.usage[errand.prompt.step].refused += 1
        return Answer("", finished=False, refused=True)

    def _request_body(self, errand: _Errand, by_schema: bool = True) -> bytes:
        sampling, prompt = self.sampling, errand.prompt
        body = {
            "model": self.chat.settings.model,
            **self.chat.form.ask(prompt),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_new_tokens,
            "seed": sample_seed(prompt, errand.index),
            "n": 1,
        }
        if prompt.schema is not None and by_schema and self.chat.by_schema is not False:
            named = {"name": prompt.step, "schema": prompt.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return json.dumps(body).encode()

    async def _ask_by_schema(self, errand: _Errand, body: bytes) -> _Reply:
        """`_ask`; where a server refuses the first request that names a schema, the same without one.

        Where it refuses both, it is the prompt that it will not take, and the next request finds out.
        """
        unknown = errand.prompt.schema is not None and self.chat.by_schema is None
        try:
            reply = await self._ask(body)
        except _Refused as refusal:
            if not unknown or refusal.status not in NO_SCHEMA:
                raise
            reply = await self._ask(self._request_body(errand, by_schema=False))
            log.info("%s.json_schema: the server takes none (%s); asking without", self.chat.section, refusal.said)
            self.chat.by_schema = self.chat.by_schema or False
            return reply
        if unknown:
            self.chat.by_schema = True
        return reply

    def _expected_tokens(self, usage: Usage, body: bytes) -> float:
        """What a request will probably cost: its own size, and the mean answer of its step so far."""
        answer = usage.completion_tokens / usage.calls if usage.calls else self.sampling.max_new_tokens
        return len(body) / BYTES_PER_TOKEN + answer

    async def _stopped_within(self, seconds: float) -> bool:
        """Let time pass, less where the batch is stopped meanwhile; returns whether it is."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), seconds)
        return self.stopped.is_set()

    async def _ask(self, body: bytes) -> _Reply:
        """Send one request. Raises `_TryAgain` for what may pass, `UserError` for what will not."""
        settings = self.chat.settings
        try:
            async with self.session.post(_url(self.chat), data=body, allow_redirects=False) as response:
                self.chat.reached = True
                content = await response.read()
        except aiohttp.ClientConnectorError as error:
            if self.chat.reached:
                raise _TryAgain(f"no connection: {error.os_error}") from error
            raise UserError(
                f"{self.chat.section}.base_url: cannot connect to {settings.base_url} ({error.os_error}); "
                "start the server or name another address"
            ) from error
        except TimeoutError as error:
            raise _TryAgain(f"no answer within timeout_seconds = {settings.timeout_seconds:g}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _TryAgain(f"connection lost: {error}") from error
        if response.status == 200:
            return _read(self.chat.form, body, content)
        said = f"{response.status}: {_server_message(content, _api_key(settings))}"
        wait_seconds = retry_after_seconds(response.headers.get("Retry-After"))
        if response.status == TOO_MANY:
            raise _TooMany(said, wait_seconds)
        if response.status in MAY_PASS or response.status >= 500:
            raise _TryAgain(said, wait_seconds)
        about_a_prompt = response.status in ABOUT_A_PROMPT or (response.status == FORBIDDEN and _flagged(content))
        line = _refusal(settings, self.chat.section, response, said, about_a_prompt)
        raise _Refused(line, response.status, said, about_a_prompt)

    def _gave_up(self, trouble: _TryAgain) -> UserError:
        settings, section = self.chat.settings, self.chat.section
        limits = " and ".join(f"{section}.{name}" for name in self.chat.limits)
        return UserError(
            f"{section}.base_url: {settings.base_url} stays unusable after {settings.max_retries} retries ({trouble}); "
            f"wait until it is well, or ask it less by {limits}"
        )


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end on an event loop and a thread of its own; an interrupt of the caller cancels it."""
    with contextlib.closing(asyncio.new_event_loop()) as loop, ThreadPoolExecutor(max_workers=1) as pool:
        task = loop.create_task(work)
        try:
            pool.submit(loop.run_until_complete, task).result()
        finally:
            loop.call_soon_threadsafe(task.cancel)


def _check(settings: ApiSettings, section: str) -> None:
    """Raise `UserError` for the first setting that cannot work."""
    address = urllib.parse.urlsplit(settings.base_url)
    if not settings.model:
        raise UserError(f"{section}.model: not set; name a model that {settings.base_url} serves")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UserError(f"{section}.base_url: {settings.base_url!r} is no address; write e.g. http://localhost:8000/v1")
    check_bounds(settings, section)


def _url(chat: ApiChat) -> str:
    return f"{chat.settings.base_url.rstrip('/')}/{chat.form.path}"


def _api_key(settings: ApiSettings) -> str:
    return os.environ.get(settings.api_key_env, "").strip()


def open_session(settings: ApiSettings) -> aiohttp.ClientSession:
    """A client session with the key and the proxy of the environment; the slots bound its connections."""
    address = urllib.parse.urlsplit(settings.base_url)
    # aiohttp's own `trust_env` looks the proxy up for each request, which costs more than the request.
    proxy = None if urllib.request.proxy_bypass(address.hostname) else urllib.request.getproxies().get(address.scheme)
    key = _api_key(settings)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=settings.timeout_seconds),
        headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
        proxy=proxy,
    )


def _price(settings: ApiSettings, reply: _Reply) -> float:
    read = settings.price_per_million_input_tokens * reply.prompt_tokens
    return (read + settings.price_per_million_output_tokens * reply.completion_tokens) / MILLION


def _read(form: Form, asked: bytes, content: bytes) -> _Reply:
    """The reply in the body of a successful response; raises `_TryAgain` where there is none."""
    try:
        body = json.loads(content)
        choice = body["choices"][0]
        text = form.text(choice) or ""
        usage = body.get("usage") or {}
        return _Reply(
            # A lone surrogate is valid JSON, but neither SQLite nor a UTF-8 file takes it.
            Answer(text.encode("utf-8", "replace").decode(), finished=choice.get("finish_reason") not in CUT),
            usage.get("prompt_tokens") or len(asked) // BYTES_PER_TOKEN,
            usage.get("completion_tokens") or len(content) // BYTES_PER_TOKEN,
        )
    except ValueError as error:
        raise _TryAgain(f"the body is no JSON: {error}") from error
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _TryAgain("the body is no completion") from error


def _server_message(content: bytes, key: str) -> str:
    """What the server says of its refusal, in one line and without the key, which some servers repeat."""
    text = content.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        error = json.loads(text)["error"]
        text = error if isinstance(error, str) else str(error["message"])
    text = " ".join(text.split())
    return (text.replace(key, "[key]") if key else text)[:QUOTED_CHARACTERS]


def _flagged(content: bytes) -> bool:
    """Whether the body of a refusal says that moderation flagged the prompt."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        return not FLAGGED.isdisjoint(json.loads(content)["error"]["metadata"].keys())
    return False


def _refusal(
    settings: ApiSettings, section: str, response: aiohttp.ClientResponse, said: str, about_a_prompt: bool
) -> str:
    """One line for a response that no repetition will mend: the setting, what the server said, and the mend."""
    key = f"${settings.api_key_env}"
    match response.status:
        case 401 if not _api_key(settings):
            return (
                f"{section}.api_key_env: the server asks for a key and {key} is not set ({said}); "
                "export it, or name the variable that holds the key"
            )
        case 401:
            return (
                f"{section}.api_key_env: the server refuses the key in {key} ({said}); "
                "export a valid key, or name another variable"
            )
        case 403 if not about_a_prompt:
            return (
                f"{section}.api_key_env: the key in {key} may not use {settings.model!r} ({said}); "
                f"use another key or another {section}.model"
            )
        case 404:
            return (
                f"{section}.model: {settings.base_url} knows no model {settings.model!r}, or is not the right address "
                f"({said}); name a model of its /models list, or an address that ends in /v1 in {section}.base_url"
            )
        case status if 300 <= status < 400:
            location = response.headers.get("Location", "elsewhere")
            return f"{section}.base_url: {settings.base_url} redirects to {location}; name the final address"
        case _:
            return (
                f"{section}.model: the server refuses a request to {settings.model!r} ({said}); "
                "change the setting it names, or use a model that takes such requests"
            )
