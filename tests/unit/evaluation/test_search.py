"""Inference-time search: another decoding, beside the published one and never in its place."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.chat.base import Answer, Prompt
from autoif_train.config import resolve
from autoif_train.evaluation import choice, tiny
from autoif_train.evaluation.answers import decoding
from autoif_train.evaluation.search import Searching, by_checks, searched
from autoif_train.feedback.search import SearchSettings
from autoif_train.run import Run
from autoif_train.types import Response

PROMPT = "What color is the fox? Write in all uppercase."


def refine(asked):
    return [[Response(query.id, "THE FOX IS RED.", "refiner")] for query, _, _ in asked]


class Says:
    """A policy that says the same, twice to each prompt."""

    name = "policy"

    def __init__(self, text):
        self.text = text

    def answer(self, prompts, settings):
        return [[Answer(self.text, finished=False), Answer("another")] for _ in prompts]


def found(text):
    verify = by_checks(tiny.violated(None))
    chat = Searching(Says(text), refine, verify, SearchSettings())
    ((answer,),) = chat.answer([Prompt([{"role": "user", "content": PROMPT}], payload=PROMPT)], None)
    return answer


def test_an_answer_that_passes_is_kept_as_it_is():
    assert found("IT IS RED.") == Answer("IT IS RED.", finished=False)


def test_one_that_fails_is_searched_from():
    assert found("It is red.") == Answer("THE FOX IS RED.")


def test_a_missing_answer_is_no_failing_one():
    class Mute(Says):
        def answer(self, prompts, settings):
            return [[] for _ in prompts]

    searching = Searching(Mute(""), refine, by_checks(tiny.violated(None)), SearchSettings())
    with pytest.raises(IndexError):
        searching.answer([Prompt([{"role": "user", "content": PROMPT}])], None)


def test_the_checks_name_what_is_violated_as_the_prompt_words_it():
    violated = tiny.violated(None)
    assert violated(PROMPT, "It is red.") == ["Write in all uppercase."]
    assert violated(PROMPT, "<think>quietly</think>IT IS RED.") == []


def test_a_searched_set_has_a_name_and_a_decoding_of_its_own(tmp_path):
    settings = resolve(**{"evaluation.search": "best_of_n", "output_dir": tmp_path})
    benchmark = searched(choice.BENCHMARKS["tiny"], Run(settings, "evaluate"))
    assert benchmark.sets == ("H_best_of_n", "Q_best_of_n")
    assert benchmark.search["strategy"] == "best_of_n"
    assert benchmark.search["verified_by"] == "the checks that grade"


def test_best_of_n_passes_wherever_a_greedy_answer_does(tmp_path):
    settings = resolve(**{"evaluation.search": "best_of_n", "evaluation.max_prompts": "16", "output_dir": tmp_path})
    benchmark = searched(choice.BENCHMARKS["tiny"], Run(settings, "evaluate"))
    chat = Rambling()
    greedy = list(tiny.answer_set("H", chat, settings.evaluation))
    rows = list(benchmark.answer("H_best_of_n", chat, settings.evaluation, 0))
    assert [row.prompt for row in rows] == [row.prompt for row in greedy]
    assert {row.passed for row in greedy} == {True, False}
    assert all(row.passed for row, before in zip(rows, greedy, strict=True) if before.passed)
    assert chat.drawn == {1, settings.spar.refinements_per_node}


class Rambling:
    """A policy that is brief once and else goes on and on, and remembers how many answers it was asked for."""

    name = "policy"

    def __init__(self):
        self.drawn = set()

    def answer(self, prompts, settings):
        self.drawn.add(settings.responses_per_query)
        if settings.responses_per_query == 1:
            return [[Answer("BRIEFLY AND LOUDLY")] for _ in prompts]
        return [
            [Answer(f"Again, number {prompt.first + n}, and on it goes, {'and on ' * 9}") for n in range(3)]
            for prompt in prompts
        ]


def test_a_search_changes_no_greedy_setting():
    settings = resolve(**{"evaluation.search": "breadth_first"})
    assert decoding(settings.evaluation) == decoding(dataclasses.replace(settings.evaluation, search=None))
