"""Answers stay found by what determines them, whatever happens to the process."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys

import pytest

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.cache import AnswerCache, CachedChat, answer_key
from autoif_train.types import UserError

SETTINGS = SamplingSettings(responses_per_query=4, batch_size=3)
PROMPT = Prompt([{"role": "user", "content": "Say hello."}], step="response", payload="hello", seed=7)


class SeededChat:
    """Answers by seed, and remembers what it was asked."""

    name = "seeded"

    def __init__(self):
        self.asked = []

    def answer(self, prompts, settings):
        self.asked.append(list(prompts))
        return [[Answer(f"{prompt.seed}")] * settings.responses_per_query for prompt in prompts]


@pytest.fixture
def cache(tmp_path):
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        yield cache


@pytest.mark.parametrize("answer", [Answer("plain"), Answer("cut", finished=False), Answer("nul \0, ünï, 你好\n")])
def test_an_answer_comes_back_whole(cache, answer):
    cache.put("key", answer)
    assert cache.get("key") == answer


def test_an_unknown_key_has_no_answer(cache):
    assert cache.get("key") is None


def test_the_first_answer_stays(cache):
    cache.put("key", Answer("first"))
    assert cache.put("key", Answer("second")) == Answer("first")


def test_answers_outlive_the_object(tmp_path):
    path = tmp_path / "new folder" / "answers.sqlite"
    with AnswerCache(path) as cache:
        cache.put("key", Answer("kept"))
    with AnswerCache(path) as cache:
        assert cache.get("key") == Answer("kept")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"prompt": dataclasses.replace(PROMPT, messages=[{"role": "user", "content": "Say goodbye."}])},
        {"prompt": dataclasses.replace(PROMPT, seed=8)},
        {"settings": dataclasses.replace(SETTINGS, temperature=0.1)},
        {"settings": dataclasses.replace(SETTINGS, top_p=0.5)},
        {"settings": dataclasses.replace(SETTINGS, max_new_tokens=5)},
        {"index": 1},
    ],
)
def test_whatever_determines_an_answer_is_in_its_key(change):
    base = {"model": "some", "prompt": PROMPT, "settings": SETTINGS, "index": 0}
    assert answer_key(**base) != answer_key(**base | change)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": dataclasses.replace(SETTINGS, responses_per_query=8)},
        {"settings": dataclasses.replace(SETTINGS, batch_size=1)},
        {"prompt": dataclasses.replace(PROMPT, step="quality", payload="other")},
        {"prompt": dataclasses.replace(PROMPT, messages=[{"content": "Say hello.", "role": "user"}])},
    ],
)
def test_what_does_not_determine_an_answer_is_not_in_its_key(change):
    base = {"model": "some", "prompt": PROMPT, "settings": SETTINGS, "index": 0}
    assert answer_key(**base) == answer_key(**base | change)


def test_several_processes_write_at_once_without_a_loss(tmp_path):
    path = tmp_path / "answers.sqlite"
    program = (
        "import sys\n"
        "from autoif_train.chat.base import Answer\n"
        "from autoif_train.chat.cache import AnswerCache\n"
        "with AnswerCache(sys.argv[1]) as cache:\n"
        "    for number in range(100):\n"
        "        cache.put(f'{sys.argv[2]} {number}', Answer('text'))\n"
        "        cache.put(f'shared {number}', Answer(sys.argv[2]))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "abcd"]
    assert [writer.wait() for writer in writers] == [0] * 4
    with AnswerCache(path) as cache:
        assert cache.count() == 500


def test_a_file_that_is_no_cache_is_named(tmp_path):
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(UserError, match=r"answers\.sqlite.*move it away"):
        AnswerCache(path)


def test_another_database_is_named(tmp_path):
    path = tmp_path / "answers.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE answers (question TEXT)")
    with pytest.raises(UserError, match=r"answers\.sqlite.*name a file"):
        AnswerCache(path)


def test_a_page_damaged_in_place_is_named(tmp_path):
    path = tmp_path / "answers.sqlite"
    with AnswerCache(path) as cache:
        for number in range(200):
            cache.put(str(number), Answer("text " * 200))
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40960)

    def read_all():
        with AnswerCache(path) as cache:
            return [cache.get(str(number)) for number in range(200)]

    with pytest.raises(UserError, match="damaged"):
        read_all()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match="local disk that can be written"):
        AnswerCache(tmp_path)


def test_a_full_disk_is_named_and_costs_no_earlier_answer(cache):
    cache.put("key", Answer("kept"))
    pages = cache._database.execute("PRAGMA page_count").fetchone()[0]
    cache._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match="free some space"):
        cache.put("large", Answer("x" * 100_000))
    assert cache.get("key") == Answer("kept")


def test_a_larger_k_asks_a_cached_chat_for_the_new_answers_only(cache):
    chat = SeededChat()
    cached = CachedChat(chat, cache)
    (four,) = cached.answer([PROMPT], SETTINGS)
    chat.asked.clear()
    (eight,) = cached.answer([PROMPT], dataclasses.replace(SETTINGS, responses_per_query=8))
    assert sum(map(len, chat.asked)) == 4
    assert eight[:4] == four


def test_a_cached_chat_gives_each_answer_a_seed_of_its_own(cache):
    (answers,) = CachedChat(SeededChat(), cache).answer([PROMPT], SETTINGS)
    assert len({answer.text for answer in answers}) == 4


def test_a_cached_chat_keeps_what_came_before_a_failure(cache):
    class FailingChat(SeededChat):
        def answer(self, prompts, settings):
            if len(self.asked) == 1:
                raise RuntimeError
            return super().answer(prompts, settings)

    with pytest.raises(RuntimeError):
        CachedChat(FailingChat(), cache).answer([PROMPT], SETTINGS)
    assert cache.count() == SETTINGS.batch_size


def test_a_cached_chat_answers_in_the_order_of_the_prompts(cache):
    prompts = [dataclasses.replace(PROMPT, seed=seed) for seed in range(5)]
    cached = CachedChat(SeededChat(), cache)
    expected = cached.answer(prompts, SETTINGS)
    assert cached.answer(prompts[::-1], SETTINGS) == expected[::-1]


def test_a_cached_chat_counts_calls_and_reuse(cache):
    cached = CachedChat(SeededChat(), cache)
    cached.answer([PROMPT, PROMPT], SETTINGS)
    assert (cached.usage["response"].calls, cached.usage["response"].cached) == (4, 4)
