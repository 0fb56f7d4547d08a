"""Builds the soundness benchmark from `kinds.py`: deterministic, frozen by the digest of what comes out.

Right functions are right by agreement: they say the same of every text that an instruction is judged by, texts on
which they differ being left out as a matter of taste. A wrong function differs from them on at least
`LEAST_DIFFERENCES` of these texts; mistakes that change nothing are dropped. Every second kind is for development, the
others are for figures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator

from autoif_train.rows import plain
from autoif_train.types import TestCase
from soundness.kinds import KINDS, NUMBERS, RELATIONS, Kind, Params
from soundness.texts import finished, generic

FROZEN = "16b9895e19a1a44683424341af84d4968fbb1d98e434d8f989f3d707be949523"
INSTRUCTIONS_PER_KIND = 4
JUDGING_TEXTS, ANSWERS, CASE_TEXTS = 120, 24, 60
LEAST_DIFFERENCES = 2
LEAST_WRONG = 10
POOLS_PER_INSTRUCTION, POOL = 2, 8
RIGHT_IN_POOL = (2, 7)  # 25 % to 88 %
MISLABELLED = (0.10, 0.20)
ONE_LABEL_TRIPLE, ONE_LABEL_SUITE = 0.12, 0.06

Verdict = bool | None


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of the benchmark; `flaw` is empty for a right one."""

    source: str
    flaw: str = ""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Eight functions as a supervisor might write them, with three cases each."""

    functions: tuple[Function, ...]
    cases: tuple[TestCase, ...]


@dataclasses.dataclass(frozen=True)
class Item:
    """One instruction. `answers` are what the damage is measured on, `judging` what right and wrong is decided by."""

    kind: str
    text: str
    half: str
    right: tuple[str, ...]
    wrong: tuple[Function, ...]
    judging: tuple[str, ...]
    answers: tuple[str, ...]
    pools: tuple[Pool, ...]


# -- sources -----------------------------------------------------------------------------------------------------------

STYLES = (
    "def evaluate(response):\n{}",
    'def evaluate(response: str) -> bool:\n    """Check the reply."""\n{}',
    "def evaluate(response):\n    # Decide whether the reply obeys.\n{}",
    "def evaluate(response):\n    if not isinstance(response, str):\n        return False\n{}",
)
AROUND = (
    ("first line only", "response = response.split('\\n')[0]"),
    ("first sentence only", "response = re.split(r'(?<=[.!?])\\s', response)[0]"),
    ("line breaks refused", "if '\\n' in response:\n    return False"),
    ("short replies refused", "if len(response) < 40:\n    return False"),
    ("short replies accepted", "if len(response.split()) < 6:\n    return True"),
    ("case folded", "response = response.lower()"),
    ("ASCII only", "response = response.encode('ascii', 'ignore').decode()\nif '  ' in response:\n    return False"),
    ("punctuation removed", "response = re.sub(r'[^\\w\\s]', '', response)"),
    ("crash on one line", "first, second = response.split('\\n')[0], response.split('\\n')[1]"),
    ("crash on one sentence", "second = response.split('. ')[1]"),
    ("last line only", "response = response.split('\\n')[-1]"),
    ("end cut", "response = response[:100]"),
)


def _slots(text: str, params: Params) -> str:
    for name, value in params.items():
        text = text.replace(name, str(value)) if name != "RELATION" else text
    return text


def _body(code: str) -> str:
    """An expression or the lines of a body, as lines of a body."""
    return code if re.search(r"^\s*return ", code, re.MULTILINE) else f"return {code}"


def _source(body: str, style: int) -> str:
    lines = "\n".join(f"    {line}" if line else line for line in body.split("\n"))
    source = (
        STYLES[style % len(STYLES)]
        .format(lines.replace("{", "{{").replace("}", "}}"))
        .replace("{{", "{")
        .replace("}}", "}")
    )
    modules = [name for name in ("re", "json") if re.search(rf"\b{name}\.", source)]
    return "".join(f"import {name}\n" for name in modules) + ("\n" if modules else "") + source


def _bodies(kind: Kind, params: Params) -> tuple[list[str], list[tuple[str, str]]]:
    """The bodies of the right functions, and of the kind's own wrong ones with their flaws."""
    if "RELATION" not in params:
        right = [_body(_slots(code, params)) for code in kind.right]
        return right, [(flaw, _body(_slots(code, params))) for flaw, code in kind.wrong]
    rule, wrong_rules = RELATIONS[str(params["RELATION"])]

    def compared(code: str, rule: str) -> str:
        if "COMPARED" in code:
            return _slots(re.sub(r"COMPARED\((\w+)\)", lambda match: rule.format(match.group(1)), code), params)
        return _slots(f"count = {code}\nreturn {rule.format('count')}", params)

    right = [compared(code, rule) for code in kind.right]
    wrong = [(flaw, compared(code, rule)) for flaw, code in kind.wrong]
    wrong += [
        (flaw, compared(kind.right[number % len(kind.right)], bad)) for number, (flaw, bad) in enumerate(wrong_rules)
    ]
    return right, wrong


