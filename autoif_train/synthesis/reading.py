"""Reading what models write: lists, JSON objects, test cases, scores. Imperfect text is data, never an exception.

Every reader returns a value or raises `Unreadable` with a short reason that is counted in the funnel.
"""

from __future__ import annotations

import json
import re
from typing import Any

from autoif_train.types import TestCase

_THINKING = re.compile(r"(?:\A\s*)?<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
_LIST_MARK = re.compile(r"^\s*(?:\d{1,3}[.):]|[-*•–])\s+")
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
_SCORE = re.compile(r"\bscore[\s:=]*(\d+(?:\.\d+)?)(?:\s*/\s*(\d+))?", re.IGNORECASE)
_TEXT_KEYS = ("input", "text", "response")
_LABEL_KEYS = ("output", "expected", "result")


class Unreadable(ValueError):
    """The text does not hold what was asked for; the message is the reason for the funnel."""


def without_thinking(text: str) -> str:
    """The text without its reasoning block and the blanks around it; without a block, the very same text.

    A block that the chat template opened has no opening tag in the answer; an unclosed block hides all that follows.
    """
    opened, closed = text.find("<think>"), text.find("</think>")
    if closed >= 0 and not 0 <= opened < closed:
        text = f"<think>{text}"
    return _THINKING.sub("", text)


def list_items(text: str) -> list[str]:
    """The items of a list, numbered, bulleted or bare: one per line, marks and surrounding blanks removed."""
    lines = without_thinking(text).splitlines()
    return [_LIST_MARK.sub("", line).strip() for line in lines if line.strip()]


def json_object(text: str) -> dict[str, Any]:
    """The first JSON object of a text that may wrap it in a fence or in sentences.

    Line breaks inside strings are accepted, since models write functions that way.
    """
    text = without_thinking(text)
    candidates = [*_FENCE.findall(text), text]
    decoder = json.JSONDecoder(strict=False)
    for candidate in candidates:
        start = candidate.find("{")
        while start >= 0:
            try:
                value = _encodable(decoder.raw_decode(candidate, start)[0])
            except RecursionError as error:
                raise Unreadable("JSON nested too deeply") from error
            except ValueError:
                # Only an opening brace at the start of a line can begin the object that was asked for; a brace deeper
                # inside broken JSON would yield one of its parts.
                start = _next_line_brace(candidate, start)
                continue
            if isinstance(value, dict):
                return value
            break
    raise Unreadable("not JSON" if "{" in text else "no JSON object")


def _encodable(value: Any) -> Any:
    """The value with half surrogates replaced: models escape emoji in pieces, which no file and no server can take."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _next_line_brace(text: str, start: int) -> int:
    following = text.find("\n{", start)
    return following + 1 if following >= 0 else -1


def label(value: Any) -> bool:
    """A test case's label: a bool, or its name in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise Unreadable("label is not a boolean")


def case(row: Any) -> TestCase:
    """One test case from the keys that models and released data use for its text and its label."""
    if not isinstance(row, dict):
        raise Unreadable("case is not an object")
    text = next((row[key] for key in _TEXT_KEYS if key in row), None)
    expected = next((row[key] for key in _LABEL_KEYS if key in row), None)
    if not isinstance(text, str):
        raise Unreadable("case without a text")
    return TestCase(text, label(expected))


def cases_by_line(text: str) -> tuple[list[TestCase], list[str]]:
    """The cases of a text that holds one JSON object a line, and the reasons of the lines that hold none.

    A case whose text was written with bare line breaks spans several lines and counts as unreadable, as in the released
    rule: what lies between torn lines cannot be told from a shorter text.
    """
    cases, reasons = [], []
    for line in filter(str.strip, text.splitlines()):
        try:
            cases.append(case(json_object(line)))
        except Unreadable as unreadable:
            reasons.append(str(unreadable))
    return cases, reasons


def score(text: str, best: float = 10.0) -> float:
    """The last `Score: N` of a text: `8`, `8.5`, `8/10`, `**Score:** 8`, with or without trailing blanks."""
    found = _SCORE.findall(without_thinking(text).replace("*", ""))
    if not found:
        raise Unreadable("no score")
    value, scale = found[-1]
    number = float(value) * (best / float(scale) if scale and float(scale) > 0 else 1.0)
    if not number <= best:  # not a number where both figures are beyond all bounds
        raise Unreadable("score out of range")
    return number
