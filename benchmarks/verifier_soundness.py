"""How many wrong verification functions each preset lets through, how many right ones it keeps, and what that costs.

    python benchmarks/verifier_soundness.py                        development half: for choosing settings
    python benchmarks/verifier_soundness.py --half final           final half: for figures, never for choices
    python benchmarks/verifier_soundness.py --sharpening.arbitrations 4        any setting of the recommended preset

The data (soundness/) is built in this process from hand-written functions, frozen by its digest. Each pool of eight
functions is one instruction of a run. The supervisor is simulated: it answers 90 % of the questions rightly, its
errors fixed by (instruction, text), so that asking again does not help.

wrong accepted, right kept: shares of the wrong and of the right functions that went in; lost: pools of which nothing is
left. Damage, over the pairs that the surviving functions make of 24 answers an instruction: wrong pairs, whose chosen
answer does not follow or whose rejected one does; missed, the true pairs that are not made.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Iterable
from functools import cache

from soundness.build import POOL, Item, Pool, compiled, frozen

from autoif_train.config import Settings, parse, resolve
from autoif_train.execution import Executor
from autoif_train.execution.reward import score
from autoif_train.synthesis.agreement import agree, trust_of
from autoif_train.synthesis.cross_validation import cross_validate
from autoif_train.synthesis.probes import probe
from autoif_train.synthesis.sharpening import sharpen
from autoif_train.types import (
    CheckedInstruction,
    Dropped,
    Instruction,
    Outcome,
    QueryFunction,
    VerificationFunction,
    derived_seed,
)

COLUMNS = (
    "preset", "wrong accepted %", "right kept %", "lost %", "wrong pairs %", "missed pairs %", "questions",
    "ms CPU per function", "× plain",
)  # fmt: skip
run = cache(compiled)


class Supervisor:
    """Right about a text with probability `accuracy`; its errors stay what they are. Counts the questions."""

    def __init__(self, items: Iterable[Item], accuracy: float, seed: int):
        self.truth = {item.text: run(item.right[0]) for item in items}
        self.accuracy, self.seed, self.asked = accuracy, seed, 0

    def __call__(self, questions: list[tuple[str, str]]) -> list[bool]:
        self.asked += len(questions)
        return [self._said(*question) for question in questions]

    def _said(self, instruction: str, text: str) -> bool:
        mistaken = derived_seed("mistake", self.seed, instruction, text) % 10_000 >= 10_000 * self.accuracy
        return bool(self.truth[instruction](text)) != mistaken


@dataclasses.dataclass
class Tally:
    """What one preset did, summed over the pools."""

    counts: Counter
    reasons: Counter
    flaws: Counter
    cpu_seconds: float
    asked: int


def draft(number: int, item: Item, pool: Pool) -> CheckedInstruction:
    functions = tuple(VerificationFunction(function.source) for function in pool.functions)
    return CheckedInstruction(Instruction(item.text, id=str(number)), functions, pool.cases)


def filtered(rows: Iterable, settings: Settings, executor: Executor, supervisor: Supervisor) -> Iterable:
    """The steps of a run that concern functions, in their order, as one stream of events."""

    def passing(events: Iterable) -> Iterable[CheckedInstruction]:
        for event in events:
            if isinstance(event, CheckedInstruction):
                yield event
            elif isinstance(event, Dropped):
                dropped.append(event)

    dropped: list[Dropped] = []
    agreement, trust = settings.agreement, trust_of(settings.agreement)
    if settings.probes.enabled:
        rows = passing(probe(rows, executor, settings.probes))
    if agreement.enabled:
        rows = passing(agree(rows, executor, supervisor, agreement, (), settings.seed))
    if settings.sharpening.enabled:
        rows = passing(sharpen(rows, executor, supervisor, settings.sharpening, trust, settings.seed))
    yield from passing(cross_validate(rows, executor, settings.cross_validation))
    yield from dropped


def measured(items: list[Item], settings: Settings, accuracy: float, repeats: int) -> Tally:
    pools = [(item, pool) for item in items for pool in item.pools]
    tally = Tally(Counter(), Counter(), Counter(), 0.0, 0)
    for seed in range(repeats):
        supervisor = Supervisor(items, accuracy, seed)
        rows = [draft(number, item, pool) for number, (item, pool) in enumerate(pools)]
        with Executor(workers=1) as executor:
            before = executor.costs["cpu_seconds"]
            start = time.process_time()
            events = list(filtered(rows, settings, executor, supervisor))
            tally.cpu_seconds += time.process_time() - start + executor.costs["cpu_seconds"] - before
        kept = {int(event.instruction.id): event for event in events if isinstance(event, CheckedInstruction)}
        for event in events:
            if isinstance(event, Dropped):
                tally.reasons[f"{event.unit}: {event.reason}"] += event.count
        for number, (item, pool) in enumerate(pools):
            sources = {function.source for function in kept[number].functions} if number in kept else set()
            tally.counts.update(_counts(item, pool, sources, settings))
            tally.flaws.update(function.flaw for function in pool.functions if function.source in sources)
        tally.asked += supervisor.asked
    return tally


def _counts(item: Item, pool: Pool, kept: set[str], settings: Settings) -> Counter:
    counts = Counter(pools=1, lost=not kept)
    for function in pool.functions:
        side = "wrong" if function.flaw else "right"
        counts.update({f"{side} in": 1, f"{side} out": function.source in kept})
    truth = [bool(run(item.right[0])(answer)) for answer in item.answers]
    judged = [(follows, _score(kept, answer)) for follows, answer in zip(truth, item.answers, strict=True)]
    judged = [(follows, value) for follows, value in judged if value is not None]
    chosen = [follows for follows, value in judged if value > settings.pairs.chosen_above]
    rejected = [follows for follows, value in judged if value <= settings.pairs.rejected_at_or_below]
    made, good = len(chosen) * len(rejected), sum(chosen) * (len(rejected) - sum(rejected))
    counts.update({"pairs": made, "wrong pairs": made - good})
    counts.update({"true pairs": sum(truth) * (len(truth) - sum(truth)), "good pairs": good})
    return counts


def _score(sources: set[str], answer: str) -> float | None:
    if not sources:
        return None
    outcomes = {True: Outcome.FOLLOWED, False: Outcome.VIOLATED, None: Outcome.CRASHED}
    functions = [QueryFunction(source, "one") for source in sorted(sources)]
    return score(functions, [outcomes[run(function.source)(answer)] for function in functions])


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def line(name: str, tally: Tally, plain_seconds: float) -> str:
    counts = tally.counts
    functions = counts["pools"] * POOL
    cells = [
        name,
        percent(counts["wrong out"], counts["wrong in"]),
        percent(counts["right out"], counts["right in"]),
        percent(counts["lost"], counts["pools"]),
        percent(counts["wrong pairs"], counts["pairs"]),
        percent(counts["true pairs"] - counts["good pairs"], counts["true pairs"]),
        f"{tally.asked / counts['pools']:.1f}",
        f"{1000 * tally.cpu_seconds / functions:.2f}",
        f"{tally.cpu_seconds / plain_seconds:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["development", "final"], default="development")
    parser.add_argument("--accuracy", type=float, default=0.9, help="how often the supervisor is right")
    parser.add_argument("--repeats", type=int, default=3, help="supervisors with other errors")
    parser.add_argument("--only", help="this preset alone")
    parser.add_argument("--reasons", action="store_true", help="why functions and instructions went")
    arguments, rest = parser.parse_known_args()
    items = [item for item in frozen() if item.half == arguments.half]
    presets = {name: resolve(model="qwen2-7b", preset=name) for name in ("paper", "reference")}
    off = {f"{step}.enabled": "false" for step in ("probes", "agreement", "sharpening")}
    presets["recommended, rules alone"] = resolve(model="qwen2-7b", **off)
    presets["recommended"] = parse("verifier_soundness.py", "", ["--model", "qwen2-7b", *rest])
    kinds, pools = len({item.kind for item in items}), sum(len(item.pools) for item in items)
    print(f"{arguments.half} half: {len(items)} instructions of {kinds} kinds, {pools} pools of {POOL} functions,")
    print(f"{arguments.repeats} supervisors that are right {arguments.accuracy:.0%} of the time\n")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    plain = measured(items, presets["recommended, rules alone"], arguments.accuracy, arguments.repeats)
    for name, settings in presets.items():
        if arguments.only in (None, name):
            same = settings is presets["recommended, rules alone"]
            tally = plain if same else measured(items, settings, arguments.accuracy, arguments.repeats)
            print(line(name, tally, plain.cpu_seconds), flush=True)
    if arguments.reasons:
        for title, counts in (("went", tally.reasons), ("wrong and accepted", tally.flaws)):
            lines = [f"  {count:>6} {what}" for what, count in counts.most_common() if what]
            print(f"\n{name}, {title}:", *lines, sep="\n")


if __name__ == "__main__":
    main()
