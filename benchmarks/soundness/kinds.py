# ruff: noqa: E501
"""What the soundness benchmark knows of each kind of constraint: wordings, right functions, plausible wrong ones, texts.

Functions are written as one expression over `response`, or as the lines of a body. Names in capitals (NUM, LOW, HIGH,
WORD, MARK) are the slots of a kind's parameters. A wrong one carries the name of its mistake.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable

from soundness import texts
from soundness.texts import generic, of_items, of_lines, of_marks, of_paragraphs, of_words, sentences, sprinkled

Params = dict[str, object]
Wrong = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of constraint. `near` draws a reply on one side of the border or the other, whichever."""

    name: str
    wordings: tuple[str, ...]
    params: tuple[Params, ...]
    right: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    near: Callable[[random.Random, Params], str]


# -- counted things ----------------------------------------------------------------------------------------------------

RELATIONS = {
    "at least": ("{} >= NUM", (("off by one", "{} > NUM"), ("off by one", "{} >= NUM - 1"), ("relation", "{} == NUM"),
                               ("direction", "{} <= NUM"), ("off by one", "{} >= NUM + 2"), ("constant", "{} >= 1"))),
    "at most": ("{} <= NUM", (("off by one", "{} < NUM"), ("off by one", "{} <= NUM + 1"), ("relation", "{} == NUM"),
                              ("direction", "{} >= NUM"), ("off by one", "{} <= NUM - 2"), ("relation", "1 < {} <= NUM"))),
    "exactly": ("{} == NUM", (("off by one", "{} == NUM + 1"), ("off by one", "{} == NUM - 1"), ("relation", "{} >= NUM"),
                              ("relation", "{} <= NUM"), ("relation", "{} != NUM"), ("off by one", "NUM <= {} <= NUM + 1"))),
    "between": ("LOW <= {} <= HIGH", (("off by one", "LOW < {} < HIGH"), ("off by one", "LOW <= {} < HIGH"),
                                      ("off by one", "LOW < {} <= HIGH"), ("half the rule", "{} >= LOW"),
                                      ("half the rule", "{} <= HIGH"), ("off by one", "LOW <= {} <= HIGH + 1"))),
}  # fmt: skip
NUMBERS = {
    "at least": "at least NUM",
    "at most": "at most NUM",
    "exactly": "exactly NUM",
    "between": "between LOW and HIGH",
}


@dataclasses.dataclass(frozen=True)
class Unit:
    """Something that is counted: `name` as the wording says it, expressions for the count, and a maker of `n` of it."""

    name: str
    wording: str
    right: tuple[str, ...]
    wrong: tuple[Wrong, ...]
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
    return Kind(unit.name, (unit.wording,), _params(unit), unit.right, unit.wrong, _near(unit))


WORD_LOOP = """\
count = 0
inside = False
for character in response:
    if character.isspace():
        inside = False
    elif not inside:
        inside = True
        count += 1
return COMPARED(count)"""

