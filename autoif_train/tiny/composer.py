"""Writes answers: random attempts at following constraints, kept only when the true checks agree.

This stands for the text a larger model would have read: pretraining examples come from here, and nothing else does.
The order of the random draws is part of the data, as the shipped evaluation sets depend on it.
"""

from __future__ import annotations

import random
import re

from autoif_train.tiny.constraints import Constraint, Value, check
from autoif_train.tiny.lexicon import ASIDES, CLOSING_QUESTIONS, ENTITIES, OPENERS, STATEMENTS
from autoif_train.tiny.questions import Question, relevant

Demands = dict[str, tuple[Value, ...]]
_FIXED_LENGTH = ("nsent", "bullets", "atmost")


def good(question: Question, constraints: list[Constraint], rng: random.Random, attempts: int = 60) -> str | None:
    """An answer that states the fact and follows every constraint, None when no attempt did."""
    for _ in range(attempts):
        answer = compose(question, constraints, rng)
        if all(check(c, answer, question.text) for c in constraints) and relevant(question.text, answer):
            return answer
    return None


def compose(question: Question, constraints: list[Constraint], rng: random.Random) -> str:
    """One random attempt at an answer; most attempts follow their constraints, none is checked."""
    demands = {constraint.kind: constraint.params for constraint in constraints}
    others = [attribute for attribute in ENTITIES[question.entity] if attribute != question.attribute]
    rng.shuffle(others)
    extras = (others or [question.attribute]) * 4
    attributes = [question.attribute, *extras][: _sentence_count(demands, rng)]
    sentences = [statement(question.entity, name, rng, opening=i == 0) for i, name in enumerate(attributes)]
    _lengthen(sentences, len(attributes), question.entity, extras, demands, rng)
    if "start" in demands:
        gap = " " if "nocomma" in demands or rng.random() < 0.5 else ", "
        sentences[0] = f"{demands['start'][0]}{gap}{sentences[0]}"
    text = _join(_punctuate(_avoid(sentences, question.entity, demands, rng), demands, rng), demands)
    return _dress(text, question, extras[0], demands, rng)


def capitalised(text: str) -> str:
    """The text with a capital first letter; the others stay as they are."""
    return text[0].upper() + text[1:]


def statement(entity: str, attribute: str, rng: random.Random, opening: bool) -> str:
    """One fact as a clause without capital and full stop; only an opening clause must name its subject."""
    article = rng.choice(["the", "the", "a"])
    if article == "a" and entity[0] in "aeiou":
        article = "an"
    name = f"{article} {entity}"
    subject = name if opening or rng.random() < 0.4 else "it"
    thing = name if opening or rng.random() < 0.6 else "it"
    wording = rng.choice(STATEMENTS[attribute])
    return wording.format(subject=subject, thing=thing, value=ENTITIES[entity][attribute])


