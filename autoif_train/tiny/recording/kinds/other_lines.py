"""Demands on lines, paragraphs and markup that the tiny model has never seen."""

from __future__ import annotations

import re

from autoif_train.tiny.recording.kind import single


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


SEEDS = (
    single(
        "Separate the reply into exactly three paragraphs with blank lines between them.",
        lambda text: len(_paragraphs(text)) == 3,
        [
            "Wash.\n\nDry.\n\nFold.",
            "One.\n\nTwo.",
            "The fox is red.\n\nIt runs.\n\nIt hides.",
            "A\nB\nC",
            "a\n\nb\n\nc\n\nd",
        ],
        ["Blank lines must divide the reply into three paragraphs."],
        "Write one paragraph only.",
    ),
    single(
        "Begin every line with the letter S.",
        lambda text: all(line.strip()[0] in "sS" for line in _lines(text)),
        [
            "Start early.\nSleep well.",
            "Salt",
            "Soup helps.\nBread too.",
            "some tea\nsome milk",
            "Yes.\nSure.",
            "Sing\n\nSwim",
        ],
        ["The first letter of each line has to be S."],
        "No line may begin with S.",
    ),
    single(
        "Arrange the information as a Markdown table.",
        lambda text: bool(re.search(r"(?m)^\|.*\|\n\|[-:| ]+\|$", text)),
        [
            "| animal | color |\n|---|---|\n| fox | red |",
            "| a | b |\n| - | - |\n| 1 | 2 |",
            "fox | red",
            "Here:\n| day | task |\n|:--|:--|\n| Monday | swim |",
            "| animal | color |\n| fox | red |",
        ],
        ["The reply must contain a table in Markdown, with a rule below its head."],
        "The reply must not contain a table.",
    ),
    single(
        "Write exactly four lines of text.",
        lambda text: len(_lines(text)) == 4,
        [
            "a\nb\nc\nd",
            "Wash\nDry\nIron\nFold",
            "one\ntwo",
            "Go.\nEat.\n\nRead.\nSleep.",
            "a\nb\nc\nd\ne",
            "The fox\nis red.",
        ],
        ["Blank lines aside, the reply must have four lines."],
        "Write everything on one line.",
    ),
    single(
        "Number the lines of the reply with 1., 2., 3. and so on.",
        lambda text: all(line.startswith(f"{number}. ") for number, line in enumerate(_lines(text), 1)),
        [
            "1. Wash\n2. Dry",
            "1. The fox is red.",
            "1) Wash\n2) Dry",
            "1. a\n2. b\n3. c",
            "1. a\n3. b",
            "2. Go\n1. Stay",
        ],
        ["Each line must begin with its number and a full stop, counted from 1."],
        "No line may begin with a number.",
    ),
    single(
        "Include a line of code between triple backticks.",
        lambda text: bool(re.search(r"```[^`]+```", text)),
        [
            "Run this:\n```\nls -l\n```",
            "```print(1)```",
            "Use `ls`.",
            "```python\nx = 1\n```\nDone.",
            "```\nnever closed",
        ],
        ["The reply must contain a block of code fenced by three backticks."],
        "The reply must not contain code.",
    ),
)