def _wording(kind: Kind, params: Params, number: int) -> str:
    text = kind.wordings[number % len(kind.wordings)]
    if "RELATION" in params:
        text = text.replace("RELATION", NUMBERS[str(params["RELATION"])])
    return _slots(text, params)


# -- running trusted functions -----------------------------------------------------------------------------------------


def compiled(source: str) -> Callable[[str], Verdict]:
    """The benchmark's own function, run in this process: None where it raises."""
    namespace: dict = {}
    exec(source, namespace)

    def verdict(text: str) -> Verdict:
        try:
            said = namespace["evaluate"](text)
        except Exception:
            return None
        assert isinstance(said, bool), source
        return said

    return verdict


# -- items -------------------------------------------------------------------------------------------------------------


def _texts(kind: Kind, params: Params, rng: random.Random, count: int, near: float) -> list[str]:
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        text = finished(rng, kind.near(rng, params) if rng.random() < near else generic(rng))
        if text.strip():
            found[text] = None
    return list(found)


def _agreed(texts: list[str], right: list[Callable[[str], Verdict]]) -> list[str]:
    return [text for text in texts if len({function(text) for function in right}) == 1]


def build() -> list[Item]:
    """Every item, in order."""
    return [
        _item(kind, number, ("development", "final")[place % 2])
        for place, kind in enumerate(KINDS)
        for number in range(INSTRUCTIONS_PER_KIND)
    ]


def _item(kind: Kind, number: int, half: str) -> Item:
    params = kind.params[number % len(kind.params)]
    text = _wording(kind, params, number)
    rng = random.Random(f"{kind.name} {number}")
    right_bodies, wrong_bodies = _bodies(kind, params)
    right = [_source(body, style) for style in range(len(STYLES)) for body in right_bodies]
    runs = [compiled(source) for source in right[: len(right_bodies)]]
    judging = _agreed(_texts(kind, params, rng, JUDGING_TEXTS, 0.7), runs)
    answers = _agreed(_texts(kind, params, rng, ANSWERS, 0.6), runs)
    truth = [runs[0](text) for text in judging]
    wrong_bodies += [(flaw, f"{line}\n{right_bodies[n % len(right_bodies)]}") for n, (flaw, line) in enumerate(AROUND)]
    wrong: dict[str, Function] = {}
    for place, (flaw, body) in enumerate(wrong_bodies):
        source = _source(body, place)
        said = [compiled(source)(text) for text in judging]
        if sum(one != other for one, other in zip(said, truth, strict=True)) >= LEAST_DIFFERENCES:
            wrong.setdefault(source, Function(source, flaw))
    kept = tuple(wrong.values())
    assert len(kept) >= LEAST_WRONG, (text, len(kept))
    cases = _agreed(_texts(kind, params, rng, CASE_TEXTS, 0.5), runs)
    pools = tuple(_pool(right, kept, cases, runs[0], rng) for _ in range(POOLS_PER_INSTRUCTION))
    return Item(kind.name, text, half, tuple(right), kept, tuple(judging), tuple(answers), pools)


def _pool(
    right: list[str], wrong: tuple[Function, ...], texts: list[str], truth: Callable[[str], Verdict], rng: random.Random
) -> Pool:
    count = rng.randint(*RIGHT_IN_POOL)
    functions = [Function(source) for source in rng.sample(right, count)] + rng.sample(wrong, POOL - count)
    rng.shuffle(functions)
    rate = rng.uniform(*MISLABELLED)
    only = rng.choice([True, False]) if rng.random() < ONE_LABEL_SUITE else None
    cases = []
    for function in functions:
        cases += _triple(function, texts, truth, rate, only, rng)
    return Pool(tuple(functions), tuple(cases))


def _triple(
    function: Function,
    texts: list[str],
    truth: Callable[[str], Verdict],
    rate: float,
    only: bool | None,
    rng: random.Random,
) -> Iterator[TestCase]:
    """Three cases of one answer. Where a label is wrong it is the one that the answer's own function would give."""
    if only is None and rng.random() < ONE_LABEL_TRIPLE:
        only = rng.choice([True, False])
    wanted = [only] * 3 if only is not None else rng.choice([[True, True, False], [True, False, False]])
    own = compiled(function.source)
    for label in wanted:
        mistaken = rng.random() < rate
        fitting = [text for text in texts if (truth(text) is label) != mistaken]
        own_mistakes = [text for text in fitting if mistaken and own(text) is label]
        if own_mistakes or fitting:
            yield TestCase(rng.choice(own_mistakes or fitting), bool(label))


def digest(items: list[Item]) -> str:
    """SHA-256 of everything that was built."""
    return hashlib.sha256(json.dumps(plain(items), ensure_ascii=False).encode()).hexdigest()


def frozen() -> list[Item]:
    """The items, after making sure that they are the ones that were frozen before anything was tuned."""
    items = build()
    if digest(items) != FROZEN:
        raise SystemExit(
            f"soundness: the built data has digest {digest(items)}, not the frozen one; restore soundness/"
        )
    return items
