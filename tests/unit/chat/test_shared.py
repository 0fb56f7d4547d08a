"""Questions that several processes share out: no share is taken for the answer to another question."""

from __future__ import annotations

import pytest

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.shared import SharedChat

PROMPTS, SAMPLING = [Prompt([], payload=name) for name in "ab"], SamplingSettings(1)


class Saying:
    """Says the same to whatever it is asked."""

    def __init__(self, text):
        self.name = self.text = text

    def answer(self, prompts, settings):
        return [[Answer(self.text)] for _ in prompts]


def killed(*_):
    raise KeyboardInterrupt


def answer(path, rank, text, signature="policy", prompts=PROMPTS, sampling=SAMPLING):
    """What a process, killed before it waits for another, has laid down."""
    with pytest.raises(KeyboardInterrupt):
        SharedChat(Saying(text), signature, path, rank, 2, killed).answer(prompts, sampling)


@pytest.mark.parametrize(
    "other",
    [
        {"signature": "another engine"},
        {"prompts": [*PROMPTS[:1], Prompt([], payload="c")]},
        {"sampling": SamplingSettings(1, temperature=0.0)},
    ],
)
def test_a_share_that_a_kill_left_answers_its_own_question_alone(tmp_path, other):
    path = tmp_path / "x.jsonl"
    for rank in range(2):
        answer(path, rank, "left", **other)
    answer(path, 1, "left")
    last = SharedChat(Saying("new"), "policy", path, 0, 2, lambda *_: None)
    assert last.answer(PROMPTS, SAMPLING) == [[Answer("new")], [Answer("left")]]
