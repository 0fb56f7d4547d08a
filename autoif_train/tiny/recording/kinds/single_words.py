"""One word: included, included a number of times, forbidden, first of all."""

from __future__ import annotations

import re

from autoif_train.tiny.recording.kind import Case, Kind, each, labelled
from autoif_train.tiny.recording.texts import ASKING, LISTING, LONG, MIDDLE, PLAIN, SHORT


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


_WITH_WORD = """\
The fox is red. I also like the WORD.
It eats hay and it makes me think of the WORD.
WORD is the first thing that comes to my mind.
My sister wrote a short poem about the WORD.
People also talk about the WORD, and the bear is big.
Nothing beats a walk at dawn, a warm drink and a WORD.
Have you ever looked closely at one WORD? Most people have not.
"WORD" is a word that children learn early.
THE OWL IS GRAY. THINK OF THE WORD.
""".splitlines()

_LOOKALIKE = """\
Some say WORDish things when they are tired.
A preWORD habit of my uncle is to whistle.
""".splitlines()

_SEVERAL = """\
The WORD is near and the WORD is far.
Think of the WORD. The frog is green. I also like the WORD.
One WORD here, one WORD there, and one more WORD at home.
First a WORD, then a second WORD, and that was all.
My WORD or your WORD?
WORD after WORD after WORD, he never stopped counting.
The bee is yellow. It makes me think of the WORD. I also like the WORD. People also talk about the WORD.
A WORD alone tells you little about the whole.
The pig is pink and people also talk about the WORD.
He said WORD, WORD, WORD and WORD again.
Where one WORD is lost, another WORD is found.
No WORD, no trouble. So say the old sailors.
WORD! Oh, how I missed you.
It was WORD this and WORD that and WORD everywhere, the whole evening long.
the WORD came first. then came the second WORD. the third WORD came late.
""".splitlines()

_EVERYDAY_WORDS = """\
The cat can climb very well and it is also a quick runner.
You can also freeze it in a box.
A very old oak stands in the yard, and you can see it also at night.
Also, it is very cold in the cave.
Very few people know that bees can also dance.
THE FROG CAN JUMP VERY FAR AND YOU CAN ALSO HEAR IT.
Swans mate for life and raise their young together.
My neighbor grows tomatoes on his roof.
Red berries grow here.
Most cats dislike baths.
He walks to work every day with his two dogs.
Bread rises best near warm stoves.
Sharks never stop swimming.
Pour hot milk over oats, stir well, wait five minutes.
Also try some lime.
You can swim there all summer.
""".splitlines()


def _kw_cases(word: str) -> list[Case]:
    texts = [text.replace("WORD", word) for text in [*_WITH_WORD, *_LOOKALIKE]] + PLAIN[2:40:4]
    return labelled(texts, lambda text: word in _words(text))


def _kwn_cases(word: str, count: int) -> list[Case]:
    texts = [text.replace("WORD", word) for text in _SEVERAL] + PLAIN[5:40:9]
    return labelled(texts, lambda text: _words(text).count(word) == count)


def _taboo_cases(word: str) -> list[Case]:
    return labelled([*_EVERYDAY_WORDS, *PLAIN[1:44:2], *LISTING[::3]], lambda text: word not in _words(text))


_STARTING = """\
WORD, the fox is red.
WORD the bear likes to climb.
WORD you can find it in the meadow.
WORD we take such things for granted.
WORD. It eats nectar and lives in the garden.
WORD, there are three easy ways to fold a napkin.
WORD! The train leaves at noon.
"""

_LATER = """\
The fox is red. WORD it runs.
I would say WORD, but I am not sure.
WORDs and more of them were all I heard.
"""


def _start_cases(word: str) -> list[Case]:
    texts = [text.replace("WORD", word) for text in (_STARTING + _LATER).splitlines()]
    texts += [texts[0].lower(), texts[3].upper(), *SHORT[3::4], *MIDDLE[::5], ASKING[1], LONG[2]]
    return labelled(texts, lambda text: _words(text)[:1] == [word.lower()])


_KW_SLOT = ("WORD",)

KW = Kind(
    name="kw",
    wordings=("Include the word {0}.", "Use the word {0} in your answer."),
    slots=_KW_SLOT,
    params=each("sun window summer bridge story market mountain clock kite silver rain"),
    says=(
        "The word WORD must occur in the reply.",
        "Mention WORD as a word of its own at least once.",
        "Make sure that the reply contains the word WORD, in small or capital letters.",
    ),
    contrary="The word WORD must not occur in the reply.",
    cases=_kw_cases,
)

KWN = Kind(
    name="kwn",
    wordings=("Use the word {0} exactly {1} times.", "The word {0} must appear {1} times."),
    slots=("WORD", "COUNT"),
    params=(
        *(("moon", 2), ("paper", 3), ("water", 2), ("island", 3), ("queen", 2), ("letter", 3), ("storm", 2)),
        *(("flower", 3), ("glass", 2), ("cake", 3), ("night", 2)),
    ),
    says=(
        "The word WORD must occur exactly COUNT times.",
        "Say the word WORD COUNT times, no more and no less.",
        "Use WORD as a word of its own COUNT times in all.",
    ),
    contrary="The word WORD may occur only once.",
    cases=_kwn_cases,
)

TABOO = Kind(
    name="taboo",
    wordings=("Do not use the word {0}.", "Avoid the word {0}."),
    slots=_KW_SLOT,
    params=each("very the is it a in and you can also"),
    says=(
        "The word WORD must not occur in the reply.",
        "Write without the word WORD, in small or capital letters.",
        "Leave out the word WORD.",
    ),
    contrary="Use the word WORD at least once.",
    cases=_taboo_cases,
)

START = Kind(
    name="start",
    wordings=("Start with the word {0}.", "Your first word must be {0}."),
    slots=_KW_SLOT,
    params=each("Today Clearly Indeed Hello Surely Listen Friend Now Look Truly Perhaps Great"),
    says=(
        "The first word of the reply must be WORD.",
        "Begin the reply with the word WORD.",
        "Open with WORD, in small or capital letters, before anything else is said.",
    ),
    contrary="The last word of the reply must be WORD.",
    cases=_start_cases,
)

KINDS = (KW, KWN, TABOO, START)
