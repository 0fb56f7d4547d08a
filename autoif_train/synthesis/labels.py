"""Which word a text answers with: yes or no, followed or violated.

What is read becomes a label that others trust, what is not is asked for again: in doubt a text is unreadable.
"""

from __future__ import annotations

import re

from autoif_train.synthesis.reading import Unreadable, without_thinking

REACH = 500  # characters around a word that tell what is said of it: endless answers are read in no time


def _any(phrases: str) -> str:
    """A pattern of whole phrases, which commas set apart."""
    return rf"(?:{'|'.join(phrases.split(', '))})\b".replace(" ", r"\s+")


# Tags, special tokens and commands like \boxed; then markup and single quotes. Apostrophes stay.
_WRAPPING = re.compile(r"</?\w+>|<\|\w+\|>|\\\w+(?=\{)|[*_`#>|{}\[\]$]|(?<!\w)['‘’]|['‘’](?!\w)")
_QUOTED = re.compile(r'"[^"\s]+(?:\s+[^"\s]+){2,}"')  # an instruction, say: the requirement "use no comma" is violated
_ITEM = re.compile(r"\s*(?:[-*•–]|\d+[.):])\s")

_REASON = _any("because, since, given, as(?! (?:far|long|much|well))")
_SENTENCE_END = re.compile(r"[.!?;][\")]*(?=\s)(?!\s+\d)|\n")
_CLAUSE_END = re.compile(rf"[,:()=—–→]|\s-+\s|\b{_REASON}", re.IGNORECASE)
_AT_CLAUSE_END = re.compile(
    rf"[\"]*[^\S\n]*(?:\n|\Z|(?!\.\s*\d)[^\w\s/'’\"-]|-+\s|{_REASON}|{_any('or, here, in this case')})", re.IGNORECASE
)

# What may stand before a word in its clause: nothing, what calls it the answer, or what says that something is it.
_SO = rf"\W*(?:{_any('and, but, so, then, thus, hence, therefore, overall, finally, in conclusion')}\W*)*"
_CALLED = (
    rf"\b(?:{_any('answer, verdict, judge?ment, decision, conclusion, label, result')}"
    rf"(?:\s+{_any('to (?:the|this|that) question')})?\W*(?:{_any('is, was, (?:would|must|should|will) be')})?"
    r"|I(?:\s+would|['’]d)?\s+say\b)"
)
_IS = rf"(?:\b{_any('is, are, was, were, has been, as')}|['’]s\b)"
_SURELY = (
    rf"(?:\s+{_any('an?, clear(?:ly)?, direct(?:ly)?, fully, completely, indeed, therefore, thus, hence, also')})*"
)
_SAID = re.compile(rf"(?:\A{_SO}|{_CALLED}{_SURELY}\W*|{_IS}{_SURELY}\s*)\Z", re.IGNORECASE)
_ANSWERING = re.compile(rf"(?:(?:\A|\n){_SO}|{_CALLED}{_SURELY}\W*)\Z", re.IGNORECASE)