PROPOSED = (
    single(
        "Divide the reply into two parts by a line of three dashes.",
        lambda text: text.split("\n").count("---") == 1,
        ["Before.\n---\nAfter.", "The fox is red.\n---\nIt runs.", "Wait --- what?", "a\n---\nb\n---\nc", "a\n----\nb"],
        ["One line of the reply must consist of three dashes."],
        "The reply must not contain dashes.",
    ),
    single(
        "End every line with a semicolon.",
        lambda text: all(line.rstrip().endswith(";") for line in _lines(text)),
        ["wash the rice;\nboil it;", "the fox is red;", "go;\nstay", "a; b; c", "a;\nb;\nc;", "Rest;\n\nSleep;"],
        ["The last character of each line has to be a semicolon."],
        "The reply must not contain semicolons.",
    ),
    single(
        "Put one word in **bold** Markdown.",
        lambda text: bool(re.search(r"\*\*\w+\*\*", text)),
        ["The fox is **red**.", "**Never** run.", "It is *small*.", "Add **salt** now.", "2 ** 3 is 8.", "Go **** on."],
        ["A word must stand between two pairs of stars."],
        "The reply must not contain bold text.",
    ),
    single(
        "Write a heading with a # on the first line.",
        lambda text: bool(re.match(r"# ?\w", text)),
        [
            "# Foxes\nThey are red.",
            "#Owls\nThey fly.",
            "Foxes #1\nYes.",
            "# A plan\n1. Go",
            "Hello\n# Late",
            "#\nNothing",
        ],
        ["The first line must be a Markdown heading."],
        "The reply must not contain headings.",
    ),
    single(
        "Write the reply as lines of the form key: value.",
        lambda text: all(re.match(r"[\w ]+: \S", line) for line in _lines(text)),
        ["animal: fox\ncolor: red", "Name: owl", "animal fox", "city: Oslo\ndays: 3\nthat is all", "time: noon", ": x"],
        ["Every line must have a key, a colon and a value."],
        "No line may contain a colon.",
    ),
    single(
        "Write three lines that begin with C, A and T in this order.",
        lambda text: [line.strip()[0].upper() for line in _lines(text)] == ["C", "A", "T"],
        [
            "Cook rice.\nAdd salt.\nTaste it.",
            "Cats\nare\ntiny",
            "Cook.\nTaste.\nAdd.",
            "C\nA\nT\nS",
            "Cat",
            "Come\nAnd\nTry",
        ],
        ["The first letters of the three lines must spell CAT."],
        "The first letters of the lines must spell DOG.",
    ),
    single(
        "Write the reply between <answer> and </answer> tags.",
        lambda text: bool(re.fullmatch(r"<answer>.+</answer>", text.strip(), re.S)),
        [
            "<answer>The fox is red.</answer>",
            "<answer>Go.\nStay.</answer>",
            "<answer>Open",
            "So <answer>x</answer>",
            "answer",
        ],
        ["Enclose the whole reply in an answer tag."],
        "The reply must not contain tags.",
    ),
    single(
        "Include a block quote that starts with >.",
        lambda text: bool(re.search(r"(?m)^> ?\w", text)),
        [
            "He said:\n> Go home.",
            "> The fox is red.",
            "5 > 3 is true.",
            "Look:\n>quoted\nDone.",
            ">\nnothing",
            "<b> bold",
        ],
        ["One line must be quoted with the sign > at its beginning."],
        "The reply must not contain the sign >.",
    ),
    single(
        "Let each line have exactly three words.",
        lambda text: all(len(line.split()) == 3 for line in _lines(text)),
        [
            "It eats grass.\nIt can run.",
            "Wash the rice.",
            "Go home.\nSleep very well.",
            "one two three four",
            "a b c\nd e f",
        ],
        ["Three words, no more and no fewer, must stand on each line."],
        "Each line must have two words.",
    ),
    single(
        "Use at least two line breaks.",
        lambda text: text.strip().count("\n") >= 2,
        ["a\nb\nc", "One.\nTwo.\nThree.\nFour.", "One.\nTwo.", "Go.\n\nStay.", "The fox\nis\nred", "a b c"],
        ["The reply must run over three lines or more."],
        "Write everything on a single line.",
    ),
    single(
        "Write a checklist with [ ] and [x] boxes.",
        lambda text: "[ ]" in text and "[x]" in text.lower(),
        [
            "- [x] wash\n- [ ] dry",
            "[ ] go\n[X] stay",
            "[x] only done",
            "- [ ] open",
            "[x] a\n[ ] b\n[ ] c",
            "x marks it",
        ],
        ["Both an empty and a ticked box must occur."],
        "The reply must not contain square brackets.",
    ),
    single(
        "Give three lines of comma-separated values with equally many fields.",
        lambda text: len(_lines(text)) == 3 and len({line.count(",") for line in _lines(text)}) == 1 and "," in text,
        ["a,b\nc,d\ne,f", "name,color\nfox,red\nowl,gray", "a,b\nc\nd,e", "a,b\nc,d", "x,y,z\n1,2,3\n4,5,6", "a, b, c"],
        ["Three lines must have the same number of fields between commas."],
        "The reply must not contain commas.",
    ),
    single(
        "Repeat the first line at the end.",
        lambda text: len(_lines(text)) > 1 and _lines(text)[0] == _lines(text)[-1],
        [
            "Go home.\nIt is late.\nGo home.",
            "a\na",
            "a\nb",
            "Rest.\n\nRead.\nRest.",
            "The fox\nis\nThe fox",
            "Red\nred",
        ],
        ["The last line must be the first line once more."],
        "The first and last line must differ.",
    ),
)

KINDS = (*SEEDS, *PROPOSED)
