"""HumanEval (arXiv 2107.03374) and MBPP (arXiv 2108.07732): pass@1 of programs that a policy writes.

A program is the answer, the benchmark's own tests after it, and an `evaluate` that runs them; it is run in the
executor, behind the same walls as verification functions. That an answer crashes or takes too long is, in these
benchmarks, what failing means; how often each happened is shown beside the figure.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import textwrap
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.answers import Answered, answer_items, paired
from autoif_train.evaluation.hub import hub_rows
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.execution import ExecutionSettings, Executor, Outcome
from autoif_train.rows import Rows
from autoif_train.synthesis.prompt import fill_file
from autoif_train.types import Row, UserError

PROMPTS = Path(__file__).parent / "prompts"
TIMEOUT_SECONDS = 3.0  # CPU, per program, as the published harness allows

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
# Names of the answer that would collide: `evaluate` with the program's own, `eval` with what is refused elsewhere.
_TAKEN = re.compile(r"(?<![\w.])(eval|evaluate)(?=\s*\()")
# What `eval` stands for: refused to functions that check texts, it is fair in a program, behind the same walls.
_EVAL = """\
import types as answer_types
def answer_eval(text, *scopes):
    return answer_types.FunctionType(compile(text, "<expression>", "eval"), {})()
"""
_EVALUATE = """
def evaluate(response):
    try:
        {call}
    except AssertionError:
        return False
    return True
"""


@dataclasses.dataclass(frozen=True)
class Item:
    """One task. `start` is code that an answer continues or defines anew, `tests` the code that checks it, `call` the
    expression that runs the check."""

    key: str
    turns: tuple[str, ...]
    question: str
    start: str
    name: str
    tests: str
    call: str


@dataclasses.dataclass(frozen=True)
class Solved:
    """One answer, and what became of the program with its tests; `reason` says why it was neither right nor wrong."""

    unit: ClassVar[str] = "answer"
    key: str
    prompt: str
    response: str
    finished: bool
    outcome: Outcome
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Every test holds."""
        return self.outcome is Outcome.FOLLOWED

    @classmethod
    def from_row(cls, row: Row) -> Solved:
        return cls(**row | {"outcome": Outcome(row["outcome"])})


def humaneval_item(row: Row) -> Item:
    """A row of the official HumanEval file."""
    question = fill_file(PROMPTS / "humaneval.txt", code=row["prompt"].rstrip())
    name = row["entry_point"]
    return Item(row["task_id"], (row["prompt"],), question, row["prompt"], name, row["test"], f"check({name})")


def mbpp_item(row: Row) -> Item:
    """A row of the official MBPP file; the name that the tests ask for is read off the first of them."""
    asserts = "\n".join(row["test_list"])
    found = re.search(r"assert\s+[(\s]*(?:\w+\()*?(\w+)\(", row["test_list"][0])
    question = fill_file(PROMPTS / "mbpp.txt", task=row["text"], tests=asserts)
    check = f"def check_answer():\n{textwrap.indent(asserts, '    ')}\n"
    tests = f"{row.get('test_setup_code') or ''}\n{check}"
    return Item(str(row["task_id"]), (row["text"],), question, "", found[1] if found else "", tests, "check_answer()")


@dataclasses.dataclass(frozen=True)
class Suite:
    """One benchmark of programs: how a row is read, where the hub has it, and which local file the settings name."""

    read: Callable[[Row], Item]
    hub: tuple[str, str | None, str]
    file: Callable[[EvaluationSettings], str | None]


SUITES = {
    "humaneval": Suite(
        humaneval_item, ("openai/openai_humaneval", None, "test"), lambda settings: settings.humaneval_prompts
    ),
    "mbpp": Suite(mbpp_item, ("google-research-datasets/mbpp", "full", "test"), lambda settings: settings.mbpp_prompts),
}
MBPP_TEST = range(11, 511)  # task numbers of the test split within the official file


