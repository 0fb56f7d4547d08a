"""A recording answers by content, and a recorder makes one."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.recorded import RecordedChat, Recorder
from autoif_train.types import UserError

THREE = SamplingSettings(responses_per_query=3)


def ask(step: str, payload: str, wording: str = "any wording") -> Prompt:
    return Prompt([{"role": "user", "content": wording}], step=step, payload=payload)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "some.jsonl"
    rows = [
        {"step": "function", "payload": "Say hello.", "answers": ["one", "two", "three", "four"]},
        {"step": "entailment", "payload": "Say hello.", "answers": ["neutral"]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Scripted:
    """A chat model that answers with its script, whatever it is asked."""

    name = "scripted"

    def __init__(self, *answers: Answer):
        self.answers = list(answers)

    def answer(self, prompts, settings):
        return [self.answers[: settings.responses_per_query] for _ in prompts]


def texts(found: list[list[Answer]]) -> list[list[str]]:
    return [[answer.text for answer in answers] for answers in found]


def test_answers_come_in_the_recorded_order(recording):
    assert texts(RecordedChat(recording).answer([ask("function", "Say hello.")], THREE)) == [["one", "two", "three"]]


def test_the_step_is_part_of_the_key(recording):
    assert texts(RecordedChat(recording).answer([ask("entailment", "Say hello.")], THREE)) == [["neutral"]]


def test_the_wording_of_the_prompt_is_not_part_of_the_key(recording):
    chat = RecordedChat(recording)
    prompts = [ask("function", "Say hello.", "first"), ask("function", "Say hello.", "second")]
    first, second = chat.answer(prompts, THREE)
    assert first == second


def test_fewer_recorded_than_asked_returns_those_there_are(recording):
    many = SamplingSettings(responses_per_query=9)
    assert len(RecordedChat(recording).answer([ask("function", "Say hello.")], many)[0]) == 4


def test_a_missing_recording_names_step_payload_and_mend(recording):
    with pytest.raises(UserError, match=r"'function' and 'Sing.*\.\.\.'; use another supervisor, e\.g\. --supervisor"):
        RecordedChat(recording).answer([ask("function", "Sing " * 50)], THREE)


def test_a_missing_file_is_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl"):
        RecordedChat(tmp_path / "none.jsonl")


def test_a_row_without_answers_is_named_by_its_line(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"step": "function", "payload": "x"}\n')
    with pytest.raises(UserError, match="line 1"):
        RecordedChat(path)


def test_the_recorder_passes_answers_on(tmp_path):
    recorder = Recorder(Scripted(Answer("a"), Answer("b")), tmp_path / "new" / "r.jsonl")
    assert texts(recorder.answer([ask("function", "x")], THREE)) == [["a", "b"]]


def test_what_was_recorded_is_replayed_equal(tmp_path):
    path = tmp_path / "r.jsonl"
    asked = [ask("function", "x"), ask("back_translation", "y")]
    recorded = Recorder(Scripted(Answer("a\nb"), Answer("cut", finished=False)), path).answer(asked, THREE)
    assert RecordedChat(path).answer(asked, THREE) == recorded


def test_a_prompt_without_payload_is_known_by_its_last_message(tmp_path):
    path = tmp_path / "r.jsonl"
    Recorder(Scripted(Answer("a")), path).answer([ask("response", "", "Who?")], THREE)
    assert texts(RecordedChat(path).answer([ask("response", "", "Who?")], THREE)) == [["a"]]


def test_recording_again_only_appends(tmp_path):
    path = tmp_path / "r.jsonl"
    for text in ("a", "b"):
        Recorder(Scripted(Answer(text)), path).answer([ask("function", "x")], THREE)
    assert texts(RecordedChat(path).answer([ask("function", "x")], THREE)) == [["a", "b"]]


def test_a_row_torn_by_a_kill_is_dropped_before_the_next(tmp_path):
    path = tmp_path / "r.jsonl"
    Recorder(Scripted(Answer("a")), path).answer([ask("function", "x")], THREE)
    with open(path, "a") as file:
        file.write('{"step": "func')
    Recorder(Scripted(Answer("b")), path).answer([ask("function", "y")], THREE)
    assert texts(RecordedChat(path).answer([ask("function", "x"), ask("function", "y")], THREE)) == [["a"], ["b"]]
