"""Packages beside the standard library: asked for by name, each in processes of its own."""

from __future__ import annotations

import pytest

from autoif_train.execution import Executor, Outcome
from autoif_train.types import UserError

LANGUAGE = "from langdetect import detect\ndef evaluate(r):\n    return detect(r) == 'en'"
WORDS = "from nltk.tokenize import wordpunct_tokenize\ndef evaluate(r):\n    return len(wordpunct_tokenize(r)) == 7"
ENGLISH = "This is a plain sentence of English, is it not?"


@pytest.fixture(scope="module")
def packed():
    pytest.importorskip("nltk")
    pytest.importorskip("langdetect")
    with Executor(workers=1, packs=("nltk", "langdetect"), memory_limit_mb=128) as executor:
        yield executor


def test_functions_may_import_the_packs_that_were_asked_for(packed):
    jobs = [(LANGUAGE, [ENGLISH, "Das ist ein ganz einfacher Satz."]), (WORDS, ["a, b. c! d"])]
    outcomes = packed.run(jobs)
    assert outcomes == [[Outcome.FOLLOWED, Outcome.VIOLATED], [Outcome.FOLLOWED]], packed.reasons


def test_one_function_may_use_two_packs(packed):
    source = f"import nltk\n{LANGUAGE} and nltk.word_tokenize is not None"
    assert packed.run([(source, [ENGLISH])]) == [[Outcome.FOLLOWED]], packed.reasons


def test_a_pack_is_not_loaded_where_nobody_imports_it(packed):
    source = "import sys\ndef evaluate(r):\n    return 'nltk' in sys.modules"
    assert packed.run([(source, ["a"]), (WORDS, ["a"])])[0] == [Outcome.VIOLATED]


def test_a_pack_that_was_not_asked_for_is_refused(executor):
    assert executor.run([(WORDS, ["a"])]) == [[Outcome.INVALID]]
    assert "nltk" in executor.reasons[0, 0]


def test_a_pack_gives_no_way_to_files(packed):
    source = "import nltk\ndef evaluate(r):\n    return bool(nltk.data.open_datafile('/etc', 'hostname'))"
    assert packed.run([(source, ["a"])])[0] == [Outcome.CRASHED]


def test_a_pack_that_is_not_installed_is_an_error_of_use():
    with pytest.raises(UserError, match="no_such_pack is not installed"):
        Executor(packs=("no_such_pack",))
