"""What stands before and after the answer: a closing phrase, the repeated question, a postscript."""

from __future__ import annotations

import re

from autoif_train.tiny.recording.kind import Case, Kind, labelled
from autoif_train.tiny.recording.texts import ASKING, LISTING, MIDDLE, PLAIN, SHORT


def _end_cases(phrase: str) -> list[Case]:
    texts = [f"{text} {phrase}" for text in [*SHORT[3:9:2], *MIDDLE[::6], LISTING[1]]]
    texts += [
        f"The fox is red.\n\n{phrase}",
        f"THE BEAR IS BIG. {phrase.upper()}",
        f"{phrase} The owl is gray.",
        f"The whale is blue. {phrase} Anything else you would like to hear about?",
        f"It eats grass. {phrase[: len(phrase) // 2]}",
        *PLAIN[4::8],
    ]
    return labelled(texts, lambda text: text.lower().endswith(phrase.lower()))


_REPEATED = """\
What color is the fox? The fox is red.
Where does the owl live? The owl lives in the barn.
How does the lemon taste? A lemon tastes sour.
Tell me what the bear eats. The bear likes to eat honey.
Describe the cherry. A cherry is red and tastes sour.
what can the frog do? the frog can jump very well.
WHERE DOES THE BAKER WORK? THE BAKER WORKS IN THE BAKERY.
What is a good first book on birds? Take a small field guide of your own region.
How long do eggs keep in the fridge? About four weeks.
Where can I see seals in winter? On the sandbanks north of the harbor.
Tell me where the miner works. You can find the miner in the mine.
Describe how tides arise. The moon pulls at the sea, and the earth turns below it.
How would you describe the whale? Big! It can swim.
""".splitlines()

_NOT_REPEATED = """\
The fox is red.
The owl lives in the barn. Where else should it live?
Sure, a lemon tastes sour.
It eats honey. That is what the bear eats.
What a lovely color the fox has.
You asked about the frog. It can jump.
How nice of you to ask
About four weeks, if they are fresh.
On the sandbanks north of the harbor.
Somewhere else.
""".splitlines()


def _repeat_cases() -> list[Case]:
    return [(text, True) for text in _REPEATED] + [(text, False) for text in [*_NOT_REPEATED, *PLAIN[3:40:9]]]


def _ps_cases() -> list[Case]:
    texts = [
        "The fox is red.\nP.S. The fox can run.",
        "The owl lives in the barn. It eats mice.\nP.S. The owl is small.",
        "Bake it slowly.\n\nP.S. Use a glass dish.",
        "THE BEAR IS BIG.\nP.S. A BEAR EATS HONEY.",
        "Take the night train and book a window seat. P.S. Bring a pillow.",
        "Thank you for the parcel, it came in time.\n\nP.S. Your mother says hello.",
        "A lemon tastes sour.\nP.S. You can find it in the tree.",
        "Learn ten words a day.\nP.S. Sundays are free.",
        "1. Wash the rice.\n2. Boil it.\nP.S. A lid helps.",
        "The fox is red.\nP.S.",
        "P.S.: nothing more to say",
        "The whale is blue. PS: it swims.",
        "Send it by post. Psst, do not tell him.",
        "The goat is white. Postscript: it eats leaves.",
        *PLAIN[4::6],
        ASKING[2],
    ]
    return labelled(texts, lambda text: bool(re.search(r"p\.s\. \w", text.lower())))


END = Kind(
    name="end",
    wordings=('End with "{0}"', 'Finish your answer with "{0}"'),
    slots=("PHRASE",),
    params=tuple(
        (phrase,)
        for phrase in (
            "Have a nice day.",
            "I hope this helps.",
            "Ask me again.",
            "See you soon.",
            "Now you know.",
            "Good luck.",
            "This is the end.",
            "What a nice thing.",
            "Is there more?",
            "It is very simple.",
            "You are welcome.",
            "Have fun.",
        )
    ),
    says=(
        'The last words of the reply must be "PHRASE"',
        'Close the reply with the phrase "PHRASE", whatever its case.',
        'Nothing may follow the phrase "PHRASE", which has to end the reply.',
    ),
    contrary='The reply must begin with "PHRASE"',
    cases=_end_cases,
)

REPEAT = Kind(
    name="repeat",
    wordings=("First repeat the question.", "Repeat the question before you answer."),
    says=(
        "The reply must open by repeating the question or request.",
        "Begin with the question itself before the answer follows.",
        "The first sentence has to be the question that was asked.",
    ),
    contrary="The reply must not contain the question.",
    cases=_repeat_cases,
)

PS = Kind(
    name="ps",
    wordings=("Add a postscript starting with P.S.", "At the end add a P.S. note."),
    says=(
        "The reply needs a postscript that begins with P.S. and goes on after it.",
        "Write P.S. and a note behind it.",
        "Somewhere P.S. must be followed by a note.",
    ),
    contrary="The reply must not contain a postscript.",
    cases=_ps_cases,
)

KINDS = (END, REPEAT, PS)
