"""What goes wrong in the recorded answers, how often, and how it looks.

A supervisor without mistakes would leave cross validation and back-translation nothing to do. The shares are drawn
from the instruction and the answer's number, so they are the same in every build.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from autoif_train.tiny.recording.kind import Case
from autoif_train.types import derived_seed

OWN_MISTAKE = "own_mistake"
SHARES = {
    OWN_MISTAKE: 55,  # one of the kind's `wrong` functions: off by one, characters for words, case, scope, direction
    "mislabelled_case": 30,
    "string_labels": 20,
    "one_label": 16,
    "forbidden_import": 12,
    "string_returns": 12,
    "crash": 10,
    "missing_import": 8,
    "constant": 8,
    "trailing_comma": 8,
    "cut_off": 8,
    "no_evaluate": 7,
    "raw_newline": 6,
    "python_literals": 5,
    "eval": 4,
    "hang": 1,
}
"""Of a thousand answers, how many have which flaw; an answer has one at most."""

HOPELESS = (
    *("constant", "forbidden_import", "string_returns", "crash"),
    *("no_evaluate", "missing_import", "eval", "trailing_comma"),
)
"""The flaws of the eight answers to an instruction that nobody should have proposed."""

CONSTANT_SAYS = "Every reply is accepted, whatever it looks like."

_DEFINITION = re.compile(r"def evaluate\(.*\n")


def drawn(instruction: str, index: int) -> str:
    """The flaw of one answer, or an empty text."""
    rest = derived_seed("slip", instruction, index) % 1000
    for flaw, share in SHARES.items():
        rest -= share
        if rest < 0:
            return flaw
    return ""


def _first_line(source: str, line: str) -> str:
    return _DEFINITION.sub(lambda match: match.group() + line, source, count=1)


def _constant(source: str) -> str:
    return "def evaluate(response):\n    # Too many replies are possible, so all are accepted.\n    return True"


def _hang(source: str) -> str:
    loop = (
        "    index = 0\n    while index < len(response):\n        if response[index] == ' ':\n            index += 1\n"
    )
    return _first_line(source, loop)


def _crash(source: str) -> str:
    return _first_line(source, "    head, second = response.split('. ')[0], response.split('. ')[1]\n")


def _missing_import(source: str) -> str:
    if source.startswith(("import ", "from ")):
        return re.sub(r"^(import|from) .*\n+", "", source, flags=re.MULTILINE)
    return _first_line(source, "    response = re.sub(r'[ \\t]+', ' ', response)\n")


def _string_returns(source: str) -> str:
    checked = source.replace("def evaluate(", "def follows(")
    return checked + "\n\ndef evaluate(response):\n    return 'true' if follows(response) else 'false'"


def _eval(source: str) -> str:
    tried = "    try:\n        response = str(eval(response))\n    except Exception:\n        pass\n"
    return _first_line(source, tried)


def _forbidden_import(source: str) -> str:
    modules = ("import nltk", "import requests", "import subprocess", "import pandas as pd", "import spacy")
    return modules[derived_seed("module", source) % len(modules)] + "\n" + source


def _no_evaluate(source: str) -> str:
    return source.replace("def evaluate(", "def check_response(")


IN_SOURCE: dict[str, Callable[[str], str]] = {
    "constant": _constant,
    "hang": _hang,
    "crash": _crash,
    "missing_import": _missing_import,
    "string_returns": _string_returns,
    "eval": _eval,
    "forbidden_import": _forbidden_import,
    "no_evaluate": _no_evaluate,
}
"""Flaws of the function: a sound source in, a bad one out."""


def written(source: str, cases: Sequence[Case], flaw: str, pretty: bool) -> str:
    """The JSON text of an answer, with the flaws that concern its text or its labels."""
    labels: list[bool | str] = [label for _, label in cases]
    if flaw == "mislabelled_case":
        labels[0] = not labels[0]
    if flaw == "string_labels":
        labels = [str(label) if pretty else str(label).lower() for label in labels]
    listed = [{"input": text, "output": label} for (text, _), label in zip(cases, labels, strict=True)]
    answer = {"func": source, "cases": listed}
    if flaw == "python_literals":
        return str(answer)
    text = json.dumps(answer, ensure_ascii=False, indent=2 if pretty else None)
    if flaw == "trailing_comma":
        return re.sub(r"(\s*\]\s*\})$", r",\1", text)
    if flaw == "cut_off":
        return text[: len(text) * 3 // 5]
    if flaw == "raw_newline":
        return text.replace("\\n", "\n")
    return text
