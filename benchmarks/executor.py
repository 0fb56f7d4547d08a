"""What the executor costs, beside the two ways of running functions in one's own process.

    python benchmarks/executor.py [--rounds 5] [--section speed|scaling|hangs|hostile] [--data DIR]

`alarm` is the usual way: exec in this process, `signal.alarm` around each call. `plain` has no limit at all. All ways
take turns within each round, on the same functions and texts; a figure is the median over the rounds of (time of the
usual way) / (time of this way), above 1 is faster. CPU is summed over this process and everything it started. With
`--data` (a folder with `verifiers.jsonl`) the functions are a model's own, else the built-in ones.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import random
import runpy
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from autoif_train.execution import Executor, Outcome

FUNCTIONS = [
    "def evaluate(response):\n    return len(response.split()) <= {n}",
    "def evaluate(response):\n    return response.count(',') < {n}",
    "def evaluate(response):\n    return all(len(word) < {n} for word in response.split())",
    "import re\ndef evaluate(response):\n    return len(re.findall(r'\\b[A-Z]\\w*', response)) > {n} % 7",
    "def evaluate(response):\n    lines = [line for line in response.splitlines() if line.strip()]\n"
    "    return len(lines) % 2 == {n} % 2",
    "import string\ndef evaluate(response):\n    return sum(c in string.punctuation for c in response) <= {n}",
    "def evaluate(response):\n    words = response.lower().split()\n    return len(set(words)) > len(words) * 0.{n}",
    "import json\ndef evaluate(response):\n    try:\n        return len(json.loads(response)) == {n}\n"
    "    except ValueError:\n        return False",
    "from collections import Counter\ndef evaluate(response):\n"
    "    return Counter(response.lower().split()).most_common(1)[0][1] > {n} % 5",
    "import re\ndef evaluate(response):\n    sentences = [s for s in re.split(r'[.!?]', response) if s.strip()]\n"
    "    return all(len(s.split()) <= {n} for s in sentences)",
    "def evaluate(response):\n    return response.strip().endswith(('.', '!', '?')) and len(response) > {n}",
    "def starts(text, letter):\n    return text[:1].lower() == letter\n"
    "def evaluate(response):\n    return sum(starts(w, 's') for w in response.split()) < {n}",
]
WORDS = "the a river Stone sings while seven quiet boats, drift. under Silver bridges! and nobody counts? so".split()


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds that one way took for one workload."""

    cpu: float
    wall: float


def sources(count: int, data: Path | None) -> list[str]:
    """Distinct functions; those of a data folder repeat under a comment when there are too few."""
    if data is None:
        return [FUNCTIONS[n % len(FUNCTIONS)].format(n=10 + n) for n in range(count)]
    rows = [json.loads(line) for line in (data / "verifiers.jsonl").read_text().splitlines()]
    real = [source for row in rows for source in row["verifiers"]]
    with Executor() as executor:
        outcomes = executor.run([(source, ["A short text."]) for source in real])
    real = [source for source, (outcome,) in zip(real, outcomes, strict=True) if outcome.judged]
    return [f"{real[n % len(real)]}\n# {n // len(real)}" for n in range(count)]


def texts(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(20, 120))) for _ in range(count)]


def run_alarm(jobs: list) -> None:
    def expired(_signal, _frame):
        raise TimeoutError

    for source, answers in jobs:
        namespace: dict = {}
        exec(source, namespace)
        evaluate = namespace["evaluate"]
        for answer in answers:
            try:
                signal.signal(signal.SIGALRM, expired)
                signal.alarm(5)
                evaluate(answer)
            except Exception:
                pass
            finally:
                signal.alarm(0)


def run_plain(jobs: list) -> None:
    for source, answers in jobs:
        namespace: dict = {}
        exec(source, namespace)
        evaluate = namespace["evaluate"]
        for answer in answers:
            with contextlib.suppress(Exception):
                evaluate(answer)


def measured(way: Callable[[list], object], jobs: list, executor: Executor | None = None) -> Cost:
    inside = executor.costs["cpu_seconds"] if executor else 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    way(jobs)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu + (executor.costs["cpu_seconds"] - inside if executor else 0.0), wall)