# What undoes it: a denial or a hedge in its clause, a doubt in its sentence, a turn at the start of what comes next.
_HEDGES = (
    "part(?:s|ly|ially)?, in part, mostly, (?:for )?the most part, almost, nearly, hardly, barely, half, more or less"
)
_DOUBTS = (
    r"if, unless, whether, un(?:clear|sure|certain), not (?:\w+ )?(?:sure|certain|clear), doubt\w*, assum\w+, "
    r"provided, except, apart, aside, (?:all|every\w*|any\w*) but, claim\w*, pretend\w*, perhaps, maybe, possibly, "
    r"probably, likely, argu(?:e|ably), mostly, in (?:part|some|most|many), \w+ extent, "
    r"(?:at )?first (?:glance|sight|look)"
)
_CONDITIONS = "with, in(?! (?:conclusion|summary|this case)), by, on, at, had, were, ignoring"  # as a sentence opens
_TURNS = (
    r"but, however, though, although, albeit, yet, or, with, save, wait, actually, to \w+ extent, "
    r"I (?:guess|suppose|think|believe|am not)"
)
_DENIALS = (
    r"no, not, never, neither, nor, none, nothing, nobody, cannot, without, fail\w*, false, untrue, wrong, rarely, "
    r"seldom, far, only, hard to, to say, says, some, most, many, few, several, \w+ of (?:the|its|these), could, "
    r"may, might"
)
_DENIED = re.compile(rf"\b{_any(f'{_DENIALS}, {_HEDGES}')}|n['’]t\b", re.IGNORECASE)
_DOUBTED = re.compile(rf"\b{_any(_DOUBTS)}|\A\W*{_any(_CONDITIONS)}", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    rf"\W*(?:{_any(f'{_TURNS}, {_DOUBTS}, {_HEDGES}')}"
    r"|(?:yes|no|none|true|false|\d+)\s*(?:\Z|[^\w\s])|\d+\s+(?:of|out)\b)",  # `followed: no`
    re.IGNORECASE,
)
# Where a denial outlives its clause: it is not, I think, violated; it is not the case, I think, that it is violated.
_OUTLIVES = re.compile(r"\bthat\b[^,:()—–]*\Z|(?:\b(?:that|not|never)|n['’]t)\s*[,(—–-]", re.IGNORECASE)


def answer_word(text: str, words: tuple[str, ...]) -> str:
    """Which of `words`, in lower case, a text answers with; raises `Unreadable` where that is not plain.

    1. A last line that is nothing but a word, or `the answer is` and a word, decides.
    2. Else a word is said where it ends a clause and stands alone in it (`so violated`) or is what something is
       (`the rule has been violated`). A denial or a hedge undoes that within the clause (`not`, `partly`), a doubt
       within the sentence (`if`, `unclear`), and so does what comes next if it opens with a turn (`but`, `mostly`).
    3. What is said is the answer in the last sentence, at the start of a line and behind `the answer is`; but no other
       word may end a clause anywhere, save in a denial, a doubt or a question.
    """
    lines = [line for line in without_thinking(text).splitlines() if re.search(r"[^\W_]", line)] or [""]
    plain = "\n".join(" ".join(_WRAPPING.sub(" ", re.sub("[“”]", '"', line)).split()) for line in lines)
    last_sentence = max((end.end() for end in _SENTENCE_END.finditer(plain)), default=0)
    word = rf"(?<![\w-])({'|'.join(words)})(?!-?\w)"
    called = rf"(?:{_SO}(?:(?:the|my|final|correct)\s+)*{_CALLED})?"
    last = re.fullmatch(rf"{called}\W*{word}[^\w?]*", plain.rpartition("\n")[2], re.IGNORECASE)
    if last and not _ITEM.match(lines[-1]):
        return last[1].lower()
    answers, said, denied = set(), set(), set()
    for found in re.finditer(word, plain, re.IGNORECASE):
        name, start, end = found[1].lower(), found.start(), found.end()
        before, behind = plain[max(start - REACH, 0) : start], plain[end : end + REACH]
        sentence = _QUOTED.sub(" ", _SENTENCE_END.split(before)[-1])
        clause = _CLAUSE_END.split(sentence)[-1]
        asked = re.match(r"[^.!?;\n]*\?", behind)
        if asked or not _AT_CLAUSE_END.match(behind) or _DOUBTED.search(sentence):
            continue
        if _DENIED.search(sentence if _OUTLIVES.search(sentence) else clause):
            denied.add(name)
            continue
        said.add(name)
        answering = start >= last_sentence or _ANSWERING.search(before)
        if answering and _SAID.search(clause) and not _TAKEN_BACK.match(behind):
            answers.add(name)
    if len(said) > 1 or answers & denied:
        raise Unreadable("contradictory labels")
    if not answers:
        raise Unreadable("label denied" if denied else "no label")
    return answers.pop()


def yes_or_no(text: str) -> bool:
    """The answer to a yes-or-no question, read as `answer_word` reads; `YES it does` is read as `YES, it does`."""
    text = re.sub(r"\b(yes|no)(?=\s+(?:it|this|that|there|they|the)\b)", r"\1,", text, flags=re.IGNORECASE)
    return answer_word(text, ("yes", "no")) == "yes"
