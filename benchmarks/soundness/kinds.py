"""What the soundness benchmark knows of each kind of constraint: wordings, parameters, replies near its border.

The functions stand in `functions/*.txt`, each as one expression over `response` or as the lines of a body, below its
mistake or `right`. Names in capitals (NUM, LOW, HIGH, WORD, MARK) are the slots of a kind's parameters; for what is
counted the expression gives the count, and the relation is a parameter.
"""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from soundness import texts
from soundness.texts import generic, of_items, of_lines, of_marks, of_paragraphs, of_words, sentences, sprinkled

Params = dict[str, object]
FOLDER = Path(__file__).parent / "functions"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of constraint. `near` draws a reply on one side of the border or the other, whichever."""

    name: str
    wordings: tuple[str, ...]
    params: tuple[Params, ...]
    near: Callable[[random.Random, Params], str]

    @property
    def right(self) -> tuple[str, ...]:
        """The right functions' templates, from `functions/*.txt`."""
        return tuple(code for flaw, code in _templates()[self.name] if flaw == "right")

    @property
    def wrong(self) -> tuple[tuple[str, str], ...]:
        """The wrong functions' templates with their mistakes."""
        return tuple((flaw, code) for flaw, code in _templates()[self.name] if flaw != "right")


@cache
def _templates() -> dict[str, list[tuple[str, str]]]:
    """(mistake or `right`, code) by the kind's name."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for section in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            name, _, body = section.partition("\n")
            blocks = re.split(r"^### ", body, flags=re.MULTILINE)[1:]
            found[name] = [(flaw, code.strip("\n")) for flaw, _, code in (block.partition("\n") for block in blocks)]
    return found


# -- counted things ----------------------------------------------------------------------------------------------------

RELATIONS = {
    "at least": (
        "{} >= NUM",
        (
            ("off by one", "{} > NUM"),
            ("off by one", "{} >= NUM - 1"),
            ("relation", "{} == NUM"),
            ("direction", "{} <= NUM"),
            ("off by one", "{} >= NUM + 2"),
            ("constant", "{} >= 1"),
        ),
    ),
    "at most": (
        "{} <= NUM",
        (
            ("off by one", "{} < NUM"),
            ("off by one", "{} <= NUM + 1"),
            ("relation", "{} == NUM"),
            ("direction", "{} >= NUM"),
            ("off by one", "{} <= NUM - 2"),
            ("relation", "1 < {} <= NUM"),
        ),
    ),
    "exactly": (
        "{} == NUM",
        (
            ("off by one", "{} == NUM + 1"),
            ("off by one", "{} == NUM - 1"),
            ("relation", "{} >= NUM"),
            ("relation", "{} <= NUM"),
            ("relation", "{} != NUM"),
            ("off by one", "NUM <= {} <= NUM + 1"),
        ),
    ),
    "between": (
        "LOW <= {} <= HIGH",
        (
            ("off by one", "LOW < {} < HIGH"),
            ("off by one", "LOW <= {} < HIGH"),
            ("off by one", "LOW < {} <= HIGH"),
            ("half the rule", "{} >= LOW"),
            ("half the rule", "{} <= HIGH"),
            ("off by one", "LOW <= {} <= HIGH + 1"),
        ),
    ),
}
NUMBERS = {
    "at least": "at least NUM",
    "at most": "at most NUM",
    "exactly": "exactly NUM",
    "between": "between LOW and HIGH",
}


@dataclasses.dataclass(frozen=True)
class Unit:
    """Something that is counted: how it is asked for, and a maker of `n` of it."""

    name: str
    wording: str
    make: Callable[[random.Random, int, Params], str]
    limits: tuple[tuple[str, int], ...]
    extra: tuple[Params, ...] = ({},)


def _params(unit: Unit) -> tuple[Params, ...]:
    found = []
    for number, (relation, limit) in enumerate(unit.limits):
        extra = unit.extra[number % len(unit.extra)]
        bounds = {"LOW": limit, "HIGH": limit + 3} if relation == "between" else {"NUM": limit}
        found.append({"RELATION": relation, **bounds, **extra})
    return tuple(found)


def _near(unit: Unit) -> Callable[[random.Random, Params], str]:
    def near(rng: random.Random, params: Params) -> str:
        border = rng.choice([params["LOW"], params["HIGH"]]) if "LOW" in params else params["NUM"]
        step = rng.choice([-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2, 3, 5])
        return unit.make(rng, max(0, border + step), params)

    return near


def counted(unit: Unit) -> Kind:
    """The kind of a unit; the relation is one of its parameters, see `functions_of`."""
    return Kind(unit.name, (unit.wording,), _params(unit), _near(unit))


UNITS = (
    Unit(
        "words",
        "Use RELATION words.",
        lambda rng, n, p: of_words(rng, n),
        (("at least", 12), ("at most", 20), ("exactly", 9), ("between", 15)),
    ),
    Unit(
        "sentences",
        "Write RELATION sentences.",
        lambda rng, n, p: sentences(rng, n, "...!?") if rng.random() < 0.7 else of_lines(rng, n, 1),
        (("exactly", 3), ("at least", 4), ("at most", 5), ("between", 2)),
    ),
    Unit(
        "lines",
        "Write RELATION lines of text, blank lines not counted.",
        lambda rng, n, p: of_lines(rng, n),
        (("exactly", 4), ("at least", 3), ("at most", 5), ("between", 2)),
    ),
    Unit(
        "paragraphs",
        "Write RELATION paragraphs with blank lines between them.",
        lambda rng, n, p: of_paragraphs(rng, n),
        (("exactly", 3), ("at least", 2), ("at most", 4), ("between", 2)),
    ),
    Unit(
        "bullets",
        "Give RELATION bullet points, each on a line that begins with - or *.",
        lambda rng, n, p: of_items(rng, n, ("- ", "* ", "  - ")) if rng.random() < 0.8 else of_items(rng, n, ("{}. ",)),
        (("exactly", 3), ("at least", 2), ("at most", 4), ("between", 3)),
    ),
    Unit(
        "numbered items",
        "Give RELATION items of a numbered list such as 1. and 2. on lines of their own.",
        lambda rng, n, p: of_items(rng, n, ("{}. ", "{}. ", "{}) ", "- ", " {}. ")),
        (("exactly", 4), ("at least", 3), ("at most", 3), ("between", 2)),
    ),
    Unit(
        "marks",
        "Use RELATION of the mark MARK.",
        lambda rng, n, p: (
            of_marks(rng, n, p["MARK"])
            if n % 3 or rng.random() < 0.5
            else of_marks(rng, n - 1, p["MARK"])[:-1] + p["MARK"]
        ),
        (("exactly", 2), ("at least", 3), ("at most", 2), ("between", 1)),
        ({"MARK": "!"}, {"MARK": ","}, {"MARK": ";"}, {"MARK": "?"}),
    ),
    Unit(
        "numbers",
        "Mention RELATION numbers written in digits.",
        lambda rng, n, p: sprinkled(rng, [str(rng.choice([7, 12, 12, 45, 300, 5, 8])) for _ in range(n)]),
        (("exactly", 2), ("at least", 3), ("at most", 2), ("between", 1)),
    ),
    Unit(
        "capital words",
        "Write RELATION words entirely in capital letters, each of two letters or more.",
        lambda rng, n, p: sprinkled(
            rng,
            [rng.choice(["NOW", "NASA", "OK", "STOP.", "VERY", "Ok", "A", "NOW"][: 6 if i else 5]) for i in range(n)],
        ),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "keyword times",
        "Use the word WORD RELATION times.",
        lambda rng, n, p: sprinkled(
            rng,
            [
                rng.choice("{0} {0} {0} {1} {0}. {0}, {2}".split()).format(
                    p["WORD"], p["WORD"].capitalize(), p["WORD"].upper()
                )
                for _ in range(n)
            ]
            + ([p["WORD"] + "s"] if rng.random() < 0.3 else [])
            + (["over" + p["WORD"]] if rng.random() < 0.15 else []),
        ),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)),
        ({"WORD": "stone"}, {"WORD": "cloud"}, {"WORD": "tea"}, {"WORD": "plan"}),
    ),
    Unit(
        "letter times",
        "Use the letter MARK RELATION times, capital or small.",
        lambda rng, n, p: (
            " ".join(
                [word for word in texts.words(rng, 30) if p["MARK"] not in word][:8]
                + [
                    rng.choice(["{0}oom", "a{0}o", "{1}ap", "pu{0}{0}o"]).format(p["MARK"], p["MARK"].upper())
                    for _ in range(n)
                ]
            )
            + "."
        ),
        (("exactly", 3), ("at least", 4), ("at most", 3), ("between", 2)),
        ({"MARK": "z"}, {"MARK": "k"}, {"MARK": "v"}, {"MARK": "q"}),
    ),
    Unit(
        "hashtags",
        "Include RELATION hashtags.",
        lambda rng, n, p: (
            sentences(rng, rng.randint(1, 3))
            + " "
            + " ".join(rng.choice(["#tips", "#Home", "#2024", "#food", "#tips", "(#cats)", "# note"]) for _ in range(n))
        ),
        (("exactly", 3), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "bold",
        "Put RELATION phrases in bold between double asterisks.",
        lambda rng, n, p: sprinkled(
            rng,
            [rng.choice(["**note**", "**very warm**", "**Salt**", "**two words**,", "**key**"]) for _ in range(n)]
            + (["*mild*"] if rng.random() < 0.3 else []),
        ),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "brackets",
        "Use RELATION remarks in round brackets.",
        lambda rng, n, p: sprinkled(
            rng,
            [rng.choice(["(see below)", "(cold)", "(by train).", "(1999)", "(if you like)"]) for _ in range(n)]
            + ([":)"] if rng.random() < 0.25 else [])
            + (["[sic]"] if rng.random() < 0.2 else [])
            + (["(a"] if rng.random() < 0.15 else []),
        ),
        (("exactly", 2), ("at least", 2), ("at most", 2), ("between", 1)),
    ),
    Unit(
        "characters",
        "Write RELATION characters, blanks counted and blanks at both ends not.",
        lambda rng, n, p: (lambda text: text[: n - 1].rstrip().ljust(n - 1, "x") + ".")(of_words(rng, n // 3 + 2)),
        (("exactly", 60), ("at least", 80), ("at most", 100), ("between", 50)),
    ),
    Unit(
        "different words",
        "Use RELATION different words, capital or small letters being the same.",
        lambda rng, n, p: (
            lambda drawn: (
                " ".join(drawn).capitalize()
                + rng.choice([".", f" {drawn[0]}.", f". {drawn[0].capitalize()} {drawn[-1]}!"])
            )
        )(rng.sample(sorted(set(texts.WORDS)), max(1, n))),
        (("at least", 8), ("at most", 12), ("exactly", 10), ("between", 6)),
    ),
)


# -- yes or no ---------------------------------------------------------------------------------------------------------


def _mix(*makers: Callable[[random.Random, Params], str]) -> Callable[[random.Random, Params], str]:
    return lambda rng, params: rng.choice(makers)(rng, params)


def _any(rng: random.Random, params: Params) -> str:
    return generic(rng)


def _plain(rng: random.Random, params: Params) -> str:
    return sentences(rng, rng.randint(1, 4))


WORDS_OF = tuple({"WORD": word} for word in ("river", "tea", "garden", "light"))

PREDICATES = (
    Kind(
        "include word",
        ("Include the word WORD.", 'Use the word "WORD" in your reply.'),
        WORDS_OF,
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: sprinkled(
                    rng, [form.format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper())]
                )
                for form in ("{0}", "{0}", "{1}", "{0},", "{0}s", "over{0}", "{2}", "{0} {0}")
            ],
            lambda rng, p: p["WORD"].capitalize() + " " + sentences(rng, 1),
        ),
    ),
    Kind(
        "avoid word",
        ("Do not use the word WORD.", "Avoid the word WORD altogether."),
        tuple({"WORD": word} for word in ("very", "the", "one", "so")),
        _mix(
            lambda rng, p: " ".join(word for word in texts.words(rng, 9) if word != p["WORD"]) + ".",
            *[
                lambda rng, p, form=form: sprinkled(
                    rng, [form.format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper())]
                )
                for form in ("{0}", "{1}", "{0},", "{0}r", "an{0}", "{2}", "{0} {0}")
            ],
            lambda rng, p: " ".join(word for word in texts.words(rng, 20) if word != p["WORD"]) + "!",
        ),
    ),
    Kind(
        "first word",
        ("Your first word must be WORD.", "Begin with the word WORD."),
        tuple({"WORD": word} for word in ("Today", "Well", "Clearly", "Once")),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: form.format(
                    p["WORD"], p["WORD"].lower(), p["WORD"].upper(), rest=sentences(rng, rng.randint(1, 3))
                )
                for form in (
                    "{0} {rest}",
                    "{0}, {rest}",
                    "{1} {rest}",
                    "{0}ish {rest}",
                    '"{0}" {rest}',
                    "{rest} {0} {rest}",
                    "{rest}\n{0} {rest}",
                    "{0}. {rest}",
                    "So {1} {rest}",
                    "{2} {rest}",
                )
            ],
        ),
    ),
    Kind(
        "last word",
        ("Your last word must be WORD.", "Let the reply end with the word WORD."),
        tuple({"WORD": word} for word in ("friend", "home", "again", "end")),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: form.format(
                    p["WORD"], p["WORD"].capitalize(), p["WORD"].upper(), rest=sentences(rng, rng.randint(1, 3))
                )
                for form in (
                    "{rest} So long, {0}.",
                    "{rest} And then {0}",
                    "{rest} It is {0}!\n",
                    "{rest} That is {1}.",
                    "{rest} Your boy{0}.",
                    "{0} {rest}",
                    "{rest} {0}\n{rest}",
                    '{rest} Say "{0}."',
                    "{rest} {2}!",
                    "{rest} {0}s.",
                )
            ],
        ),
    ),
    Kind(
        "end phrase",
        ('End with the phrase "WORD"', 'Close the reply with the exact words "WORD"'),
        tuple(
            {"WORD": phrase} for phrase in ("Have a nice day.", "That is all.", "Good luck!", "Any other questions?")
        ),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: form.format(
                    p["WORD"],
                    p["WORD"].lower(),
                    p["WORD"][:-1],
                    p["WORD"].split()[-1],
                    rest=sentences(rng, rng.randint(1, 3)),
                )
                for form in (
                    "{rest} {0}",
                    "{rest} {0}",
                    "{rest}\n{0}",
                    "{rest} {0}\n",
                    "{rest} {1}",
                    "{rest} {2}",
                    "{0} {rest}",
                    "{rest} {0} {rest}",
                    "{rest} So, {3}",
                    "{rest} {0}\n{rest}",
                )
            ],
        ),
    ),
    Kind(
        "start phrase",
        ('Start with the phrase "WORD"', 'Open the reply with the exact words "WORD"'),
        tuple({"WORD": phrase} for phrase in ("In short,", "To begin with,", "My advice:", "Dear reader,")),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: form.format(
                    p["WORD"],
                    p["WORD"].lower(),
                    p["WORD"][:-1],
                    p["WORD"].split()[0],
                    rest=sentences(rng, rng.randint(1, 3)),
                )
                for form in (
                    "{0} {rest}",
                    "{0} {rest}",
                    "{0}\n{rest}",
                    "\n{0} {rest}",
                    "{1} {rest}",
                    "{2} {rest}",
                    "{rest} {0}",
                    "{rest}\n{0} {rest}",
                    "{3} {rest}",
                )
            ],
        ),
    ),
    Kind(
        "lower case",
        (
            "Use only lowercase letters.",
            "Write everything in small letters.",
            "No capital letters, please.",
            "Write in all lowercase.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: generic(rng).lower()] * 5,
            _any,
            lambda rng, p: generic(rng).lower() + " OK",
            lambda rng, p: sentences(rng, 1).lower() + "\n" + sentences(rng, 1),
            lambda rng, p: generic(rng).lower().replace("e", "É", 1),
            lambda rng, p: sentences(rng, 2).lower().replace("a", "A", 1),
        ),
    ),
    Kind(
        "upper case",
        (
            "Use only capital letters.",
            "Write everything in uppercase.",
            "No small letters, please.",
            "Answer in all caps.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: generic(rng).upper()] * 5,
            _any,
            lambda rng, p: generic(rng).upper() + " ok",
            lambda rng, p: sentences(rng, 1).upper() + "\n" + sentences(rng, 1),
            lambda rng, p: generic(rng).upper().replace("E", "é", 1),
            lambda rng, p: sentences(rng, 1).title(),
        ),
    ),
    Kind(
        "no commas",
        ("Do not use any commas.", "Avoid commas.", "Write without a single comma.", "Leave commas out."),
        ({},),
        _mix(
            *[lambda rng, p: generic(rng).replace(",", "")] * 3,
            lambda rng, p: of_marks(rng, 1, ","),
            lambda rng, p: of_marks(rng, 3, ","),
            lambda rng, p: of_marks(rng, 2, ";").replace(",", ""),
            lambda rng, p: f"It costs 1{',' if rng.random() < 0.6 else ''}000 in all.",
            lambda rng, p: sentences(rng, 1)[:-1] + ",\n" + sentences(rng, 1),
        ),
    ),
    Kind(
        "no letter",
        ("Do not use the letter MARK.", "Avoid the letter MARK, capital or small."),
        tuple({"MARK": letter} for letter in "eats"),
        _mix(
            *[lambda rng, p: " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + "."] * 3,
            _any,
            lambda rng, p: " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + f" {p['MARK']}.",
            lambda rng, p: (
                " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + f" un{p['MARK']}x."
            ),
            lambda rng, p: (
                f"{p['MARK'].upper()}ql "
                + " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word)
                + "."
            ),
        ),
    ),
    Kind(
        "wrapped in quotes",
        (
            "Wrap the whole reply in double quotes.",
            "Put the entire answer in double quotation marks.",
            "Begin and end with a double quotation mark.",
            "The reply must be enclosed in double quotes.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: f'"{generic(rng)}"'] * 3,
            lambda rng, p: f'"{sentences(rng, 1)}"\n',
            lambda rng, p: f"'{sentences(rng, 2)}'",
            lambda rng, p: f'"{sentences(rng, 1)}',
            lambda rng, p: f'{sentences(rng, 1)}"',
            lambda rng, p: f'He said "{sentences(rng, 1)}" twice.',
            lambda rng, p: f'"{sentences(rng, 1)}" and "{sentences(rng, 1)}"',
            _plain,
        ),
    ),
    Kind(
        "JSON object",
        (
            "Reply with one JSON object and nothing else.",
            "Answer as a JSON object.",
            "The whole reply must be a valid JSON object.",
            "Use the JSON format, one object.",
        ),
        ({},),
        _mix(
            *[
                lambda rng, p: json.dumps(
                    {"answer": sentences(rng, 1), "n": 3} if rng.random() < 0.5 else {"answer": generic(rng)},
                    indent=rng.choice([None, 1]),
                )
            ]
            * 3,
            lambda rng, p: json.dumps([sentences(rng, 1)]),
            lambda rng, p: json.dumps(sentences(rng, 1)),
            lambda rng, p: "Here it is: " + json.dumps({"a": 1}),
            lambda rng, p: "{answer: " + sentences(rng, 1) + "}",
            lambda rng, p: "```json\n" + json.dumps({"a": sentences(rng, 1)}) + "\n```",
            _any,
            lambda rng, p: "42",
            lambda rng, p: '{"a": 1,}',
        ),
    ),
    Kind(
        "title",
        (
            "Include a title in double angle brackets, such as <<title>>.",
            "Add a title like <<my title>>.",
            "Put a title between << and >> into the reply.",
            "Give a title in double angular brackets.",
        ),
        ({},),
        _mix(
            *[
                lambda rng, p, form=form: form.format(
                    rng.choice(["Rivers", "My garden", "a short walk"]), rest=sentences(rng, rng.randint(1, 3))
                )
                for form in (
                    "<<{0}>>\n{rest}",
                    "<<{0}>> {rest}",
                    "{rest}\n<<{0}>>",
                    "{rest} <<{0}>>.",
                    "<{0}>\n{rest}",
                    "<<{0}\n{rest}",
                    "<<>> {rest}",
                    ">>{0}<< {rest}",
                    "{rest}",
                    "<< {rest}\n{rest} >>",
                    "a < b and <b> and > {rest}",
                )
            ]
        ),
    ),
    Kind(
        "postscript",
        (
            "Add a postscript that starts with P.S.",
            "At the end add a P.S. note.",
            "Finish with a postscript beginning with P.S.",
            "Include a line that begins with P.S.",
        ),
        ({},),
        _mix(
            *[
                lambda rng, p, form=form: form.format(note=sentences(rng, 1), rest=sentences(rng, rng.randint(1, 3)))
                for form in (
                    "{rest}\nP.S. {note}",
                    "{rest}\n\nP.S. {note}",
                    "{rest}\n\nP.S. {note}\n",
                    "{rest}\nP.S. {note}\n{note}",
                    "{rest} P.S. {note}",
                    "{rest}\np.s. {note}",
                    "{rest}\nPS {note}",
                    "{rest}\nP.S.",
                    "{rest}",
                    "{rest}\n P.S.: {note}",
                    "{rest}\nP:S: {note}",
                )
            ]
        ),
    ),
    Kind(
        "ends with a question",
        (
            "End with a question mark.",
            "The reply must end with a question.",
            "Finish with a question mark.",
            "Let the last character be a question mark.",
        ),
        ({},),
        _mix(
            *[
                lambda rng, p, form=form: form.format(
                    ask=sentences(rng, 1, "?"), rest=sentences(rng, rng.randint(1, 3))
                )
                for form in (
                    "{rest} {ask}",
                    "{ask}",
                    "{rest} {ask}\n",
                    "{ask} {ask}",
                    "{ask} {rest}",
                    "{rest}",
                    "{ask}\n{rest}",
                    "{rest} {ask}!",
                    "{rest}\n{ask}",
                    "{rest} {ask}.",
                )
            ]
        ),
    ),
    Kind(
        "lines begin with letter",
        ("Begin every line with the letter MARK.", "Each line must start with MARK."),
        tuple({"MARK": letter} for letter in "STBM"),
        _mix(
            *[lambda rng, p: "\n".join(f"{p['MARK']}o {rng.choice(texts.SENTENCES)}" for _ in range(rng.randint(1, 4)))]
            * 3,
            lambda rng, p: f"{p['MARK']}ome. {sentences(rng, 1)}\n{sentences(rng, 1)}",
            lambda rng, p: f"{p['MARK']}et it.\n\n{p['MARK']}o be it.",
            lambda rng, p: f"{p['MARK']}et it.\n{p['MARK'].lower()}o be it.",
            lambda rng, p: f"{sentences(rng, 1)}\n{p['MARK']}o.",
            lambda rng, p: f"{p['MARK']}alt.\n{p['MARK']}alt.\nOh.",
            _plain,
        ),
    ),
    Kind(
        "lines end with full stop",
        (
            "End every line with a full stop.",
            "Each line must end with a period.",
            "Close every line with a full stop.",
            "No line without a full stop at its end.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: "\n".join(sentences(rng, rng.randint(1, 2)) for _ in range(rng.randint(1, 4)))] * 3,
            lambda rng, p: of_lines(rng, rng.randint(2, 4)),
            lambda rng, p: of_paragraphs(rng, 3),
            lambda rng, p: sentences(rng, 1) + "\n" + sentences(rng, 1)[:-1],
            lambda rng, p: sentences(rng, 1)[:-1] + "\n" + sentences(rng, 2),
            lambda rng, p: sentences(rng, 1)[:-1] + ":\n" + sentences(rng, 1),
        ),
    ),
    Kind(
        "same first and last word",
        (
            "Use the same word first and last.",
            "The first word must also be the last word.",
            "Begin and end with the same word.",
            "Let the last word repeat the first one.",
        ),
        ({},),
        _mix(
            *[
                lambda rng, p, form=form: (
                    lambda word: form.format(word, word.capitalize(), rest=sentences(rng, rng.randint(1, 2)))
                )(rng.choice(["river", "bread", "home", "so"]))
                for form in (
                    "{1} {rest} And {0}.",
                    "{1}, {rest} For {1}!",
                    "{0} {rest} {0}",
                    "{1} {rest} So {0}.\n",
                    "{1} {rest} Home{0}.",
                    "{rest} {0}.",
                    "{1} {rest} {0} it is.",
                    "{1} {rest}\n{1} {rest}",
                    '"{1}" {rest} {0}.',
                    "{1}. {rest}",
                )
            ]
        ),
    ),
    Kind(
        "no digits",
        ("Do not use any digits.", "Avoid numerals.", "Write without digits.", "No figures from 0 to 9."),
        ({},),
        _mix(
            _plain,
            _plain,
            _plain,
            *[
                lambda rng, p, form=form: sprinkled(rng, [form])
                for form in ("7", "12", "1999.", "B12", "0", "6th", "89", "(3)")
            ],
            lambda rng, p: sprinkled(rng, ["4", "20"]),
            lambda rng, p: sprinkled(rng, ["one", "two"]),
        ),
    ),
    Kind(
        "long words",
        ("Use no word of more than NUM letters.", "Every word may have at most NUM letters."),
        tuple({"NUM": number} for number in (6, 7, 5, 8)),
        _mix(
            *[
                lambda rng, p: (
                    " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"]).capitalize() + "."
                )
            ]
            * 4,
            lambda rng, p: sprinkled(rng, ["x" * (p["NUM"] + 1)]),
            lambda rng, p: (
                " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"])
                + " "
                + "abcdefghij"[: p["NUM"]]
                + rng.choice([",", ".", "!"])
            ),
            lambda rng, p: (
                " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"])
                + " "
                + "abcdefghij"[: p["NUM"] + 1]
                + "."
            ),
            lambda rng, p: (
                "Abcdefghij"[: p["NUM"] + 1]
                + " "
                + " ".join(word for word in texts.words(rng, 9) if len(word) <= p["NUM"])
                + "."
            ),
            _any,
        ),
    ),
    Kind(
        "short sentences",
        ("No sentence may have more than NUM words.", "Keep every sentence to at most NUM words."),
        tuple({"NUM": number} for number in (6, 8, 5, 7)),
        lambda rng, p: rng.choice([" ", " ", "\n"]).join(
            " ".join(
                texts.words(
                    rng, max(1, p["NUM"] + rng.choice([-3, -2, -1, 0, 0] + ([1, 2] if rng.random() < 0.35 else [])))
                )
            ).capitalize()
            + rng.choice("..!?")
            for _ in range(rng.randint(1, 3))
        ),
    ),
    Kind(
        "short lines",
        ("No line may have more than NUM words.", "Keep every line to at most NUM words."),
        tuple({"NUM": number} for number in (6, 8, 5, 7)),
        lambda rng, p: "\n".join(
            " ".join(
                texts.words(
                    rng, max(1, p["NUM"] + rng.choice([-3, -2, -1, 0, 0] + ([1, 2] if rng.random() < 0.35 else [])))
                )
            ).capitalize()
            + rng.choice(["", "."])
            for _ in range(rng.randint(1, 4))
        ),
    ),
    Kind(
        "date",
        (
            "Mention a date in the form YYYY-MM-DD.",
            "Include one date such as 2023-05-17.",
            "Give a date written as year-month-day with hyphens, e.g. 2021-01-31.",
            "A date of the shape YYYY-MM-DD must occur.",
        ),
        ({},),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: sprinkled(rng, [form])
                for form in (
                    "2024-03-15",
                    "1999-12-31.",
                    "(2020-02-29)",
                    "2024-03-15",
                    "2024/03/15",
                    "15-03-2024",
                    "2024-3-5",
                    "2024",
                    "2024-03",
                    "12024-03-15",
                )
            ],
            lambda rng, p: f"2022-08-09 {sentences(rng, 1)}",
            lambda rng, p: f"{sentences(rng, 1)} On 2022-08-09",
            lambda rng, p: "2022-08-09",
        ),
    ),
    Kind(
        "percentage",
        (
            "Mention a percentage, with the % sign directly after a number.",
            "Include a figure in percent such as 25%.",
            "Use the % sign directly behind a number.",
            "State one percentage like 7%.",
        ),
        ({},),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: sprinkled(rng, [form])
                for form in ("25%", "7%", "100%.", "3.5%", "25 %", "%", "30 percent", "80%,", "%5")
            ],
            lambda rng, p: f"{sentences(rng, 2)} So 5%",
            lambda rng, p: sprinkled(rng, ["5%", "60%"]),
        ),
    ),
    Kind(
        "code block",
        (
            "Include a block of code between triple backticks.",
            "Put some code between ``` and ```.",
            "Add a code block fenced by triple backticks.",
            "Use one fenced code block.",
        ),
        ({},),
        _mix(
            _plain,
            *[
                lambda rng, p, form=form: form.format(rest=sentences(rng, rng.randint(1, 2)))
                for form in (
                    "{rest}\n```python\nprint(1)\n```",
                    "{rest}\n```\nx = 2\n```\n{rest}",
                    "{rest} ```x = 2``` {rest}",
                    "```\nls -l\n```",
                    "{rest} `x = 2` {rest}",
                    "{rest}\n```\nx = 2\n",
                    "{rest} ``` ``` {rest}",
                    "{rest} ````",
                    "```js\na()\n``` {rest}",
                )
            ],
        ),
    ),
    Kind(
        "title case",
        (
            "Begin every word with a capital letter.",
            "Capitalise the first letter of each word.",
            "Write In Title Case, every word with a capital.",
            "Every word must start with a capital letter.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: sentences(rng, rng.randint(1, 3)).title()] * 3,
            _plain,
            lambda rng, p: sentences(rng, 1).upper(),
            lambda rng, p: sentences(rng, 1).title() + " and So",
            lambda rng, p: sentences(rng, 1).title() + " so",
            lambda rng, p: sentences(rng, 1).title().replace("A", "AA"),
            lambda rng, p: sentences(rng, 1).title().replace(" The ", " the "),
            lambda rng, p: sentences(rng, 1).title() + "\n" + sentences(rng, 1).title(),
        ),
    ),
    Kind(
        "alphabetical lines",
        (
            "List the lines in alphabetical order.",
            "Sort the lines of the reply from A to Z.",
            "The lines must stand in alphabetical order, capital or small letters being the same.",
            "Put your lines into alphabetical order.",
        ),
        ({},),
        _mix(
            *[lambda rng, p: "\n".join(sorted(rng.sample(texts.SENTENCES, rng.randint(2, 5))))] * 3,
            lambda rng, p: "\n".join(sorted(rng.sample(texts.WORDS[:30], 3))),
            lambda rng, p: "\n".join(rng.sample(texts.SENTENCES, 2)),
            lambda rng, p: "\n".join(rng.sample(texts.SENTENCES, 3)),
            lambda rng, p: "apple\nBread\ncheese" if rng.random() < 0.5 else "Pear\napple\nbread\n",
            lambda rng, p: "bread\nbread\ncake",
            lambda rng, p: "Tea\nTable\nTown" if rng.random() < 0.5 else "Ant\n\nBee\n\nCat",
            lambda rng, p: "\n".join([*sorted(rng.sample(texts.SENTENCES, 3)), "A last line."]),
            _plain,
        ),
    ),
)

KINDS = (*(counted(unit) for unit in UNITS), *PREDICATES)
