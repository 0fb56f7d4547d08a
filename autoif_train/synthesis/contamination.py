"""Contamination: what training texts share with a benchmark's items, in runs of words (paper §4.4, Table 4)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator

WORDS_PER_GRAM = 13  # paper, Table 4
_WORD = re.compile(r"\w+")


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What a benchmark shares with training texts.

    `items` of the benchmark, `shared_items` of them with at least one run of words in common with some training text,
    `grams` and `shared_grams` the same for the different runs themselves. `examples` are `(training text's number,
    item's number, the run)` of the first shared items, counted from 0.
    """

    texts: int
    items: int
    shared_items: int
    grams: int
    shared_grams: int
    examples: tuple[tuple[int, int, str], ...] = ()

    @property
    def item_percent(self) -> float:
        """Percent of the items that share something; 0 for an empty benchmark."""
        return 100 * self.shared_items / self.items if self.items else 0.0

    @property
    def gram_percent(self) -> float:
        """Percent of the benchmark's different runs of words that occur in the training texts."""
        return 100 * self.shared_grams / self.grams if self.grams else 0.0


def overlap(texts: Iterable[str], items: Iterable[str], words: int = WORDS_PER_GRAM, most_examples: int = 5) -> Overlap:
    """How much of `items` (a benchmark's prompts) occurs in `texts` (training prompts or answers).

    Case and punctuation do not count. An item shorter than `words` words is compared whole. The training texts stream;
    only the benchmark's runs are held in memory.
    """
    items_with: dict[str, list[int]] = {}
    count = 0
    for number, item in enumerate(items):
        count += 1
        for gram in set(_grams(_words(item), words)):
            items_with.setdefault(gram, []).append(number)
    shorter = {len(gram.split()) for gram in items_with} - {words}
    seen: set[str] = set()
    first: dict[int, tuple[int, str]] = {}
    read = 0
    for number, text in enumerate(texts):
        read += 1
        found = _words(text)
        for length in (words, *shorter):
            for gram in _runs(found, length):
                if gram in items_with and gram not in seen:
                    seen.add(gram)
                    for item in items_with[gram]:
                        first.setdefault(item, (number, gram))
    examples = tuple((text, item, gram) for item, (text, gram) in sorted(first.items())[:most_examples])
    return Overlap(read, count, len(first), len(items_with), len(seen), examples)


def block_list(items: Iterable[str], words: int = WORDS_PER_GRAM) -> Callable[[str], bool]:
    """Whether a text repeats one of `items`: as a whole, or in a run of `words` words.

    Case and punctuation do not count. An item shorter than a run blocks only its equal.
    """
    whole: set[str] = set()
    runs: set[str] = set()
    for item in items:
        found = _words(item)
        whole.add(" ".join(found))
        runs.update(_runs(found, words))

    def blocks(text: str) -> bool:
        found = _words(text)
        return " ".join(found) in whole or not runs.isdisjoint(_runs(found, words))

    return blocks


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: list[str], length: int) -> Iterator[str]:
    """The runs of a benchmark's item: of `length` words, or all of it where it is shorter."""
    return _runs(words, min(length, len(words))) if words else iter(())


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
