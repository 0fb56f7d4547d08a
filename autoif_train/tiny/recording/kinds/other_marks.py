"""Demands on numbers, signs and the like that the tiny model has never seen."""

from __future__ import annotations

import re

from autoif_train.tiny.recording.kind import single

SEEDS = (
    single(
        "Mention one date in the form YYYY-MM-DD.",
        lambda text: len(re.findall(r"\b\d{4}-\d{2}-\d{2}\b", text)) == 1,
        [
            "We met on 2021-05-30.",
            "Due: 2019-12-01",
            "May 3, 2020",
            "From 2020-01-01 to 2020-02-01.",
            "On 3-4-21.",
            "1999-9-9",
        ],
        ["Exactly one date of the form 2020-01-31 must occur."],
        "The reply must not contain a date.",
    ),
    single(
        "Mention a time of day in 24-hour form such as 18:45.",
        lambda text: bool(re.search(r"\b([01]\d|2[0-3]):[0-5]\d\b", text)),
        [
            "We meet at 18:45.",
            "Doors open 09:30 sharp.",
            "At 6 pm.",
            "The score was 25:70.",
            "Train at 23:05",
            "Half past ten.",
        ],
        ["A time between 00:00 and 23:59 must be named with two digits on each side."],
        "No time of day may be named.",
    ),
    single(
        "Put exactly one remark in round brackets.",
        lambda text: len(re.findall(r"\([^()]+\)", text)) == 1,
        [
            "The fox (a red one) ran.",
            "Rest (if you can).",
            "(One) and (two).",
            "No remark.",
            "Empty () brackets.",
            "Add salt (little).",
        ],
        ["One remark, no more, must stand in round brackets."],
        "The reply must not contain brackets.",
    ),
    single(
        "Write one percentage, with the % sign directly after the number.",
        lambda text: len(re.findall(r"\d%", text)) == 1,
        ["Add 5% salt.", "About 70% is water.", "10 % of us", "5% or 6%", "Fifty percent.", "Only 0.5% remain."],
        ["Exactly one number must be followed by a percent sign without a blank."],
        "The reply must not contain percentages.",
    ),
)

PROPOSED = (
    single(
        "Include exactly one number written in digits.",
        lambda text: len(re.findall(r"\d+", text)) == 1,
        ["It has 4 legs.", "Room 101 is free.", "Mix 2 eggs and 3 cups.", "No number.", "Wait 15 minutes.", "7 8 9"],
        ["One number in figures, and only one, must occur."],
        "The reply must not contain numbers.",
    ),
    single(
        "Name a price in euros with two decimals, like 4.50 EUR.",
        lambda text: bool(re.search(r"\b\d+\.\d\d EUR\b", text)),
        [
            "It costs 4.50 EUR.",
            "Pay 12.00 EUR at the door.",
            "About 5 EUR.",
            "4.5 EUR",
            "EUR 4.50",
            "Only 0.99 EUR today!",
        ],
        ["An amount such as 3.20 EUR must occur."],
        "No price may be named.",
    ),
    single(
        "Give an email address in the reply.",
        lambda text: bool(re.search(r"\w+@\w+\.\w+", text)),
        [
            "Write to info@example.org.",
            "Mail: a.b@mail.net",
            "Ask @anna.",
            "No address.",
            "me at home.org",
            "x@y.z is short.",
        ],
        ["The reply must contain an email address."],
        "The reply must not contain the sign @.",
    ),
    single(
        "Include a link that begins with https://.",
        lambda text: bool(re.search(r"https://\w", text)),
        [
            "See https://example.org now.",
            "https://a.b/c",
            "http://example.org",
            "Go to www.example.org",
            "https:// is a prefix",
        ],
        ["A link with https must occur."],
        "The reply must not contain links.",
    ),
    single(
        "Use a colon exactly once.",
        lambda text: text.count(":") == 1,
        ["Listen: it rains.", "Buy this: tea.", "At 10:30: go.", "One rule: rest.", "a: b: c", "No colon."],
        ["The reply must contain one colon, no more and no fewer."],
        "The reply must not contain a colon.",
    ),
    single(
        "Use at least one semicolon.",
        lambda text: ";" in text,
        ["It is late; go home.", "Red; green; blue.", "No such mark.", "The fox runs; it is fast.", "a, b, c"],
        ["A semicolon must occur somewhere."],
        "Do not use semicolons.",
    ),
    single(
        "Put an emoji in the reply.",
        lambda text: any(ord(c) >= 0x1F300 for c in text),
        [
            "Well done \U0001f600",
            "The fox \U0001f98a is red.",
            ":-)",
            "Great \U0001f389 news",
            "I (heart) you.",
            "\U0001f41d",
        ],
        ["The reply must contain at least one emoji."],
        "The reply must not contain emoji.",
    ),
    single(
        "Include a hashtag.",
        lambda text: bool(re.search(r"#[A-Za-z]\w*", text)),
        ["Rainy day #weather", "#fox is red", "We are # 1.", "Issue #42", "Go #green today.", "# heading"],
        ["A word must directly follow the sign #."],
        "The reply must not contain the sign #.",
    ),
    single(
        "Write a telephone number of exactly nine digits.",
        lambda text: bool(re.search(r"(?<!\d)\d{9}(?!\d)", text)),
        [
            "Call 555123456.",
            "Phone: 100200300",
            "Call 12345.",
            "1234567890 is too long.",
            "Try 987654321 today.",
            "No number.",
        ],
        ["Nine digits in a row must occur."],
        "No digit may occur.",
    ),
    single(
        "Use exactly one pair of square brackets.",
        lambda text: text.count("[") == text.count("]") == 1 and text.index("[") < text.index("]"),
        ["See note [1].", "It [the fox] ran.", "[a] and [b]", "No brackets.", "] wrong [", "Open [ only"],
        ["One opening and one closing square bracket must occur, in this order."],
        "The reply must not contain square brackets.",
    ),
    single(
        "Let the numbers 1, 2 and 3 occur in increasing order.",
        lambda text: -1 < text.find("1") < text.find("2") < text.find("3"),
        ["Take 1 egg, 2 cups, 3 spoons.", "1 2 3", "3 2 1", "Only 1 and 2.", "Step 1: go. Step 2: wait. Step 3: rest."],
        ["The figures 1, 2 and 3 have to appear one after the other."],
        "The figures must appear in decreasing order.",
    ),
    single(
        "Make the first sentence a question.",
        lambda text: bool(re.match(r"[^.!?]+\?", text)),
        ["Why not? It is cheap.", "Is it red? Yes.", "Yes. Is it?", "What now? Rest!", "Go! Why?", "Do you know?"],
        ["The first sentence has to end with a question mark."],
        "The first sentence must not be a question.",
    ),
    single(
        "Write an equation with an equals sign between two numbers.",
        lambda text: bool(re.search(r"\d ?= ?\d", text)),
        ["2 + 3 = 5", "So 10/2=5 holds.", "x = 4", "Equal shares.", "Thus 3 * 3 = 9.", "a == b"],
        ["An equals sign must stand between two numbers."],
        "The reply must not contain an equals sign.",
    ),
    single(
        "Include a color code such as #1a2b3c.",
        lambda text: bool(re.search(r"#[0-9a-fA-F]{6}\b", text)),
        [
            "Use #ff8800 here.",
            "Paint it #1A2B3C.",
            "Use #fff.",
            "Color 123456",
            "The wall is #00ff00, the door red.",
            "#hello",
        ],
        ["A hash sign with six hexadecimal digits must occur."],
        "The reply must not name colors.",
    ),
)

KINDS = (*SEEDS, *PROPOSED)
