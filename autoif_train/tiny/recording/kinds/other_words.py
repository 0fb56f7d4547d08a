"""Demands on words and letters that the tiny model has never seen."""

from __future__ import annotations

import itertools
import re

from autoif_train.tiny.recording.kind import single


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


def _alternates(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return all(a.isupper() != b.isupper() for a, b in itertools.pairwise(letters))


SEEDS = (
    single(
        "Alternate between capital and small letters throughout.",
        _alternates,
        ["ThE fOx Is ReD.", "bAkE iT sLoWlY!", "ThE oWl.", "THe FoX iS rEd.", "the fox is red.", "A bIg BeAr"],
        ["Capital and small letters must take turns in the whole reply."],
        "All letters must have the same case.",
    ),
    single(
        "Include at least one palindrome of three or more letters.",
        lambda text: any(len(word) > 2 and word == word[::-1] for word in _words(text)),
        ["We met at noon.", "Mom baked a pie.", "The radar found it.", "He sat in a kayak.", "A level field helps."],
        ["One word of three letters or more has to read the same backwards."],
        "No word may read the same backwards.",
    ),
    single(
        "Put the words of the reply in alphabetical order.",
        lambda text: _words(text) == sorted(_words(text)),
        ["Apples bake early.", "Bears climb every hill", "All cats doze.", "Zebras like grass.", "Big dogs eat fish."],
        ["Every word must come no earlier in the alphabet than the word before it."],
        "The words must stand in reverse alphabetical order.",
    ),
    single(
        "Do not use the letter e.",
        lambda text: "e" not in text.lower(),
        ["A dog can run.", "Pack a map and a torch.", "It is only a small fox.", "EAT UP.", "Every day.", "Start now."],
        ["The letter e must not occur, neither capital nor small."],
        "Every word must contain the letter e.",
    ),
    single(
        "Use the same word first and last.",
        lambda text: _words(text)[:1] == _words(text)[-1:],
        [
            "Home is where you feel at home.",
            "Rice, then beans, then rice.",
            "Never say never.",
            "Go west.",
            "Fish eat fish",
        ],
        ["The last word has to be the first word again."],
        "The first and the last word must differ.",
    ),
    single(
        "Use each vowel at least twice.",
        lambda text: all(text.lower().count(vowel) >= 2 for vowel in "aeiou"),
        [
            "Our aunt is about to eat pie.",
            "You should taste our unusual fish pie.",
            "Bake it.",
            "Audio is loud, I hear.",
        ],
        ["The letters a, e, i, o and u must occur two times or more each."],
        "The reply must not contain vowels.",
    ),
    single(
        "Use at least two words joined by a hyphen.",
        lambda text: len(re.findall(r"\w-\w", text)) >= 2,
        [
            "A well-known, low-cost trick.",
            "My sister-in-law knows.",
            "It is a ten-minute, one-way walk.",
            "A red-hot stove.",
        ],
        ["Two hyphens or more must stand between letters."],
        "The reply must not contain hyphens.",
    ),
)

PROPOSED = (
    single(
        'Use at least two words that end in "ing".',
        lambda text: sum(word.endswith("ing") for word in _words(text)) >= 2,
        ["Singing and dancing help.", "I like swimming.", "The king is reading.", "Keep trying, keep learning.", "Go."],
        ["Two words or more must end with the letters ing."],
        "No word may end in ing.",
    ),
    single(
        "Let every word begin with a capital letter.",
        lambda text: all(word[0].isupper() for word in re.findall(r"[A-Za-z]+", text)),
        ["The Fox Is Red.", "Bake It Slowly.", "The Fox is Red.", "Milk And Honey.", "A Bear, A Cave.", "Go home."],
        ["Capitalise each word of the reply."],
        "Only the first word may have a capital letter.",
    ),
    single(
        "Let the longest word have at least ten letters.",
        lambda text: max(map(len, _words(text)), default=0) >= 10,
        ["Watermelons are sweet.", "The fox is red.", "A thunderstorm is near.", "Strawberries taste best now.", "Ok."],
        ["One word must be ten letters long or longer."],
        "All words must be shorter than ten letters.",
    ),
    single(
        'Do not use the letters "th" next to each other.',
        lambda text: "th" not in text.lower(),
        ["A dog can run.", "Both of us know.", "Soup needs salt.", "THE OWL IS GRAY.", "My cat is black.", "Go now."],
        ["The letter h must never follow the letter t."],
        "Use the letters th at least once.",
    ),
    single(
        "Let the first and the last letter of the reply be the same.",
        lambda text: (letters := re.findall("[a-z]", text.lower())) != [] and letters[0] == letters[-1],
        ["Go slow, Diego.", "Dig where the soil is red.", "The fox is red.", "Eat an apple.", "Try it."],
        ["The reply must end with the letter with which it begins."],
        "The first and last letter must differ.",
    ),
    single(
        "Mention at least three colors.",
        lambda text: len(set(_words(text)) & set("red blue green yellow white black brown gray pink".split())) >= 3,
        [
            "Red, green and blue.",
            "The pig is pink.",
            "A white, black and brown dog.",
            "Red, red, red.",
            "Gray and pink.",
        ],
        ["Three or more different colors must be named."],
        "No color may be named.",
    ),
    single(
        "Mention a day of the week.",
        lambda text: bool(re.search(r"\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b", text.lower())),
        ["We meet on Monday.", "Sundays are free.", "Today is fine.", "The shop opens Friday.", "MARKET ON TUESDAY"],
        ["One of the seven days must be named."],
        "No day of the week may be named.",
    ),
    single(
        "Put a Roman numeral above three in the text.",
        lambda text: bool(re.search(r"\b(IV|VI{0,3}|IX|X{1,3})\b", text)),
        [
            "Henry VIII had six wives.",
            "See chapter IV.",
            "King Louis XX never was.",
            "I am here.",
            "Part III is short.",
        ],
        ["A Roman numeral from IV upwards must occur."],
        "The reply must not contain Roman numerals.",
    ),
)

KINDS = (*SEEDS, *PROPOSED)
