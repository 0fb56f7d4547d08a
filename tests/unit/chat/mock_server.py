"""A stand-in for an OpenAI-compatible server: answers by content, faults on demand, a ledger of what it was asked.

It takes conversations and token ids, and swaps the model it says to serve as SGLang and vLLM do.

In a test: `with MockServer(fault=some_faults(0.2)) as server: ... server.base_url ... server.ledger`.
As a program it prints its address and serves until it is ended: `python tests/unit/chat/mock_server.py --latency 1`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email.utils
import hashlib
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

FAULTS = ("busy", "busy_with_wait", "broken", "reset_before", "reset_within", "truncated", "empty", "slow")
LARGEST_BODY_BYTES = 64 * 2**20

Fault = str | int | None
"""One of `FAULTS`, "flagged" as OpenRouter's moderation says it, a status to refuse with, or None for an answer."""


def digest(body: dict) -> str:
    """What tells one request from another: everything in its body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def some_faults(rate: float, kinds: tuple[str, ...] = FAULTS) -> Callable[[dict, int], Fault]:
    """Faults that strike a share of the attempts, the same ones whenever the same requests come."""

    def fault(body: dict, attempt: int) -> Fault:
        draw = int(hashlib.sha256(f"{digest(body)} {attempt}".encode()).hexdigest()[:12], 16)
        return kinds[draw % len(kinds)] if (draw >> 8) % 1000 < rate * 1000 else None

    return fault


def answer_by_content(body: dict) -> str:
    """A text that differs wherever two requests do."""
    asked = body["messages"][-1]["content"] if "messages" in body else str(body["prompt"])
    return f"answer {digest(body)[:16]} to {asked[:40]}"


def reset(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """`response`, of which the client sees no more than it has: its connection is cut, unless it went away itself."""
    if request.transport is not None:
        request.transport.abort()
    return response


class MockServer:
    """Serves on a free port of 127.0.0.1 from a thread of its own while the `with` block lasts.

    `fault(body, attempt)` chooses what goes wrong with attempt number `attempt` (from 0) at a request; `reply(body)` is
    the text, or a pair of text and finish reason; `latency_seconds` passes before every answer. `wait` is the value of
    `Retry-After` in `busy_with_wait` ("date" for a moment two seconds ahead), `slow_seconds` the delay of `slow`.
    `cards` is its list of models, `engine` what it says to be; `loads` are the folders that it was told to load.
    `port` 0 is a free one.
    """

    def __init__(
        self,
        fault: Callable[[dict, int], Fault] = lambda body, attempt: None,
        reply: Callable[[dict], str | tuple[str, str]] = answer_by_content,
        latency_seconds: float = 0.0,
        wait: str = "0",
        slow_seconds: float = 5.0,
        engine: str = "sglang",
        port: int = 0,
    ):
        self.fault, self.reply = fault, reply
        self.latency_seconds, self.wait, self.slow_seconds = latency_seconds, wait, slow_seconds
        self.ledger: Counter[str] = Counter()  # digest of the request -> how often it came
        self.answered: Counter[str] = Counter()  # digest of the request -> how often it was answered properly
        self.bodies: deque[dict] = deque(maxlen=10_000)  # of the last requests
        self.arrivals: list[float] = []  # seconds of the monotonic clock
        self.authorizations: set[str | None] = set()
        self.in_flight = self.most_in_flight = 0
        self.engine, self.port = engine, port
        self.cards = [{"id": "first", "root": "first", "owned_by": engine}]
        self.loads: list[str] = []
        self.loads_nothing = False  # whether it says yes to a folder and goes on with what it has

    def __enter__(self) -> MockServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def die(self) -> None:
        """Stop serving in the middle of whatever is asked."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _start(self) -> None:
        application = web.Application(client_max_size=LARGEST_BODY_BYTES)
        application.router.add_post("/v1/chat/completions", self._complete)
        application.router.add_post("/v1/completions", self._complete)
        application.router.add_get("/v1/models", self._models)
        application.router.add_get("/version" if self.engine == "vllm" else "/get_server_info", self._version)
        if self.engine == "sglang":
            application.router.add_post("/update_weights_from_disk", self._update_weights)
        if self.engine == "vllm":
            application.router.add_post("/v1/load_lora_adapter", self._load_adapter)
            application.router.add_post("/v1/unload_lora_adapter", self._unload_adapter)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=4096).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        late = asyncio.all_tasks() - {asyncio.current_task()}
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": self.cards})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "1.2.3"})

    async def _update_weights(self, request: web.Request) -> web.Response:
        path = (await request.json())["model_path"]
        self.loads.append(path)
        if not Path(path).is_dir():
            return web.json_response({"success": False, "message": f"no folder {path}"}, status=400)
        if not self.loads_nothing:
            self.cards = [{"id": path, "root": path, "owned_by": self.engine}]
        return web.json_response({"success": True, "message": "Succeeded to update model weights."})

    async def _load_adapter(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if any(card["id"] == asked["lora_name"] for card in self.cards):
            return web.json_response({"error": {"message": "the adapter is loaded already"}}, status=400)
        self.loads.append(asked["lora_path"])
        self.cards.append({"id": asked["lora_name"], "root": asked["lora_path"], "owned_by": self.engine})
        return web.Response(text="Success")

    async def _unload_adapter(self, request: web.Request) -> web.Response:
        name = (await request.json())["lora_name"]
        found = [card for card in self.cards if card["id"] == name]
        self.cards = [card for card in self.cards if card["id"] != name]
        return web.Response(text="Success") if found else web.json_response({"error": "no such adapter"}, status=404)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.arrivals.append(time.monotonic())
        self.authorizations.add(request.headers.get("Authorization"))
        body = await request.json()
        name = digest(body)
        attempt = self.ledger[name]
        self.ledger[name] += 1
        self.bodies.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.latency_seconds:
                await asyncio.sleep(self.latency_seconds)
            return await self._respond(request, body, self.fault(body, attempt))
        finally:
            self.in_flight -= 1

    async def _respond(self, request: web.Request, body: dict, fault: Fault) -> web.StreamResponse:
        text = json.dumps(self._completion(body, fault)).encode()
        match fault:
            case int():
                return web.json_response({"error": {"message": f"refused with {fault}"}}, status=fault)
            case "flagged":
                error = {"message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "a knife"}}
                return web.json_response({"error": error}, status=403)
            case "busy":
                return web.json_response({"error": {"message": "too many requests"}}, status=429)
            case "busy_with_wait":
                soon = email.utils.formatdate(time.time() + 2, usegmt=True)
                wait = soon if self.wait == "date" else self.wait
                return web.json_response({"error": {"message": "wait"}}, status=429, headers={"Retry-After": wait})
            case "broken":
                return web.Response(text="<html>oops</html>", status=500)
            case "reset_before":
                return reset(request, web.Response())
            case "reset_within":
                response = web.StreamResponse(headers={"Content-Length": str(len(text))})
                with contextlib.suppress(ConnectionResetError):  # the client may be gone first
                    await response.prepare(request)
                    await response.write(text[: len(text) // 2])
                return reset(request, response)
            case "truncated":
                return web.Response(body=text[: len(text) // 2], content_type="application/json")
            case "slow":
                await asyncio.sleep(self.slow_seconds)
        if fault is None:
            self.answered[digest(body)] += 1
        return web.Response(body=text, content_type="application/json")

    def _completion(self, body: dict, fault: Fault) -> dict:
        said = "" if fault == "empty" else self.reply(body)
        text, reason = said if isinstance(said, tuple) else (said, "stop")
        if "prompt" in body:
            read, shown = len(body["prompt"]), {"text": text}
        else:
            read = sum(len(message["content"].split()) for message in body["messages"])
            shown = {"message": {"role": "assistant", "content": text}}
        written = len(text.split())
        return {
            "id": f"chatcmpl-{digest(body)[:12]}",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, **shown, "finish_reason": reason}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--fault_rate", type=float, default=0.0, help="share of the attempts that a fault strikes")
    parser.add_argument("--words", type=int, default=0, help="words added to every answer")
    arguments = parser.parse_args()
    server = MockServer(
        fault=some_faults(arguments.fault_rate),
        reply=lambda body: answer_by_content(body) + " word" * arguments.words,
        latency_seconds=arguments.latency,
    )
    with server:
        print(server.base_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
