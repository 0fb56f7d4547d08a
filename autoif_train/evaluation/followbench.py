"""FollowBench (arXiv 2310.20410): instructions that grow by one constraint a level, from 1 to 5, in six categories.

HSR is the share of answers that meet all constraints of their level, SSR the mean share of constraints met, CSL the
mean number of consecutive levels, from the first, that are met wholly. Some sources are checked by rules, the rest by a
judge who sees every version of the instruction. The released scorer adds −1 for a verdict that it cannot read; here
such an answer is left out of HSR and SSR and its example out of CSL, and both are counted.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.answers import Answered, paired
from autoif_train.evaluation.followbench_rules import rule_for
from autoif_train.evaluation.judging import Graded, Question, ask, asking_metrics, fill, unread
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import bootstrap_interval
from autoif_train.synthesis.reading import Unreadable, without_thinking
from autoif_train.types import UserError

SETS = ("followbench",)
LEVELS = (1, 2, 3, 4, 5)
CATEGORIES = {
    "content": "constraint on the content",
    "situation": "constraint on the situation (who, where, when, or what the background is)",
    "style": "constraint on the style",
    "format": "constraint on the format",
    "example": "example",
    "mixed": "constraint",
}
MET = {"YES": True, "NO": False, "PARTIAL": False, "MAYBE": False, "UNKNOWN": False, "N/A": False}

_LIST = re.compile(r"\[([^\[\]]*)\]")


@dataclasses.dataclass(frozen=True)
class Item:
    """One version of an instruction; `path` holds all versions up to it, from the first, without constraints, on."""

    key: str
    turns: tuple[str, ...]
    category: str
    source: str
    example: int
    level: int
    target: str
    path: tuple[str, ...]


def load_items(prompts: str | Path | None) -> list[Item]:
    """The items of levels 1 to 5 in a folder of the official files; raises `UserError` where one cannot be used."""
    if not prompts:
        raise UserError(
            "evaluation.followbench_prompts: not set; name the folder with FollowBench's *_constraints.json"
        )
    return [item for category in CATEGORIES for item in _read(Path(prompts) / f"{category}_constraints.json", category)]


def _read(file: Path, category: str) -> Iterator[Item]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; name FollowBench's data folder") from error
    except ValueError as error:
        raise UserError(f"{file}: not JSON ({error}); restore the official file") from error
    path: list[str] = []
    for number, row in enumerate(rows):
        try:
            example, level, text = int(row["example_id"]), int(row["level"]), row["instruction"]
            source, target = row["source"], row["target"]
        except (KeyError, TypeError, ValueError) as error:
            mend = "restore the official file"
            raise UserError(f"{file}, entry {number}: lacks or cannot read {error}; {mend}") from error
        first = 1 if category == "example" else 0
        path = [text] if level == first else [*path, text]
        if level != first + len(path) - 1:
            said = f"level {level} does not follow the entry before it"
            raise UserError(f"{file}, entry {number}: {said}; keep the official order, each level once")
        if level > 0:
            yield Item(f"{category} {example} {level}", (text,), category, source, example, level, target, tuple(path))


def grade(answered: Iterable[Answered], judge: ChatModel, settings: EvaluationSettings) -> Iterator[Graded]:
    """Each answer with one verdict per constraint, or with one on all of them where a rule decides."""
    items = load_items(settings.followbench_prompts)[: settings.max_prompts]
    pairs = paired(items, answered, "evaluation/followbench")
    texts = {item.key: row.texts(settings)[0] for item, row in pairs}
    asked = (_question(item, texts[item.key]) for item in items if rule_for(item) is None)
    verdicts = ask("followbench", asked, judge, settings.judge)
    for item, row in pairs:
        rule, text = rule_for(item), texts[item.key]
        tags = {"category": item.category, "example": item.example, "level": item.level}
        known = {"key": item.key, "words": len(text.split()), "finished": row.finished}
        if rule:
            yield Graded(**known, tags=tags | {"by": "rule"}, verdicts=(float(rule(text)),))
        else:
            said = next(verdicts)
            met = said.value or (None,) * item.level
            yield Graded(**known, tags=tags | {"by": "judge"}, verdicts=met, asked=said.asked, unread=unread([said]))


def _question(item: Item, response: str) -> Question:
    headings = ["[First version]", *(f"[Version with {n} added]" for n in range(1, len(item.path)))]
    path = "\n\n".join(f"{heading}\n{text}" for heading, text in zip(headings, item.path, strict=True))
    shape = str(["YES", "NO", "NO", "YES", "NO"][: item.level])
    message = fill(
        "followbench",
        kind=CATEGORIES[item.category],
        path=path,
        response=response,
        count=item.level,
        shape=shape,
    )
    return Question(message, partial(read_verdict, count=item.level))


def read_verdict(text: str, count: int) -> tuple[float, ...]:
    """`count` verdicts from the last list of YES and NO, or from a last line that is nothing else."""
    text = without_thinking(text)
    lines = [line for line in text.splitlines() if line.strip(" `*")]
    candidates = [*_LIST.findall(text)[::-1], *(lines[-1:])]
    for candidate in candidates:
        words = [_word(part) for part in re.split(r"[,;]", candidate) if part.strip()]
        if words and all(word in MET for word in words):
            if len(words) != count:
                raise Unreadable(f"{len(words)} verdicts on {count} constraints")
            return tuple(float(MET[word]) for word in words)
    raise Unreadable("no list of YES and NO")


def _word(part: str) -> str:
    part = re.sub(r"^\W*(?:final\s+)?(?:answer|verdict|list)\s*[:=]", "", part, flags=re.IGNORECASE)
    return re.sub(r"""^[\s'"“”‘’`*().]+|[\s'"“”‘’`*().]+$""", "", part).upper()


