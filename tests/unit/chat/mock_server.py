"""A stand-in for an OpenAI-compatible server: answers by content, faults on demand, a ledger of what it was asked.

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

from aiohttp import web

FAULTS = ("busy", "busy_with_wait", "broken", "reset_before", "reset_within", "truncated", "empty", "slow")
LARGEST_BODY_BYTES = 64 * 2**20

Fault = str | int | None
"""One of `FAULTS`, or a status to refuse with, or None for a proper answer."""


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
    return f"answer {digest(body)[:16]} to {body['messages'][-1]['content'][:40]}"


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
    """

    def __init__(
        self,
        fault: Callable[[dict, int], Fault] = lambda body, attempt: None,
        reply: Callable[[dict], str | tuple[str, str]] = answer_by_content,
        latency_seconds: float = 0.0,
        wait: str = "0",
        slow_seconds: float = 5.0,
    ):
        self.fault, self.reply = fault, reply
        self.latency_seconds, self.wait, self.slow_seconds = latency_seconds, wait, slow_seconds
        self.ledger: Counter[str] = Counter()  # digest of the request -> how often it came
        self.answered: Counter[str] = Counter()  # digest of the request -> how often it was answered properly
        self.bodies: deque[dict] = deque(maxlen=10_000)  # of the last requests
        self.arrivals: list[float] = []  # seconds of the monotonic clock
        self.authorizations: set[str | None] = set()
        self.in_flight = self.most_in_flight = 0

    def __enter__(self) -> MockServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def _start(self) -> None:
        application = web.Application(client_max_size=LARGEST_BODY_BYTES)
        application.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        late = asyncio.all_tasks() - {asyncio.current_task()}
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

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
        read, written = sum(len(message["content"].split()) for message in body["messages"]), len(text.split())
        return {
            "id": f"chatcmpl-{digest(body)[:12]}",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
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
