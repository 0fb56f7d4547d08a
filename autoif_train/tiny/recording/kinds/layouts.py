"""The shape of the whole reply: bullets, double quotes, JSON, a title."""

from __future__ import annotations

import json
import re

from autoif_train.tiny.recording.kind import Case, Kind, labelled
from autoif_train.tiny.recording.texts import EXCITED, LISTING, LONG, MIDDLE, PLAIN, SHORT

_BULLETS = (
    "* The fox is red.\n* It eats berries.",
    "* Pack a rope.\n* Pack a torch.\n* Tell a friend where you go.",
    "* Well, the owl is gray.",
    "* The bear is big.\n* It eats honey.\n* It lives in the cave.\n* It can climb.",
    "Three reasons come to mind:\n* it is cheap\n* it is quick\n* it is near",
    "* One\n* Two\n* Three\n* Four\n* Five",
    "Buy these:\n* flour\n* butter",
    "* Sit down.\n* Breathe in.\n* Hold it.\n* Breathe out.\nRepeat that for a while.",
    "* Wash the jars.\n* Fill them with warm jam.\nLet them cool upside down.",
    "* Water the seeds.\n* Keep them warm.\n* Turn the pot each day.\n* Wait for two weeks.",
    "* The bee is yellow.\n* The bee is tiny.\n* You can find it in the garden.",
    "Morning:\n* swim\n* stretch\n\nEvening:\n* read\n* sleep early",
    "* A single point can be enough.\nThe rest is up to you.",
    "The stars * in this text * are no bullets.",
    "* The duck is white.\n\n* It eats bread.\n\n* It can swim.",
)


def _bullet_cases(count: int) -> list[Case]:
    texts = [*_BULLETS, *PLAIN[4:40:12]]
    return labelled(texts, lambda text: sum(line.startswith("* ") for line in text.split("\n")) == count)


def _quote_cases() -> list[Case]:
    texts = [f'"{text}"' for text in [*SHORT[3:12:2], *MIDDLE[::4], LONG[0], LISTING[1]]]
    texts += ['"Yes," said the owl.', 'The sign said "Open"', "'The fox is red.'", '"It eats hay.', 'It eats hay."']
    texts += ['He calls it "home" and smiles.', *PLAIN[5::9]]
    return labelled(texts, lambda text: len(text) > 2 and text[0] == text[-1] == '"')


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _json_cases() -> list[Case]:
    texts = [json.dumps({"answer": text}) for text in [*SHORT[3:12:2], *MIDDLE[2::5], EXCITED[1]]]
    texts += [
        '{"animal": "owl", "color": "gray", "can_fly": true}',
        '{\n  "city": "Oslo",\n  "days": 3,\n  "tips": ["ferry", "museum"]\n}',
        '{"answer": "The fox is red."',
        "{'answer': 'It eats grass.'}",
        'Sure, here it is: {"answer": "In the barn."}',
        '{"answer": "Bake it slowly.",}',
        "answer: the whale is big",
        "[1, 2, 3]",
        *PLAIN[3::10],
    ]
    return labelled(texts, _is_object)


def _title_cases() -> list[Case]:
    texts = [f"<<{title}>>\n{text}" for title, text in zip(_TITLES, PLAIN[3:40:4], strict=False)]
    texts += [
        "The fox is red. <<Fox>>",
        "<Fox>\nThe fox is red.",
        "<<>>\nIt eats grass.",
        "<<Bread\nBake it slowly.",
        "**The owl**\nThe owl lives in the barn.",
        "# A day in Prague\nStart early.",
        ">>Soup<<\nSoup needs more salt.",
        *PLAIN[6::9],
    ]
    return labelled(texts, lambda text: bool(re.search(r"<<[^<>\n]+>>", text)))


_TITLES = (
    "Fox",
    "The bear",
    "Winter walks",
    "Food",
    "Home",
    "Color",
    "A short guide",
    "ON THE FARM",
    "the sea",
    "Time",
)

BULLETS = Kind(
    name="bullets",
    wordings=("Give exactly {0} bullet points.", "Use {0} bullets."),
    slots=("COUNT",),
    params=((3,), (2,), (4,)),
    says=(
        "The reply must contain exactly COUNT bullet points.",
        "COUNT lines of the reply, no more and no fewer, have to begin with a bullet.",
        "Write a list of COUNT bullets.",
    ),
    contrary="Write running text without any bullet.",
    cases=_bullet_cases,
)

QUOTE = Kind(
    name="quote",
    wordings=("Wrap your answer in double quotes.", "Put the whole answer in quotes."),
    says=(
        "The reply must begin and end with a double quote.",
        "Enclose the entire reply in double quotation marks.",
        "The first and the last character have to be double quotes.",
    ),
    contrary="The reply must not contain any quotation mark.",
    cases=_quote_cases,
)

JSON = Kind(
    name="json",
    wordings=("Answer in JSON format.", "Reply as JSON."),
    says=(
        "The reply must be one valid JSON object.",
        "Reply with JSON that a parser accepts, an object at its top.",
        "Format the entire reply as a JSON object.",
    ),
    contrary="The reply must not contain braces.",
    cases=_json_cases,
)

TITLE = Kind(
    name="title",
    wordings=("Add a title in double angle brackets.", "Include a title like <<title>>."),
    says=(
        "The reply needs a title that stands between << and >>.",
        "Put a title into double angle brackets somewhere in the reply.",
        "Write a heading of the form <<heading>>.",
    ),
    contrary="The reply must not contain angle brackets.",
    cases=_title_cases,
)

KINDS = (BULLETS, QUOTE, JSON, TITLE)
