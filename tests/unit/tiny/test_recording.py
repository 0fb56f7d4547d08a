"""The recorded supervisor's answers: complete, of the training range, and imperfect in known proportions."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict

import pytest

from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.recorded import RecordedChat
from autoif_train.resources import resolve
from autoif_train.rows import Rows
from autoif_train.synthesis.reading import list_items
from autoif_train.synthesis.self_instruct import read_seeds
from autoif_train.synthesis.settings import QueriesSettings, SynthesisSettings
from autoif_train.tiny.constraints import KINDS, Constraint, check, constraint_of, training_instructions
from autoif_train.tiny.recording import flaws
from autoif_train.tiny.recording.builder import ANSWERS, PATH, Draft, drafts, rows
from autoif_train.tiny.recording.instructions import CALLS, OTHER_MODULES, TINY_KINDS, proposals, seeds

OTHER_KINDS = [kind for module in OTHER_MODULES for kind in module.KINDS]


@pytest.fixture(scope="module")
def written() -> list[Draft]:
    return list(drafts())


@pytest.fixture(scope="module")
def chat() -> RecordedChat:
    return RecordedChat(PATH)


@pytest.fixture(scope="module")
def by_instruction(written) -> dict[str, list[Draft]]:
    found = defaultdict(list)
    for draft in written:
        found[draft.known.text].append(draft)
    return found


def asked(chat: RecordedChat, step: str, payload: str) -> list[str]:
    prompt = Prompt([{"role": "user", "content": "?"}], step, payload)
    return [answer.text for answer in chat.answer([prompt], SamplingSettings(responses_per_query=ANSWERS))[0]]


def evaluate_of(source: str):
    """Our own right function, run in this process: never one of the flawed ones."""
    namespace: dict = {}
    exec(source, namespace)
    return namespace["evaluate"]


def test_the_shipped_file_is_what_the_builder_writes():
    built = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
    assert PATH.read_text(encoding="utf-8") == built


def test_the_shipped_file_is_small():
    assert PATH.stat().st_size < 3_000_000


def test_the_bundled_seeds_are_the_recorded_ones():
    assert read_seeds(SynthesisSettings().seeds) == [known.text for known in seeds()]


def test_there_are_at_least_as_many_seeds_as_in_the_paper():
    assert len({known.text for known in seeds()}) >= 36


def test_every_tiny_kind_is_among_the_seeds():
    found = {constraint_of(known.text) for known in seeds()} - {None}
    assert {constraint.kind for constraint in found} == KINDS.keys()


def test_about_two_hundred_instructions_are_proposed():
    assert 170 <= len({known.text for known in proposals()}) <= 220


def test_every_line_of_the_lists_has_recorded_functions(chat):
    lines = [
        line for call in range(CALLS) for text in asked(chat, "self_instruct", str(call)) for line in list_items(text)
    ]
    proposed = [line for line in lines if not line.endswith(":")]
    assert all(len(asked(chat, "function", line)) == ANSWERS for line in proposed)


def test_the_lists_repeat_some_instructions(chat):
    lines = [
        line for call in range(CALLS) for text in asked(chat, "self_instruct", str(call)) for line in list_items(text)
    ]
    assert len(lines) - len(set(lines)) >= 10


def test_every_seed_has_recorded_functions(chat):
    assert all(len(asked(chat, "function", known.text)) == ANSWERS for known in seeds())


def test_instructions_of_the_tiny_world_have_training_parameters_only():
    tiny = [known.text for known in [*seeds(), *proposals()] if constraint_of(known.text)]
    assert set(tiny) <= set(training_instructions())


def test_enough_instructions_belong_to_the_tiny_world_and_beyond():
    tiny = [constraint_of(known.text) is not None for known in [*seeds(), *proposals()]]
    assert tiny.count(True) >= 130
    assert tiny.count(False) >= 60


def test_every_described_function_and_every_comparison_is_recorded(chat, written):
    for draft in written:
        assert asked(chat, "back_translation", draft.source) == [draft.says]
        (compared,) = asked(chat, "entailment", f"{draft.known.text}\n{draft.says}")
        assert compared.splitlines()[-1] == draft.label


def test_a_source_is_described_in_one_way_only(written):
    said = defaultdict(set)
    for draft in written:
        said[draft.source].add(draft.says)
    assert all(len(descriptions) == 1 for descriptions in said.values())


def test_a_description_has_one_label_per_instruction(written):
    labels = defaultdict(set)
    for draft in written:
        labels[draft.known.text, draft.says].add(draft.label)
    assert all(len(found) == 1 for found in labels.values())


@pytest.mark.parametrize("flaw", flaws.SHARES)
def test_each_flaw_occurs_about_as_often_as_stated(written, flaw):
    drawn = [draft.flaw == flaw for draft in written if not draft.known.hopeless]
    share = 1000 * sum(drawn) / len(drawn)
    assert share > 0
    assert abs(share - flaws.SHARES[flaw]) <= 8


def test_a_fifth_of_the_answers_is_flawed(written):
    assert 0.15 <= sum(bool(draft.flaw) for draft in written) / len(written) <= 0.25


def test_only_hopeless_instructions_have_flaws_alone(by_instruction):
    lost = [drafts[0].known for drafts in by_instruction.values() if all(draft.flaw for draft in drafts)]
    assert lost
    assert all(known.hopeless for known in lost)


def test_some_descriptions_contradict_a_sound_function(written):
    assert 15 <= sum(draft.label == "contradiction" and not draft.flaw for draft in written) <= 80


def test_every_instruction_is_tried_on_ten_texts_or_more(by_instruction):
    texts = {name: {text for draft in drafts for text, _ in draft.cases} for name, drafts in by_instruction.items()}
    assert min(map(len, texts.values())) >= 10


def test_both_labels_occur_among_every_instructions_cases(by_instruction):
    for drafts_ in by_instruction.values():
        assert {label for draft in drafts_ for _, label in draft.cases} == {True, False}


@pytest.mark.parametrize("kind", TINY_KINDS, ids=lambda kind: kind.name)
def test_eight_different_functions_are_written_for_each_tiny_kind(kind):
    assert len(set(kind.functions.right)) >= 8


@pytest.mark.parametrize("kind", TINY_KINDS, ids=lambda kind: kind.name)
def test_labels_agree_with_the_true_checks(kind):
    for params in kind.params:
        for text, label in kind.cases(*params):
            # Only the kind `repeat` looks at the query: the text's own first sentence where it follows.
            query = re.match(r"[^.?!]*[.?!]?", text).group() if label else "Who is it?"
            assert check(Constraint(kind.name, params), text, query) is label, text


@pytest.mark.parametrize("kind", [*TINY_KINDS, *OTHER_KINDS], ids=lambda kind: kind.name)
def test_right_functions_agree_with_the_labels(kind):
    for params in kind.params:
        for source in kind.functions.right:
            evaluate = evaluate_of(kind.filled(source, params))
            for text, label in kind.cases(*params):
                assert evaluate(text) is label, (source, text)


@pytest.mark.parametrize("kind", [*TINY_KINDS, *OTHER_KINDS], ids=lambda kind: kind.name)
def test_right_functions_return_a_bool_for_an_empty_text(kind):
    for source in kind.functions.right:
        assert evaluate_of(kind.filled(source, kind.params[0]))("") in (True, False)


@pytest.mark.parametrize("kind", [*TINY_KINDS, *OTHER_KINDS], ids=lambda kind: kind.name)
def test_wrong_functions_differ_from_the_right_ones_on_some_case(kind):
    for wrong in kind.functions.wrong:
        differs = [
            evaluate_of(kind.filled(wrong.source, params))(text) is not label
            for params in kind.params
            for text, label in kind.cases(*params)
        ]
        assert any(differs), wrong.source


def test_the_bundled_user_queries_fit_the_limits():
    texts = [row["query"] for row in Rows(resolve(QueriesSettings().path))]
    assert all(QueriesSettings().min_characters < len(text) < QueriesSettings().max_characters for text in texts)


def test_there_are_enough_user_queries_and_none_twice():
    texts = Counter(row["query"].casefold() for row in Rows(resolve(QueriesSettings().path)))
    assert len(texts) >= 320
    assert max(texts.values()) == 1
