"""The part of FollowBench that is checked by rules, with the meaning of the published ones.

A source of summaries has one check per level, and level n asks for the first n. The other sources compare with the
target, in one way for all levels. Sentences, words and tenses are told as roughly as the published rules tell them:
another reading would be another benchmark.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoif_train.evaluation.followbench import Item

Check = Callable[[str], bool]


def sentences(text: str) -> list[str]:
    """What stands between full stops, exclamation and question marks; a final line break counts as one."""
    return [part for part in re.split(r"[.!?]", text) if part]


def words_by_blanks(text: str) -> list[str]:
    """What stands between single blanks, empty where two meet."""
    return text.split(" ")


def contains(word: str) -> Check:
    """That the word stands in the text, in this case and not as part of another."""
    return lambda text: re.search(rf"\b{re.escape(word)}\b", text) is not None


def lacks(word: str) -> Check:
    """That it does not."""
    return lambda text: not contains(word)(text)


def sentence(number: int, check: Check) -> Check:
    """That the sentence of that number, from 1, exists and passes."""
    return lambda text: len(sentences(text)) >= number and check(sentences(text)[number - 1])


def _sentences_count(count: int) -> Check:
    return lambda text: len(sentences(text)) == count


def _marks(text: str) -> int:
    return sum(character in string.punctuation for character in text)


def _present_perfect(text: str) -> bool:
    return re.search(r"\b(has|have)\s+\w+", text) is not None


def _present_continuous(text: str) -> bool:
    return re.search(r"\b(am|is|are)\s+\w+ing\b", text) is not None


def _three_names(text: str) -> bool:
    names = enumerate(("Potter", "actor", "films"), 1)
    return all(sentence(number, contains(name))(text) for number, name in names)


GROWING: dict[str, tuple[Check, ...]] = {
    "cnn_dailymail": (
        _sentences_count(3),
        lambda text: all(len(each.split()) < 15 for each in sentences(text)),
        _three_names,
        lambda text: not sentence(2, contains("lavish"))(text),
        sentence(3, _present_perfect),
    ),
    "xsum": (
        _sentences_count(1),
        lambda text: len(words_by_blanks(text)) < 20,
        lacks("Newton Stewart"),
        _present_continuous,
        contains("operation"),
    ),
    "samsum": (
        _sentences_count(1),
        lambda text: len(words_by_blanks(text)) < 15,
        contains("stuff"),
        lambda text: "procrast" not in text.lower(),
        lambda text: _marks(text) == 1,
    ),
    "gigaword": (
        lambda text: len(words_by_blanks(text)) == 8,
        lambda text: _marks(text) == 0,
        str.islower,
        lacks("bus"),
        contains("in"),
    ),
    "arxiv": (
        _sentences_count(1),
        lambda text: len(words_by_blanks(text)) <= 20,
        lambda text: text.startswith("We"),
        contains("activations"),
        lacks("transformer"),
    ),
}


def _equal(text: str, target: str) -> bool:
    return text == target


def _lines_of_target(text: str, target: str) -> bool:
    return set(text.split("\n")) <= set(target.split("\n"))


def _one_of_target(text: str, target: str) -> bool:
    return text in ast.literal_eval(target)


def _last(pattern: str) -> Callable[[str, str], bool]:
    """That the last match of the pattern is the target."""
    return lambda text, target: re.findall(pattern, text)[-1:] == [target]


TARGETS: dict[str, Callable[[str, str], bool]] = {
    "E2E": _equal,
    "text_editing": _equal,
    "WIKIEVENTS": _lines_of_target,
    "CONLL2003": _one_of_target,
    "BBH_logical": _last(r"\([A-Z]\)"),
    "BBH_time": _last(r"\d{2}/\d{2}/\d{4}"),
    "gsm_8k": _last(r"\$\d+"),
    "self_made_space": lambda text, target: target in text,
}


def _example_22(level: int) -> Check:
    """Three paragraphs of numbered advice; at level 5 a fourth one, which is a given ending."""
    paragraphs = 4 if level == 5 else 3
    checks: tuple[Check, ...] = (
        lambda text: len(text.split("\n\n")) == paragraphs,
        lambda text: all(len(sentences(each)) < 3 for each in text.split("\n\n")[:3]),
        lambda text: all(len(each.split()) > 20 for each in sentences(text)),
        lambda text: all(re.match(r"\d+\.", each.lstrip()) for each in text.split("\n\n") if each.strip()),
        lambda text: text.endswith("Those are suggestions"),
    )
    return lambda text: all(check(text) for check in checks[:level])


def _sentences_at_blanks(text: str) -> list[str]:
    return re.split(r"(?<!\w\.\w.)(?<![A-Z][a-z]\.)(?<=\.|\?)\s", text)


def _example_30(level: int) -> Check:
    """Five bold, numbered points."""

    def short_points(text: str) -> bool:
        points = (each for each in _sentences_at_blanks(text) if any(f"{n}." in each for n in range(1, 6)))
        return all(len(point.split(".")) < 3 for point in points)

    checks: tuple[Check, ...] = (
        lambda text: "**" in text,
        lambda text: len(re.findall(r"\*\*[\d].+?:", text)) == 5,
        short_points,
        lambda text: all(10 <= len(each.split()) <= 15 for each in _sentences_at_blanks(text)),
        lambda text: not any(word.endswith("-ly") for word in text.split()),
    )
    return lambda text: all(check(text) for check in checks[:level])


def _shaped(target: str) -> Check:
    """That an answer has the form that the examples show: the target's template with anything as the answer."""
    template = target.replace("{instruction}\n", "").replace("{{", "{").replace("}}", "}")
    pattern = ".*".join(map(re.escape, template.split("{answer}")))
    return lambda text: re.fullmatch(pattern, text) is not None


def rule_for(item: Item) -> Check | None:
    """The rule that decides an item; None where the judge does."""
    if item.category == "example":
        return _shaped(item.target)
    if item.category == "format" and item.example in (22, 30):
        return {22: _example_22, 30: _example_30}[item.example](item.level)
    if item.source in GROWING:
        return lambda text: all(check(text) for check in GROWING[item.source][: item.level])
    if item.source in TARGETS:
        return lambda text: TARGETS[item.source](text, item.target)
    return None