def value(row: Graded) -> float | None:
    """Whether an answer meets everything; None where nobody could tell."""
    return None if None in row.verdicts else float(all(row.verdicts))


def _soft(row: Graded) -> float:
    return sum(row.verdicts) / len(row.verdicts)


def metrics(graded: Iterable[Graded]) -> dict[str, float]:
    """HSR and SSR per level and in the plain mean over the levels, CSL, SSR per category, and what nobody could tell.

    A level's figure, and CSL, is the mean over the categories, each of which counts alike, as published tables have it.
    """
    graded = list(graded)
    known = [row for row in graded if value(row) is not None]
    found: dict[str, float] = {}
    for name, of in (("ssr", _soft), ("hsr", value)):
        levels = {level: _over_categories(known, of, level) for level in LEVELS}
        means = {level: mean for level, mean in levels.items() if mean is not None}
        low, high = bootstrap_interval(*_weighted(known, of))
        found |= {name: _mean(means.values()), f"{name}_low": low, f"{name}_high": high}
        found |= {f"{name}_level_{level}": mean for level, mean in means.items()}
    found["csl"] = _mean(_mean(lengths) for lengths in consecutive_levels(graded).values())
    for category in dict.fromkeys(row.tags["category"] for row in known):
        found[f"ssr_{category}"] = _mean(_soft(row) for row in known if row.tags["category"] == category)
    by_rule = sum(row.tags["by"] == "rule" for row in graded)
    return found | {"by_rule": by_rule, "unread_answers": len(graded) - len(known)} | asking_metrics(graded)


def _over_categories(rows: list[Graded], of: Callable[[Graded], float], level: int) -> float | None:
    """The mean over the categories of one level; None where no answer of that level is known."""
    by_category: dict[str, list[float]] = {}
    for row in rows:
        if row.tags["level"] == level:
            by_category.setdefault(row.tags["category"], []).append(of(row))
    return _mean(map(_mean, by_category.values())) if by_category else None


def _weighted(rows: list[Graded], of: Callable[[Graded], float]) -> tuple[list[float], list[float]]:
    """Sums and weights per example, whose five levels are nearly one question, so that their ratio is the mean over
    levels of the means over categories."""
    sizes = Counter((row.tags["category"], row.tags["level"]) for row in rows)
    categories = Counter(level for _, level in sizes)
    sums: Counter[tuple[str, int]] = Counter()
    weights: Counter[tuple[str, int]] = Counter()
    for row in rows:
        category, level, example = row.tags["category"], row.tags["level"], row.tags["example"]
        weight = 1 / (sizes[category, level] * categories[level])
        sums[category, example] += weight * of(row)
        weights[category, example] += weight
    return [sums[example] for example in weights], list(weights.values())


def consecutive_levels(graded: Iterable[Graded]) -> dict[str, list[float]]:
    """Per category, for each example, how many levels from the first on are met wholly, without a gap.

    An example is left out where the count would hang on a verdict that nobody could read, or where levels are missing.
    """
    examples: dict[tuple[str, int], dict[int, float | None]] = {}
    for row in graded:
        examples.setdefault((row.tags["category"], row.tags["example"]), {})[row.tags["level"]] = value(row)
    found: dict[str, list[float]] = {}
    for (category, _), levels in examples.items():
        if set(levels) == set(LEVELS):
            length = next((level - 1 for level in LEVELS if levels[level] != 1.0), LEVELS[-1])
            if length == LEVELS[-1] or levels[length + 1] is not None:
                found.setdefault(category, []).append(float(length))
    return found


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 0.0
