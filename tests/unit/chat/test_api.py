"""A server behind `ApiChat` may fail in every way that passes, and is asked for nothing twice."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time

import pytest

from autoif_train.chat import limits
from autoif_train.chat.api import MOST_REFUSED_IN_A_ROW, ApiChat, ApiSettings
from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.cache import AnswerCache
from autoif_train.types import UserError
from tests.unit.chat.mock_server import FAULTS, MockServer, answer_by_content, some_faults

FOUR = SamplingSettings(responses_per_query=4)
ONE = SamplingSettings(responses_per_query=1)
KEY_VARIABLE = "TEST_SUPERVISOR_KEY"

CLIENT = """
import json, sys
from autoif_train.chat.api import ApiChat, ApiSettings
from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.cache import AnswerCache

base_url, path, count = sys.argv[1:]
prompts = [Prompt([{"role": "user", "content": f"question {number}"}], seed=number) for number in range(int(count))]
with AnswerCache(path) as cache:
    chat = ApiChat(ApiSettings("mock", base_url, max_concurrency=8), cache)
    print(json.dumps([answer.text for (answer,) in chat.answer(prompts, SamplingSettings(responses_per_query=1))]))
"""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(limits, "FIRST_BACKOFF_SECONDS", 0.02)


def questions(count: int) -> list[Prompt]:
    return [Prompt([{"role": "user", "content": f"question {number}"}], seed=number) for number in range(count)]


def chat_with(server: MockServer, cache: AnswerCache | None = None, **settings) -> ApiChat:
    settings = {"model": "mock", "base_url": server.base_url, "api_key_env": KEY_VARIABLE} | settings
    return ApiChat(ApiSettings(**settings), cache)


@pytest.fixture
def server():
    with MockServer() as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        yield cache


def test_answers_come_in_the_order_of_the_prompts(server):
    answers = chat_with(server).answer(questions(20), FOUR)
    assert [{answer.text.split("to ")[1] for answer in four} for four in answers] == [
        {f"question {number}"} for number in range(20)
    ]


def test_each_answer_is_drawn_with_a_seed_of_its_own(server):
    (answers,) = chat_with(server).answer(questions(1), FOUR)
    assert len({answer.text for answer in answers}) == 4


def test_a_request_says_how_to_sample(server):
    settings = SamplingSettings(responses_per_query=1, temperature=0.3, top_p=0.9, max_new_tokens=17)
    chat_with(server).answer(questions(1), settings)
    body = server.bodies[0]
    del body["seed"]
    assert body == {
        "model": "mock",
        "messages": [{"role": "user", "content": "question 0"}],
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 17,
        "n": 1,
    }


def test_no_prompts_are_no_answers(server):
    assert chat_with(server).answer([], FOUR) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_changes_no_answer(server, fault):
    expected = chat_with(server).answer(questions(3), ONE)
    with MockServer(fault=lambda body, attempt: fault if attempt < 2 else None) as faulty:
        assert chat_with(faulty, timeout_seconds=0.3).answer(questions(3), ONE) == expected


def test_one_attempt_in_five_failing_changes_no_answer(server):
    expected = chat_with(server).answer(questions(100), FOUR)
    with MockServer(fault=some_faults(0.2)) as faulty:
        assert chat_with(faulty, timeout_seconds=0.5).answer(questions(100), FOUR) == expected


def test_a_proper_answer_is_fetched_once_whatever_fails(cache):
    with MockServer(fault=some_faults(0.2, tuple(set(FAULTS) - {"slow"}))) as faulty:
        chat_with(faulty, cache).answer(questions(100), FOUR)
        assert set(faulty.answered.values()) == {1}


def test_a_larger_k_asks_for_the_new_answers_only(server, cache):
    four = chat_with(server, cache).answer(questions(10), FOUR)
    server.ledger.clear()
    eight = chat_with(server, cache).answer(questions(10), dataclasses.replace(FOUR, responses_per_query=8))
    assert sum(server.ledger.values()) == 40
    assert [answers[:4] for answers in eight] == four


def test_the_same_questions_in_another_order_cost_nothing(server, cache):
    chat_with(server, cache).answer(questions(10), FOUR)
    server.ledger.clear()
    chat_with(server, cache).answer(questions(10)[::-1], FOUR)
    assert not server.ledger


def test_equal_prompts_of_one_call_are_asked_once(server):
    answers = chat_with(server).answer(questions(1) * 5, ONE)
    assert sum(server.ledger.values()) == 1
    assert answers == [answers[0]] * 5


def test_a_killed_client_repeats_only_what_was_in_flight(tmp_path):
    with MockServer(latency_seconds=0.02) as server:
        command = [sys.executable, "-c", CLIENT, server.base_url, str(tmp_path / "answers.sqlite"), "200"]
        for stop_at in (30, 80, 130):
            client = subprocess.Popen(command)
            while sum(server.ledger.values()) < stop_at and client.poll() is None:
                time.sleep(0.005)
            os.kill(client.pid, signal.SIGKILL)
            client.wait()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        repeated = sum(server.ledger.values()) - len(server.ledger)
    with MockServer() as calm:
        again = [sys.executable, "-c", CLIENT, calm.base_url, str(tmp_path / "other.sqlite"), "200"]
        assert subprocess.run(again, check=True, capture_output=True, text=True).stdout == output
    assert repeated <= 3 * 8


def test_no_more_requests_are_in_flight_than_allowed():
    with MockServer(latency_seconds=0.02) as server:
        chat_with(server, max_concurrency=5).answer(questions(40), ONE)
        assert server.most_in_flight == 5


def test_requests_are_spaced_by_their_limit(server):
    chat_with(server, requests_per_minute=1200).answer(questions(21), ONE)
    assert server.arrivals[-1] - server.arrivals[0] >= 20 * 60 / 1200 * 0.98


def test_failed_requests_count_towards_the_limit():
    with MockServer(fault=lambda body, attempt: "busy" if attempt < 1 else None) as server:
        chat_with(server, requests_per_minute=1200).answer(questions(10), ONE)
        assert server.arrivals[-1] - server.arrivals[0] >= 19 * 60 / 1200 * 0.98


def test_requests_are_spaced_after_a_pause_too():
    def first_is_too_many(body, attempt):
        return "busy_with_wait" if number_of(body) == 0 and attempt == 0 else None

    with MockServer(fault=first_is_too_many, wait="0.5") as server:
        chat_with(server, requests_per_minute=1200, max_concurrency=10).answer(questions(10), ONE)
        assert server.arrivals[-1] - server.arrivals[-9] >= 8 * 60 / 1200 * 0.8


def test_tokens_are_spaced_by_their_limit():
    with MockServer(reply=lambda body: "word " * 98) as server:  # 100 tokens per call with the question's two
        chat = chat_with(server, tokens_per_minute=60_000, max_concurrency=4)
        chat.answer(questions(5), dataclasses.replace(ONE, max_new_tokens=98))
        started = time.monotonic()
        chat.answer(questions(15)[5:], ONE)
        assert time.monotonic() - started >= 9 * 100 * 60 / 60_000 * 0.9


def test_an_overestimated_answer_gives_its_tokens_back(server):
    chat = chat_with(server, tokens_per_minute=600_000, max_concurrency=1)
    started = time.monotonic()
    chat.answer(questions(50), dataclasses.replace(ONE, max_new_tokens=100_000))
    assert time.monotonic() - started < 5  # 10 s if only the first one held its 100,000 tokens


@pytest.mark.parametrize(("wait", "least_seconds"), [("1", 1.0), ("date", 0.9), ("soon", 0.0)])
def test_a_wait_that_the_server_asks_for_is_kept(wait, least_seconds):
    with MockServer(fault=lambda body, attempt: "busy_with_wait" if attempt < 1 else None, wait=wait) as server:
        chat_with(server).answer(questions(1), ONE)
        assert server.arrivals[1] - server.arrivals[0] >= least_seconds


def test_a_server_with_a_limit_answers_everything_in_the_end(monkeypatch):
    monkeypatch.setattr(limits, "FIRST_BACKOFF_SECONDS", 0.001)
    numbers = itertools.count()
    with MockServer(fault=lambda body, attempt: "busy" if next(numbers) % 4 else None) as server:
        chat_with(server).answer(questions(150), ONE)
        assert len(server.answered) == 150


def test_a_server_that_has_enough_is_asked_less_and_less(monkeypatch):
    monkeypatch.setattr(limits, "FIRST_BACKOFF_SECONDS", 0.001)
    with MockServer(fault=lambda body, attempt: "busy") as server:
        with pytest.raises(UserError, match="after 3 retries"):
            chat_with(server, max_concurrency=8, max_retries=3).answer(questions(50), ONE)
        assert server.ledger.total() <= 8 + 4 + 2 + 1


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (405, "supervisor.model: the server refuses a request"),
        (401, f"supervisor.api_key_env: the server asks for a key and [$]{KEY_VARIABLE} is not set"),
        (403, f"supervisor.api_key_env: the key in [$]{KEY_VARIABLE} may not use 'mock'"),
        (404, "supervisor.model: .* knows no model 'mock'"),
    ],
)
def test_a_refusal_is_one_clear_line_at_once(status, line):
    with MockServer(fault=lambda body, attempt: status) as server:
        with pytest.raises(UserError, match=line) as caught:
            chat_with(server, max_concurrency=1).answer(questions(10), ONE)
        assert sum(server.ledger.values()) == 1
    assert "\n" not in str(caught.value)


REFUSED = Answer("", finished=False, refused=True)


def number_of(body: dict) -> int:
    return int(body["messages"][0]["content"].split()[1])


def refuses(*numbers: int, status: int | str = 400):
    """A fault that strikes some questions, whenever they come."""
    return lambda body, attempt: status if number_of(body) in numbers else None


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_is_refused_is_an_answer_without_a_text(server, status):
    with MockServer(fault=refuses(3, status=status)) as filtering:
        answers = chat_with(filtering).answer(questions(8), ONE)
    whole = chat_with(server).answer(questions(8), ONE)
    assert answers == [*whole[:3], [REFUSED], *whole[4:]]


def test_refusals_are_counted_and_their_reason_is_said(caplog):
    with MockServer(fault=refuses(3, 5)) as server:
        chat = chat_with(server)
        chat.answer(questions(8), ONE)
    assert chat.usage["response"].refused == 2
    assert "the server refused 2 of 8 prompts (the last one with 400: refused with 400)" in caplog.text


def test_a_refusal_is_not_kept_so_that_a_server_that_learned_better_is_asked_again(server, cache):
    with MockServer(fault=refuses(3)) as filtering:
        chat_with(filtering, cache).answer(questions(8), ONE)
    assert chat_with(server, cache).answer(questions(8), ONE)[3] != [REFUSED]
    assert [number_of(body) for body in server.bodies] == [3]


def test_a_run_of_which_only_refused_prompts_are_left_goes_on(cache):
    with MockServer(fault=refuses(3)) as server:
        chat_with(server, cache).answer(questions(8), ONE)
        assert chat_with(server, cache).answer(questions(8), ONE)[3] == [REFUSED]
        assert server.ledger.total() == 9


def test_a_server_that_refuses_everything_is_one_clear_line():
    with (
        MockServer(fault=lambda body, attempt: 400) as server,
        pytest.raises(UserError, match="the server refuses a request") as caught,
    ):
        chat_with(server).answer(questions(3), ONE)
    assert "\n" not in str(caught.value)


def test_a_step_whose_every_prompt_is_refused_is_one_clear_line_whatever_was_answered_before():
    with MockServer(fault=refuses(0, 1, 2)) as server:
        chat = chat_with(server)
        chat.answer(questions(5)[3:], ONE)
        with pytest.raises(UserError, match="400"):
            chat.answer([dataclasses.replace(prompt, step="quality") for prompt in questions(3)], ONE)


def test_a_row_of_refused_prompts_ends_the_run():
    with MockServer(fault=lambda body, attempt: 400 if number_of(body) else None) as server:
        with pytest.raises(UserError, match="400"):
            chat_with(server, max_concurrency=1).answer(questions(500), ONE)
        assert server.ledger.total() == 1 + MOST_REFUSED_IN_A_ROW


def test_the_refused_answers_of_one_prompt_are_no_row():
    with MockServer(fault=refuses(1)) as server:
        drawn = dataclasses.replace(ONE, responses_per_query=MOST_REFUSED_IN_A_ROW)
        assert set(chat_with(server).answer(questions(2), drawn)[1]) == {REFUSED}


def test_refusals_that_overtake_answers_are_no_row():
    def every_other(body, attempt):
        return 400 if number_of(body) % 2 else "slow"

    with MockServer(fault=every_other, slow_seconds=0.2) as server:
        answers = chat_with(server).answer(questions(4 * MOST_REFUSED_IN_A_ROW), ONE)
    assert sum(of_prompt == [REFUSED] for of_prompt in answers) == 2 * MOST_REFUSED_IN_A_ROW


def test_a_row_of_refused_prompts_goes_on_over_calls():
    row = questions(2 * MOST_REFUSED_IN_A_ROW)
    with MockServer(fault=lambda body, attempt: 400 if number_of(body) >= 10 else None) as server:
        chat = chat_with(server, max_concurrency=4)
        chat.answer(row[:16], ONE)
        chat.answer(row[16:32], ONE)
        chat.answer([], ONE)
        with pytest.raises(UserError, match="400"):
            chat.answer(row[32:48], ONE)


def test_an_answer_between_ends_a_row_over_calls():
    with MockServer(fault=lambda body, attempt: 400 if number_of(body) % 16 else None) as server:
        chat = chat_with(server)
        for first in range(0, 4 * MOST_REFUSED_IN_A_ROW, 16):
            chat.answer(questions(first + 16)[first:], ONE)


def test_a_prompt_that_moderation_flags_is_refused_alone():
    with MockServer(fault=refuses(0, status="flagged")) as server:
        assert chat_with(server, max_concurrency=1).answer(questions(8), ONE)[0] == [REFUSED]


def test_a_key_that_is_used_up_ends_the_run_at_once():
    with MockServer(fault=lambda body, attempt: 403 if number_of(body) > 4 else None) as server:
        with pytest.raises(UserError, match="may not use"):
            chat_with(server, max_concurrency=1).answer(questions(8), ONE)
        assert server.ledger.total() == 6


def test_the_line_of_a_failure_counts_everything_that_is_kept(cache):
    with MockServer(fault=refuses(9, status=401)) as server:
        chat = chat_with(server, cache, max_concurrency=1)
        chat.answer(questions(5), ONE)
        with pytest.raises(UserError, match="; 9 answers are kept in "):
            chat.answer(questions(12)[5:], ONE)


def test_a_redirect_names_the_right_address():
    with MockServer(fault=lambda body, attempt: 308) as server, pytest.raises(UserError, match=r"base_url.*redirects"):
        chat_with(server).answer(questions(1), ONE)


def test_a_refused_key_is_never_shown(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "refused")
    with MockServer(fault=lambda body, attempt: 401) as server, pytest.raises(UserError) as caught:
        chat_with(server).answer(questions(1), ONE)
    assert "[key] with 401" in str(caught.value)


def test_the_key_of_the_environment_is_sent(server, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    chat_with(server).answer(questions(1), ONE)
    assert server.authorizations == {"Bearer secret"}


def test_without_a_key_none_is_sent(server):
    chat_with(server).answer(questions(1), ONE)
    assert server.authorizations == {None}


def test_an_address_where_nobody_listens_is_one_clear_line(server):
    with pytest.raises(UserError, match=r"supervisor\.base_url: cannot connect to http://127\.0\.0\.1:9/v1"):
        chat_with(server, base_url="http://127.0.0.1:9/v1").answer(questions(3), ONE)


def test_a_server_that_stays_broken_ends_the_run_with_what_is_kept(cache):
    def breaks_late(body, attempt):
        return "broken" if body["messages"][0]["content"] == "question 9" else None

    with (
        MockServer(fault=breaks_late) as server,
        pytest.raises(UserError, match=r"; 9 answers are kept in .*sqlite") as caught,
    ):
        chat_with(server, cache, max_concurrency=1, max_retries=2).answer(questions(12), ONE)
    assert "after 2 retries (500" in str(caught.value)


def test_the_same_command_goes_on_after_a_failure(cache):
    with MockServer(fault=lambda body, attempt: "broken" if attempt < 2 else None) as server:
        chat = chat_with(server, cache, max_concurrency=4, max_retries=1)
        with pytest.raises(UserError):
            chat.answer(questions(40), ONE)
        for _ in range(20):
            try:
                answers = chat.answer(questions(40), ONE)
                break
            except UserError:
                continue
        assert len(answers) == 40
        assert set(server.answered.values()) == {1}


def test_requests_in_flight_end_when_another_fails(cache):
    def one_is_refused(body, attempt):
        return 401 if body["messages"][0]["content"] == "question 3" else None

    with MockServer(fault=one_is_refused, latency_seconds=0.05) as server:
        with pytest.raises(UserError):
            chat_with(server, cache, max_concurrency=8).answer(questions(50), ONE)
        assert cache.count() == len(server.answered)


def test_a_cut_text_is_not_finished():
    with MockServer(reply=lambda body: ("half a", "length")) as server:
        assert chat_with(server).answer(questions(1), ONE) == [[Answer("half a", finished=False)]]


def test_a_text_that_stays_empty_is_an_empty_answer():
    with MockServer(reply=lambda body: "") as server:
        assert chat_with(server, max_retries=2).answer(questions(1), ONE) == [[Answer("")]]
        assert sum(server.ledger.values()) == 3


def test_an_empty_text_that_was_cut_is_not_asked_for_again():
    with MockServer(reply=lambda body: ("", "length")) as server:
        assert chat_with(server).answer(questions(1), ONE) == [[Answer("", finished=False)]]
        assert sum(server.ledger.values()) == 1


def test_a_lone_surrogate_does_not_stop_the_run(cache):
    with MockServer(reply=lambda body: "half \ud83d emoji") as server:
        assert chat_with(server, cache).answer(questions(1), ONE) == [[Answer("half ? emoji")]]


def test_it_answers_inside_a_running_event_loop(server):
    async def notebook_cell():
        return chat_with(server).answer(questions(2), ONE)

    assert asyncio.run(notebook_cell()) == chat_with(server).answer(questions(2), ONE)


def test_nothing_is_printed_where_nobody_watches(server, capfd):
    chat_with(server).answer(questions(5), ONE)
    assert capfd.readouterr() == ("", "")


def test_usage_counts_what_a_step_cost(server, cache):
    chat = chat_with(server, cache)
    chat.answer(questions(2), ONE)
    chat.answer([dataclasses.replace(prompt, step="quality") for prompt in questions(3)], ONE)
    usage = chat.usage["quality"]
    words = len(answer_by_content(server.bodies[-1]).split())
    assert (usage.calls, usage.cached, usage.prompt_tokens, usage.completion_tokens) == (1, 2, 2, words)


def test_usage_counts_requests_sent_again():
    with MockServer(fault=lambda body, attempt: "broken" if attempt < 2 else None) as server:
        chat = chat_with(server)
        chat.answer(questions(3), ONE)
        assert (chat.usage["response"].calls, chat.usage["response"].retries) == (3, 6)


def test_money_is_tokens_at_their_prices(server):
    chat = chat_with(server, price_per_million_input_tokens=1e6, price_per_million_output_tokens=2e6)
    chat.answer(questions(1), ONE)
    usage = chat.usage["response"]
    assert usage.money == usage.prompt_tokens + 2 * usage.completion_tokens > 0


SCHEMA = {"type": "object", "properties": {"func": {"type": "string"}}}


def by_schema(count: int) -> list[Prompt]:
    return [dataclasses.replace(prompt, step="function", schema=SCHEMA) for prompt in questions(count)]


def takes_no_schema(body: dict, attempt: int) -> int | None:
    return 400 if "response_format" in body else None


def test_an_answer_in_json_is_held_to_its_schema(server):
    chat_with(server).answer(by_schema(1), ONE)
    assert server.bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "function", "schema": SCHEMA, "strict": True},
    }


def test_a_server_without_schemas_is_asked_once_and_then_without():
    with MockServer(fault=takes_no_schema) as plain:
        chat = chat_with(plain)
        assert all(answers[0].text for answers in chat.answer(by_schema(20), ONE))
        assert sum("response_format" in body for body in plain.bodies) == 1
        assert chat.by_schema is False


def test_a_schema_that_must_be_is_not_given_up():
    with MockServer(fault=takes_no_schema) as plain, pytest.raises(UserError, match="400"):
        chat_with(plain, json_schema="always").answer(by_schema(1), ONE)


def test_a_request_that_is_refused_without_a_schema_too_is_one_clear_line():
    with MockServer(fault=lambda body, attempt: 400) as server, pytest.raises(UserError, match="400"):
        chat_with(server).answer(by_schema(3), ONE)


def test_a_prompt_that_is_refused_says_nothing_of_schemas():
    with MockServer(fault=refuses(0)) as server:
        chat = chat_with(server)
        assert chat.answer(by_schema(5), ONE)[0] == [REFUSED]
        assert chat.by_schema is True


def test_schemas_can_be_switched_off(server):
    chat_with(server, json_schema="never").answer(by_schema(1), ONE)
    assert "response_format" not in server.bodies[0]


def test_answers_with_and_without_a_schema_are_kept_apart(server, cache):
    chat_with(server, cache).answer(by_schema(1), ONE)
    chat_with(server, cache, json_schema="never").answer(by_schema(1), ONE)
    assert cache.count() == 2


def test_a_thousand_calls_take_seconds(server, cache):
    started = time.monotonic()
    chat_with(server, cache, max_concurrency=64).answer(questions(1000), ONE)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "settings",
    [
        {"model": ""},
        {"base_url": "localhost:8000/v1"},
        {"max_concurrency": 0},
        {"max_retries": -1},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -5},
        {"timeout_seconds": 0},
    ],
)
def test_a_setting_that_cannot_work_is_named(settings):
    (name,) = settings
    with pytest.raises(UserError, match=rf"respondent\.{name}"):
        ApiChat(ApiSettings(**{"model": "mock"} | settings), section="respondent")
