"""Which word a text answers with: yes or no, followed or violated.

Every prompt asks for the word alone on the last line. What is read becomes a label that others trust, what is not read
is asked for again: a form is read only where it is plain without understanding the sentence.
"""

from __future__ import annotations

import re

from autoif_train.synthesis.reading import Unreadable, without_thinking

# Tags, special tokens and commands like \boxed, then markup and quotes. Apostrophes stay.
_WRAPPING = re.compile(r"</?\w+>|<\|\w+\|>|\\\w+(?=\{)|[*_`#>|{}()\[\]$\"“”]|(?<!\w)['‘’]|['‘’](?!\w)")
_ITEM = re.compile(r"\s*(?:[-*•–]|\d+[.):])\s")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
# A comma ends a clause only before a conclusion: much that stands before one reserves (`in theory, yes`).
_CLAUSE_END = re.compile(
    r"(?<=[:.!?;])\s+|\s*[—–→]\s*|\s-+\s|,\s+(?=(?:so|and so|thus|and thus|hence|therefore)\b)", re.IGNORECASE
)
# All that may stand beside the word in its clause: `so the answer is clearly no`, `it is a contradiction`.
_BESIDE = (
    r"\W*(?:(?:and|so|thus|hence|therefore|overall|finally|in conclusion)\b\W*)*"
    r"(?:(?:the )?(?:answer|label|verdict|judgement|judgment)\W+|"
    r"(?:it|this|that|the (?:requirement|instruction|constraint|rule|relation(?:ship)?)|"
    r"(?:the|my) (?:final )?(?:answer|label|verdict|judgement|judgment)(?: to the question)?) (?:is|was|has been)\W+)?"
    r"(?:(?:an?|clearly|thus|therefore|indeed) )*"
)
# What begins a reason, not a reservation: `yes, the text has one`, but neither `yes, mostly` nor `No. 3 of the list`.
_REASON = r"[^\w?]+(?:because|since|as|given|the|it|this|that|there|they|all|every|each|both|everything)\b"
_RESERVATION = re.compile(
    r"\b(?:if|unless|whether|but|however|though|although|except|only|part(?:s|ly|ially)?|mostly|had|were)\b",
    re.IGNORECASE,
)


def answer_word(text: str, words: tuple[str, ...]) -> str:
    """Which of `words`, in lower case, a text answers with; raises `Unreadable` where that is not plain.

    The last clause decides where it states the word and nothing else (`two commas, so the answer is no`). Else the
    opening does where a reason or another line follows (`Yes, the text has one`) and no other of the words is said.
    A reservation spoils either.
    """
    raw = [line for line in without_thinking(text).splitlines() if re.search(r"[^\W_]", line)] or [""]
    lines = [" ".join(_WRAPPING.sub(" ", line).split()) for line in raw]
    whole, word = "\n".join(lines), rf"(?<![\w-])({'|'.join(words)})(?!-?\w)"
    said = {found.lower() for found in re.findall(word, whole, re.IGNORECASE)}
    if not said:
        raise Unreadable("no label")
    clauses = _CLAUSE_END.split(lines[-1])
    stated = [re.fullmatch(rf"{_BESIDE}{word}[^\w?]*", clause, re.IGNORECASE) for clause in clauses]
    answers = {found[1].lower() for found in stated if found}
    reserved = len(clauses) > 1 and _RESERVATION.search(_SENTENCE_END.split(lines[-1])[-1])
    if stated[-1] and len(answers) == 1 and not reserved and not _ITEM.match(raw[-1]):
        return answers.pop()
    opening = re.match(rf"{_BESIDE}{word}(?:[^\w?\n]*\n|{_REASON})", whole, re.IGNORECASE)
    others = said - {opening[1].lower(), "no"} if opening else said  # beside a yes, `no` is an ordinary word
    if others or _RESERVATION.search(whole) or _ITEM.match(raw[0]):
        raise Unreadable("no plain label")
    return opening[1].lower()


def yes_or_no(text: str) -> bool:
    """The answer to a yes-or-no question, read as `answer_word` reads."""
    return answer_word(text, ("yes", "no")) == "yes"
