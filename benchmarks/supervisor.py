"""What a call of a supervisor behind a server costs here, beside other clients.

    python benchmarks/supervisor.py                      about four minutes on two cores, most of them for httpx
    python benchmarks/supervisor.py --calls 100000       memory over a long run, about a minute more

Three tables: memory along a run; CPU of the client per call against a server that answers at once; the share of the
ideal rate at 512 calls in flight and 1 s latency. `ApiChat` runs with everything it does for a user: keys, cache on
disk, pacing, retries and validation. The others are bare calls. The mock server runs in a process of its own and is not
counted. httpx and the official client are measured where they are installed: pip install openai
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp

from autoif_train.chat.api import ApiChat, ApiSettings
from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.cache import AnswerCache

MOCK_SERVER = Path(__file__).parents[1] / "tests" / "unit" / "chat" / "mock_server.py"
SAMPLING = SamplingSettings(responses_per_query=1)
WORDS = 150  # of a question and of an answer
TARGET_SHARE_OF_OFFICIAL_CPU = 1 / 3
TARGET_SHARE_OF_IDEAL_RATE = 0.85

Contender = Callable[[str, int, int, int], None]
"""Makes calls number `start` to `stop` at `base_url`, `concurrency` of them at once."""


@contextlib.contextmanager
def mock_server(latency_seconds: float) -> Iterator[str]:
    """The base_url of a mock server in a process of its own."""
    command = [sys.executable, str(MOCK_SERVER), "--latency", str(latency_seconds), "--words", str(WORDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {number}" + " word" * WORDS}]


def api_chat(cache: AnswerCache | None) -> Contender:
    def calls(base_url: str, start: int, stop: int, concurrency: int) -> None:
        chat = ApiChat(ApiSettings("mock", base_url, max_concurrency=concurrency), cache)
        chat.answer([Prompt(messages(number), seed=number) for number in range(start, stop)], SAMPLING)

    return calls


async def side_by_side(call: Callable[[int], Awaitable], start: int, stop: int, concurrency: int) -> None:
    numbers = iter(range(start, stop))

    async def slot() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(slot() for _ in range(concurrency)))


def body(number: int) -> dict:
    return {"model": "mock", "messages": messages(number), "max_tokens": SAMPLING.max_new_tokens}


def bare_aiohttp(base_url: str, start: int, stop: int, concurrency: int) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def call(number: int) -> None:
                async with session.post(f"{base_url}/chat/completions", json=body(number)) as response:
                    json.loads(await response.read())

            await side_by_side(call, start, stop, concurrency)

    asyncio.run(run())


def bare_httpx(base_url: str, start: int, stop: int, concurrency: int) -> None:
    import httpx

    async def run() -> None:
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        async with httpx.AsyncClient(limits=limits, timeout=600) as client:

            async def call(number: int) -> None:
                json.loads((await client.post(f"{base_url}/chat/completions", json=body(number))).content)

            await side_by_side(call, start, stop, concurrency)

    asyncio.run(run())


def official_client(base_url: str, start: int, stop: int, concurrency: int) -> None:
    import openai

    async def run() -> None:
        async with openai.AsyncOpenAI(api_key="none", base_url=base_url) as client:

            async def call(number: int) -> None:
                await client.chat.completions.create(**body(number))

            await side_by_side(call, start, stop, concurrency)

    asyncio.run(run())


def contenders(cache: AnswerCache) -> dict[str, Contender]:
    """Name -> contender, for whatever is installed here."""
    found = {"ApiChat with cache": api_chat(cache), "ApiChat without cache": api_chat(None), "aiohttp": bare_aiohttp}
    for name, library, contender in (("httpx", "httpx", bare_httpx), ("official", "openai", official_client)):
        if importlib.util.find_spec(library):
            found[name] = contender
        else:
            print(f"{name}: not measured, {library} is not installed")
    return found


def measure(contender: Contender, base_url: str, start: int, calls: int, concurrency: int) -> tuple[float, float]:
    """Wall-clock and CPU seconds of `calls` calls, after as many as are in flight to warm up."""
    contender(base_url, start, start + concurrency, concurrency)
    wall, cpu = time.perf_counter(), time.process_time()
    contender(base_url, start + concurrency, start + concurrency + calls, concurrency)
    return time.perf_counter() - wall, time.process_time() - cpu


def compare_cpu(cache: AnswerCache, calls: int, concurrency: int) -> None:
    print(f"\nCPU per call: {calls} calls, {concurrency} in flight, no latency")
    costs = {}
    with mock_server(0.0) as base_url:
        for name, contender in contenders(cache).items():
            wall, cpu = measure(contender, base_url, 0, calls, concurrency)
            costs[name] = cpu / calls
            print(f"  {name:24} {costs[name] * 1000:7.3f} ms   {calls / wall:7.0f} calls/s")
    if "official" in costs:
        share = costs["ApiChat with cache"] / costs["official"]
        print(f"  of the official client's: {share:.0%} (target: {TARGET_SHARE_OF_OFFICIAL_CPU:.0%} or less)")


def compare_rates(cache: AnswerCache, calls: int, concurrency: int, latency_seconds: float) -> None:
    print(f"\nShare of the ideal rate: {calls} calls, {concurrency} in flight, {latency_seconds:g} s latency")
    ideal = concurrency / latency_seconds
    with mock_server(latency_seconds) as base_url:
        for name, contender in contenders(cache).items():
            wall, cpu = measure(contender, base_url, 1_000_000, calls, concurrency)
            print(f"  {name:24} {calls / wall / ideal:7.0%}      {cpu / calls * 1000:7.3f} ms CPU per call")
    print(f"  target: {TARGET_SHARE_OF_IDEAL_RATE:.0%} or more")


def watch_memory(cache: AnswerCache, calls: int, concurrency: int) -> None:
    print(f"\nMost memory so far: {calls} calls in ten parts, {concurrency} in flight, with cache")
    part = calls // 10
    with mock_server(0.0) as base_url:
        for start in range(2_000_000, 2_000_000 + calls, part):
            began = time.perf_counter()
            api_chat(cache)(base_url, start, start + part, concurrency)
            rate = part / (time.perf_counter() - began)
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"  {start + part - 2_000_000:9} calls   {megabytes:7.1f} MB   {rate:7.0f} calls/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000, help="calls of the run whose memory is watched")
    parser.add_argument("--comparison_calls", type=int, default=5_120, help="calls of each client in a comparison")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, AnswerCache(Path(folder) / "answers.sqlite") as cache:
        watch_memory(cache, arguments.calls, concurrency=64)
        compare_cpu(cache, arguments.comparison_calls, concurrency=64)
        compare_rates(cache, arguments.comparison_calls, concurrency=512, latency_seconds=1.0)


if __name__ == "__main__":
    main()