UNITS = (
    Unit(
        "words", "Use RELATION words.",
        ("len(response.split())", r"len(re.findall(r'\S+', response))", WORD_LOOP),
        (("characters for words", "len(response)"), ("lines for words", "len(response.splitlines())"),
         ("blank for words", "response.count(' ')"), ("blanks", "len(response.split(' '))"),
         ("repeated words once", "len(set(response.split()))"), ("case", r"len(re.findall(r'[a-z]+', response))"),
         ("punctuation", "len([word for word in response.split() if word.isalpha()])"),
         ("sentences for words", r"len(re.findall(r'[.!?]', response))"),
         ("short words left out", "len([word for word in response.split() if len(word) > 3])")),
        lambda rng, n, p: of_words(rng, n), (("at least", 12), ("at most", 20), ("exactly", 9), ("between", 15)),
    ),
    Unit(
        "sentences", "Write RELATION sentences.",
        (r"len([part for part in re.split(r'[.!?]+', response) if part.strip()])",
         r"sum(1 for part in re.split(r'[.!?]', response) if part.strip())",
         r"len(re.findall(r'[^.!?]*[^.!?\s][^.!?]*', response))"),
        (("only full stops", "response.count('.')"), ("empty rest counted", "len(response.split('.'))"),
         ("lines for sentences", "len(response.splitlines())"), ("empty rest counted", r"len(re.split(r'[.!?]', response))"),
         ("last one missed", r"len(re.findall(r'[.!?]\s', response))"), ("blank needed", "response.count('. ') + 1"),
         ("only full stops", "len([part for part in response.split('.') if part.strip()])"),
         ("words for sentences", "len(response.split())"), ("capital needed", r"len(re.findall(r'[A-Z][a-z ]+[.]', response))")),
        lambda rng, n, p: sentences(rng, n, "...!?") if rng.random() < 0.7 else of_lines(rng, n, 1),
        (("exactly", 3), ("at least", 4), ("at most", 5), ("between", 2)),
    ),
    Unit(
        "lines", "Write RELATION lines of text, blank lines not counted.",
        ("len([line for line in response.splitlines() if line.strip()])",
         "sum(1 for line in response.split('\\n') if line.strip())", r"len(re.findall(r'[^\n]*\S[^\n]*', response))"),
        (("blank lines counted", "len(response.split('\\n'))"), ("line ends for lines", "response.count('\\n')"),
         ("sentences for lines", r"len(re.findall(r'[.!?]', response))"), ("blank lines counted", "response.count('\\n') + 1"),
         ("paragraphs for lines", r"len(re.split(r'\n\n', response))"), ("words for lines", "len(response.split())"),
         ("indented or small left out", r"len(re.findall(r'^[A-Z]', response, re.M))"),
         ("repeated lines once", "len({line[:6] for line in response.splitlines() if line.strip()})"),
         ("blank lines counted", "len(response.splitlines())")),
        lambda rng, n, p: of_lines(rng, n), (("exactly", 4), ("at least", 3), ("at most", 5), ("between", 2)),
    ),
    Unit(
        "paragraphs", "Write RELATION paragraphs with blank lines between them.",
        (r"len([block for block in re.split(r'\n\s*\n', response) if block.strip()])",
         r"sum(1 for block in re.split(r'\n\s*\n', response.strip()) if block)",
         r"len([block for block in re.split(r'\n[ \t\r]*\n', response) if block.strip()])"),
        (("lines for paragraphs", "len([line for line in response.splitlines() if line.strip()])"),
         ("breaks for paragraphs", r"response.count('\n\n')"), ("empty block counted", r"len(response.split('\n\n\n'))"),
         ("lines for paragraphs", "len(response.split('\\n'))"), ("sentences for paragraphs", "response.count('.')"),
         ("strict breaks", r"len(re.findall(r'[^\n]\n\n[^\n]', response))"),
         ("blank lines for paragraphs", "len([line for line in response.split('\\n') if not line])"),
         ("short ones left out", r"len([block for block in re.split(r'\n\s*\n', response) if len(block.split()) > 8])"),
         ("words for paragraphs", "len(response.split())")),
        lambda rng, n, p: of_paragraphs(rng, n), (("exactly", 3), ("at least", 2), ("at most", 4), ("between", 2)),
    ),
    Unit(
        "bullets", "Give RELATION bullet points, each on a line that begins with - or *.",
        (r"len(re.findall(r'^\s*[-*] ', response, re.M))",
         "len([line for line in response.splitlines() if line.strip()[:2] in ('- ', '* ')])",
         "sum(line.lstrip().startswith(('- ', '* ')) for line in response.split('\\n'))"),
        (("only hyphens", "len([line for line in response.splitlines() if line.strip().startswith('- ')])"),
         ("only stars", "len([line for line in response.splitlines() if line.strip().startswith('* ')])"),
         ("anywhere in the text", "response.count('-') + response.count('*')"), ("lines for bullets", "len(response.splitlines())"),
         ("first match only", r"len(re.findall(r'^\s*[-*] ', response))"), ("line end needed", r"len(re.findall(r'\n[-*] ', response))"),
         ("numbers too", r"len(re.findall(r'^\s*(?:[-*]|\d+\.) ', response, re.M))"),
         ("anywhere in the text", "response.count('- ') + response.count('* ')"), ("sentences for bullets", "response.count('.')")),
        lambda rng, n, p: of_items(rng, n, ("- ", "* ", "  - ")) if rng.random() < 0.8 else of_items(rng, n, ("{}. ",)),
        (("exactly", 3), ("at least", 2), ("at most", 4), ("between", 3)),
    ),
    Unit(
        "numbered items", "Give RELATION items of a numbered list such as 1. and 2. on lines of their own.",
        (r"len(re.findall(r'^\s*\d+\. ', response, re.M))",
         r"sum(bool(re.match(r'\s*\d+\. ', line)) for line in response.splitlines())",
         r"len([line for line in response.split('\n') if re.match(r'\d+\. ', line.strip())])"),
        (("anywhere in the text", r"len(re.findall(r'\d+', response))"), ("lines for items", "len(response.splitlines())"),
         ("first match only", r"len(re.findall(r'^\s*\d+\. ', response))"), ("line end needed", r"len(re.findall(r'\n\d+\. ', response))"),
         ("brackets for points", r"len(re.findall(r'^\s*\d+\) ', response, re.M))"), ("sentences for items", "response.count('.')"),
         ("bullets too", r"len(re.findall(r'^\s*(?:\d+\.|[-*]) ', response, re.M))"),
         ("blank not needed", r"len(re.findall(r'^\s*\d+', response, re.M))"), ("first digit", r"len(re.findall(r'^1\. ', response, re.M))")),
        lambda rng, n, p: of_items(rng, n, ("{}. ", "{}. ", "{}) ", "- ", " {}. ")),
        (("exactly", 4), ("at least", 3), ("at most", 3), ("between", 2)),
    ),
    Unit(
        "marks", "Use RELATION of the mark MARK.",
        ("response.count('MARK')", "sum(1 for character in response if character == 'MARK')", "len(response.split('MARK')) - 1"),
        (("runs for marks", r"len(re.findall(r'[MARK]+', response))"), ("pieces for marks", "len(response.split('MARK'))"),
         ("words for marks", "len([word for word in response.split() if 'MARK' in word])"),
         ("lines for marks", "len([line for line in response.splitlines() if 'MARK' in line])"),
         ("other mark too", "response.count('MARK') + response.count('.')"), ("full stops for marks", "response.count('.')"),
         ("blank needed", "response.count('MARK ')"), ("only the end", "int(response.endswith('MARK'))"),
         ("only at the end of lines", "sum(line.endswith('MARK') for line in response.splitlines())")),
        lambda rng, n, p: of_marks(rng, n, p["MARK"]) if n % 3 or rng.random() < 0.5 else of_marks(rng, n - 1, p["MARK"])[:-1] + p["MARK"],
        (("exactly", 2), ("at least", 3), ("at most", 2), ("between", 1)), ({"MARK": "!"}, {"MARK": ","}, {"MARK": ";"}, {"MARK": "?"}),
    ),
    Unit(
        "numbers", "Mention RELATION numbers written in digits.",
        (r"len(re.findall(r'[0-9]+', response))", r"len(re.findall(r'(?<![0-9])[0-9]', response))",
         r"sum(1 for part in re.split(r'[^0-9]+', response) if part)"),
        (("digits for numbers", "sum(character.isdigit() for character in response)"),
         ("punctuation", "len([word for word in response.split() if word.isdigit()])"),
         ("one digit only", r"len(re.findall(r'\b[0-9]\b', response))"), ("different numbers", r"len(set(re.findall(r'[0-9]+', response)))"),
         ("two digits needed", r"len(re.findall(r'[0-9]{2,}', response))"), ("lines for numbers", r"len([line for line in response.splitlines() if re.search(r'[0-9]', line)])"),
         ("words for numbers", "len(response.split())"), ("first match only", r"int(bool(re.search(r'[0-9]+', response)))"),
         ("sentences for numbers", "response.count('.')")),
        lambda rng, n, p: sprinkled(rng, [str(rng.choice([7, 12, 12, 45, 300, 5, 8])) for _ in range(n)]),
        (("exactly", 2), ("at least", 3), ("at most", 2), ("between", 1)),
    ),
    Unit(
        "capital words", "Write RELATION words entirely in capital letters, each of two letters or more.",
        (r"len(re.findall(r'\b[A-Z]{2,}\b', response))", r"sum(1 for word in re.findall(r'\w+', response) if re.fullmatch(r'[A-Z]{2,}', word))",
         r"len([word for word in re.split(r'\W+', response) if len(word) > 1 and all('A' <= letter <= 'Z' for letter in word)])"),
        (("capitals for words", "sum(character.isupper() for character in response)"),
         ("capital first letter", r"len(re.findall(r'\b[A-Z]\w+', response))"), ("length ignored", r"len(re.findall(r'\b[A-Z]+\b', response))"),
         ("three letters needed", r"len(re.findall(r'\b[A-Z]{3,}\b', response))"), ("part of a word", r"len(re.findall(r'[A-Z]{2,}[a-z]*', response)) + 1"),
         ("punctuation", "len([word for word in response.split() if word.isalpha() and word.isupper() and len(word) > 1])"),
         ("different words", r"len(set(re.findall(r'\b[A-Z]{2,}\b', response)))"), ("exact pairs", r"len(re.findall(r'\b[A-Z]{2}\b', response))"),
         ("first letter", "sum(word[0].isupper() for word in response.split())")),
        lambda rng, n, p: sprinkled(rng, [rng.choice(["NOW", "NASA", "OK", "STOP.", "VERY", "Ok", "A", "NOW"][: 6 if i else 5]) for i in range(n)]),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "keyword times", "Use the word WORD RELATION times.",
        (r"len(re.findall(r'\bWORD\b', response, re.I))", r"re.findall(r'\w+', response.lower()).count('WORD')",
         r"sum(1 for word in re.split(r'\W+', response) if word.lower() == 'WORD')"),
        (("substring for word", "response.lower().count('WORD')"), ("case", r"len(re.findall(r'\bWORD\b', response))"),
         ("punctuation", "response.lower().split().count('WORD')"), ("substring and case", "response.count('WORD')"),
         ("first match only", r"int(bool(re.search(r'\bWORD\b', response, re.I)))"), ("blanks around", "response.lower().count(' WORD ')"),
         ("lines for times", "sum('WORD' in line.lower() for line in response.splitlines())"),
         ("beginning of words", r"len(re.findall(r'\bWORD', response, re.I))"), ("end of words", r"len(re.findall(r'WORD\b', response, re.I))")),
        lambda rng, n, p: sprinkled(rng, [rng.choice("{0} {0} {0} {1} {0}. {0}, {2}".split()).format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper()) for _ in range(n)]
                                    + ([p["WORD"] + "s"] if rng.random() < 0.3 else []) + (["over" + p["WORD"]] if rng.random() < 0.15 else [])),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)), ({"WORD": "stone"}, {"WORD": "cloud"}, {"WORD": "tea"}, {"WORD": "plan"}),
    ),
    Unit(
        "letter times", "Use the letter MARK RELATION times, capital or small.",
        ("response.lower().count('MARK')", "sum(1 for letter in response if letter.lower() == 'MARK')", r"len(re.findall(r'MARK', response, re.I))"),
        (("case", "response.count('MARK')"), ("words for letters", "len([word for word in response.lower().split() if 'MARK' in word])"),
         ("first letters only", "len([word for word in response.lower().split() if word.startswith('MARK')])"),
         ("case", "response.count('MARK'.upper())"), ("alone", r"len(re.findall(r'\bMARK\b', response, re.I))"),
         ("runs for letters", r"len(re.findall(r'(?:MARK)+', response, re.I))"), ("length for count", "len(response)"),
         ("lines for letters", "sum('MARK' in line.lower() for line in response.splitlines())"), ("blank after it", "response.lower().count('MARK ')")),
        lambda rng, n, p: " ".join([word for word in texts.words(rng, 30) if p["MARK"] not in word][:8] + [rng.choice(["{0}oom", "a{0}o", "{1}ap", "pu{0}{0}o"]).format(p["MARK"], p["MARK"].upper()) for _ in range(n)]) + ".",
        (("exactly", 3), ("at least", 4), ("at most", 3), ("between", 2)), ({"MARK": "z"}, {"MARK": "k"}, {"MARK": "v"}, {"MARK": "q"}),
    ),
    Unit(
        "hashtags", "Include RELATION hashtags.",
        (r"len(re.findall(r'#\w+', response))", r"sum(1 for _ in re.finditer(r'#\w', response))", r"len([part for part in response.split('#')[1:] if re.match(r'\w', part)])"),
        (("marks for hashtags", "response.count('#')"), ("whole words only", "len([word for word in response.split() if word.startswith('#')])"),
         ("letters only", r"len(re.findall(r'#[a-z]+', response))"), ("only the end", r"len(re.findall(r'#\w+$', response))"),
         ("lines for hashtags", "len([line for line in response.splitlines() if '#' in line])"), ("blank before", r"len(re.findall(r'\s#\w+', response))"),
         ("different hashtags", r"len(set(re.findall(r'#\w+', response)))"), ("words for hashtags", "len(response.split())"), ("capitals", r"len(re.findall(r'#[A-Z]\w*', response))")),
        lambda rng, n, p: sentences(rng, rng.randint(1, 3)) + " " + " ".join(rng.choice(["#tips", "#Home", "#2024", "#food", "#tips", "(#cats)", "# note"]) for _ in range(n)),
        (("exactly", 3), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "bold", "Put RELATION phrases in bold between double asterisks.",
        (r"len(re.findall(r'\*\*[^*\n]+\*\*', response))", r"sum(1 for _ in re.finditer(r'\*\*[^*\n]+\*\*', response))",
         r"len(re.compile(r'[*]{2}[^*\n]+[*]{2}').findall(response))"),
        (("marks for phrases", "response.count('**')"), ("single stars", r"len(re.findall(r'\*[^*\n]+\*', response))"), ("greedy", r"len(re.findall(r'\*\*.+\*\*', response))"),
         ("one word only", r"len(re.findall(r'\*\*\w+\*\*', response))"), ("stars for phrases", "response.count('*')"), ("blank around", r"len(re.findall(r'\s\*\*[^*\n]+\*\*\s', response))"),
         ("lines for phrases", "len([line for line in response.splitlines() if '**' in line])"), ("words for phrases", "len(response.split())"), ("first match only", r"int(bool(re.search(r'\*\*[^*\n]+\*\*', response)))")),
        lambda rng, n, p: sprinkled(rng, [rng.choice(["**note**", "**very warm**", "**Salt**", "**two words**,", "**key**"]) for _ in range(n)] + (["*mild*"] if rng.random() < 0.3 else [])),
        (("exactly", 2), ("at least", 2), ("at most", 3), ("between", 1)),
    ),
    Unit(
        "brackets", "Use RELATION remarks in round brackets.",
        (r"len(re.findall(r'\([^()]+\)', response))", r"sum(1 for _ in re.finditer(r'\([^()]+\)', response))", r"len(re.compile(r'[(][^()]+[)]').findall(response))"),
        (("marks for remarks", "response.count('(') + response.count(')')"), ("greedy", r"len(re.findall(r'\(.+\)', response))"), ("one word only", r"len(re.findall(r'\(\w+\)', response))"),
         ("square brackets", r"len(re.findall(r'\[[^\]]+\]', response))"), ("any opening", "response.count('(')"), ("any closing", "response.count(')')"),
         ("lines for remarks", "len([line for line in response.splitlines() if '(' in line])"), ("first match only", r"int(bool(re.search(r'\([^()]+\)', response)))"), ("blank before and after", r"len(re.findall(r' \([^()]+\) ', response))")),
        lambda rng, n, p: sprinkled(rng, [rng.choice(["(see below)", "(cold)", "(by train).", "(1999)", "(if you like)"]) for _ in range(n)] + ([":)"] if rng.random() < 0.25 else []) + (["[sic]"] if rng.random() < 0.2 else []) + (["(a"] if rng.random() < 0.15 else [])),
        (("exactly", 2), ("at least", 2), ("at most", 2), ("between", 1)),
    ),
    Unit(
        "characters", "Write RELATION characters, blanks counted and blanks at both ends not.",
        ("len(response.strip())", "len(re.sub(r'^\\s+|\\s+$', '', response))", "sum(1 for _ in response.strip())"),
        (("ends counted", "len(response)"), ("blanks not counted", "len(response.replace(' ', ''))"), ("words for characters", "len(response.split())"),
         ("letters only", "sum(letter.isalpha() for letter in response)"), ("bytes for characters", "len(response.strip().encode())"),
         ("punctuation", r"len(re.sub(r'[.,!?]', '', response.strip()))"), ("line ends not counted", r"len(response.strip().replace('\n', ''))"),
         ("different characters", "len(set(response))"), ("one blank too many", "len(' '.join(response.split()))")),
        lambda rng, n, p: (lambda text: text[: n - 1].rstrip().ljust(n - 1, "x") + ".")(of_words(rng, n // 3 + 2)),
        (("exactly", 60), ("at least", 80), ("at most", 100), ("between", 50)),
    ),
    Unit(
        "different words", "Use RELATION different words, capital or small letters being the same.",
        (r"len(set(re.findall(r'[^\W_]+', response.lower())))", r"len({word.lower() for word in re.findall(r'[^\W_]+', response)})",
         r"len({word for word in re.split(r'[\W_]+', response.lower()) if word})"),
        (("all words", r"len(re.findall(r'[^\W_]+', response))"), ("case", r"len(set(re.findall(r'[^\W_]+', response)))"), ("punctuation", "len(set(response.lower().split()))"),
         ("characters for words", "len(set(response))"), ("lines for words", "len(set(response.splitlines()))"), ("only once used", r"len([word for word in response.lower().split() if response.lower().split().count(word) == 1])"),
         ("short words left out", r"len(set(re.findall(r'[^\W_]{4,}', response.lower())))"), ("length for count", "len(response)"), ("first letters", "len({word[0] for word in response.lower().split()})")),
        lambda rng, n, p: (lambda drawn: " ".join(drawn).capitalize() + rng.choice([".", f" {drawn[0]}.", f". {drawn[0].capitalize()} {drawn[-1]}!"]))(rng.sample(sorted(set(texts.WORDS)), max(1, n))),
        (("at least", 8), ("at most", 12), ("exactly", 10), ("between", 6)),
    ),
)  # fmt: skip


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
        "include word", ("Include the word WORD.", 'Use the word "WORD" in your reply.'), WORDS_OF,
        (r"bool(re.search(r'\bWORD\b', response, re.I))", r"'WORD' in re.findall(r'\w+', response.lower())",
         r"any(word.lower() == 'WORD' for word in re.split(r'\W+', response))"),
        (("substring for word", "'WORD' in response.lower()"), ("case", r"bool(re.search(r'\bWORD\b', response))"), ("punctuation", "'WORD' in response.lower().split()"),
         ("blanks around", "' WORD ' in response.lower()"), ("not at the beginning", "response.lower().find('WORD') > 0"), ("only the beginning", "response.lower().startswith('WORD')"),
         ("twice", "response.lower().count('WORD') > 1"), ("beginning of words", r"bool(re.search(r'\bWORD', response, re.I))"), ("once only", r"len(re.findall(r'\bWORD\b', response, re.I)) == 1")),
        _mix(_plain, *[lambda rng, p, form=form: sprinkled(rng, [form.format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper())]) for form in ("{0}", "{0}", "{1}", "{0},", "{0}s", "over{0}", "{2}", "{0} {0}")],
             lambda rng, p: p["WORD"].capitalize() + " " + sentences(rng, 1)),
    ),
    Kind(
        "avoid word", ("Do not use the word WORD.", "Avoid the word WORD altogether."), tuple({"WORD": word} for word in ("very", "the", "one", "so")),
        (r"not re.search(r'\bWORD\b', response, re.I)", r"'WORD' not in re.findall(r'\w+', response.lower())", r"all(word.lower() != 'WORD' for word in re.split(r'\W+', response))"),
        (("substring for word", "'WORD' not in response.lower()"), ("case", r"not re.search(r'\bWORD\b', response)"), ("punctuation", "'WORD' not in response.lower().split()"),
         ("blanks around", "' WORD ' not in response.lower()"), ("only the beginning", "not response.lower().startswith('WORD')"), ("direction", "'WORD' in response.lower()"),
         ("once allowed", r"len(re.findall(r'\bWORD\b', response, re.I)) <= 1"), ("beginning of words", r"not re.search(r'\bWORD', response, re.I)"), ("case and punctuation", "'WORD' not in response.split()")),
        _mix(lambda rng, p: " ".join(word for word in texts.words(rng, 9) if word != p["WORD"]) + ".", *[lambda rng, p, form=form: sprinkled(rng, [form.format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper())]) for form in ("{0}", "{1}", "{0},", "{0}r", "an{0}", "{2}", "{0} {0}")],
             lambda rng, p: " ".join(word for word in texts.words(rng, 20) if word != p["WORD"]) + "!"),
    ),
    Kind(
        "first word", ("Your first word must be WORD.", "Begin with the word WORD."), tuple({"WORD": word} for word in ("Today", "Well", "Clearly", "Once")),
        (r"bool(re.match(r'\W*WORD\b', response, re.I))", r"(re.findall(r'\w+', response.lower()) or [''])[0] == 'WORD'.lower()", r"next((word.lower() for word in re.split(r'\W+', response) if word), '') == 'WORD'.lower()"),
        (("substring for word", "response.strip().lower().startswith('WORD'.lower())"), ("case", r"bool(re.match(r'\W*WORD\b', response))"), ("punctuation", "response.lower().split()[:1] == ['WORD'.lower()]"),
         ("anywhere in the text", r"bool(re.search(r'\bWORD\b', response, re.I))"), ("every line", r"any(line.lower().startswith('WORD'.lower()) for line in response.splitlines())"), ("case and substring", "response.startswith('WORD')"),
         ("last word", r"(re.findall(r'\w+', response.lower()) or [''])[-1] == 'WORD'.lower()"), ("blank needed", "response.lower().startswith('WORD '.lower())"), ("within the first three", r"'WORD'.lower() in re.findall(r'\w+', response.lower())[:3]")),
        _mix(_plain, *[lambda rng, p, form=form: form.format(p["WORD"], p["WORD"].lower(), p["WORD"].upper(), rest=sentences(rng, rng.randint(1, 3))) for form in ("{0} {rest}", "{0}, {rest}", "{1} {rest}", "{0}ish {rest}", '"{0}" {rest}', "{rest} {0} {rest}", "{rest}\n{0} {rest}", "{0}. {rest}", "So {1} {rest}", "{2} {rest}")]),
    ),
    Kind(
        "last word", ("Your last word must be WORD.", "Let the reply end with the word WORD."), tuple({"WORD": word} for word in ("friend", "home", "again", "end")),
        (r"bool(re.search(r'\bWORD\W*\Z', response, re.I))", r"(re.findall(r'\w+', response.lower()) or [''])[-1] == 'WORD'", r"next((word.lower() for word in reversed(re.split(r'\W+', response)) if word), '') == 'WORD'"),
        (("punctuation", "response.strip().lower().endswith('WORD')"), ("trailing newline", r"bool(re.search(r'\bWORD[.!?]*\Z', response, re.I))"), ("case", r"bool(re.search(r'\bWORD\W*\Z', response))"), ("anywhere in the text", r"bool(re.search(r'\bWORD\b', response, re.I))"),
         ("substring for word", r"response.strip().rstrip('.!?\"').lower().endswith('WORD')"), ("any line", r"bool(re.search(r'\bWORD\W*$', response, re.I | re.M))"), ("full stop needed", r"bool(re.search(r'\bWORD\.\s*\Z', response, re.I))"),
         ("first word", r"(re.findall(r'\w+', response.lower()) or [''])[0] == 'WORD'"), ("punctuation", "response.lower().split()[-1:] == ['WORD']")),
        _mix(_plain, *[lambda rng, p, form=form: form.format(p["WORD"], p["WORD"].capitalize(), p["WORD"].upper(), rest=sentences(rng, rng.randint(1, 3))) for form in ("{rest} So long, {0}.", "{rest} And then {0}", "{rest} It is {0}!\n", "{rest} That is {1}.", "{rest} Your boy{0}.", "{0} {rest}", "{rest} {0}\n{rest}", '{rest} Say "{0}."', "{rest} {2}!", "{rest} {0}s.")]),
    ),
    Kind(
        "end phrase", ('End with the phrase "WORD"', 'Close the reply with the exact words "WORD"'), tuple({"WORD": phrase} for phrase in ("Have a nice day.", "That is all.", "Good luck!", "Any other questions?")),
        ("response.rstrip().endswith('WORD')", r"bool(re.search(re.escape('WORD') + r'\s*\Z', response))", "response.strip()[-len('WORD'):] == 'WORD'"),
        (("trailing newline", "response.endswith('WORD')"), ("anywhere in the text", "'WORD' in response"), ("case", "response.rstrip().lower().endswith('WORD'.lower())"), ("punctuation", "response.rstrip().endswith('WORD'[:-1])"),
         ("any line", "any(line.rstrip().endswith('WORD') for line in response.splitlines())"), ("alone on its line", r"response.strip().splitlines()[-1:] == ['WORD']"), ("beginning", "response.strip().startswith('WORD')"), ("last word only", "response.split()[-1:] == ['WORD'.split()[-1]]"), ("punctuation", "response.rstrip(' .!?').endswith('WORD'.rstrip('.!?'))")),
        _mix(_plain, *[lambda rng, p, form=form: form.format(p["WORD"], p["WORD"].lower(), p["WORD"][:-1], p["WORD"].split()[-1], rest=sentences(rng, rng.randint(1, 3))) for form in ("{rest} {0}", "{rest} {0}", "{rest}\n{0}", "{rest} {0}\n", "{rest} {1}", "{rest} {2}", "{0} {rest}", "{rest} {0} {rest}", "{rest} So, {3}", "{rest} {0}\n{rest}")]),
    ),
    Kind(
        "start phrase", ('Start with the phrase "WORD"', 'Open the reply with the exact words "WORD"'), tuple({"WORD": phrase} for phrase in ("In short,", "To begin with,", "My advice:", "Dear reader,")),
        ("response.lstrip().startswith('WORD')", r"bool(re.match(r'\s*' + re.escape('WORD'), response))", "response.strip()[: len('WORD')] == 'WORD'"),
        (("leading newline", "response.startswith('WORD')"), ("anywhere in the text", "'WORD' in response"), ("case", "response.lstrip().lower().startswith('WORD'.lower())"), ("punctuation", "response.lstrip().startswith('WORD'[:-1])"),
         ("any line", "any(line.startswith('WORD') for line in response.splitlines())"), ("first word only", "response.split()[:1] == ['WORD'.split()[0]]"), ("end", "response.strip().endswith('WORD')"), ("alone on its line", "response.strip().splitlines()[:1] == ['WORD']"), ("case", "response.lstrip().startswith('WORD'.lower())")),
        _mix(_plain, *[lambda rng, p, form=form: form.format(p["WORD"], p["WORD"].lower(), p["WORD"][:-1], p["WORD"].split()[0], rest=sentences(rng, rng.randint(1, 3))) for form in ("{0} {rest}", "{0} {rest}", "{0}\n{rest}", "\n{0} {rest}", "{1} {rest}", "{2} {rest}", "{rest} {0}", "{rest}\n{0} {rest}", "{3} {rest}")]),
    ),
    Kind(
        "lower case", ("Use only lowercase letters.", "Write everything in small letters.", "No capital letters, please.", "Write in all lowercase."), ({},),
        ("response == response.lower()", "not any(letter.isupper() for letter in response)", "all(letter == letter.lower() for letter in response)"),
        (("digits and blanks", "response.replace(' ', '').isalpha() and response.islower()"), ("first letter only", "response[:1].islower()"), ("ASCII only", r"not re.search(r'[A-Z]{2}', response)"), ("beginnings of words", r"not re.search(r'\b[A-Z][a-z]', response)"),
         ("any for all", "any(letter.islower() for letter in response)"), ("direction", "response == response.upper()"), ("beginnings of sentences", "all(not part.strip()[:1].isupper() for part in response.split('.'))"), ("mostly", "sum(letter.isupper() for letter in response) <= 2"), ("first line", "response.split('\\n')[0].islower()")),
        _mix(*[lambda rng, p: generic(rng).lower()] * 5, _any, lambda rng, p: generic(rng).lower() + " OK", lambda rng, p: sentences(rng, 1).lower() + "\n" + sentences(rng, 1), lambda rng, p: generic(rng).lower().replace("e", "É", 1), lambda rng, p: sentences(rng, 2).lower().replace("a", "A", 1)),
    ),
    Kind(
        "upper case", ("Use only capital letters.", "Write everything in uppercase.", "No small letters, please.", "Answer in all caps."), ({},),
        ("response == response.upper()", "not any(letter.islower() for letter in response)", "all(letter == letter.upper() for letter in response)"),
        (("digits and blanks", "response.replace(' ', '').isalpha() and response.isupper()"), ("first letter only", "response[:1].isupper()"), ("ASCII only", r"not re.search(r'[a-z]{2}', response)"), ("any for all", "any(letter.isupper() for letter in response)"),
         ("beginnings of words", "all(word[0].isupper() for word in response.split())"), ("direction", "response == response.lower()"), ("ASCII only", r"not re.search(r'[a-z]', response)"), ("mostly", "sum(letter.islower() for letter in response) <= 2"), ("first line", "response.split('\\n')[0].isupper()")),
        _mix(*[lambda rng, p: generic(rng).upper()] * 5, _any, lambda rng, p: generic(rng).upper() + " ok", lambda rng, p: sentences(rng, 1).upper() + "\n" + sentences(rng, 1), lambda rng, p: generic(rng).upper().replace("E", "é", 1), lambda rng, p: sentences(rng, 1).title()),
    ),
    Kind(
        "no commas", ("Do not use any commas.", "Avoid commas.", "Write without a single comma.", "Leave commas out."), ({},),
        ("',' not in response", "response.count(',') == 0", r"not re.search(r',', response)"),
        (("blank needed", "', ' not in response"), ("one allowed", "response.count(',') <= 1"), ("semicolons too", r"not re.search(r'[,;:]', response)"), ("all marks", r"not re.search(r'[,!?]', response)"), ("direction", "',' in response"),
         ("only the end", "not response.endswith(',')"), ("every line has one", "not all(',' in line for line in response.splitlines())"), ("letters around", r"not re.search(r'[a-z],\s[a-z]', response)"), ("words alone", "',' not in response.split()")),
        _mix(*[lambda rng, p: generic(rng).replace(",", "")] * 3, lambda rng, p: of_marks(rng, 1, ","), lambda rng, p: of_marks(rng, 3, ","), lambda rng, p: of_marks(rng, 2, ";").replace(",", ""), lambda rng, p: f"It costs 1{',' if rng.random() < 0.6 else ''}000 in all.", lambda rng, p: sentences(rng, 1)[:-1] + ",\n" + sentences(rng, 1)),
    ),
    Kind(
        "no letter", ("Do not use the letter MARK.", "Avoid the letter MARK, capital or small."), tuple({"MARK": letter} for letter in "eats"),
        ("'MARK' not in response.lower()", "not any(letter.lower() == 'MARK' for letter in response)", r"not re.search(r'MARK', response, re.I)"),
        (("case", "'MARK' not in response"), ("first letters only", "not any(word.lower().startswith('MARK') for word in response.split())"), ("alone", r"not re.search(r'\bMARK\b', response, re.I)"), ("end of words", r"not re.search(r'MARK\b', response, re.I)"), ("direction", "'MARK' in response.lower()"),
         ("once allowed", "response.lower().count('MARK') <= 1"), ("beginning", "not response.lower().startswith('MARK')"), ("case", "'MARK'.upper() not in response"), ("twice in a row", "'MARKMARK' not in response.lower()")),
        _mix(*[lambda rng, p: " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + "."] * 3, _any, lambda rng, p: " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + f" {p['MARK']}.", lambda rng, p: " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + f" un{p['MARK']}x.", lambda rng, p: f"{p['MARK'].upper()}ql " + " ".join(word for word in texts.words(rng, 14) if p["MARK"] not in word) + "."),
    ),
    Kind(
        "wrapped in quotes", ("Wrap the whole reply in double quotes.", "Put the entire answer in double quotation marks.", "Begin and end with a double quotation mark.", "The reply must be enclosed in double quotes."), ({},),
        ("len(response.strip()) > 1 and response.strip()[0] == '\"' == response.strip()[-1]", "response.strip().startswith('\"') and response.strip().endswith('\"') and len(response.strip()) >= 2", r"bool(re.fullmatch(r'\s*\".*\"\s*', response, re.S))"),
        (("trailing newline", "len(response) > 1 and response[0] == '\"' == response[-1]"), ("half the rule", "response.strip().startswith('\"')"), ("half the rule", "response.strip().endswith('\"')"), ("anywhere in the text", r"bool(re.search(r'\".+\"', response))"), ("one line", r"bool(re.fullmatch(r'\s*\".*\"\s*', response))"),
         ("count for place", "response.count('\"') == 2"), ("single quotes", "response.strip()[:1] == \"'\" == response.strip()[-1:]"), ("either kind", "response.strip()[:1] in '\"\\'' and response.strip()[-1:] in '\"\\'' and len(response) > 1"), ("no quotes inside", "response.strip()[:1] == '\"' == response.strip()[-1:] and response.count('\"') == 2")),
        _mix(*[lambda rng, p: f'"{generic(rng)}"'] * 3, lambda rng, p: f'"{sentences(rng, 1)}"\n', lambda rng, p: f"'{sentences(rng, 2)}'", lambda rng, p: f'"{sentences(rng, 1)}', lambda rng, p: f'{sentences(rng, 1)}"', lambda rng, p: f'He said "{sentences(rng, 1)}" twice.', lambda rng, p: f'"{sentences(rng, 1)}" and "{sentences(rng, 1)}"', _plain),
    ),
    Kind(
        "JSON object", ("Reply with one JSON object and nothing else.", "Answer as a JSON object.", "The whole reply must be a valid JSON object.", "Use the JSON format, one object."), ({},),
        ("try:\n    return isinstance(json.loads(response), dict)\nexcept ValueError:\n    return False", "try:\n    parsed = json.loads(response.strip())\nexcept ValueError:\n    return False\nreturn isinstance(parsed, dict)", "try:\n    value = json.loads(response)\nexcept ValueError:\n    value = None\nreturn type(value) is dict"),
        (("braces for JSON", "response.strip().startswith('{') and response.strip().endswith('}')"), ("any JSON", "try:\n    json.loads(response)\n    return True\nexcept ValueError:\n    return False"), ("anywhere in the text", r"bool(re.search(r'\{.*\}', response, re.S))"), ("lists too", "try:\n    return isinstance(json.loads(response), (dict, list))\nexcept ValueError:\n    return False"),
         ("fence needed", "'```json' in response"), ("crash", "return isinstance(json.loads(response), dict)"), ("one key", "try:\n    value = json.loads(response)\n    return isinstance(value, dict) and len(value) == 1\nexcept ValueError:\n    return False"), ("quotes for JSON", "response.count('\"') >= 2 and ':' in response"), ("one line", r"bool(re.fullmatch(r'\{.*\}', response))")),
        _mix(*[lambda rng, p: json.dumps({"answer": sentences(rng, 1), "n": 3} if rng.random() < 0.5 else {"answer": generic(rng)}, indent=rng.choice([None, 1]))] * 3, lambda rng, p: json.dumps([sentences(rng, 1)]), lambda rng, p: json.dumps(sentences(rng, 1)), lambda rng, p: "Here it is: " + json.dumps({"a": 1}), lambda rng, p: "{answer: " + sentences(rng, 1) + "}", lambda rng, p: "```json\n" + json.dumps({"a": sentences(rng, 1)}) + "\n```", _any, lambda rng, p: "42", lambda rng, p: '{"a": 1,}'),
    ),
    Kind(
        "title", ("Include a title in double angle brackets, such as <<title>>.", "Add a title like <<my title>>.", "Put a title between << and >> into the reply.", "Give a title in double angular brackets."), ({},),
        (r"bool(re.search(r'<<[^<>\n]+>>', response))", r"any(re.search(r'<<[^<>]+>>', line) for line in response.split('\n'))", r"bool(re.findall(r'<<[^\n<>]+>>', response))"),
        (("half the rule", "'<<' in response"), ("single brackets", r"bool(re.search(r'<[^<>\n]+>', response))"), ("one word only", r"bool(re.search(r'<<\w+>>', response))"), ("only the beginning", r"bool(re.match(r'<<[^<>\n]+>>', response))"), ("alone on its line", r"any(re.fullmatch(r'<<[^<>]+>>', line) for line in response.split('\n'))"),
         ("empty allowed", r"bool(re.search(r'<<.*>>', response))"), ("case", r"bool(re.search(r'<<[A-Z][^<>\n]*>>', response))"), ("marks for title", "'<<' in response and '>>' in response"), ("order", "response.count('<') + response.count('>') >= 4")),
        _mix(*[lambda rng, p, form=form: form.format(rng.choice(["Rivers", "My garden", "a short walk"]), rest=sentences(rng, rng.randint(1, 3))) for form in ("<<{0}>>\n{rest}", "<<{0}>> {rest}", "{rest}\n<<{0}>>", "{rest} <<{0}>>.", "<{0}>\n{rest}", "<<{0}\n{rest}", "<<>> {rest}", ">>{0}<< {rest}", "{rest}", "<< {rest}\n{rest} >>", "a < b and <b> and > {rest}")]),
    ),
    Kind(
        "postscript", ("Add a postscript that starts with P.S.", "At the end add a P.S. note.", "Finish with a postscript beginning with P.S.", "Include a line that begins with P.S."), ({},),
        (r"bool(re.search(r'^\s*P\.S\.[ \t]*\S', response, re.M))", r"any(re.match(r'P\.S\.[ \t]*\S', line.strip()) for line in response.split('\n'))", r"any(line.strip().startswith('P.S.') and len(line.strip()) > 4 for line in response.split('\n'))"),
        (("anywhere in the text", "'P.S.' in response"), ("case", r"bool(re.search(r'^\s*p\.s\.[ \t]*\S', response, re.M | re.I))"), ("punctuation", r"bool(re.search(r'^\s*P\.?S\.?', response, re.M))"), ("any character", r"bool(re.search(r'^\s*P.S.', response, re.M))"), ("only the end", "response.rstrip().endswith('P.S.')"),
         ("only the beginning", "response.startswith('P.S.')"), ("empty allowed", r"bool(re.search(r'^\s*P\.S\.', response, re.M))"), ("blank line needed", r"'\n\nP.S.' in response"), ("only the last line", "response.splitlines()[-1:] != [] and response.splitlines()[-1].startswith('P.S.')")),
        _mix(*[lambda rng, p, form=form: form.format(note=sentences(rng, 1), rest=sentences(rng, rng.randint(1, 3))) for form in ("{rest}\nP.S. {note}", "{rest}\n\nP.S. {note}", "{rest}\n\nP.S. {note}\n", "{rest}\nP.S. {note}\n{note}", "{rest} P.S. {note}", "{rest}\np.s. {note}", "{rest}\nPS {note}", "{rest}\nP.S.", "{rest}", "{rest}\n P.S.: {note}", "{rest}\nP:S: {note}")]),
    ),
    Kind(
        "ends with a question", ("End with a question mark.", "The reply must end with a question.", "Finish with a question mark.", "Let the last character be a question mark."), ({},),
        ("response.rstrip().endswith('?')", "response.strip()[-1:] == '?'", r"bool(re.search(r'\?\s*\Z', response))"),
        (("trailing newline", "response.endswith('?')"), ("anywhere in the text", "'?' in response"), ("any line", r"bool(re.search(r'\?\s*$', response, re.M))"), ("question words", "response.strip().lower().startswith(('what', 'who', 'how', 'why'))"), ("marks mixed", "response.rstrip()[-1:] in ('?', '!')"), ("one only", "response.count('?') == 1 and response.rstrip().endswith('?')"),
         ("direction", "response.lstrip().startswith('?')"), ("every sentence", "'.' not in response and response.rstrip().endswith('?')"), ("quotes stripped", "response.rstrip(' \\n.!').endswith('?')")),
        _mix(*[lambda rng, p, form=form: form.format(ask=sentences(rng, 1, "?"), rest=sentences(rng, rng.randint(1, 3))) for form in ("{rest} {ask}", "{ask}", "{rest} {ask}\n", "{ask} {ask}", "{ask} {rest}", "{rest}", "{ask}\n{rest}", "{rest} {ask}!", "{rest}\n{ask}", "{rest} {ask}.")]),
    ),
    Kind(
        "lines begin with letter", ("Begin every line with the letter MARK.", "Each line must start with MARK."), tuple({"MARK": letter} for letter in "STBM"),
        ("all(line.strip()[0] == 'MARK' for line in response.splitlines() if line.strip()) and bool(response.strip())", "bool(response.strip()) and not [line for line in response.split('\\n') if line.strip() and not line.strip().startswith('MARK')]", r"[line.strip()[0] for line in response.split('\n') if line.strip()] == ['MARK'] * len([line for line in response.split('\n') if line.strip()]) and bool(response.strip())"),
        (("any for all", "any(line.startswith('MARK') for line in response.splitlines())"), ("first line only", "response.strip().startswith('MARK')"), ("blank lines", "all(line.startswith('MARK') for line in response.split('\\n'))"), ("case", "all(line.strip()[0].upper() == 'MARK' for line in response.splitlines() if line.strip())"), ("sentences for lines", "all(part.strip().startswith('MARK') for part in response.split('.') if part.strip())"),
         ("words for lines", "all(word.startswith('MARK') for word in response.split())"), ("last line missed", "all(line.startswith('MARK') for line in response.strip().split('\\n')[:-1])"), ("half of the lines", "sum(line.startswith('MARK') for line in response.splitlines()) * 2 >= len(response.splitlines())"), ("anywhere in the line", "all('MARK' in line for line in response.splitlines() if line.strip())")),
        _mix(*[lambda rng, p: "\n".join(f"{p['MARK']}o {rng.choice(texts.SENTENCES)}" for _ in range(rng.randint(1, 4)))] * 3, lambda rng, p: f"{p['MARK']}ome. {sentences(rng, 1)}\n{sentences(rng, 1)}", lambda rng, p: f"{p['MARK']}et it.\n\n{p['MARK']}o be it.", lambda rng, p: f"{p['MARK']}et it.\n{p['MARK'].lower()}o be it.", lambda rng, p: f"{sentences(rng, 1)}\n{p['MARK']}o.", lambda rng, p: f"{p['MARK']}alt.\n{p['MARK']}alt.\nOh.", _plain),
    ),
    Kind(
        "lines end with full stop", ("End every line with a full stop.", "Each line must end with a period.", "Close every line with a full stop.", "No line without a full stop at its end."), ({},),
        ("all(line.rstrip().endswith('.') for line in response.splitlines() if line.strip()) and bool(response.strip())", "bool(response.strip()) and not [line for line in response.split('\\n') if line.strip() and line.strip()[-1] != '.']", r"bool(response.strip()) and all(re.search(r'\.\s*\Z', line) for line in response.split('\n') if line.strip())"),
        (("any for all", "any(line.endswith('.') for line in response.splitlines())"), ("last line only", "response.strip().endswith('.')"), ("blank lines", "all(line.endswith('.') for line in response.split('\\n'))"), ("any mark", "all(line.rstrip()[-1] in '.!?' for line in response.splitlines() if line.strip())"), ("first line only", "response.strip().split('\\n')[0].endswith('.')"),
         ("anywhere in the line", "all('.' in line for line in response.splitlines() if line.strip())"), ("last line missed", "all(line.endswith('.') for line in response.strip().split('\\n')[:-1])"), ("count for place", "response.count('.') >= len(response.splitlines())"), ("one line", "'\\n' not in response and response.endswith('.')")),
        _mix(*[lambda rng, p: "\n".join(sentences(rng, rng.randint(1, 2)) for _ in range(rng.randint(1, 4)))] * 3, lambda rng, p: of_lines(rng, rng.randint(2, 4)), lambda rng, p: of_paragraphs(rng, 3), lambda rng, p: sentences(rng, 1) + "\n" + sentences(rng, 1)[:-1], lambda rng, p: sentences(rng, 1)[:-1] + "\n" + sentences(rng, 2), lambda rng, p: sentences(rng, 1)[:-1] + ":\n" + sentences(rng, 1)),
    ),
    Kind(
        "same first and last word", ("Use the same word first and last.", "The first word must also be the last word.", "Begin and end with the same word.", "Let the last word repeat the first one."), ({},),
        (r"found = re.findall(r'\w+', response.lower())" "\nreturn len(found) > 1 and found[0] == found[-1]", r"words = [word for word in re.split(r'\W+', response.lower()) if word]" "\nif len(words) < 2:\n    return False\nreturn words[0] == words[-1]", r"all_words = re.findall(r'\w+', response)" "\nreturn len(all_words) >= 2 and all_words[0].lower() == all_words[-1].lower()"),
        (("punctuation", "words = response.lower().split()\nreturn len(words) > 1 and words[0] == words[-1]"), ("case", r"found = re.findall(r'\w+', response)" "\nreturn len(found) > 1 and found[0] == found[-1]"), ("letters for words", "text = response.strip().lower()\nreturn bool(text) and text[0] == text[-1]"), ("lines for text", r"return all(re.findall(r'\w+', line.lower())[:1] == re.findall(r'\w+', line.lower())[-1:] for line in response.splitlines())"), ("anywhere in the text", r"found = re.findall(r'\w+', response.lower())" "\nreturn bool(found) and found[0] in found[1:]"),
         ("substring for word", r"found = re.findall(r'\w+', response.lower())" "\nreturn len(found) > 1 and response.lower().rstrip(' .!?\\n').endswith(found[0])"), ("punctuation and case", "words = response.split()\nreturn len(words) > 1 and words[0] == words[-1].rstrip('.')"), ("length for word", r"found = re.findall(r'\w+', response)" "\nreturn len(found) > 1 and len(found[0]) == len(found[-1])"), ("trailing newline", r"match = re.match(r'(\w+)\b.*\b(\w+)[.!?]?\Z', response.lower(), re.S)" "\nreturn bool(match) and match.group(1) == match.group(2)")),
        _mix(*[lambda rng, p, form=form: (lambda word: form.format(word, word.capitalize(), rest=sentences(rng, rng.randint(1, 2))))(rng.choice(["river", "bread", "home", "so"])) for form in ("{1} {rest} And {0}.", "{1}, {rest} For {1}!", "{0} {rest} {0}", "{1} {rest} So {0}.\n", "{1} {rest} Home{0}.", "{rest} {0}.", "{1} {rest} {0} it is.", "{1} {rest}\n{1} {rest}", '"{1}" {rest} {0}.', "{1}. {rest}")]),
    ),
    Kind(
        "no digits", ("Do not use any digits.", "Avoid numerals.", "Write without digits.", "No figures from 0 to 9."), ({},),
        (r"not re.search(r'[0-9]', response)", "not any(character in '0123456789' for character in response)", "not set(response) & set('0123456789')"),
        (("whole words", "not any(word.isdigit() for word in response.split())"), ("two digits", r"not re.search(r'[0-9]{2}', response)"), ("only the beginning", r"not re.match(r'[0-9]', response)"), ("alone", r"not re.search(r'\b[0-9]\b', response)"), ("number words", "not any(word in ('one', 'two', 'three') for word in response.lower().split())"), ("direction", r"bool(re.search(r'[0-9]', response))"),
         ("zero left out", r"not re.search(r'[1-9]', response)"), ("half the range", r"not re.search(r'[0-5]', response)"), ("one allowed", r"len(re.findall(r'[0-9]+', response)) <= 1")),
        _mix(_plain, _plain, _plain, *[lambda rng, p, form=form: sprinkled(rng, [form]) for form in ("7", "12", "1999.", "B12", "0", "6th", "89", "(3)")], lambda rng, p: sprinkled(rng, ["4", "20"]), lambda rng, p: sprinkled(rng, ["one", "two"])),
    ),
    Kind(
        "long words", ("Use no word of more than NUM letters.", "Every word may have at most NUM letters."), tuple({"NUM": number} for number in (6, 7, 5, 8)),
        (r"all(len(word) <= NUM for word in re.findall(r'[^\W\d_]+', response))", r"max(map(len, re.findall(r'[^\W\d_]+', response)), default=0) <= NUM", r"not [word for word in re.findall(r'[^\W\d_]+', response) if len(word) > NUM]"),
        (("off by one", r"all(len(word) < NUM for word in re.findall(r'[^\W\d_]+', response))"), ("off by one", r"all(len(word) <= NUM + 1 for word in re.findall(r'[^\W\d_]+', response))"), ("punctuation", "all(len(word) <= NUM for word in response.split())"), ("any for all", r"any(len(word) <= NUM for word in response.split())"), ("words for letters", "len(response.split()) <= NUM"),
         ("first match only", r"len(re.findall(r'[^\W\d_]+', response)[0]) <= NUM"), ("mean for most", r"found = re.findall(r'[^\W\d_]+', response)" "\nreturn sum(map(len, found)) <= NUM * len(found)"), ("direction", r"all(len(word) >= NUM for word in re.findall(r'[^\W\d_]+', response))"), ("ASCII only", r"all(len(word) <= NUM for word in re.findall(r'\b[a-z]+\b', response))")),
        _mix(*[lambda rng, p: " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"]).capitalize() + "."] * 4, lambda rng, p: sprinkled(rng, ["x" * (p["NUM"] + 1)]), lambda rng, p: " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"]) + " " + "abcdefghij"[: p["NUM"]] + rng.choice([",", ".", "!"]), lambda rng, p: " ".join(word for word in texts.words(rng, 16) if len(word) <= p["NUM"]) + " " + "abcdefghij"[: p["NUM"] + 1] + ".", lambda rng, p: "Abcdefghij"[: p["NUM"] + 1] + " " + " ".join(word for word in texts.words(rng, 9) if len(word) <= p["NUM"]) + ".", _any),
    ),
    Kind(
        "short sentences", ("No sentence may have more than NUM words.", "Keep every sentence to at most NUM words."), tuple({"NUM": number} for number in (6, 8, 5, 7)),
        (r"all(len(part.split()) <= NUM for part in re.split(r'[.!?]+', response))", r"max(len(part.split()) for part in re.split(r'[.!?]', response)) <= NUM", r"not any(len(part.split()) > NUM for part in re.split(r'[.!?]+', response))"),
        (("off by one", r"all(len(part.split()) < NUM for part in re.split(r'[.!?]+', response))"), ("off by one", r"all(len(part.split()) <= NUM + 1 for part in re.split(r'[.!?]+', response))"), ("only full stops", "all(len(part.split()) <= NUM for part in response.split('.'))"), ("lines for sentences", "all(len(line.split()) <= NUM for line in response.splitlines())"), ("any for all", r"any(len(part.split()) <= NUM for part in re.split(r'[.!?]+', response) if part.strip())"),
         ("first match only", r"len(re.split(r'[.!?]+', response)[0].split()) <= NUM"), ("characters for words", r"all(len(part) <= NUM for part in re.split(r'[.!?]+', response))"), ("whole text", "len(response.split()) <= NUM"), ("last one missed", r"all(len(part.split()) <= NUM for part in re.split(r'[.!?]+', response)[:-2])")),
        lambda rng, p: rng.choice([" ", " ", "\n"]).join(" ".join(texts.words(rng, max(1, p["NUM"] + rng.choice([-3, -2, -1, 0, 0] + ([1, 2] if rng.random() < 0.35 else []))))).capitalize() + rng.choice("..!?") for _ in range(rng.randint(1, 3))),
    ),
    Kind(
        "short lines", ("No line may have more than NUM words.", "Keep every line to at most NUM words."), tuple({"NUM": number} for number in (6, 8, 5, 7)),
        (r"all(len(line.split()) <= NUM for line in response.split('\n'))", "max((len(line.split()) for line in response.splitlines()), default=0) <= NUM", "not [line for line in response.splitlines() if len(line.split()) > NUM]"),
        (("off by one", "all(len(line.split()) < NUM for line in response.splitlines())"), ("off by one", "all(len(line.split()) <= NUM + 1 for line in response.splitlines())"), ("sentences for lines", r"all(len(part.split()) <= NUM for part in re.split(r'[.!?]', response))"), ("any for all", "any(len(line.split()) <= NUM for line in response.splitlines())"), ("first line only", "len(response.split('\\n')[0].split()) <= NUM"),
         ("characters for words", "all(len(line) <= NUM for line in response.splitlines())"), ("whole text", "len(response.split()) <= NUM"), ("last one missed", "all(len(line.split()) <= NUM for line in response.splitlines()[:-1])"), ("lines for words", "len(response.splitlines()) <= NUM")),
        lambda rng, p: "\n".join(" ".join(texts.words(rng, max(1, p["NUM"] + rng.choice([-3, -2, -1, 0, 0] + ([1, 2] if rng.random() < 0.35 else []))))).capitalize() + rng.choice(["", ".", ". So", "!"][: 3 if False else 2]) for _ in range(rng.randint(1, 4))),
    ),
    Kind(
        "date", ("Mention a date in the form YYYY-MM-DD.", "Include one date such as 2023-05-17.", "Give a date written as year-month-day with hyphens, e.g. 2021-01-31.", "A date of the shape YYYY-MM-DD must occur."), ({},),
        (r"bool(re.search(r'(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])', response))", r"any(re.fullmatch(r'[0-9]{4}-[0-9]{2}-[0-9]{2}', run) for run in re.findall(r'[0-9]+-[0-9]+-[0-9]+', response))", r"bool(re.findall(r'(?:^|[^0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[^0-9]|$)', response))"),
        (("other separators", r"bool(re.search(r'[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}', response))"), ("order", r"bool(re.search(r'[0-9]{2}-[0-9]{2}-[0-9]{4}', response))"), ("length of parts", r"bool(re.search(r'[0-9]+-[0-9]+-[0-9]+', response))"), ("only the beginning", r"bool(re.match(r'[0-9]{4}-[0-9]{2}-[0-9]{2}', response))"), ("alone", r"bool(re.fullmatch(r'[0-9]{4}-[0-9]{2}-[0-9]{2}', response.strip()))"),
         ("blanks around", r"bool(re.search(r'\s[0-9]{4}-[0-9]{2}-[0-9]{2}\s', response))"), ("year only", r"bool(re.search(r'[0-9]{4}', response))"), ("only the end", r"bool(re.search(r'[0-9]{4}-[0-9]{2}-[0-9]{2}\.?$', response))"), ("one digit allowed", r"bool(re.search(r'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}', response))")),
        _mix(_plain, *[lambda rng, p, form=form: sprinkled(rng, [form]) for form in ("2024-03-15", "1999-12-31.", "(2020-02-29)", "2024-03-15", "2024/03/15", "15-03-2024", "2024-3-5", "2024", "2024-03", "12024-03-15")], lambda rng, p: f"2022-08-09 {sentences(rng, 1)}", lambda rng, p: f"{sentences(rng, 1)} On 2022-08-09", lambda rng, p: "2022-08-09"),
    ),
    Kind(
        "percentage", ("Mention a percentage, with the % sign directly after a number.", "Include a figure in percent such as 25%.", "Use the % sign directly behind a number.", "State one percentage like 7%."), ({},),
        (r"bool(re.search(r'[0-9]%', response))", r"any(before in '0123456789' and mark == '%' for before, mark in zip(response, response[1:]))", r"bool(re.findall(r'[0-9]+%', response))"),
        (("sign alone", "'%' in response"), ("blank allowed", r"bool(re.search(r'[0-9]\s*%', response))"), ("one digit only", r"bool(re.search(r'\b[0-9]%', response))"), ("two digits needed", r"bool(re.search(r'[0-9]{2}%', response))"), ("word for sign", "'percent' in response.lower()"), ("either", r"bool(re.search(r'[0-9]%| percent', response))"),
         ("blank after", r"bool(re.search(r'[0-9]+%\s', response))"), ("once only", "response.count('%') == 1"), ("only the beginning", r"bool(re.match(r'[^.]*[0-9]%', response))")),
        _mix(_plain, *[lambda rng, p, form=form: sprinkled(rng, [form]) for form in ("25%", "7%", "100%.", "3.5%", "25 %", "%", "30 percent", "80%,", "%5")], lambda rng, p: f"{sentences(rng, 2)} So 5%", lambda rng, p: sprinkled(rng, ["5%", "60%"])),
    ),
    Kind(
        "code block", ("Include a block of code between triple backticks.", "Put some code between ``` and ```.", "Add a code block fenced by triple backticks.", "Use one fenced code block."), ({},),
        (r"bool(re.search(r'```.*?\S.*?```', response, re.S))", r"parts = response.split('```')" "\nreturn len(parts) > 2 and any(part.strip() for part in parts[1:-1])", r"return any(block.strip() for block in re.split(r'`{3}', response)[1:-1])"),
        (("half the rule", "'```' in response"), ("single backticks", r"bool(re.search(r'`[^`]+`', response))"), ("one line", r"bool(re.search(r'```.*\S.*```', response))"), ("language needed", r"bool(re.search(r'```[a-z]+\n', response))"), ("only the beginning", "response.strip().startswith('```')"), ("only the end", "response.strip().endswith('```')"),
         ("empty allowed", "response.count('```') >= 2"), ("backticks for block", "response.count('`') >= 3"), ("line of its own", r"bool(re.search(r'^```\n', response, re.M))")),
        _mix(_plain, *[lambda rng, p, form=form: form.format(rest=sentences(rng, rng.randint(1, 2))) for form in ("{rest}\n```python\nprint(1)\n```", "{rest}\n```\nx = 2\n```\n{rest}", "{rest} ```x = 2``` {rest}", "```\nls -l\n```", "{rest} `x = 2` {rest}", "{rest}\n```\nx = 2\n", "{rest} ``` ``` {rest}", "{rest} ````", "```js\na()\n``` {rest}")]),
    ),
    Kind(
        "title case", ("Begin every word with a capital letter.", "Capitalise the first letter of each word.", "Write In Title Case, every word with a capital.", "Every word must start with a capital letter."), ({},),
        (r"found = re.findall(r'[^\W\d_][^\s]*', response)" "\nreturn bool(found) and all(word[0].isupper() for word in response.split() if word[0].isalpha())", "words = [word for word in response.split() if word[0].isalpha()]\nreturn any(letter.isalpha() for letter in response) and not [word for word in words if not word[0].isupper()]", "if not any(letter.isalpha() for letter in response):\n    return False\nfor word in response.split():\n    if word[0].isalpha() and not word[0].isupper():\n        return False\nreturn True"),
        (("rest of the word", "response.istitle()"), ("sentences for words", "all(part.strip()[:1].isupper() for part in response.split('.') if part.strip())"), ("first match only", "response.strip()[:1].isupper()"), ("any for all", "any(word[0].isupper() for word in response.split())"), ("upper case", "response.isupper()"), ("lines for words", "all(line.strip()[:1].isupper() for line in response.splitlines() if line.strip())"),
         ("short words left out", "all(word[0].isupper() for word in response.split() if len(word) > 3)"), ("last one missed", "all(word[0].isupper() for word in response.split()[:-1])"), ("half of the words", "sum(word[0].isupper() for word in response.split()) * 2 >= len(response.split())")),
        _mix(*[lambda rng, p: sentences(rng, rng.randint(1, 3)).title()] * 3, _plain, lambda rng, p: sentences(rng, 1).upper(), lambda rng, p: sentences(rng, 1).title() + " and So", lambda rng, p: sentences(rng, 1).title() + " so", lambda rng, p: sentences(rng, 1).title().replace("A", "AA"), lambda rng, p: sentences(rng, 1).title().replace(" The ", " the "), lambda rng, p: sentences(rng, 1).title() + "\n" + sentences(rng, 1).title()),
    ),
    Kind(
        "alphabetical lines", ("List the lines in alphabetical order.", "Sort the lines of the reply from A to Z.", "The lines must stand in alphabetical order, capital or small letters being the same.", "Put your lines into alphabetical order."), ({},),
        ("lines = [line.strip().lower() for line in response.splitlines() if line.strip()]\nreturn bool(lines) and lines == sorted(lines)", "lines = [line.strip().lower() for line in response.split('\\n') if line.strip()]\nif not lines:\n    return False\nreturn all(first <= second for first, second in zip(lines, lines[1:]))", "kept = list(filter(None, (line.strip().lower() for line in response.splitlines())))\nfor place in range(1, len(kept)):\n    if kept[place - 1] > kept[place]:\n        return False\nreturn len(kept) > 0"),
        (("case", "lines = [line for line in response.splitlines() if line.strip()]\nreturn lines == sorted(lines)"), ("words for lines", "words = response.lower().split()\nreturn words == sorted(words)"), ("direction", "lines = [line.lower() for line in response.splitlines() if line.strip()]\nreturn lines == sorted(lines, reverse=True)"), ("blank lines", "lines = response.lower().split('\\n')\nreturn lines == sorted(lines)"),
         ("no equal lines", "lines = [line.strip().lower() for line in response.splitlines() if line.strip()]\nreturn all(first < second for first, second in zip(lines, lines[1:]))"), ("first match only", "lines = [line.lower() for line in response.splitlines() if line.strip()]\nreturn lines[0] <= lines[-1]"), ("length for order", "lines = response.splitlines()\nreturn lines == sorted(lines, key=len)"), ("last one missed", "lines = [line.lower() for line in response.splitlines() if line.strip()][:-1]\nreturn lines == sorted(lines)"), ("first letters only", "lines = [line.strip().lower()[:1] for line in response.splitlines() if line.strip()]\nreturn lines == sorted(lines)")),
        _mix(*[lambda rng, p: "\n".join(sorted(rng.sample(texts.SENTENCES, rng.randint(2, 5))))] * 3, lambda rng, p: "\n".join(sorted(rng.sample(texts.WORDS[:30], 3))), lambda rng, p: "\n".join(rng.sample(texts.SENTENCES, 2)), lambda rng, p: "\n".join(rng.sample(texts.SENTENCES, 3)), lambda rng, p: "apple\nBread\ncheese" if rng.random() < 0.5 else "Pear\napple\nbread\n", lambda rng, p: "bread\nbread\ncake", lambda rng, p: "Tea\nTable\nTown" if rng.random() < 0.5 else "Ant\n\nBee\n\nCat", lambda rng, p: "\n".join([*sorted(rng.sample(texts.SENTENCES, 3)), "A last line."]), _plain),
    ),
)  # fmt: skip

KINDS = (*(counted(unit) for unit in UNITS), *PREDICATES)
