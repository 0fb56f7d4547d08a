"""Letters and punctuation: lower case, upper case, commas, exclamation marks, a closing question."""

from __future__ import annotations

from autoif_train.tiny.recording.kind import Case, Kind, labelled
from autoif_train.tiny.recording.texts import ASKING, EXCITED, LISTING, NOT_ASKING, PLAIN


def _lower_cases() -> list[Case]:
    texts = [text.lower() for text in PLAIN[3:34:3]] + PLAIN[4:36:4] + ["call me at 5 pm", "the owl is Gray.", "OK"]
    return labelled(texts, lambda text: text == text.lower())


def _upper_cases() -> list[Case]:
    texts = [text.upper() for text in PLAIN[3:34:3]] + PLAIN[4:36:4] + ["ROOM 101", "THE OWL is GRAY.", "ok"]
    return labelled(texts, lambda text: text == text.upper())


def _nocomma_cases() -> list[Case]:
    return labelled([*LISTING, *PLAIN[::3], "Flour, please", "1,000 steps"], lambda text: "," not in text)


def _comma_cases(count: int) -> list[Case]:
    return labelled([*LISTING, *PLAIN[3::5], "Yes, no, maybe, later."], lambda text: text.count(",") >= count)


def _excl_cases(count: int) -> list[Case]:
    return labelled([*EXCITED, *PLAIN[3::6], "Hooray!!!", "Look!!"], lambda text: text.count("!") == count)


def _question_cases() -> list[Case]:
    return labelled([*ASKING, *NOT_ASKING, *PLAIN[3::5], "Really?!"], lambda text: text.endswith("?"))


LOWER = Kind(
    name="lower",
    wordings=("Use only lowercase letters.", "Write in all lowercase."),
    says=(
        "Write the whole reply without any capital letter.",
        "Every letter of the reply has to be a small one.",
        "Use lowercase letters only, from beginning to end.",
    ),
    contrary="Begin every sentence with a capital letter.",
    cases=_lower_cases,
)

UPPER = Kind(
    name="upper",
    wordings=("Use only capital letters.", "Write in all uppercase."),
    says=(
        "Write the whole reply in capital letters.",
        "No small letter may occur anywhere in the reply.",
        "All letters of the reply must be uppercase.",
    ),
    contrary="Use small letters only.",
    cases=_upper_cases,
)

NOCOMMA = Kind(
    name="nocomma",
    wordings=("Do not use any commas.", "Avoid commas."),
    says=(
        "The reply must not contain a single comma.",
        "Write the reply without commas.",
        "Leave out commas altogether.",
    ),
    contrary="Put at least one comma into the reply.",
    cases=_nocomma_cases,
)

COMMA = Kind(
    name="comma",
    wordings=("Use at least {0} commas.", "Include {0} or more commas."),
    slots=("COUNT",),
    params=((2,), (1,), (3,)),
    says=(
        "Use COUNT commas or more.",
        "The reply needs a minimum of COUNT commas.",
        "Put no fewer than COUNT commas into the reply.",
    ),
    contrary="Use fewer than COUNT commas.",
    cases=_comma_cases,
)

EXCL = Kind(
    name="excl",
    wordings=("Use exactly {0} exclamation marks.", "Include {0} exclamation marks."),
    slots=("COUNT",),
    params=((2,), (1,), (3,)),
    says=(
        "The reply must contain exactly COUNT exclamation marks.",
        "Use the exclamation mark COUNT times, neither more nor less often.",
        "Exactly COUNT of the characters have to be exclamation marks.",
    ),
    contrary="Do not use any exclamation mark.",
    cases=_excl_cases,
)

QUESTION = Kind(
    name="question",
    wordings=("End with a question mark.", "Finish with a question."),
    says=(
        "The last character of the reply must be a question mark.",
        "Close the reply with a question.",
        "The reply has to end with a question mark, a closing quote aside.",
    ),
    contrary="The reply must end with a full stop.",
    cases=_question_cases,
)

KINDS = (LOWER, UPPER, NOCOMMA, COMMA, EXCL, QUESTION)
