"""What callers rely on: outcomes, order, reasons, strikes, errors of use."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import subprocess
import sys
import threading
import time

import pytest

from autoif_train.execution import ExecutionSettings, Executor, Outcome

FOLLOWED, VIOLATED, CRASHED, TIMED_OUT, INVALID = Outcome
SHORT = "def evaluate(response):\n    return len(response) < 4"


def one(executor, source, texts=("text",)):
    return executor.run([(source, list(texts))])[0]


def test_a_function_follows_or_violates(executor):
    assert executor.run([(SHORT, ["abc", "abcd"])]) == [[FOLLOWED, VIOLATED]]


def test_order_of_jobs_and_texts_is_kept(executor):
    jobs = [(f"def evaluate(r):\n    return int(r) % 7 == {n % 7}", [str(i) for i in range(n)]) for n in range(60)]
    expected = [[FOLLOWED if i % 7 == n % 7 else VIOLATED for i in range(n)] for n in range(60)]
    assert executor.run(jobs) == expected


def test_helpers_and_constants_of_the_source_are_visible(executor):
    source = (
        "import re\nWORDS = ['a', 'b']\ndef helper(r):\n    return r in WORDS\ndef evaluate(r):\n    return helper(r)"
    )
    assert one(executor, source, ["a", "c"]) == [FOLLOWED, VIOLATED]


def test_a_lambda_named_evaluate_counts(executor):
    assert one(executor, "evaluate = lambda r: r == 'x'", ["x", "y"]) == [FOLLOWED, VIOLATED]


def test_no_jobs_and_no_texts(executor):
    assert executor.run([]) == []
    assert executor.run([(SHORT, []), (SHORT, ["a"])]) == [[], [FOLLOWED]]


def test_surrogates_and_odd_characters_arrive_whole(executor):
    texts = ["\ud800", "\x00", "é" * 3, "\U0001f600", ""]
    assert (
        one(executor, "def evaluate(r):\n    return ascii(r) in %r" % [ascii(t) for t in texts], texts)
        == [FOLLOWED] * 5
    )


@pytest.mark.parametrize(
    "source",
    [
        "def evaluate(r) return True",
        "def judge(r):\n    return True",
        "evaluate = 3",
        "def evaluate(r):\n    return 1",
        "def evaluate(r):\n    return None",
        "def evaluate(r):\n    return 'True'",
        "def evaluate(r):\n    return eval(r)",
        "def evaluate(r):\n    exec(r)\n    return True",
        "def evaluate(r):\n    return getattr(__builtins__, 'get')('ev' + 'al')(r)",
        "import subprocess\ndef evaluate(r):\n    return True",
        "def evaluate(r):\n    import socket\n    return True",
        "def evaluate(r):\n    return bool(__import__('ctypes'))",
        "async def evaluate(r):\n    return True",
        "def evaluate(r):\n    yield True",
        "x = '\0'",
        "#" * 70_000 + "\ndef evaluate(r):\n    return True",
        "def evaluate(r):\n    return " + "(" * 5000 + ")" * 5000,
    ],
    ids=range(17),
)
def test_invalid(executor, source):
    assert one(executor, source, ["True", "False"]) == [INVALID, INVALID]


@pytest.mark.parametrize(
    "source",
    [
        "def evaluate(r):\n    return r.missing",
        "def evaluate(r):\n    import sys\n    sys.exit()",
        "def evaluate(r):\n    raise SystemExit(0)",
        "import os\ndef evaluate(r):\n    os._exit(0)",
        "import os\ndef evaluate(r):\n    os._exit(42)",
        "def evaluate(r):\n    raise KeyboardInterrupt",
        "def evaluate(r):\n    return [0] * 10**9 == r",
        "def evaluate(r):\n    return evaluate(r)",
        "1 / 0\ndef evaluate(r):\n    return True",
        "def evaluate():\n    return True",
    ],
    ids=range(10),
)
def test_crashed(executor, source):
    assert one(executor, source, ["a", "b"]) == [CRASHED, CRASHED]


@pytest.mark.parametrize(
    "source",
    [
        "def evaluate(r):\n    while True:\n        pass",
        "while True:\n    pass\ndef evaluate(r):\n    return True",
        "import itertools\ndef evaluate(r):\n    return sum(itertools.repeat(1)) > 0",
        "def evaluate(r):\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass",
        "def evaluate(r):\n    try:\n        while True:\n            pass\n    except:\n        return True",
        "import time\ndef evaluate(r):\n    time.sleep(1000)\n    return True",
        "import re\ndef evaluate(r):\n    return bool(re.match('(a+)+$', 'a' * 60 + 'b'))",
    ],
    ids=["loop", "module level", "loop in C", "swallows for ever", "swallows once", "sleeps", "regular expression"],
)
def test_timed_out(executor, source):
    assert one(executor, source) == [TIMED_OUT]


def test_a_deadlock_ends_by_the_wall_limit(executor):
    source = (
        "import threading\ndef evaluate(r):\n    lock = threading.Lock()\n    return lock.acquire() and lock.acquire()"
    )
    # Without threads a deadlock is seen at once: WebAssembly's Python ends.
    assert one(executor, source) == [CRASHED if executor.level == "wasm" else TIMED_OUT]


def test_a_short_sleep_is_no_timeout(executor):
    assert one(executor, "import time\ndef evaluate(r):\n    time.sleep(0.05)\n    return True") == [FOLLOWED]


def test_a_call_between_the_fast_and_the_full_limit_gets_its_verdict(executor):
    source = (
        "import time\ndef evaluate(r):\n    end = time.process_time() + 0.12\n"
        "    while time.process_time() < end:\n        pass\n    return r == 'x'"
    )
    assert one(executor, source, ["x", "y"]) == [FOLLOWED, VIOLATED]


def test_texts_after_the_strikes_stay_untried(executor):
    source = "def evaluate(r):\n    while r == 'hang':\n        pass\n    return True"
    outcomes = one(executor, source, ["ok", "hang", "ok", "hang", "ok", "ok"])
    assert outcomes == [FOLLOWED, TIMED_OUT, FOLLOWED, TIMED_OUT, TIMED_OUT, TIMED_OUT]


def test_strikes_do_not_pass_to_the_next_job(executor):
    source = "def evaluate(r):\n    while r == 'hang':\n        pass\n    return True"
    assert executor.run([(source, ["hang", "hang", "ok"]), (source, ["ok"])])[1] == [FOLLOWED]


def test_a_dying_function_still_judges_its_other_texts(executor):
    source = "import os\ndef evaluate(r):\n    return os._exit(1) if r == 'die' else r == 'a'"
    assert one(executor, source, ["a", "die", "b", "die", "a"]) == [FOLLOWED, CRASHED, VIOLATED, CRASHED, FOLLOWED]


@pytest.mark.parametrize("jobs", [[(1, ["a"])], [(SHORT, [None])], [(SHORT, "abc")], [(b"x", ["a"])]], ids=range(4))
def test_what_is_not_a_str_raises_and_leaves_the_executor_usable(executor, jobs):
    with pytest.raises(TypeError, match="job 0"):
        executor.run(jobs)
    assert one(executor, SHORT) == [VIOLATED]


def test_reasons_name_what_was_not_judged(executor):
    executor.run([(SHORT, ["a"]), ("def evaluate(r):\n    return r.missing", ["a", "b"]), ("import socket", ["a"])])
    assert set(executor.reasons) == {(1, 0), (1, 1), (2, 0)}
    assert "missing" in executor.reasons[1, 0]
    assert "line 2" in executor.reasons[1, 0]
    assert executor.reasons[2, 0]


def test_reasons_are_clean_and_short(executor):
    one(executor, "def evaluate(r):\n    raise ValueError('\\x1b[31m\\n' + 'é' * 100000)")
    reason = executor.reasons[0, 0]
    assert len(reason.encode()) <= 2048
    assert reason.isprintable()
    assert reason.startswith("ValueError")


def test_many_threads_share_an_executor(executor):
    wrong = []

    def work(number):
        for _ in range(5):
            outcomes = executor.run([(f"def evaluate(r):\n    return r == '{number}'", ["0", "1", "2", "3"])])
            if outcomes != [[FOLLOWED if n == number else VIOLATED for n in range(4)]]:
                wrong.append(outcomes)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_pool_outlives_the_thread_that_opened_it():
    opened = []
    thread = threading.Thread(target=lambda: opened.append(Executor(workers=1)))
    thread.start()
    thread.join()
    with opened[0] as executor:
        assert one(executor, SHORT, ["a"]) == [FOLLOWED]


def test_inside_asyncio(executor):
    async def both():
        return await asyncio.gather(*(asyncio.to_thread(executor.run, [(SHORT, [text])]) for text in ("a", "abcd")))

    assert asyncio.run(both()) == [[[FOLLOWED]], [[VIOLATED]]]


def test_settings_open_an_executor():
    with Executor(**dataclasses.asdict(ExecutionSettings(workers=1))) as executor:
        assert one(executor, SHORT, ["a"]) == [FOLLOWED]


def test_closing_twice_is_fine():
    executor = Executor(workers=1)
    executor.close()
    executor.close()


def test_the_import_loads_no_heavy_library():
    code = "import sys, autoif_train.execution; print({'torch', 'numpy', 'asyncio', 'ctypes'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_plain_functions_share_cells_and_are_trusted():
    with Executor(workers=1) as executor:
        executor.run([(f"def evaluate(r):\n    return len(r) > {n}", ["a"] * 10) for n in range(100)])
        assert executor.costs["distrusted frames"] == 0
        assert executor.costs["cells"] < 20


def test_a_huge_text_is_refused_and_its_neighbours_are_not(executor):
    assert one(executor, SHORT, ["a", "x" * 5_000_000, "abcd"]) == [FOLLOWED, INVALID, VIOLATED]
    assert "longer" in executor.reasons[0, 1]


def test_texts_beyond_one_frame_keep_their_order(executor):
    texts = [str(number) for number in range(20_000)]
    assert one(executor, "def evaluate(r):\n    return int(r) % 3 == 0", texts) == [
        FOLLOWED if number % 3 == 0 else VIOLATED for number in range(20_000)
    ]


def test_strikes_count_over_all_frames_of_a_job(executor):
    source = "def evaluate(r):\n    while r == 'hang':\n        pass\n    return True"
    outcomes = one(executor, source, ["ok"] * 9000 + ["hang", "ok", "hang", "ok"])
    assert outcomes == [FOLLOWED] * 9000 + [TIMED_OUT, FOLLOWED, TIMED_OUT, TIMED_OUT]


def test_nothing_stalls_behind_a_function_that_hangs():
    hang = ("def evaluate(r):\n    while True:\n        pass", ["a"])
    with Executor(workers=1, timeout_seconds=2.0, strikes=1) as executor:
        hanging = threading.Thread(target=executor.run, args=([hang],))
        hanging.start()
        time.sleep(0.1)
        assert executor.run([(SHORT, ["a"])]) == [[FOLLOWED]]
        assert hanging.is_alive()
        hanging.join()


def test_an_interrupted_run_can_be_closed_at_once():
    # A job in the background starts with interrupts ignored, and Python then leaves them so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Executor(workers=1, timeout_seconds=30.0) as executor:
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            executor.run([("def evaluate(r):\n    while True:\n        pass", ["a"])])
        start = time.perf_counter()
        executor.close()
    assert time.perf_counter() - start < 5


def test_a_closed_executor_says_so():
    executor = Executor(workers=1)
    executor.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.run([(SHORT, ["a"])])
