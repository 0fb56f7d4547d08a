"""Replies as chat models write them, made to lie on either side of a constraint's border. Seeded, in own words."""

from __future__ import annotations

import random
from collections.abc import Sequence

SENTENCES = """\
The river runs north past the old mill.
Most bakers start work long before sunrise.
Pack a warm coat for the evening.
Our library opens at noon on most days.
Boil the eggs and cool them at once.
A good map shows every road of the region.
The train leaves from the second platform.
Water boils sooner on high mountains.
Many birds fly south when autumn comes.
You can walk to the market in a few minutes.
Fresh herbs lose their scent quickly.
The museum keeps its best paintings upstairs.
Try a slow breath before you answer.
Small steps are easier to keep than big plans.
The garden needs shade during the hot months.
My neighbour repairs bicycles in his garage.
Bread dough should rest under a damp cloth.
The harbour is quiet early in the morning.
Children learn songs faster than poems.
Rain is likely over the northern hills.
Honey keeps for years in a closed jar.
The lamp beside the door is broken again.
Cats sleep through most of the day.
Every village here has its own bridge.
A short walk clears the head.
The second chapter explains the method.
Old clocks need winding once a week.
Paper burns more quickly than wood.
The soup wants a little more salt.
Farmers sow wheat late in autumn.
""".splitlines()
WORDS = (
    "river bread market garden winter lamp paper music story window bridge summer forest table village letter"
    " morning kitchen mountain teacher doctor animal picture engine blanket candle pocket mirror ladder basket"
    " green small quiet early bright narrow gentle heavy simple warm takes keeps shows brings finds makes turns"
    " grows opens follows under near behind after before with from over into and the a of in"
).split()
ACCENTS = {"e": "é", "a": "à", "o": "ö", "u": "ü", "i": "ï"}


def sentences(rng: random.Random, count: int, ends: str = ".") -> str:
    """`count` sentences on one line, each closed by one of the marks in `ends`."""
    chosen = [rng.choice(SENTENCES)[:-1] + rng.choice(ends) for _ in range(count)]
    return " ".join(chosen)


def words(rng: random.Random, count: int) -> list[str]:
    return [rng.choice(WORDS) for _ in range(count)]


def of_words(rng: random.Random, count: int) -> str:
    """One reply of `count` words, in sentences, sometimes over several lines."""
    if count < 1:
        return ""
    text = ""
    for place, word in enumerate(drawn := words(rng, count)):
        last = place == len(drawn) - 1
        opening = not text or text.rstrip()[-1] in ".!?"
        text += (word.capitalize() if opening else word) + (rng.choice("..!") if last or rng.random() < 0.12 else "")
        text += "" if last else rng.choice([" "] * 12 + ["\n", "\n\n", ", ", "  "])
    return text


def of_lines(rng: random.Random, count: int, most: int = 2) -> str:
    """`count` lines that are not blank; now and then a blank line between two."""
    lines = [sentences(rng, rng.randint(1, most), "..!") for _ in range(count)]
    return "".join(line + ("" if n == count - 1 else rng.choice(["\n"] * 5 + ["\n\n"])) for n, line in enumerate(lines))


def of_paragraphs(rng: random.Random, count: int) -> str:
    """`count` paragraphs with blank lines between them; some of two lines."""
    blocks = [rng.choice(["{}", "{}", "{}\n{}"]).format(*(sentences(rng, 1) for _ in range(2))) for _ in range(count)]
    return "".join(
        block + ("" if n == count - 1 else rng.choice(["\n\n"] * 5 + ["\n\n\n"])) for n, block in enumerate(blocks)
    )


def of_items(rng: random.Random, count: int, marks: Sequence[str]) -> str:
    """A list of `count` items, with or without sentences around it."""
    mark = rng.choice(marks)
    items = [mark.format(number + 1) + rng.choice(SENTENCES) for number in range(count)]
    before = [sentences(rng, 1)] if rng.random() < 0.4 else []
    after = [sentences(rng, 1)] if rng.random() < 0.3 else []
    return "\n".join([*before, *items, *after])


def sprinkled(rng: random.Random, pieces: Sequence[str], least_words: int = 8) -> str:
    """Plain words with `pieces` put between them, each at a place of its own, as one or two sentences."""
    plain = words(rng, max(least_words, 2 * len(pieces)))
    for piece in pieces:
        plain.insert(rng.randint(0, len(plain)), piece)
    half = rng.randint(2, len(plain) - 2)
    closed = [*plain[: half - 1], plain[half - 1] + ".", *plain[half:-1], plain[-1] + "."]
    return " ".join(closed)


def of_marks(rng: random.Random, count: int, mark: str) -> str:
    """Words with the mark at the end of `count` of them; now and then two marks together."""
    plain = words(rng, max(8, 2 * count))
    for _ in range(count):
        plain[rng.randrange(len(plain))] += mark
    return " ".join(plain) + "."


def generic(rng: random.Random) -> str:
    """Any reply at all."""
    return rng.choice(
        (
            lambda: sentences(rng, rng.randint(1, 6), "...!?"),
            lambda: of_words(rng, rng.randint(2, 40)),
            lambda: of_lines(rng, rng.randint(1, 6)),
            lambda: of_paragraphs(rng, rng.randint(2, 5)),
            lambda: of_items(rng, rng.randint(2, 6), ("- ", "* ", "{}. ")),
            lambda: of_marks(rng, rng.randint(1, 4), rng.choice(",!?")),
            lambda: sprinkled(rng, [str(rng.randint(1, 300)) for _ in range(rng.randint(1, 3))]),
        )
    )()


def finished(rng: random.Random, text: str) -> str:
    """The reply as it may arrive: with a line end behind it, shouted, in small letters, with accents."""
    draw = rng.random()
    if draw < 0.10:
        return text + "\n"
    if draw < 0.13:
        return "\n" + text
    if draw < 0.17:
        return text.upper()
    if draw < 0.22:
        return text.lower()
    if draw < 0.27:
        letter = rng.choice("eaoui")
        return text.replace(letter, ACCENTS[letter], 2)
    return text
