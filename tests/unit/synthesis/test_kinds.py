"""The map from instructions to the known kinds of benchmarks."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from autoif_train.synthesis.kinds import KINDS, check_exclude, excluded_kind, kind_counts, known_kinds
from autoif_train.types import Instruction, UserError


def test_the_table_holds_every_kind_of_ifeval(public_data):
    text = (public_data / "ifeval" / "input_data.jsonl").read_text(encoding="utf-8")
    assert len(KINDS["ifeval"]) == 25
    assert all(f'"{kind}"' in text for kind in KINDS["ifeval"])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Do not use any commas.", "ifeval/punctuation:no_comma"),
        ("Answer in at most 40 words.", "ifeval/length_constraints:number_words"),
        ("Use no more than five sentences.", "ifeval/length_constraints:number_sentences"),
        ('Use the word "river" exactly 3 times.', "ifeval/keywords:frequency"),
        ("Wrap the whole reply in double quotes.", "ifeval/startend:quotation"),
        ("Reply in JSON.", "ifeval/detectable_format:json_format"),
        ("End with a postscript.", "ifeval/detectable_content:postscript"),
        ("Use an emoji at the end of every sentence.", "ifbench/format:emoji"),
        ("Include ten palindromes.", "ifbench/words:palindrome"),
    ],
)
def test_a_known_kind_is_recognised(text, kind):
    assert kind in known_kinds(text)


# A constraint of each kind of IFBench, in words of our own.
OF_IFBENCH = {
    "count:word_count_range": "Write between 40 and 60 words.",
    "count:unique_word_count": "Use 30 or more different words.",
    "count:conjunctions": "Use three different conjunctions.",
    "count:person_names": "Mention four first names.",
    "count:numbers": "Mention exactly three numbers.",
    "count:punctuation": "Use each punctuation mark once.",
    "count:pronouns": "Use ten pronouns.",
    "count:keywords_multiple": "Use the word sun once and the word moon twice.",
    "count:words_japanese": "Write every fourth word in Japanese.",
    "ratio:stop_words": "Keep stop words below a third.",
    "ratio:sentence_type": "Write two declarative sentences to one question.",
    "ratio:sentence_balance": "Balance questions and statements: sentences of both types in balance.",
    "ratio:overlap": "Keep half of the trigrams: an overlap of 50 % with the text.",
    "ratio:sentence_words": "Write three sentences with the same number of characters.",
    "words:alphabet": "Start each word with the next letter of the alphabet.",
    "words:vowel": "Use two different vowels alone.",
    "words:consonants": "Two consonants must meet in every word.",
    "words:palindrome": "Include ten palindromes.",
    "words:prime_lengths": "The length of each word must be prime.",
    "words:start_verb": "Begin with a verb.",
    "words:repeats": "Repeat no word more than three times.",
    "words:no_consecutive": "Let consecutive words start with different letters.",
    "words:odd_even_syllables": "Alternate odd and even numbers of syllables.",
    "words:last_first": "The last word of every sentence opens the next as its first.",
    "words:paragraph_last_first": "Close each paragraph with the same word that opened it.",
    "words:keywords_specific_position": "Put the keyword river as the fifth word of the third sentence.",
    "words:words_position": "The second word must be river.",
    "sentence:alliteration_increment": "Let alliteration grow from sentence to sentence.",
    "sentence:increment": "Make each sentence two words longer.",
    "sentence:keyword": "Put the word river in the 3rd sentence.",
    "repeat:repeat_change": "Repeat the request, but with one word: change the first.",
    "repeat:repeat_simple": "Only output this sentence.",
    "repeat:repeat_span": "Copy the span from word 3 to word 9.",
    "format:parentheses": "Nest brackets five deep.",
    "format:quotes": "Put a quote within a quote.",
    "format:options": "Choose one of the following: yes, no.",
    "format:newline": "Write every word on its own line.",
    "format:emoji": "End sentences with an emoji.",
    "format:line_indent": "Indent each line further.",
    "format:quote_unquote": "Follow a quoted phrase by an unquoted remark.",
    "format:list": "Answer with a list, with % as its separator.",
    "format:thesis": "Open with a thesis.",
    "format:sub-bullets": "Give each point a sub-bullet.",
    "format:no_bullets_bullets": "Write two sentences, then two bullets.",
    "format:title_case": "Write in Title Case.",
    "format:output_template": "Fill in this template.",
    "format:no_whitespace": "Write without spaces.",
    "custom:csv_city": "Print cities as CSV.",
    "custom:csv_special_character": "Print comma-separated rows, one with a special character.",
    "custom:csv_quotes": "Print tab-delimited rows and quote all fields.",
    "custom:date_format_list": "Write dates in the format DD.MM.YYYY.",
    "custom:multiples": "Write the numbers that are multiples of 7.",
    "custom:mcq_count_length": "Write five multiple-choice questions.",
    "custom:reverse_newline": "List the countries in reverse alphabetical order.",
    "custom:word_reverse": "Write the words of the sentence backwards.",
    "custom:character_reverse": "Reverse all letters.",
    "custom:sentence_alphabet": "Start the first sentence with A, the next with B, through the alphabet.",
    "custom:european_capitals_sort": "Sort the European capitals by latitude.",
}


def test_the_table_holds_every_kind_of_ifbench():
    assert set(KINDS["ifbench"]) == set(OF_IFBENCH)
    assert len(OF_IFBENCH) == 58


def test_the_ids_of_ifbench_are_those_of_its_registry():
    spec = importlib.util.find_spec("ifbench")
    if spec is None:
        pytest.skip("the package ifbench is not installed")
    [folder] = spec.submodule_search_locations
    registry = (Path(folder) / "instructions_registry.py").read_text(encoding="utf-8")
    assert set(KINDS["ifbench"]) == set(re.findall(r'^\s+"(\w+:[\w-]+)"\s*:', registry, re.MULTILINE))


@pytest.mark.parametrize(("kind", "text"), OF_IFBENCH.items())
def test_a_kind_of_ifbench_is_recognised(kind, text):
    assert f"ifbench/{kind}" in known_kinds(text)


@pytest.mark.parametrize("text", ["Begin every line with the letter S.", "Include 2 or more commas."])
def test_another_kind_is_not(text):
    assert known_kinds(text) == []


def test_a_benchmark_or_one_of_its_kinds_can_be_excluded():
    text = "Avoid commas."
    assert excluded_kind(text, {"ifeval"}) == excluded_kind(text, {"ifeval/punctuation:no_comma"})
    assert excluded_kind(text, {"ifbench"}) is None


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="exclude_kinds: ifevall is unknown"):
        check_exclude(["ifevall"])


def test_kinds_are_counted_over_instructions():
    counts = kind_counts([Instruction("Avoid commas."), Instruction("Do not use commas.")])
    assert counts["ifeval/punctuation:no_comma"] == 2
