"""How long: sentences, words at most, words at least."""

from __future__ import annotations

import re

from autoif_train.tiny.recording.kind import Case, Kind, labelled
from autoif_train.tiny.recording.texts import ASKING, EVERYDAY, EXCITED, LISTING, LONG, MIDDLE, NOT_ASKING, PLAIN, SHORT

_NEAREST = 14  # texts whose length is close to the limit tell a right function from one that is off by one


def _word_count(text: str) -> int:
    return len(re.findall(r"[A-Za-z0-9']+", text))


def _sentence_count(text: str) -> int:
    return len(re.findall(r"[.!?]+(?=\s|$)", text))


def _nsent_cases(count: int) -> list[Case]:
    texts = [*SHORT[3:9], *MIDDLE[2::3], *LONG, *LISTING[:3], *EXCITED[2:8], *ASKING[1:5], *NOT_ASKING[:2]]
    return labelled(texts, lambda text: _sentence_count(text) == count)


def _near(count: int) -> list[str]:
    candidates = [text for text in [*PLAIN, *LISTING] if _word_count(text) != count]
    exact = [text for text in EVERYDAY if _word_count(text) == count]
    candidates.sort(key=lambda text: (abs(_word_count(text) - count), text))
    below = [text for text in candidates if _word_count(text) < count][: _NEAREST // 2]
    above = [text for text in candidates if _word_count(text) > count][: _NEAREST // 2]
    return [*exact, *below, *above, SHORT[0], LONG[-1]]


def _atmost_cases(count: int) -> list[Case]:
    return labelled(_near(count), lambda text: _word_count(text) <= count)


def _atleast_cases(count: int) -> list[Case]:
    return labelled(_near(count), lambda text: _word_count(text) >= count)


NSENT = Kind(
    name="nsent",
    wordings=("Answer in exactly {0} sentences.", "Write {0} sentences."),
    slots=("COUNT",),
    params=((3,), (1,), (2,), (4,)),
    says=(
        "The reply must consist of exactly COUNT sentences.",
        "Write COUNT sentences, neither more nor fewer.",
        "The number of sentences has to be COUNT.",
    ),
    contrary="Write a single word instead of sentences.",
    cases=_nsent_cases,
)

ATMOST = Kind(
    name="atmost",
    wordings=("Use at most {0} words.", "Do not use more than {0} words."),
    slots=("COUNT",),
    params=((8,), (3,), (4,), (5,), (7,), (10,), (11,), (12,)),
    says=(
        "The reply may have COUNT words at most.",
        "Write no more than COUNT words.",
        "Keep the reply to a length of COUNT words or fewer.",
    ),
    contrary="Write more than COUNT words.",
    cases=_atmost_cases,
)

ATLEAST = Kind(
    name="atleast",
    wordings=("Use at least {0} words.", "Write {0} words or more."),
    slots=("COUNT",),
    params=((15,), (10,), (11,), (12,), (14,), (16,), (17,), (19,), (20,), (21,), (24,)),
    says=(
        "The reply needs COUNT words or more.",
        "Write no fewer than COUNT words.",
        "The length of the reply must reach a minimum of COUNT words.",
    ),
    contrary="Write fewer than COUNT words.",
    cases=_atleast_cases,
)

KINDS = (NSENT, ATMOST, ATLEAST)
