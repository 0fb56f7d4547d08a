"""Self-instruct: the seeds first, then new lines without duplicates, each drop with its reason."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from autoif_train.chat.base import Answer
from autoif_train.funnel import Tally
from autoif_train.synthesis.self_instruct import read_seeds, self_instruct
from autoif_train.synthesis.settings import SynthesisSettings
from autoif_train.types import Dropped, Instruction, Selection, UserError

SEEDS = ("Answer in at most 5 words.", 'Include the word "river".', "Use no commas.")


class Writer:
    """Says the same list in every call and remembers what it was asked."""

    name = "writer"

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []

    def answer(self, prompts, settings):
        self.asked += prompts
        return [list(self.answers) for _ in prompts]


@pytest.fixture
def seeds(tmp_path):
    file = tmp_path / "seeds.txt"
    file.write_text("\n".join(SEEDS) + "\n", encoding="utf-8")
    return str(file)


def proposed(seeds, *lines, **changes):
    settings = dataclasses.replace(SynthesisSettings(seeds=seeds, instruction_calls=1), **changes)
    events = list(self_instruct(Writer(Answer("\n".join(lines))), settings, 0))
    selection = Selection.of(events)
    reasons = {event.example: event.reason for event in events if isinstance(event, Dropped)}
    return [row for row in selection.rows if row.parent_id], reasons, selection


def test_seeds_come_first_and_have_no_parent(seeds):
    _, _, selection = proposed(seeds, "Write everything in capital letters.")
    assert [row.text for row in selection.rows[:3]] == list(SEEDS)
    assert [row.parent_id for row in selection.rows[:3]] == [None] * 3


def test_a_proposals_parent_is_the_seed_it_resembles(seeds):
    new, _, _ = proposed(seeds, "Use no commas and no colons.")
    assert new[0].parent_id == Instruction("Use no commas.").id


@pytest.mark.parametrize("line", ["Use no commas.", "use NO commas", "Use no commas!!", "  Use  no   commas  "])
def test_a_seed_in_another_dress_is_a_duplicate(seeds, line):
    new, reasons, _ = proposed(seeds, line)
    assert new == []
    assert list(reasons.values()) == ["duplicate"]


def test_another_number_is_another_instruction(seeds):
    new, _, _ = proposed(seeds, "Answer in at most 6 words.", "Answer in at most 7 words.")
    assert len(new) == 2


def test_another_quoted_word_is_another_instruction(seeds):
    new, _, _ = proposed(seeds, 'Include the word "rivet".')
    assert len(new) == 1


def test_almost_the_same_words_are_a_near_duplicate(seeds):
    long = "Begin the first sentence of every paragraph with the letter A and nothing else"
    _, reasons, _ = proposed(seeds, long, long.replace("every", "evry"))
    assert list(reasons.values()) == ["near-duplicate"]


@pytest.mark.parametrize("line", ["Here are new instructions:", "Sure!", "...", "🙂🙂🙂"])
def test_what_is_no_instruction_is_dropped(seeds, line):
    _, reasons, _ = proposed(seeds, line)
    assert list(reasons.values()) == ["not an instruction"]


def test_an_instruction_in_a_script_without_blanks_is_one(seeds):
    new, _, _ = proposed(seeds, "回答中不要使用逗号。")
    assert len(new) == 1


def test_an_explanation_is_no_atomic_instruction(seeds):
    _, reasons, _ = proposed(seeds, "Write " + "very " * 60 + "much.")
    assert list(reasons.values()) == ["longer than an atomic instruction"]


def test_the_most_is_not_exceeded_by_proposals(seeds):
    _, reasons, selection = proposed(
        seeds, "Write in capital letters.", "End with a question mark.", max_instructions=4
    )
    assert len(selection.rows) == 4
    assert list(reasons.values()) == ["beyond max_instructions"]


def test_the_most_is_not_exceeded_by_seeds(seeds):
    _, _, selection = proposed(seeds, max_instructions=2)
    assert len(selection.rows) == 2


def test_a_seed_written_twice_is_one_instruction(seeds):
    with open(seeds, "a", encoding="utf-8") as file:
        file.write(SEEDS[0] + "\n")
    _, _, selection = proposed(seeds)
    assert Counter(row.id for row in selection.rows).most_common(1)[0][1] == 1


def test_the_torn_last_line_of_a_cut_answer_is_no_instruction(seeds):
    writer = Writer(Answer("1. Write in capital letters.\n2. End every sentence with", finished=False))
    settings = SynthesisSettings(seeds=seeds, instruction_calls=1)
    texts = [row.text for row in Selection.of(self_instruct(writer, settings, 0)).rows]
    assert "Write in capital letters." in texts
    assert "End every sentence with" not in texts


def test_a_torn_line_is_counted_with_its_reason(seeds):
    writer = Writer(Answer("1. Write in capital letters.\n2. End every", finished=False))
    events = self_instruct(writer, SynthesisSettings(seeds=seeds, instruction_calls=1), 0)
    assert Selection.of(events).dropped["instruction"] == {"cut at max_new_tokens": 1}


def test_a_refused_call_is_counted_with_its_reason(seeds):
    writer = Writer(Answer("", finished=False, refused=True))
    events = self_instruct(writer, SynthesisSettings(seeds=seeds, instruction_calls=2), 0)
    assert Selection.of(events).dropped["instruction"] == {"refused by the server": 2}


@pytest.mark.parametrize("most", [0, 1])
def test_no_proposal_outlives_its_seed(seeds, most):
    _, reasons, selection = proposed(seeds, "Use no commas and no colons.", max_instructions=most)
    assert len(selection.rows) == most
    assert set(reasons.values()) == {"beyond max_instructions"}


def test_every_line_is_kept_or_dropped(seeds):
    lines = ["Write in capital letters.", "Sure!", "Use no commas.", "x" * 500, "End with a dot."] * 3
    settings = SynthesisSettings(seeds=seeds, instruction_calls=2)
    tally = Tally("data/instructions")
    rows = list(tally.passing(self_instruct(Writer(Answer("\n".join(lines))), settings, 0)))
    (entry,) = tally.entries()
    assert entry["rows_in"] == len(SEEDS) + 2 * len(lines)
    assert entry["rows_out"] == len(rows)


def test_calls_have_seeds_of_their_own(seeds):
    writer = Writer(Answer("nothing"))
    list(self_instruct(writer, SynthesisSettings(seeds=seeds, instruction_calls=5), 0))
    assert len({prompt.seed for prompt in writer.asked}) == 5


def test_a_model_that_answers_nothing_leaves_the_seeds(seeds):
    settings = SynthesisSettings(seeds=seeds, instruction_calls=1)
    assert len(Selection.of(self_instruct(Writer(), settings, 0)).rows) == 3


def test_the_bundled_seeds_are_all_different():
    texts = read_seeds(SynthesisSettings().seeds)
    assert len(texts) == len(set(texts)) >= 36


def test_blank_lines_and_comments_are_no_seeds(tmp_path):
    file = tmp_path / "seeds.txt"
    file.write_text("# a comment\n\n  Use no commas.  \n   \n")
    assert read_seeds(str(file)) == ["Use no commas."]


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"# only a comment\n", b"\xff\xfeU\x00"])
def test_a_file_without_seeds_is_refused_by_key_and_name(tmp_path, content):
    file = tmp_path / "seeds.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"synthesis\.seeds.*seeds\.txt"):
        read_seeds(str(file))


def test_excluded_kinds_are_dropped_by_name_seeds_too(seeds):
    new, reasons, selection = proposed(seeds, "Begin every line with S.", "No commas here!", exclude_kinds=["ifeval"])
    assert [row.text for row in selection.rows] == [row.text for row in new] == ["Begin every line with S."]
    assert reasons["No commas here!"] == reasons[SEEDS[2]] == "kind ifeval/punctuation:no_comma"
