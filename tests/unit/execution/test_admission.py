"""What may share a cell, what is refused, and what is doubted."""

from __future__ import annotations

from collections import Counter

import pytest

from autoif_train.execution import Executor, Outcome, probes
from autoif_train.execution.inside import codes, modules
from autoif_train.execution.inside.admission import Admission
from autoif_train.execution.jobs import Piece, frame_of
from autoif_train.execution.pool import Pool
from autoif_train.execution.sources import Admission as Remembered

PURE = [
    "def evaluate(response):\n    return len(response.split()) > 3",
    "import re\ndef evaluate(response):\n    return bool(re.search(r'\\d', response))",
    "import re as x\nfrom collections import Counter\ndef evaluate(r):\n    return Counter(x.findall('a', r))['a'] > 1",
    "VOWELS = ['a', 'e']\ndef count(text):\n    return sum(text.count(v) for v in VOWELS)\ndef evaluate(r):\n"
    "    return count(r) > 2",
    "from typing import List\nimport string\ndef evaluate(r: str) -> bool:\n    ws: List[str] = r.split()\n"
    "    return all(w.strip(string.punctuation).istitle() for w in ws)",
    "import json\ndef evaluate(r):\n    try:\n        return isinstance(json.loads(r), dict)\n    except ValueError:\n"
    "        return False",
    "from datetime import datetime\ndef evaluate(r):\n    return datetime.strptime(r, '%Y').year > 1",
    "def evaluate(r):\n    def inner():\n        size = len(r)\n        return size\n    return inner() > 1",
]
NOT_PURE = [
    "import re\ndef evaluate(r):\n    re.match = None\n    return True",
    "import re\ndef evaluate(r):\n    return re.enum.sys.modules.clear()",
    "import re\nsys = 1\ndef evaluate(r):\n    return re.enum.sys.modules",
    "def evaluate(r):\n    return (lambda: 0).__globals__ is None",
    "from re import enum\ndef evaluate(r):\n    return enum.sys is r",
    "import collections\ndef evaluate(r):\n    collections.Counter.most_common = 1\n    return True",
    "def evaluate(r):\n    return (x for x in r).gi_frame.f_builtins",
    "def evaluate(r):\n    try:\n        1 / 0\n    except OSError as e:\n        return e.__traceback__.tb_frame",
    "def evaluate(r):\n    global state\n    state = r\n    return True",
    "def evaluate(r):\n    match r:\n        case str(__class__=c):\n            return c is str",
    "class Evil:\n    def __del__(self):\n        pass\ndef evaluate(r):\n    return True",
    "import operator\ndef evaluate(r):\n    return operator.attrgetter('__class__')(r) is str",
    "import functools\ndef evaluate(r):\n    return functools.partial(getattr, r)('__class__') is str",
    "def evaluate(r):\n    return getattr(r, '__class__') is str",
    "def evaluate(r):\n    return vars() is None",
    "from random import random\ndef evaluate(r):\n    return random() > 1",
    "import os\ndef evaluate(r):\n    return True",
    "from collections import *\ndef evaluate(r):\n    return True",
    "import collections\ndef evaluate(r):\n    del collections.Counter\n    return True",
    "import html\ndef evaluate(r):\n    html.entities.html5.clear()\n    return True",
    "import typing\ndef evaluate(r):\n    return typing.sys.exit()",
    "import json\ndef evaluate(r):\n    return json.decoder is None",
    "import calendar\ndef evaluate(r):\n    calendar.mdays[1] = 0\n    return True",
    "def evaluate(r):\n    return type('X', (str,), {'_' * 2 + 'eq' + '_' * 2: lambda *_: True})(r) == 'y'",
    "import string\ndef evaluate(r):\n    return string.Formatter().get_field('0.__class__', [r], {})",
]


@pytest.fixture(scope="module")
def admission():
    return Admission()


@pytest.mark.parametrize("source", PURE, ids=range(len(PURE)))
def test_plain_functions_may_share_a_cell(admission, source):
    assert admission.read(source)[0] == codes.PURE


@pytest.mark.parametrize("source", NOT_PURE, ids=range(len(NOT_PURE)))
def test_what_reaches_shared_state_may_not(admission, source):
    assert admission.read(source)[0] != codes.PURE


def test_an_import_behind_many_names_is_still_seen(admission):
    names = "\n".join(f"name_{n} = {n}" for n in range(400))
    code, reason = admission.read(f"{names}\nimport socket\ndef evaluate(r):\n    return True")
    assert code == codes.REFUSED
    assert b"socket" in reason


@pytest.mark.parametrize("name", sorted(modules.IMPORTABLE))
def test_every_listed_module_can_be_imported_in_a_cell(executor, name):
    source = f"import {name}\ndef evaluate(r):\n    return {name} is not None"
    assert executor.run([(source, ["a"])]) == [[Outcome.FOLLOWED]], executor.reasons


def test_a_verdict_that_depends_on_the_order_is_refused(executor):
    source = "SEEN = []\ndef evaluate(r):\n    SEEN.append(r)\n    return len(SEEN) > 2"
    assert executor.run([(source, ["a", "b", "c", "d"])]) == [[Outcome.INVALID] * 4]
    assert "order" in executor.reasons[0, 0]


def native(executor):
    if executor.level == "wasm":
        pytest.skip("the hash seed is part of a component, so there is no second one to try")


