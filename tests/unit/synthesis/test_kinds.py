"""The map from instructions to the known kinds of benchmarks."""

from __future__ import annotations

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
