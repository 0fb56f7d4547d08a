"""Mutants of a function: the same source with one small mistake, as models make them.

A mutant is made from the text alone: generated code is never parsed here. One that does not compile, or never has an
opinion, is no rival and drops out when it is run.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from autoif_train.types import derived_seed

Change = Callable[[re.Match[str]], str] | str
OPERATORS: tuple[tuple[str, str, Change], ...] = (
    ("comparison", r"(?<![<>=!?P(])>=(?!=)", ">"),
    ("comparison", r"(?<![<>=!?P(])<=(?!=)", "<"),
    ("comparison", r"(?<![<>=!?P(-])>(?![>=])", ">="),
    ("comparison", r"(?<![<>=!?P(])<(?![<=])", "<="),
    ("comparison", r"(?<![<>=!])==(?!=)", ">="),
    ("comparison", r"(?<![<>=!])==(?!=)", "<="),
    ("comparison", r"(?<![<>=!])==(?!=)", "!="),
    ("comparison", r"!=", "=="),
    ("comparison", r"(?<![<>=!?P(])>=", "=="),
    ("comparison", r"(?<![<>=!?P(])<=", "=="),
    ("constant + 1", r"(?<![\w.])\d{1,4}(?![\w.])", lambda match: str(int(match.group()) + 1)),
    ("constant - 1", r"(?<![\w.])[1-9]\d{0,3}(?![\w.])", lambda match: str(int(match.group()) - 1)),
    ("and, or", r"\band\b", "or"),
    ("and, or", r"\bor\b", "and"),
    ("not", r"\bnot (?!in\b)", ""),
    ("not", r"\bnot in\b", "in"),
    ("not", r"(?<!for )(?<!not )(\w+|['\")\]]) in (?!range)", r"\1 not in "),
    ("label", r"\breturn True\b", "return False"),
    ("label", r"\breturn False\b", "return True"),
    ("label", r"\breturn (?!True\b|False\b|None\b)(.+)", r"return not (\1)"),
    ("case folding", r"\.(lower|upper|casefold)\(\)", ""),
    ("case folding", r",\s*(flags\s*=\s*)?re\.(I|IGNORECASE)\b", ""),
    ("case folding", r"\bresponse\b(?=\.(split|count|strip)|\))", "response.lower()"),
    ("strip", r"\.[lr]?strip\([^()]*\)", ""),
    ("strip", r"\bresponse\b(?=\.(endswith|startswith|split\())", "response.strip()"),
    ("all, any", r"\ball\(", "any("),
    ("all, any", r"\bany\(", "all("),
    ("place", r"\.startswith\(", ".endswith("),
    ("place", r"\.endswith\(", ".startswith("),
    ("place", r"\bre\.(match|search)\(", "re.fullmatch("),
    ("place", r"\bre\.(match|fullmatch)\(", "re.search("),
    ("place", r"\bre\.search\(", "re.match("),
    ("unit", r"\.split\(\)", ""),
    ("unit", r"\.split\(\)", ".split(' ')"),
    ("unit", r"\.split\(\)", ".splitlines()"),
    ("unit", r"\.splitlines\(\)", ".split('.')"),
    ("unit", r"\bset\(", "list("),
    ("pattern", r"\\b", ""),
    ("pattern", r"\\s\*", ""),
    ("pattern", r"\+(?=['\"\])])", ""),
    ("branch", r"^(\s*)(if|elif) .+:", r"\1\2 False:"),
    ("branch", r" if [^\[\]()]+(?=[\])])", ""),
    ("scope", r"\bresponse\b(?=\.(split|count|lower|strip)|\))", "response.split('\\\\n')[0]"),
)


def mutants(source: str, most: int, seed: int) -> list[tuple[str, str]]:
    """Up to `most` different mutants of a source as (operator, source), drawn evenly over the operators."""
    chance = random.Random(derived_seed(seed, "mutants", source))
    by_operator: dict[str, list[str]] = {}
    for operator, pattern, change in OPERATORS:
        for match in re.finditer(pattern, source, re.MULTILINE):
            changed = match.expand(change) if isinstance(change, str) else change(match)
            by_operator.setdefault(operator, []).append(source[: match.start()] + changed + source[match.end() :])
    piles = list(by_operator.items())
    for _, pile in piles:
        chance.shuffle(pile)
    found: dict[str, str] = {}
    while piles and len(found) < most:
        chance.shuffle(piles)
        for operator, pile in piles:
            if len(found) < most:
                found.setdefault(pile.pop(), operator)
        piles = [(operator, pile) for operator, pile in piles if pile]
    found.pop(source, None)
    return [(operator, mutant) for mutant, operator in found.items()]