def speed(rounds: int, data: Path | None) -> None:
    """Ratios per workload. `shared` is the lane of functions shown to be pure, `alone` a cell per function."""
    workloads = {
        "1 text a function": (400, 1),
        "8 texts": (200, 8),
        "64 texts": (50, 64),
        "1000 texts": (8, 1000),
        "1000 functions x 10": (1000, 10),
    }
    print(f"{'workload':22}{'way':18}{'CPU ratio':>10}{'wall ratio':>11}{'us CPU a call':>15}")
    with Executor(workers=1) as one, Executor(workers=2) as two:
        for name, (functions, answers) in workloads.items():
            shared = [(source, texts(answers, seed)) for seed, source in enumerate(sources(functions, data))]
            alone = [(f"import os\n{source}", answers) for source, answers in shared]
            ways = {
                "alarm": (run_alarm, shared, None),
                "plain": (run_plain, shared, None),
                "shared": (one.run, shared, one),
                "alone": (one.run, alone, one),
                "shared, 2 workers": (two.run, shared, two),
            }
            for way in ways.values():
                measured(*way)  # fills the code caches
            taken = [{label: measured(*way) for label, way in ways.items()} for _ in range(rounds)]
            for label in ways:
                cpu = statistics.median(row["alarm"].cpu / row[label].cpu for row in taken)
                wall = statistics.median(row["alarm"].wall / row[label].wall for row in taken)
                each = statistics.median(row[label].cpu for row in taken) / (functions * answers) * 1e6
                print(f"{name:22}{label:18}{cpu:10.2f}{wall:11.2f}{each:15.1f}", flush=True)


def scaling(rounds: int, data: Path | None) -> None:
    """Wall time of one worker over that of two, on work of about a second."""
    work = [(source, texts(400, seed)) for seed, source in enumerate(sources(500, data))]
    with Executor(workers=1) as one, Executor(workers=2) as two:
        for executor in (one, two):
            executor.run(work)
        taken = [(measured(one.run, work, one).wall, measured(two.run, work, two).wall) for _ in range(rounds)]
    ratio = statistics.median(first / second for first, second in taken)
    print(f"2 workers are {ratio:.2f} times as fast as one (1: {taken[-1][0]:.2f} s, 2: {taken[-1][1]:.2f} s)")


def hangs(data: Path | None) -> None:
    """CPU with hanging functions against hangs x limit + the same work without them."""
    print(f"{'limit':>6}{'hanging':>9}{'CPU s':>8}{'hangs x limit':>15}{'work':>7}{'ratio':>7}")
    for limit, share in ((1.0, 0.01), (0.2, 0.05)):
        healthy = [(source, texts(10, seed)) for seed, source in enumerate(sources(1000, data))]
        count = int(len(healthy) * share)
        hanging = [(f"def evaluate(r):\n    while True:\n        pass\n# {n}", texts(10, n)) for n in range(count)]
        mixed = healthy[:-count]
        for number, job in enumerate(hanging):
            mixed.insert(number * len(healthy) // count, job)
        with Executor(timeout_seconds=limit) as executor:
            work = measured(executor.run, healthy, executor).cpu
        with Executor(timeout_seconds=limit) as executor:
            cost = measured(executor.run, mixed, executor).cpu
            waited = count * executor.settings.strikes * limit
        print(f"{limit:6.1f}{share:9.0%}{cost:8.2f}{waited:15.2f}{work:7.2f}{cost / (waited + work):7.2f}", flush=True)


def hostile() -> None:
    """Which kinds of hostile function each level contains, neighbours included. `none` contains nothing by intent."""
    kinds = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "unit" / "execution" / "hostile.py"))
    tried = {**kinds["HOSTILE"], **kinds["ANY_VERDICT"]}
    for level in ("strict", "seccomp", "wasm", "rlimit"):
        lost = [name for name, source in tried.items() if not contained(level, name, source, name in kinds["HOSTILE"])]
        print(
            f"{level:8} {len(tried) - len(lost)} of {len(tried)} contained; not: {', '.join(lost) or '-'}", flush=True
        )


def contained(level: str, name: str, source: str, must_not_follow: bool) -> bool:
    """Whether a kind gets nothing and its neighbours get their verdicts."""
    if level == "rlimit" and name.startswith("kill"):
        return False  # taken as lost: trying it would end other processes of the same user
    neighbour = ("import re\ndef evaluate(r):\n    return re.findall('[a-z]+', r) == ['yes']", ["yes", "no"])
    with Executor(level=level, workers=1, timeout_seconds=0.1, memory_limit_mb=128) as executor:
        try:
            before, outcomes, after = executor.run([neighbour, (source, ["yes", "no"]), neighbour])
        except RuntimeError:  # the function ended the executor
            return False
    right = [Outcome.FOLLOWED, Outcome.VIOLATED]
    return [before, after] == [right, right] and not (must_not_follow and Outcome.FOLLOWED in outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--section", choices=["speed", "scaling", "hangs", "hostile"])
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    wanted = [arguments.section] if arguments.section else ["speed", "scaling", "hangs", "hostile"]
    if "speed" in wanted:
        speed(arguments.rounds, arguments.data)
    if "scaling" in wanted:
        scaling(arguments.rounds, arguments.data)
    if "hangs" in wanted:
        hangs(arguments.data)
    if "hostile" in wanted:
        hostile()


if __name__ == "__main__":
    main()
