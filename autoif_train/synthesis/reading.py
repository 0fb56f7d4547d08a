"""Reading what models write: lists, JSON objects, labels, scores. Imperfect text is data, never an exception.

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
_CALLED = r"(?:the\s+)?(?:final\s+)?(?:answer|verdict|judgment|judgement|decision|conclusion|label)\s*(?:is)?"
_BLANK = r"(?:[^\w?]|_)*"  # marks and blanks behind an answer; a question is none
_CLAUSE = re.compile(r"[.;:!?]|,\s*(?:and\s+)?(?:so|but)\b|\b(?:therefore|thus|hence)\b", re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:not?|never|neither|nor|none|nothing|nobody|cannot|without|fail\w*|false|untrue|"
    r"hardly|barely|part(?:ly|ially)|mostly|almost|nearly)\b|n['’]t\b",
    re.IGNORECASE,
)
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


def answer_word(text: str, words: tuple[str, ...]) -> str:
    """Which of `words`, in lower case, a text answers with: a label, or yes and no.

    A last line that holds nothing else decides. Without one, lines answer that open with a word and a mark behind it
    (`**Answer: NO**, for`), and so does a last line that ends in a word; they must agree. What is denied, hedged or
    asked (`not followed`, `unfollowed`, `partly followed`, `followed?`), or stands beside another of the words, is
    unreadable: read on a guess, it would become a label that others trust.
    """
    lines = [line for line in without_thinking(text).splitlines() if line.strip()] or [""]
    word = rf"(?<![^\W_])(?<![^\W_]-)({'|'.join(words)})(?!-?[^\W_])"
    opening = re.compile(rf"[\W_]*(?:{_CALLED}[\W_]*)?{word}(?:({_BLANK}\Z)|\s*[,.;:!(—–-])", re.IGNORECASE)
    last = opening.match(lines[-1])
    if last and last[2] is not None:
        return last[1].lower()
    answers = [found for line in lines if (found := opening.match(line))]
    ending = None if last else re.search(rf"{word}{_BLANK}\Z", lines[-1], re.IGNORECASE)
    denied = ending is not None and _DENIAL.search(_CLAUSE.split(lines[-1][: ending.start()])[-1])
    if ending and not denied:
        answers.append(ending)
    if not answers:
        raise Unreadable("label denied" if denied else "no label")
    said = {found[1].lower() for found in answers}
    named = {other.lower() for found in answers for other in re.findall(word, found.string, re.IGNORECASE)}
    if len(said | named - {"no"}) > 1:  # beside a yes, `no` is an ordinary word
        raise Unreadable("contradictory labels")
    return said.pop()


def yes_or_no(text: str) -> bool:
    """The answer to a yes-or-no question, read as `answer_word` reads."""
    return answer_word(text, ("yes", "no")) == "yes"
