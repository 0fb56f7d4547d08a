"""What a supervisor of middling quality writes, told by the purpose of the prompt; for a `MockServer`'s `reply`.

Everything is drawn from the request itself, its seed included, so equal requests have equal answers and the whole
pipeline behind it has one result. It errs as models do: fences and chatter around JSON, labels as strings, a wrong
function or case here and there, refusals, answers cut at the limit, a score in another form.
"""

from __future__ import annotations

import json
import random
import re

from tests.unit.chat.mock_server import digest

# Instruction, the body of its function, answers that follow it and answers that do not. One group may be a parameter.
KINDS = (
    (r"Write in capital letters only\.", "return response.isupper()", ["LOUD AND CLEAR.", "AS YOU WISH."], ["quiet"]),
    (r"Answer without any digit\.", "return not any(c.isdigit() for c in response)", ["No number."], ["Number 7."]),
    (
        r"Use at most (\d+) words\.",
        "return len(response.split()) <= {0}",
        ["Gladly.", "Yes, of course."],
        ["one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"],
    ),
    (r'Include the word "(\w+)"\.', "return '{0}' in response.lower()", ["The {0} it is.", "A {0}."], ["Nothing."]),
    (r"End with an exclamation mark\.", "return response.strip().endswith('!')", ["Done!", "So be it!"], ["Done."]),
    (r'Do not use the letter "(\w)"\.', "return '{0}' not in response.lower()", ["Why not?"], ["Such: {0}{0}{0}."]),
    (r"Use exactly two paragraphs\.", "return response.count('\\n\\n') == 1", ["One.\n\nTwo."], ["One."]),
)
SEEDS = "Write in capital letters only.\nAnswer without any digit.\nUse exactly two paragraphs.\n"
WORDS = ("river", "stone", "candle", "garden", "winter", "letter")


def reply(body: dict) -> str | tuple[str, str]:
    """The text of an answer, or the text and its finish reason."""
    asked = body["messages"][-1]["content"]
    chance = random.Random(digest(body))
    if "have already" in asked or "already have" in asked:
        return _instructions(chance)
    if "ONE JSON object" in asked:
        return _function(asked, chance)
    if "Reconstruct it" in asked:
        return _description(asked, chance)
    if "followed or violated" in asked:
        return _label(asked)
    if "entailment" in asked:
        return f"I compare the two.\n{'contradiction' if 'pears' in asked else 'entailment'}"
    if "Score: N" in asked:
        return chance.choice(["It answers.\nScore: 9", "Good.\nScore: 8/10", "Poor.\n**Score:** 4", "I cannot say."])
    return _answer(asked, chance)


def _instructions(chance: random.Random) -> str:
    lines = [f"Use at most {chance.randrange(2, 15)} words.", f'Include the word "{chance.choice(WORDS)}".']
    lines += ["End with an exclamation mark.", f'Do not use the letter "{chance.choice("qxzj")}".', "Be witty."]
    chance.shuffle(lines)
    return "Here they are:\n" + "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _known(asked: str) -> list[tuple[str, str, list[str], list[str]]]:
    """The kinds of instruction that a text holds, with their parameter filled in."""
    found = []
    for pattern, source, good, bad in KINDS:
        for match in re.finditer(pattern, asked):
            values = [text.replace("{0}", (match.groups() or ("",))[0]) for text in (source, *good, *bad)]
            found.append((match.group(), values[0], values[1 : 1 + len(good)], values[1 + len(good) :]))
    return found


def _function(asked: str, chance: random.Random) -> str | tuple[str, str]:
    known = _known(asked)
    if not known:
        return "This requirement cannot be verified by a program."
    _, source, good, bad = known[0]
    if chance.random() < 0.1:
        source = chance.choice(["return 'true'", "return bool(undefined)", "return True", "while True: pass"])
    cases = [{"input": chance.choice(good), "output": True}, {"input": chance.choice(bad), "output": "false"}]
    cases.append({"input": chance.choice(good + bad), "output": chance.choice(["maybe", True, False])})
    text = json.dumps({"func": f"def evaluate(response):\n    {source}", "cases": cases})
    draw = chance.random()
    if draw < 0.05:
        return text[:40], "length"
    if draw < 0.15:
        return text[:-1]
    return f"<think>Let me see.</think>Sure:\n```json\n{text}\n```\nI hope this helps." if draw < 0.6 else text


def _description(asked: str, chance: random.Random) -> str:
    for pattern, source, _, _ in KINDS:
        if source.split("{0}")[0] in asked:
            return f"The reply must obey: {pattern}" if chance.random() < 0.9 else "The reply must be about pears."
    return "The reply may be anything."


def _label(asked: str) -> str:
    """Whether a text follows its instruction, by the right function."""
    requirement, text = re.search(r"requirement:\n\n(.*?)\n\nJudge.*?\n-----\n(.*)\n-----\n", asked, re.DOTALL).groups()
    known = _known(requirement)
    if not known:
        return "Nobody can tell."
    names: dict = {}
    exec(f"def evaluate(response):\n    {known[0][1]}", names)
    return f"I look closely.\n{'followed' if names['evaluate'](text) else 'violated'}"


def _answer(asked: str, chance: random.Random) -> str | tuple[str, str]:
    texts = [text for _, _, good, bad in _known(asked) for text in (good if chance.random() < 0.6 else bad)]
    text = chance.choice(texts or ["I do not know."])
    if chance.random() < 0.05:
        return text, "length"
    return f"<think>Which?</think>{text}" if chance.random() < 0.2 else text