def load_items(bench: str, prompts: str | Path | None) -> list[Item]:
    """The tasks of an official file (.jsonl or .jsonl.gz), or of the hub for None."""
    suite = SUITES[bench]
    if prompts is None:
        return [suite.read(row) for row in hub_rows(*suite.hub, f"evaluation.{bench}_prompts")]
    file = Path(prompts)
    items = _gzipped(file, suite.read) if file.suffix == ".gz" else list(Rows(file, suite.read))
    tested = [item for item in items if bench != "mbpp" or int(item.key) in MBPP_TEST]
    if not tested:
        raise UserError(f"{file}: holds no task of {bench}'s test split; name the official file")
    return tested


def _gzipped(file: Path, read: Callable[[Row], Item]) -> list[Item]:
    items: list[Item] = []
    try:
        with gzip.open(file, "rt", encoding="utf-8") as opened:
            for line in filter(str.strip, opened):
                items.append(read(json.loads(line)))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        said = f"cannot be read as gzipped JSON Lines of this benchmark ({error!r})"
        raise UserError(f"{file}, row {len(items) + 1}: {said}; name the official file") from error
    return items


def answer(bench: str, name: str, chat: ChatModel, settings: EvaluationSettings, seed: int = 0) -> Iterator[Answered]:
    """A policy's answers: the question in words is asked, the answer is kept under the official prompt."""
    items = load_items(bench, SUITES[bench].file(settings))
    asked = [dataclasses.replace(item, turns=(item.question,)) for item in items]
    for item, row in zip(items, answer_items(name, asked, chat, settings, seed), strict=False):
        yield dataclasses.replace(row, prompt=item.turns[0])


def grade(
    bench: str, answered: Iterable[Answered], executor: Executor, settings: EvaluationSettings
) -> Iterator[Solved]:
    """Each answer with what became of its program."""
    items = load_items(bench, SUITES[bench].file(settings))[: settings.max_prompts]
    pairs = paired(items, answered, f"evaluation/{bench}")
    jobs = [(program(item, row.texts(settings)[0]), [""]) for item, row in pairs]
    outcomes, reasons = executor.run_with_reasons(jobs)
    for number, ((item, row), (outcome,)) in enumerate(zip(pairs, outcomes, strict=True)):
        reason = reasons.get((number, 0), "")
        yield Solved(item.key, row.prompt, row.responses[0], row.finished, outcome, reason)


def program(item: Item, response: str) -> str:
    """The whole source: the answer's code, the tests, and an `evaluate` that says whether they hold."""
    code = code_of(response, item.name)
    # What is given stands first even where the answer repeats it: it may hold imports and helpers.
    code = f"{item.start}\n{code}" if _defines(code, item.name) else f"{item.start}{code}"
    own = _TAKEN.sub(r"answer_\1", code)
    helper = _EVAL if own != code else ""
    return f"{helper}{own}\n\n{item.tests}\n{_EVALUATE.format(call=item.call)}"


def code_of(response: str, name: str) -> str:
    """The code of an answer: the first fenced block that defines `name`, else the first block, else the whole text."""
    blocks = _FENCE.findall(response)
    return next((block for block in blocks if _defines(block, name)), blocks[0] if blocks else response)


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^(?:async\s+)?(?:def|class)\s+{re.escape(name)}\b", code, re.MULTILINE) is not None


def metrics(rows: Iterable[Solved]) -> dict[str, float]:
    """pass@1 with its 95 % interval, and the shares of what else became of programs."""
    rows = list(rows)
    count, passed = max(len(rows), 1), sum(row.passed for row in rows)
    low, high = wilson_interval(passed, len(rows))
    found = {"pass_at_1": passed / count, "pass_at_1_low": low, "pass_at_1_high": high}
    outcomes = Counter(row.outcome for row in rows)
    found |= {outcome.value: outcomes[outcome] / count for outcome in Outcome if outcome is not Outcome.FOLLOWED}
    return found | {"cut": sum(not row.finished for row in rows) / count}


def open_executor(settings: ExecutionSettings) -> AbstractContextManager[Executor]:
    """The executor with the time that a program needs."""
    return Executor.of(dataclasses.replace(settings, timeout_seconds=TIMEOUT_SECONDS))


def executor_facts(settings: ExecutionSettings) -> Row:
    """What decides whether a program ends in time and memory."""
    return {"executor": {"timeout_seconds": TIMEOUT_SECONDS, "memory_limit_mb": settings.memory_limit_mb}}