def _sentence_count(demands: Demands, rng: random.Random) -> int:
    count = rng.choice([1, 1, 2, 2, 3])
    for kind in ("nsent", "bullets"):
        if kind in demands:
            count = demands[kind][0]
    if "atmost" in demands:
        count = 1
    if "atleast" in demands:
        count = min(5, max(count, demands["atleast"][0] // 5 + rng.choice([0, 1])))
        if "nsent" in demands:
            count = demands["nsent"][0]
    return count


def _comma_count(demands: Demands, rng: random.Random) -> int:
    if "comma" in demands:
        count = demands["comma"][0]
    elif "nocomma" in demands or "atmost" in demands:
        return 0
    else:
        count = rng.choice([0, 0, 1])
    return max(count, 2) if _few_but_long(demands) else count


def _few_but_long(demands: Demands) -> bool:
    return "atleast" in demands and "nsent" in demands


def _lengthen(
    sentences: list[str], planned: int, entity: str, extras: list[str], demands: Demands, rng: random.Random
) -> None:
    """Add, in place, what keywords, commas and lengths ask for; `planned` sentences were there at first."""
    commas = _comma_count(demands, rng)
    _add_keywords(sentences, demands, rng)
    for number in range(commas):
        position = rng.randrange(len(sentences))
        may_open = number == 0 and "start" not in demands and "atmost" not in demands
        if may_open and rng.random() < 0.6:
            sentences[0] = f"{rng.choice(OPENERS)}, {sentences[0]}"
        else:
            attribute = extras[(planned + number) % len(extras)]
            sentences[position] += ", and " + statement(entity, attribute, rng, opening=False)
    if _few_but_long(demands) and "nocomma" in demands:
        for attribute in extras[:3]:
            position = rng.randrange(len(sentences))
            sentences[position] += " and " + statement(entity, attribute, rng, opening=False)


def _add_keywords(sentences: list[str], demands: Demands, rng: random.Random) -> None:
    keywords = list(demands.get("kw", ()))
    if "kwn" in demands:
        keyword, times = demands["kwn"]
        keywords = [keyword] * times
    asides = [rng.choice(ASIDES).format(keyword=keyword) for keyword in keywords]
    if asides and "atmost" in demands:
        sentences[0] += f" and the {keywords[0]}"
        return
    for aside in asides:
        if "nsent" in demands or "bullets" in demands:
            sentences[rng.randrange(len(sentences))] += f" and {aside}"
        else:
            sentences.append(aside)


def _avoid(sentences: list[str], entity: str, demands: Demands, rng: random.Random) -> list[str]:
    """Capitalise, and mostly replace a forbidden word: a model that tries hard still slips at times."""
    sentences = [capitalised(sentence) for sentence in sentences]
    if "taboo" not in demands or rng.random() >= 0.9:
        return sentences
    word = demands["taboo"][0]
    substitutes = {"the": ["a", "my", "one"], "a": ["the"], "it": [f"the {entity}"], "very": ["so"]}.get(word)
    if substitutes is None:
        return sentences
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    return [capitalised(pattern.sub(lambda _: rng.choice(substitutes), sentence)) for sentence in sentences]


def _punctuate(sentences: list[str], demands: Demands, rng: random.Random) -> list[str]:
    marks = ["."] * len(sentences)
    for number in range(demands["excl"][0] if "excl" in demands else 0):
        position = number % len(marks)
        marks[position] = marks[position].replace(".", "") + "!"
    if "question" in demands:
        closing = rng.choice(CLOSING_QUESTIONS)
        if any(kind in demands for kind in _FIXED_LENGTH):
            rng.random()  # an idle draw: the shipped evaluation sets were made with it, and a rebuild must equal them
            marks[-1] = "?"
        else:
            sentences, marks = [*sentences, closing], [*marks, ""]
    return [sentence + mark for sentence, mark in zip(sentences, marks, strict=True)]


def _join(sentences: list[str], demands: Demands) -> str:
    if "bullets" in demands:
        return "\n".join(f"* {sentence}" for sentence in sentences)
    return " ".join(sentences)


def _dress(text: str, question: Question, spare: str, demands: Demands, rng: random.Random) -> str:
    """What goes around an answer: end phrase, postscript, title, repeated question, case, quotes, JSON."""
    gap = "\n" if "bullets" in demands else " "
    if "end" in demands:
        text += gap + str(demands["end"][0])
    if "ps" in demands:
        text += f"\nP.S. {capitalised(statement(question.entity, spare, rng, opening=True))}."
    if "title" in demands:
        title = rng.choice([question.entity, question.attribute, f"the {question.entity}"])
        text = f"<<{capitalised(title)}>>\n{text}"
    if "repeat" in demands:
        text = question.text + gap + text
    if "lower" in demands:
        text = text.lower()
    if "upper" in demands:
        text = text.upper()
    if "quote" in demands:
        text = f'"{text}"'
    if "json" in demands:
        # not json.dumps: an escaped quote would be a pattern seen nowhere else; `good` rejects what is not valid
        text = '{"answer": "' + text.replace("\n", " ") + '"}'
    return text
