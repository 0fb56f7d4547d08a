"""Self-play: who answers what, which pairs come of it, and the numbers of each round."""

from __future__ import annotations

import dataclasses

import pytest

from autoif_train.chat.base import Answer, SamplingSettings
from autoif_train.feedback.self_play import SpinSettings, own_answers, round_section, self_play_pairs
from autoif_train.types import Demonstration, PreferencePair, Response, Selection, UserError


def demonstration(question: str, answer: str) -> Demonstration:
    turns = [{"role": "user", "content": question}], [{"role": "assistant", "content": answer}]
    return Demonstration(*turns, question, 1.0)


class Chat:
    """Says which prompt it was asked, and remembers the seeds."""

    name = "policy"

    def __init__(self):
        self.seeds = []

    def answer(self, prompts, settings):
        self.seeds += [prompt.seed for prompt in prompts]
        return [[Answer(f"own: {prompt.payload}", finished=False)] for prompt in prompts]


TWO = [demonstration("a?", "A"), demonstration("b?", "B")]


def own(*texts: str) -> list[Response]:
    return [Response("id", text, "policy") for text in texts]


def test_each_demonstration_is_answered_once_in_order_and_unfiltered():
    answers = list(own_answers(TWO, Chat(), SamplingSettings(1), 7))
    assert [(each.query_id, each.text, each.finished) for each in answers] == [
        ("a?", "own: a?", False),
        ("b?", "own: b?", False),
    ]


def test_two_demonstrations_of_one_prompt_draw_different_answers():
    list(own_answers([demonstration("a?", "A"), demonstration("a?", "other")], chat := Chat(), SamplingSettings(1), 7))
    assert len(set(chat.seeds)) == 2


def test_equal_demonstrations_of_two_queries_draw_different_answers():
    twice = [dataclasses.replace(TWO[0], query_id=name) for name in ("first", "second")]
    list(own_answers(twice, chat := Chat(), SamplingSettings(1), 7))
    assert len(set(chat.seeds)) == 2


def test_an_answer_does_not_depend_on_its_neighbours():
    list(own_answers(TWO, both := Chat(), SamplingSettings(1), 7))
    list(own_answers(TWO[1:], alone := Chat(), SamplingSettings(1), 7))
    assert both.seeds[1:] == alone.seeds


def test_the_data_is_preferred_to_the_policys_own_answer():
    (first, _) = Selection.of(self_play_pairs(TWO, [own("x", "y")])).rows
    assert first == PreferencePair(
        TWO[0].prompt, TWO[0].completion, [{"role": "assistant", "content": "x"}], 1.0, 0.0, "a?"
    )


def test_the_answers_of_two_rounds_make_twice_the_pairs():
    rows = Selection.of(self_play_pairs(TWO, [own("x", "y"), own("v", "w")])).rows
    assert [row.rejected[0]["content"] for row in rows] == ["x", "v", "y", "w"]


def test_an_answer_that_is_the_datas_makes_no_pair():
    found = Selection.of(self_play_pairs(TWO, [own("A ", "y")]))
    assert len(found.rows) == 1
    assert found.dropped == {"answer": {"the same as the data's": 1}}


def test_an_answer_that_a_server_refused_makes_no_pair():
    refused = Response("id", "", "policy", finished=False)
    found = Selection.of(self_play_pairs(TWO[:1], [[refused]]))
    assert (found.rows, found.dropped["answer"].total()) == ([], 1)


def test_files_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="zip"):
        list(self_play_pairs(TWO, [own("x")]))


@pytest.mark.parametrize(("number", "rate", "beta"), [(1, 5e-7, 0.1), (3, 1e-7, 0.1), (4, 1e-7, 5.0), (6, 1e-7, 5.0)])
def test_the_published_rate_and_beta_of_each_round(number, rate, beta):
    section = round_section({"learning_rate": 1.0, "loss_type": "sigmoid"}, SpinSettings(), number)
    assert section == {"learning_rate": rate, "beta": beta, "loss_type": "sigmoid"}


def test_what_stands_in_spin_dpo_is_laid_over_the_section():
    section = round_section({"optim": "adamw_torch"}, SpinSettings(dpo={"optim": "rmsprop"}), 1)
    assert section["optim"] == "rmsprop"


def test_an_empty_list_of_numbers_is_named():
    with pytest.raises(UserError, match=r"spin\.betas"):
        round_section({}, SpinSettings(betas=[]), 1)


@pytest.mark.parametrize(("name", "mend"), [("beta", "spin.betas"), ("learning_rate", "spin.learning_rates")])
def test_a_number_that_each_round_has_its_own_of_is_refused(name, mend):
    with pytest.raises(UserError, match=rf"spin\.dpo\.{name}: .*{mend}"):
        round_section({}, SpinSettings(dpo={name: 0.3}), 1)
