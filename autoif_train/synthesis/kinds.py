"""Which known kind of a benchmark's constraints a generated instruction is, so that it can be left out of training.

Runs of words do not notice a re-invented constraint: "Do not use any commas." shares no thirteen words with a prompt of
IFEval and is one of its 25 kinds all the same. The map reads the instruction's text alone and is meant to find too much
rather than too little; it names kinds by the benchmarks' own ids: the 25 of IFEval (google-research), the 58 of IFBench
(allenai).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from autoif_train.types import Instruction, UserError

_ATMOST = r"(at (least|most)|exactly|no (more|fewer|less) than|(more|fewer|less) than|under|over|up to|between|\d+)"
_WRITTEN = (
    r"(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|fifty|hundred|a single)"
)
_COUNT = rf"({_ATMOST}|{_WRITTEN}|number of|limit)"
_QUOTED = r"""(["'“‘][^"'”’]+["'”’])"""
_USE = r"(use|include|contain|mention|add|insert|incorporate|write|have|put|feature|employ|with)\w*"
_TIMES = r"\b(times|twice|once)\b"
_PLACE = r"(first|second|third|fourth|fifth|\d+\W?(st|[nr]d|th))"
_TABLE = r"\b(csv|tsv|(comma|tab)[- ](separated|delimited))\b"
_REVERSED = r"\b(reversed?|backwards?)\b"
_LETTERS = r"(letters?|characters?)"
_NOT = r"(do not|don't|never|avoid|without|must not|should not|no|exclude|refrain from|omit)"

KINDS: dict[str, dict[str, str]] = {
    "ifeval": {
        "keywords:existence": rf"{_USE}.*\b(words?|phrase|keywords?|term)\b.*({_QUOTED}|\b\w+\W*$)",
        "keywords:frequency": rf"\b(word|phrase|keyword|term)\b.*{_TIMES}|{_QUOTED}.*{_TIMES}",
        "keywords:forbidden_words": rf"{_NOT}.*\b(words?|phrases?|keywords?|terms?)\b",
        "keywords:letter_frequency": rf"\bletters? .*{_TIMES}|{_COUNT}.*\bletter {_QUOTED}",
        "language:response_language": r"\b(in|entirely in|language)\b.*\b(english|french|spanish|german|italian|hindi"
        r"|arabic|russian|portuguese|korean|chinese|japanese|vietnamese|thai|urdu|tamil|telugu|bengali|language)\b",
        "length_constraints:number_sentences": rf"{_COUNT}.*\bsentences?\b|\bsentences?\b.*{_COUNT}",
        "length_constraints:number_paragraphs": rf"{_COUNT}.*\bparagraphs?\b",
        "length_constraints:number_words": rf"{_COUNT}\W+(\w+\W+){{0,3}}words?\b|\bwords? (count|limit)",
        "length_constraints:nth_paragraph_first_word": r"\bparagraph\b.*\b(start|begin)\w*\b.*\bword\b",
        "detectable_content:number_placeholders": r"\bplaceholders?\b|\[\w[\w ]*\]",
        "detectable_content:postscript": r"\bp\.? ?(p\.? ?)?s\b\.?|\bpostscript",
        "detectable_format:number_bullet_lists": r"\bbullet(s|ed)?\b",
        "detectable_format:constrained_response": r"\b(answer|respond|reply) (only )?with (one of|either|\"?yes\b)",
        "detectable_format:number_highlighted_sections": r"\bhighlight|\b(bold|italic)|\*\w",
        "detectable_format:multiple_sections": rf"{_COUNT}.*\bsections?\b|\bsection \d",
        "detectable_format:json_format": r"\bjson\b",
        "detectable_format:title": r"\btitle\b(?! case)|<<",
        "combination:two_responses": r"\btwo (different )?(responses|answers|replies)\b|\*{6}",
        "combination:repeat_prompt": r"\b(repeat|restate|copy)\w*\b.*\b(question|prompt|request|query|instruction)\b",
        "startend:end_checker": r"\b(end|finish|close|conclude)\w*\b.*\b(with|by)\b"
        r"|\blast (word|sentence|phrase|line)\b",
        "startend:quotation": r"\b(wrap|enclose|surround|put|place)\w*\b.*\bquot|\bin (double )?quotes\b",
        "change_case:capital_word_frequency": r"\b(capitali[sz]ed|all[- ]caps|uppercase|capital) words?\b"
        r"|\bwords? in (all )?(capital|caps|uppercase)",
        "change_case:english_capital": r"\b(all|only|entire\w*|every\w*|whole)\b.*\b(capitals?|caps|upper ?-?case)\b",
        "change_case:english_lowercase": r"\b(all|only|entire\w*|every\w*|whole|no capital)\b.*"
        r"\b(lower ?-?case|letters)\b"
        r"|\bno capital",
        "punctuation:no_comma": rf"{_NOT}\W+(\w+\W+){{0,3}}commas?\b",
    },
    "ifbench": {
        "count:word_count_range": r"\bbetween\b.*\band\b.*\bwords\b",
        "count:unique_word_count": r"\b(unique|different|distinct) words\b",
        "count:conjunctions": r"\bconjunctions?\b",
        "count:person_names": r"\b(person|people|first) names?\b|\bnames of (persons|people)\b",
        "count:numbers": rf"{_COUNT}\W+(\w+\W+){{0,2}}(numbers|numerals|digits)\b",
        "count:punctuation": r"\b(every|all|each)\b.*\bpunctuation\b",
        "count:pronouns": r"\bpronouns?\b",
        "count:keywords_multiple": r"\b(key)?word\b.*\bonce\b.*\b(key)?word\b.*\btwice\b",
        "count:words_japanese": r"\b(every|each)\b.*\b(japanese|french|spanish|language)\b",
        "ratio:stop_words": r"\bstop ?words?\b",
        "ratio:sentence_type": r"\bratio\b.*\bsentences\b|\bdeclarative\b|\binterrogative\b",
        "ratio:sentence_balance": r"\b(equal|same) number of\b.*\bsentences\b|\bsentences?\b.*\bbalance",
        "ratio:overlap": r"\b(trigram|n-gram|overlap)\b",
        "ratio:sentence_words": r"\bsentences?\b.*\bsame number of (words|characters)\b",
        "words:alphabet": r"\bword\b.*\bnext letter of the alphabet\b|\balphabet\w*\b.*\border\b",
        "words:vowel": r"\bvowels?\b",
        "words:consonants": r"\bconsonants?\b",
        "words:palindrome": r"\bpalindromes?\b",
        "words:prime_lengths": r"\bprime\b",
        "words:start_verb": r"\b(start|begin)\w*\b.*\bverb\b",
        "words:repeats": r"\b(repeat|use)\w*\b.*\bword\b.*\b(more than|at most)\b.*\b(once|twice|times)\b",
        "words:no_consecutive": r"\bconsecutive words\b",
        "words:odd_even_syllables": r"\bsyllables?\b",
        "words:last_first": r"\blast word of (each|every|a|the) sentence\b.*\bfirst\b",
        "words:paragraph_last_first": r"\b(paragraph|response|line)\b.*\bsame word\b",
        "words:words_position": rf"\b({_PLACE}|last) word\b",
        "words:keywords_specific_position": r"\b(key)?word\b.*\b(as|in) the \S+ (word|sentence)\b|\b\w+th word\b",
        "sentence:alliteration_increment": r"\balliterat",
        "sentence:increment": r"\beach sentence\b.*\b(more|longer|fewer|shorter)\b",
        "sentence:keyword": r"\b(key)?word\b.*\bin the \S+ sentence\b",
        "repeat:repeat_change": r"\brepeat\b.*\bbut\b.*\bchange\b",
        "repeat:repeat_simple": r"\b(only )?output this sentence\b",
        "repeat:repeat_span": r"\b(copy|repeat) the span\b",
        "format:parentheses": r"\b(parenthes[ei]s|brackets?)\b",
        "format:quotes": r"\bquot(es?|ation marks?)\b.*\b(nested|within)\b|\bnested quot",
        "format:options": r"\b(answer|choose|respond)\b.*\b(one of the following|options?)\b",
        "format:newline": r"\b(each|every|one) word\b.*\b(new|own|per|separate) line\b",
        "format:emoji": r"\bemojis?\b",
        "format:line_indent": r"\bindent",
        "format:quote_unquote": r"\bquoted?\b.*\bunquoted?\b",
        "format:list": r"\b(numbered|ordered|unordered) list\b|\blist\b.*\b(separator|instead of)\b",
        "format:thesis": r"\bthesis\b",
        "format:sub-bullets": r"\bsub-?bullets?\b",
        "format:no_bullets_bullets": r"\bbullet\b.*\bno bullet|\bsentences?\b.*\b(then|followed by)\b.*\bbullet",
        "format:title_case": r"\btitle case\b",
        "format:output_template": r"\btemplate\b",
        "format:no_whitespace": r"\bwhite-?spaces?\b|\b(no|without)( any)? (blanks|spaces)\b",
        "custom:date_format_list": r"\bdates?\b.*\bformat\b|\byyyy\b",
        "custom:csv_city": rf"{_TABLE}",
        "custom:csv_special_character": rf"{_TABLE}.*\bspecial character",
        "custom:csv_quotes": rf"{_TABLE}.*\bquot",
        "custom:multiples": r"\b(multiples of|divisible by)\b",
        "custom:mcq_count_length": r"\bmultiple[- ]choice\b",
        "custom:reverse_newline": r"\brevers\w*\b.*\balphabet|\balphabet\w*\b.*\brevers|\bz to a\b",
        "custom:word_reverse": rf"{_REVERSED}.*\bwords?\b|\bwords?\b.*{_REVERSED}",
        "custom:character_reverse": rf"{_REVERSED}.*\b{_LETTERS}\b|\b{_LETTERS}\b.*{_REVERSED}",
        "custom:sentence_alphabet": r"\bsentence\b.*\balphabet",
        "custom:european_capitals_sort": r"\blatitude|\bcapitals?\b.*\beurope|\beurope\w*\b.*\bcapitals?\b",
    },
}
_PATTERNS = {
    benchmark: {kind: re.compile(pattern, re.IGNORECASE | re.DOTALL) for kind, pattern in kinds.items()}
    for benchmark, kinds in KINDS.items()
}


def known_kinds(text: str) -> list[str]:
    """`benchmark/kind` for every known kind that an instruction's text may be, in the table's order."""
    return [
        f"{benchmark}/{kind}"
        for benchmark, patterns in _PATTERNS.items()
        for kind, pattern in patterns.items()
        if pattern.search(text)
    ]


def kind_counts(instructions: Iterable[Instruction]) -> Counter[str]:
    """How many instructions may be of each known kind."""
    return Counter(kind for instruction in instructions for kind in known_kinds(instruction.text))


def excluded_kind(text: str, exclude: Collection[str]) -> str | None:
    """The first known kind of an instruction's text that `exclude` names; None where it names none of them.

    `exclude` holds benchmarks (`ifeval`) and kinds of one (`ifeval/punctuation:no_comma`).
    """
    kinds = known_kinds(text) if exclude else []
    return next((kind for kind in kinds if kind in exclude or kind.partition("/")[0] in exclude), None)


def check_exclude(exclude: Iterable[str]) -> frozenset[str]:
    """The names as a set; `UserError` for one that is neither a benchmark nor a kind."""
    exclude = frozenset(exclude)
    known = {*KINDS, *(f"{benchmark}/{kind}" for benchmark, kinds in KINDS.items() for kind in kinds)}
    if unknown := sorted(exclude - known):
        raise UserError(
            f"synthesis.exclude_kinds: {unknown[0]} is unknown; name a benchmark ({', '.join(KINDS)}) or "
            "benchmark/kind, e.g. ifeval/punctuation:no_comma"
        )
    return exclude
