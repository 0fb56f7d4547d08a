"""Answers stay found by what determines them, whatever happens to the process."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys

import pytest

from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.cache import AnswerCache, Keeper, answer_key
from autoif_train.types import UserError

SETTINGS = SamplingSettings(responses_per_query=4, batch_size=3)
PROMPT = Prompt([{"role": "user", "content": "Say hello."}], step="response", payload="hello", seed=7)


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


def asking(asked):
    """An `ask` that remembers what it was asked and answers by seed and number."""

    def ask(prompts, settings):
        asked.append((list(prompts), settings.responses_per_query))
        numbers = range(settings.responses_per_query)
        return [[Answer(f"{prompt.seed} {prompt.first + number}") for number in numbers] for prompt in prompts]

    return ask


def batch(cache, asked, prompts=(PROMPT,), count=4):
    settings = dataclasses.replace(SETTINGS, responses_per_query=count)
    return Keeper(cache, "local").batch(prompts, settings, asking(asked))


def test_a_local_models_larger_k_asks_for_the_new_answers_only(cache):
    asked = []
    (four,) = batch(cache, [])
    (eight,) = batch(cache, asked, count=8)
    assert [(prompts[0].first, count) for prompts, count in asked] == [(4, 4)]
    assert eight == [*four, *(Answer(f"7 {number}") for number in range(4, 8))]


def test_a_local_models_batch_that_is_kept_is_not_computed(cache):
    asked = []
    assert batch(cache, []) == batch(cache, asked)
    assert asked == []


def test_of_a_batch_that_is_kept_in_part_the_rest_is_asked_for(cache):
    asked, two, four = [], dataclasses.replace(PROMPT, seed=8), dataclasses.replace(PROMPT, seed=9)
    batch(cache, [])
    batch(cache, [], (two,), count=2)
    batch(cache, asked, (PROMPT, two, four))
    assert asked == [([four], 4), ([dataclasses.replace(two, first=2)], 2)]


def test_an_answer_once_kept_is_the_answer_whatever_is_drawn_again(cache):
    """In a batch of other rows, on an engine that then says something else, and by another process meanwhile."""

    def ask(prompts, settings):
        cache.put(answer_key("local", PROMPT, SETTINGS, 1), Answer("faster"))
        return [[Answer("drawn again")] * settings.responses_per_query for _ in prompts]

    cache.put(answer_key("local", PROMPT, SETTINGS, 2), Answer("first"))
    keeper, prompts = Keeper(cache, "local"), (dataclasses.replace(PROMPT, seed=8), PROMPT)
    drawn = keeper.batch(prompts, SETTINGS, ask)
    assert [answer.text for answer in drawn[1]] == ["drawn again", "faster", "first", "drawn again"]
    assert keeper.batch(prompts, SETTINGS, ask) == drawn


def test_a_batch_is_kept_whole_or_not_at_all(cache):
    def answers():
        yield "first", Answer("one")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.put_all(answers())
    assert cache.count() == 0


def test_without_a_cache_a_batch_is_asked_for(cache):
    asked = []
    batch(None, asked)
    batch(None, asked)
    assert len(asked) == 2
