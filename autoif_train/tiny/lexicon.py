"""The words and facts of the mini-English: what exists, what is asked about it and how it is said.

Hand-written data; 56 entities of three sorts with 214 facts. The order of every list is part of the data: seeded
draws walk through it, and the shipped evaluation sets came out of such draws.
"""

from __future__ import annotations

_ANIMALS = """
fox red berries forest run small | bear brown honey cave climb big | frog green flies pond jump small
owl gray mice barn fly small | whale blue fish ocean swim big | horse brown hay farm run big
duck white bread lake swim small | snake green eggs grass hide long | wolf gray meat forest run big
bee yellow nectar garden fly tiny | cow white grass field walk big | cat black milk house climb small
dog brown bones yard run small | crow black corn field fly small | goat white leaves hill climb small
pig pink apples farm dig big | mouse gray cheese house hide tiny | lion yellow meat plain run big
seal gray fish beach swim big | shark blue squid ocean swim big | rabbit white carrots meadow jump small
turtle green plants river swim slow | spider black bugs attic climb tiny | monkey brown bananas jungle climb small
parrot red seeds jungle fly small | camel yellow dates desert walk big | penguin black shrimp ice swim small
deer brown moss meadow jump fast | ant red sugar hill dig tiny | crab orange worms beach hide small
"""
_PLANTS = """
apple red sweet tree | lemon yellow sour tree | grape purple sweet vine | pepper green hot garden
carrot orange sweet soil | onion white sharp soil | cherry red sour tree | plum purple sweet tree
melon green sweet vine | bean green plain garden | peach pink sweet tree | radish pink hot soil
"""
_JOBS = """
baker bread bakery | doctor medicine hospital | farmer crops farm | teacher lessons school
sailor boats harbor | painter pictures studio | miner coal mine | singer songs theater
tailor shirts shop | cook soup kitchen | builder houses street | writer stories library
potter bowls workshop | barber haircuts salon
"""


def _facts(table: str, *attributes: str) -> dict[str, dict[str, str]]:
    rows = [entry.split() for entry in table.replace("\n", "|").split("|") if entry.strip()]
    return {name: dict(zip(attributes, values, strict=True)) for name, *values in rows}


ENTITIES: dict[str, dict[str, str]] = {
    **_facts(_ANIMALS, "color", "food", "place", "skill", "size"),
    **_facts(_PLANTS, "color", "taste", "grow"),
    **_facts(_JOBS, "make", "work"),
}
"""Entity -> attribute -> the one word that is the fact."""

QUESTIONS: dict[str, tuple[str, str]] = {
    "color": ("What color is the {entity}?", "Tell me the color of the {entity}."),
    "food": ("What does the {entity} eat?", "Tell me what the {entity} eats."),
    "place": ("Where does the {entity} live?", "Tell me where the {entity} lives."),
    "skill": ("What can the {entity} do?", "Tell me what the {entity} can do."),
    "size": ("How would you describe the {entity}?", "Describe the {entity}."),
    "taste": ("How does the {entity} taste?", "Describe the taste of the {entity}."),
    "grow": ("Where does the {entity} grow?", "Tell me where the {entity} grows."),
    "make": ("What does the {entity} make?", "Tell me what the {entity} makes."),
    "work": ("Where does the {entity} work?", "Tell me where the {entity} works."),
}
"""Attribute -> the two ways of asking for it."""

STATEMENTS: dict[str, tuple[str, ...]] = {
    "color": ("{subject} is {value}", "the color of {thing} is {value}", "{subject} looks {value}"),
    "food": ("{subject} eats {value}", "{subject} likes to eat {value}", "{subject} loves {value}"),
    "place": (
        "{subject} lives in the {value}",
        "{subject} has a home in the {value}",
        "you can find {thing} in the {value}",
    ),
    "skill": ("{subject} can {value}", "{subject} likes to {value}", "{subject} can {value} very well"),
    "size": ("{subject} is {value}", "{subject} is a {value} animal", "{subject} looks {value}"),
    "taste": ("{subject} tastes {value}", "the taste of {thing} is {value}"),
    "grow": ("{subject} grows in the {value}", "you can find {thing} in the {value}"),
    "make": ("{subject} makes {value}", "{subject} works with {value}"),
    "work": ("{subject} works in the {value}", "you can find {thing} in the {value}"),
}
"""Attribute -> the ways of stating it; `subject` may be a pronoun where `thing` may not."""

OPENERS = ("Well", "Sure", "Of course", "Yes", "Okay")
ASIDES = (
    "think of the {keyword}",
    "it makes me think of the {keyword}",
    "I also like the {keyword}",
    "people also talk about the {keyword}",
)
CLOSING_QUESTIONS = ("Do you like it?", "Is that okay?", "Did you know that?", "Is that clear?")

_KEYWORDS = """
river sun moon winter music table window paper train summer snow road water stone bridge cloud story light dream
night morning city market island mountain ship ring king queen door box coat hat cup clock lamp chair book letter
game ball kite wheel rope nail sand wind rain storm leaf root branch flower gold silver iron glass wood silk salt
tea rice jam cake pie nut egg star sky fire
"""
_START_WORDS = """
Honestly Today Clearly Indeed Hello Simply Surely Listen Friend Maybe Again Now Look Truly Perhaps Dear Great
Often Nature Science
"""
KEYWORDS = tuple(_KEYWORDS.split())
START_WORDS = tuple(_START_WORDS.split())
END_PHRASES = (
    "That is all.",
    "Have a nice day.",
    "I hope this helps.",
    "Ask me again.",
    "See you soon.",
    "Thank you for asking.",
    "Now you know.",
    "Good luck.",
    "This is the end.",
    "What a nice thing.",
    "Keep on learning.",
    "Is there more?",
    "It is very simple.",
    "You are welcome.",
    "Have fun.",
)
COMMON_WORDS = ("the", "is", "it", "a", "in", "very", "and", "you", "can", "also")
"""Words an instruction may forbid."""
