"""Proposals that no program can settle, or not with the modules at hand: every function written for them is bad."""

from __future__ import annotations

from collections.abc import Sequence

from autoif_train.tiny.recording.kind import Kind
from autoif_train.tiny.recording.texts import PLAIN


def _hopeless(wording: str, says: str, follows: Sequence[str], breaks: Sequence[str]) -> Kind:
    cases = [(text, True) for text in [*follows, *PLAIN[2:14:3]]] + [
        (text, False) for text in [*breaks, *PLAIN[3:15:3]]
    ]
    return Kind(wording, (wording,), (says,), says, lambda: cases)


KINDS = (
    _hopeless(
        "Sound warm and encouraging.",
        "One of the words great, glad or well done must occur.",
        ["Great that you ask! You can do it.", "I am glad to help you on.", "Well done, go on like that."],
        ["No.", "That is not my business.", "Look it up yourself."],
    ),
    _hopeless(
        "Use only words of one syllable.",
        "Each word must contain one group of vowels.",
        ["The dog can run fast.", "Go home and rest.", "Bread is good food."],
        ["The tiger is yellow.", "Banana bread", "Every mountain has a valley."],
    ),
    _hopeless(
        "Write at the reading level of a ten-year-old child.",
        "The words must have fewer than five letters on average.",
        ["The sun is a big hot ball.", "Plants drink with their roots.", "Ice is cold water that got hard."],
        ["Photosynthesis converts luminous energy.", "Jurisprudence presupposes interpretation.", "Quod erat."],
    ),
    _hopeless(
        "Let every two lines rhyme.",
        "Every two lines must end with the same two letters.",
        ["The cat\nsat on a mat.", "In the night\nI saw a light.", "A small mouse\nran through the house."],
        ["The cat\nsat on a chair.", "In the day\nI saw a light.", "A mouse\nran."],
    ),
    _hopeless(
        "Use the passive voice in every sentence.",
        "Each sentence must contain is, was or were and a word that ends in ed.",
        ["The bread is baked at night.", "The door was opened.", "The fields were flooded."],
        ["The baker bakes bread.", "He opened the door.", "The river rose."],
    ),
    _hopeless(
        "Make sure that nobody could be offended by the reply.",
        "The words stupid and ugly must not occur.",
        ["The fox is red and clever.", "Both teams played well.", "Thank you for the cake."],
        ["What a stupid question.", "You are ugly.", "Only fools ask this."],
    ),
    _hopeless(
        "Before you answer think about who is asking, then write an introduction that fits the reader, a middle part "
        "with three well chosen examples from daily life, and a closing paragraph that sums everything up without "
        "repeating any phrase that was used before.",
        "The reply must have three paragraphs or more.",
        ["Welcome.\n\nSwim, run, rest.\n\nThat sums it up.", "Hello.\n\nThree examples.\n\nBye.", "A\n\nB\n\nC"],
        ["Swim.", "Hello. Bye.", "A\n\nB"],
    ),
)
