"""Texts that tell functions apart: small changes of known replies, and replies built on the functions' own constants.

Whether two functions mean the same shows near the border: one word more or less, another case, a mark, a line end, the
keyword inside a longer word. Such texts need no supervisor; what they deserve is asked only where functions disagree.
Everything works on the text of the sources: generated code is neither parsed nor run here.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from autoif_train.types import TestCase, derived_seed

MOST_NUMBERS, MOST_PHRASES = 3, 4
LARGEST_COUNT = 150
PLAIN_WORDS = (
    "small boats cross the wide lake while two old friends talk about rain and bread near a quiet harbour where gulls"
    " wait for fish until evening comes down over green hills"
).split()
PLAIN_SENTENCES = (
    "Small boats cross the lake.",
    "Two friends talk about rain.",
    "Gulls wait for fish.",
    "Evening comes down slowly.",
    "The hills are green.",
)
_WRITTEN = {word: place for place, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?![\w.])")
_QUOTED = re.compile(r"""(["'])((?:(?!\1)[^\n]){1,60})\1""")
_CAPITALISED = re.compile(r"(?<=[a-z] )[A-Z][a-z]+\b")
_PAIR = re.compile(r"""([<(\[{*`"]{1,3})[^<>()\[\]{}*`"]+([>)\]}*`"]{1,3})""")
_END = re.compile(r"(?<=[.!?])\s+")


def variations(
    instruction: str, cases: Sequence[TestCase], sources: Iterable[str], more: Sequence[str], most: int, seed: int
) -> list[str]:
    """Up to `most` different texts: the cases first, then `more` (real answers), then changes of both.

    `sources` lend their numbers and quoted words; the same input gives the same texts.
    """
    chance = random.Random(derived_seed(seed, "variations", instruction))
    known = list(dict.fromkeys([*(case.text for case in cases), *more]))
    numbers, phrases = constants(instruction, sources)
    built = [*_counted(numbers, phrases), *_with_phrases(phrases, known, chance)]
    chance.shuffle(built)
    changed = _changed(known or [" ".join(PLAIN_SENTENCES)], chance)
    mixed = (text for pair in zip(built, changed, strict=False) for text in pair)
    rest = (text for texts in (built, changed) for text in texts)
    found = dict.fromkeys(known)
    for text in (*mixed, *rest):
        if len(found) >= most:
            break
        if text.strip():
            found[text] = None
    return list(found)


def constants(instruction: str, sources: Iterable[str]) -> tuple[list[int], list[str]]:
    """The numbers and quoted texts that an instruction and its functions speak of, the most frequent first."""
    numbers: Counter[int] = Counter()
    phrases: Counter[str] = Counter()
    words = re.findall(r"[a-z]+", instruction.lower())
    numbers.update(3 * [_WRITTEN[word] for word in words if word in _WRITTEN])
    phrases.update(3 * _CAPITALISED.findall(instruction))
    phrases.update(3 * _last_words(instruction))
    for text, weight in [(instruction, 3), *((source, 1) for source in sources)]:
        numbers.update(weight * [int(number) for number in _NUMBER.findall(text)])
        phrases.update(weight * [_plain(phrase) for _, phrase in _QUOTED.findall(text) if _plain(phrase)])
    counts = [number for number, _ in numbers.most_common() if 1 < number <= LARGEST_COUNT]
    return (counts or [1])[:MOST_NUMBERS], [phrase for phrase, _ in phrases.most_common()][:MOST_PHRASES]


def _last_words(instruction: str) -> list[str]:
    """The word behind `word` or `letter`: "Include the word river." speaks of `river`."""
    return re.findall(r"\b(?:word|phrase|letter|term)s? ([A-Za-z]+)", instruction)


def _plain(phrase: str) -> str:
    r"""A quoted text of a source as it would stand in a reply: `\bword\b` is `word`; other patterns are none."""
    plain = re.sub(r"\\[bswdWSDZAn]|[\^$]", "", phrase).replace("\\", "")
    return "" if re.search(r"[\[\](){}|+*]{2}|\[", plain) else plain.strip()


# -- replies with so many of something ---------------------------------------------------------------------------------


def _words(count: int) -> str:
    return " ".join(PLAIN_WORDS[place % len(PLAIN_WORDS)] for place in range(count)).capitalize() + "."


def _sentences(count: int, between: str = " ") -> str:
    return between.join(PLAIN_SENTENCES[place % len(PLAIN_SENTENCES)] for place in range(count))


def _listed(count: int, mark: str) -> str:
    lines = [mark.format(place + 1) + PLAIN_SENTENCES[place % len(PLAIN_SENTENCES)] for place in range(count)]
    return "\n".join(lines)


def _sprinkled(count: int, piece: str, glue: str = " ") -> str:
    """Plain words, `piece` after every second one until it stands there `count` times."""
    words = list(PLAIN_WORDS[: max(6, 2 * count)]) + PLAIN_WORDS[: max(0, 2 * count - len(PLAIN_WORDS))]
    for place in range(min(count, len(words))):
        words[2 * place % len(words)] += glue + piece
    return " ".join(words).capitalize() + "."


COUNTED: tuple[Callable[[int], str], ...] = (
    _words,
    lambda count: " ".join(PLAIN_WORDS[place % len(PLAIN_WORDS)] for place in range(count)),
    lambda count: "  ".join(PLAIN_WORDS[place % len(PLAIN_WORDS)] for place in range(count)) + "\n",
    _sentences,
    lambda count: _sentences(count).replace(". ", "! "),
    lambda count: _sentences(count, "\n"),
    lambda count: _sentences(count, "\n") + "\n",
    lambda count: _sentences(count, "\n\n"),
    lambda count: _sentences(count, "\n\n\n"),
    lambda count: _listed(count, "- "),
    lambda count: _listed(count, "* "),
    lambda count: "So it is:\n" + _listed(count, "  - "),
    lambda count: _listed(count, "{}. "),
    lambda count: "So it is:\n" + _listed(count, "{}) "),
    lambda count: "x" * count,
    lambda count: ("small boats " * count)[: count - 1].rstrip().ljust(count - 1, "x") + ".",
    lambda count: _sprinkled(count, "12"),
    lambda count: _sprinkled(count, "NASA"),
    lambda count: _sprinkled(count, "**very warm**"),
    lambda count: _sprinkled(count, "(see below)"),
    lambda count: _sprinkled(count, "#Tips"),
    lambda count: _sprinkled(count, ",", ""),
    lambda count: _sprinkled(count, "!", ""),
)


def _counted(numbers: Sequence[int], phrases: Sequence[str]) -> Iterator[str]:
    """Replies with one less, as many and one more of everything that is commonly counted, and of the phrases."""
    for number in numbers:
        for count in (number, number - 1, number + 1):
            yield from (make(count) for make in COUNTED if count > 0)
            for phrase in phrases[:2]:
                yield _sprinkled(count, phrase)
                yield _sprinkled(count, phrase, "" if not phrase.isalnum() else " ").upper()
                if not phrase[-1].isalnum():
                    yield _sprinkled(count, phrase, "")
                    yield _sprinkled(max(1, count - 1), phrase, "").rstrip(".") + phrase
                elif count > 1:
                    yield _sprinkled(count - 1, phrase) + f" {phrase}s over{phrase}"
                    yield _sprinkled(count - 1, phrase) + f" {phrase.capitalize()}!"


def _with_phrases(phrases: Sequence[str], known: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Replies that hold a phrase in its several dresses, at the beginning, in the middle and at the end."""
    for phrase in phrases:
        rest = chance.choice(known) if known and chance.random() < 0.5 else _sentences(2)
        without = re.sub(re.escape(phrase), "", rest, flags=re.IGNORECASE)
        dresses = (
            phrase,
            phrase.capitalize(),
            phrase.upper(),
            phrase.lower(),
            f'"{phrase}"',
            f"{phrase}.",
            f"{phrase}!",
        )
        for dress in dict.fromkeys(dresses):
            yield f"{dress} {without}"
            yield f"{without} {dress}"
        yield from (
            f"{phrase}\n{without}",
            f"{without}\n{phrase}",
            f"{without}\n{phrase}\n{_sentences(1)}",
            f"{without} {phrase}\n",
            f"\n{phrase} {without}",
            f"Small boats {phrase} cross the lake. {without}",
            f"{_sentences(1)} {phrase}s are here.",
            f"{phrase}s are here.",
            f"The un{phrase} one. {without}",
            f"It is over{phrase}",
            f"{phrase} {phrase}",
            f"{without} So, {phrase}, or {phrase}.",
            f"{without} {phrase[:-1]}",
            without,
            phrase,
        )


# -- small changes of known replies ------------------------------------------------------------------------------------

CHANGES: tuple[Callable[[str], str], ...] = (
    lambda text: text + "\n",
    lambda text: "\n" + text,
    lambda text: text.rstrip(".!?\n "),
    lambda text: text.rstrip() + "!",
    lambda text: text.rstrip() + "?",
    lambda text: text.rstrip(".!?\n ") + "?",
    lambda text: text.rstrip() + ".",
    lambda text: text.upper(),
    lambda text: text.lower(),
    lambda text: text.title(),
    lambda text: text[:1].swapcase() + text[1:],
    lambda text: text[:-1] + text[-1:].swapcase() + " Ok",
    lambda text: text + " OK",
    lambda text: text.partition(" ")[2],
    lambda text: text.rpartition(" ")[0],
    lambda text: text.rstrip(".!?\n ") + " indeed.",
    lambda text: "So " + text,
    lambda text: text + " " + text.split()[-1] if text.split() else text,
    lambda text: text + " " + text.split()[0] if text.split() else text,
    lambda text: text.rstrip() + " " + text.split()[0].strip(",.!?").lower() + "." if text.split() else text,
    lambda text: text.replace("\n", " "),
    lambda text: _END.sub("\n", text),
    lambda text: _END.sub("\n\n", text),
    lambda text: text.replace(". ", "! ", 1),
    lambda text: text.replace("\n", "\n\n"),
    lambda text: text.replace("\n\n", "\n"),
    lambda text: text.replace("\n", "\r\n") if "\n" in text else text + "\r\n",
    lambda text: "\n".join(text.split("\n")[1:]),
    lambda text: "\n".join(text.rstrip().split("\n")[:-1]),
    lambda text: text.rstrip() + "\n" + text.rstrip().split("\n")[-1],
    lambda text: text.rstrip() + "\nA last line",
    lambda text: text.rstrip() + "\n\nA last paragraph.",
    lambda text: "\n".join(reversed(text.rstrip().split("\n"))),
    lambda text: text.replace(" ", "  ", 2),
    lambda text: text + " It was 7.",
    lambda text: text + " It was 2024.",
    lambda text: text.replace("e", "é", 1),
    lambda text: text.replace("a", "А", 1),  # Cyrillic
    lambda text: text.replace(" ", ", ", 1),
    lambda text: text.replace(",", ""),
    lambda text: re.sub(r"[^\w\s]", "", text),
    lambda text: re.sub(r"\d", "", text),
    lambda text: f'"{text.strip()}"',
    lambda text: f"'{text.strip()}'",
    lambda text: text.replace('"', ""),
    lambda text: f"```\n{text.strip()}\n```",
    lambda text: "- " + text.replace("\n", "\n- "),
    lambda text: f"**{text.strip()}**",
    lambda text: f"{text.rstrip()} (as they say)",
    lambda text: text[:-1],
    lambda text: text[1:],
    lambda text: text + "x",
    lambda text: text.replace("- ", "* "),
    lambda text: text.replace("1", "2", 1),
    lambda text: text.replace("  ", " "),
    lambda text: _END.split(text)[0],
    lambda text: _END.split(text)[-1],
    lambda text: text + " " + _sentences(1),
    lambda text: text.rstrip() + "\n" + _sentences(1),
    lambda text: _sentences(1) + " " + text,
    lambda text: _sentences(1) + "\n" + text,
    lambda text: _PAIR.sub(r"\1\2", text, count=1),
    lambda text: _PAIR.sub(r"\1 \2", text, count=1),
    lambda text: text.replace("-", "/"),
    lambda text: text.replace("%", " %"),
)


def _changed(known: Sequence[str], chance: random.Random) -> list[str]:
    """Every change on a few of the known replies, in turns."""
    changed = []
    for _ in range(max(2, min(6, len(known)))):
        for change in chance.sample(CHANGES, len(CHANGES)):
            text = chance.choice(known)
            made = change(text)
            if made != text:
                changed.append(made)
    return changed