COLOURS = "{'red', 'green', 'blue', 'cyan', 'teal'}"
HASHED = {
    "order of a set": "def evaluate(r):\n    return list(set(r.split()))[0] < 'm'",
    "pop": f"WORDS = {COLOURS}\ndef evaluate(r):\n    return WORDS.copy().pop() == r",
    "loop over a constant set": f"def evaluate(r):\n    for word in {COLOURS}:\n        return word < r",
    "views": "def evaluate(r):\n    colours = dict.fromkeys(['red', 'green', 'blue', 'cyan', 'teal'])\n"
    "    return list(colours.keys() - dict(r=r).keys())[0] < r",
    "hash": "def evaluate(r):\n    return hash(r) % 2 == 0",
    "hash by another name": "def evaluate(r):\n    return r.__hash__() % 2 == 0",
}


@pytest.mark.parametrize("source", HASHED.values(), ids=HASHED)
def test_a_verdict_that_depends_on_the_hash_seed_is_refused(executor, source):
    native(executor)
    texts = ["alpha zulu", "red", "green", "blue", "cyan", "teal", "zeta nu mu", "d x y z"]
    assert executor.run([(source, texts)]) == [[Outcome.INVALID] * 8]
    assert "hash seed" in executor.reasons[0, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_strings_hash_alike_in_every_process_of_a_seed(seed):
    def hashes():
        packs = dict.fromkeys(("packs", "packs_path", "known_packs"), ())
        pool = Pool({**probes.WALLS["rlimit"], "memory_bytes": 1 << 27, **packs}, [0], seed)
        try:
            code = probes._compiled(pool, ["def evaluate(r):\n    return hash(r) % 2 == 0"])[0]
            piece = Piece(0, code, range(64), [str(n) for n in range(64)], 128)
            return pool.ask(0, frame_of(codes.ALONE, [piece], strikes=1, cpu_seconds=1.0)).outcomes
        finally:
            pool.close()

    assert hashes() == hashes()


def test_a_set_whose_order_does_not_matter_is_fine(executor):
    source = "def evaluate(r):\n    return len(set(r.split())) == 2 and sorted(set(r))[0] == ' '"
    assert executor.run([(source, ["a b", "a a"])]) == [[Outcome.FOLLOWED, Outcome.VIOLATED]]


SOMETIMES = "def evaluate(r):\n    return hash(r) % 2 == 0 if r.startswith('x') else True"


def test_a_function_is_doubted_until_it_has_been_steady(executor):
    native(executor)
    texts = [f"x{n}" for n in range(8)]
    assert executor.run([(SOMETIMES, texts)]) == [[Outcome.INVALID] * 8]
    assert executor.run([(SOMETIMES, ["a"] * 8)]) == [[Outcome.FOLLOWED] * 8]
    assert Outcome.INVALID not in executor.run([(SOMETIMES, texts)])[0]


def test_without_doubt_nothing_depends_on_what_was_run_before(executor):
    native(executor)
    texts = [f"x{n}" for n in range(8)]
    first = executor.run([(SOMETIMES, texts)], doubt=False)
    executor.run([(SOMETIMES, ["a"] * 8)])
    assert executor.run([(SOMETIMES, texts)], doubt=False) == first
    assert Outcome.INVALID not in first[0]


def test_a_memory_that_changes_no_verdict_is_fine(executor):
    source = "SEEN = {}\ndef evaluate(r):\n    SEEN[r] = len(r)\n    return SEEN[r] > 1"
    assert executor.run([(source, ["a", "bb", "c"])]) == [[Outcome.VIOLATED, Outcome.FOLLOWED, Outcome.VIOLATED]]


POISON = "import re\ndef evaluate(r):\n    re.findall = re.search = lambda *a: []\n    return True"
HONEST = "import re\ndef evaluate(r):\n    return re.findall('[a-z]', r) == ['a']"


def smuggle(executor, source):
    """Have a source counted as pure that is not: what a hole in the reading would do."""
    executor.run([(source, ["x"])])
    found = executor._sources.read([source], executor._lanes(), Counter())[source]
    executor._sources.remember(source, Remembered(codes.PURE, found.code))


def test_the_sentinel_notices_what_the_reading_overlooked():
    with Executor(workers=1) as executor:
        smuggle(executor, POISON)
        outcomes = executor.run([(POISON, ["x"]), (HONEST, ["a", "b"])])
        assert outcomes[1] == [Outcome.FOLLOWED, Outcome.VIOLATED]
        assert executor.costs["distrusted frames"] == 1


def test_the_sentinel_speaks_for_functions_before_a_hang_too():
    hang = "def evaluate(r):\n    while True:\n        pass"
    with Executor(workers=1, timeout_seconds=0.1) as executor:
        smuggle(executor, POISON)
        outcomes = executor.run([(POISON, ["x"]), (HONEST, ["a", "b"]), (hang, ["x"])])
        assert outcomes[1:] == [[Outcome.FOLLOWED, Outcome.VIOLATED], [Outcome.TIMED_OUT]]


def test_the_audit_notices_what_the_sentinel_overlooks():
    poison = POISON.replace("re.findall = re.search", "textwrap.fill").replace("import re", "import textwrap")
    with Executor(workers=1) as executor:
        smuggle(executor, poison)
        honest = "import textwrap\ndef evaluate(r):\n    return textwrap.fill(r) == r\nNUMBER = {}"
        sources = [honest.format(number) for number in range(500)]
        admissions = executor._sources.read(sources, executor._lanes(), Counter())
        drawn = next(source for source in sources if not admissions[source].audited)
        assert executor.run([(poison, ["x"]), (drawn, ["a"])])[1] == [Outcome.FOLLOWED]
        assert executor.costs["distrusted frames"] == 1
