"""What the executor costs, beside the two ways of running functions in one's own process.

    python benchmarks/executor.py [--rounds 5] [--section speed|hangs|hostile] [--data DIR]

`alarm` is the usual way: exec in this process, `signal.alarm` around each call. `plain` has no limit at all. All ways
take turns within each round, on the same functions and texts; a figure is the median over the rounds of (time of the
usual way) / (time of this way), above 1 is faster. CPU is summed over this process and everything it started. With
`--data` (a folder with `verifiers.jsonl`) the functions are a model's own, else the built-in ones.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import random
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
WORDS = (
    "the a river Stone sings while seven quiet boats, drift. under Silver bridges! and nobody counts them? so".split()
)


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
    real = [
        source
        for row in rows
        for source in (json.loads if row["verifiers"][1:2] == '"' else ast.literal_eval)(row["verifiers"])
    ]
    with Executor() as executor:
        outcomes = executor.run([(source, ["A short text."]) for source in real])
    real = [source for source, (outcome,) in zip(real, outcomes) if outcome.judged]
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
            try:
                evaluate(answer)
            except Exception:
                pass


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
                "alarm": lambda: measured(run_alarm, shared),
                "plain": lambda: measured(run_plain, shared),
                "shared": lambda: measured(one.run, shared, one),
                "alone": lambda: measured(one.run, alone, one),
                "shared, 2 workers": lambda: measured(two.run, shared, two),
            }
            for way in ways.values():
                way()  # fills the code caches
            taken = [{label: way() for label, way in ways.items()} for _ in range(rounds)]
            for label in ways:
                cpu = statistics.median(row["alarm"].cpu / row[label].cpu for row in taken)
                wall = statistics.median(row["alarm"].wall / row[label].wall for row in taken)
                each = statistics.median(row[label].cpu for row in taken) / (functions * answers) * 1e6
                print(f"{name:22}{label:18}{cpu:10.2f}{wall:11.2f}{each:15.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--section", choices=["speed", "hangs", "hostile"])
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    if arguments.section in (None, "speed"):
        speed(arguments.rounds, arguments.data)


if __name__ == "__main__":
    main()
