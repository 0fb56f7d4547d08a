"""The nouns of AutoIF: what travels between the steps.

Frozen dataclasses without behaviour beyond their own reading and writing; no I/O and no third-party import. The
vocabulary follows the paper (arXiv 2406.13542): §3.2 instructions and verification functions, §3.3 queries and
responses, §3.4 demonstrations and preference pairs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any, ClassVar

Row = dict[str, Any]
Messages = list[dict[str, str]]


class UserError(Exception):
    """The user's input or settings are wrong: one line that names the file, line or key, and the mend.

    Commands print it on stderr and end with exit code 2; nothing else is turned into it.
    """


def content_id(*parts: Any) -> str:
    """A stable 12-character id of JSON-serialisable content; equal content has an equal id on every machine."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    # A model may write half of a surrogate pair, which is no character but must not end a run.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def derived_seed(*parts: Any) -> int:
    """A 31-bit seed that depends on nothing but `parts`, e.g. (run seed, round, query id)."""
    return int(content_id(*parts)[:8], 16) & 0x7FFFFFFF


class Outcome(Enum):
    """What became of running one verification function on one text. Never a bare bool, never a bare 0."""

    FOLLOWED = "followed"  # returned True
    VIOLATED = "violated"  # returned False
    CRASHED = "crashed"  # exception, memory, killed
    TIMED_OUT = "timed_out"  # CPU or wall limit, or skipped after too many strikes
    INVALID = "invalid"  # does not compile, no `evaluate`, not a bool, refused by policy

    @property
    def judged(self) -> bool:
        """Whether the function had an opinion: only these outcomes may count for or against an answer."""
        return self in (Outcome.FOLLOWED, Outcome.VIOLATED)


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One atomic, verifiable constraint; `parent_id` is the seed it grew from, None for a hand-written seed."""

    unit: ClassVar[str] = "instruction"
    text: str
    parent_id: str | None = None
    id: str = ""

    def __post_init__(self):
        object.__setattr__(self, "id", self.id or content_id("instruction", self.text))

    @classmethod
    def from_row(cls, row: Row) -> Instruction:
        return cls(row["text"], row.get("parent_id"), row.get("id", ""))


@dataclasses.dataclass(frozen=True)
class TestCase:
    """A text and whether it follows the instruction, as the supervisor claims."""

    __test__: ClassVar[bool] = False  # not a pytest class
    text: str
    expected: bool

    @classmethod
    def from_row(cls, row: Row) -> TestCase:
        if not isinstance(row["text"], str) or not isinstance(row["expected"], bool):
            raise ValueError("a case needs a string `text` and a boolean `expected`")
        return cls(row["text"], row["expected"])


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Why a function is believed; a figure is None where its step was left out.

    `true_accuracy` and `false_accuracy` are the shares of the surviving cases of either label that it judges as
    labelled. `agreement` is the mean share of texts on which the instruction's other functions said the same,
    `kill_rate` the share of its mutants that the cases tell from it, `arbitrated` the texts that the supervisor decided
    about the instruction, `probes` the probe texts on which it had an opinion. `flags` are for a person to see.
    """

    true_accuracy: float | None = None
    false_accuracy: float | None = None
    agreement: float | None = None
    kill_rate: float | None = None
    arbitrated: int = 0
    probes: int | None = None
    flags: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Row) -> Evidence:
        return cls(**{**row, "flags": tuple(row.get("flags", ()))})


@dataclasses.dataclass(frozen=True)
class VerificationFunction:
    """Source that defines `evaluate(response) -> bool`: data until `execution/` touches it.

    `accuracy` is the share of the surviving test cases it judges as labelled, None before cross validation.
    """

    source: str
    accuracy: float | None = None
    id: str = ""
    evidence: Evidence | None = None

    def __post_init__(self):
        object.__setattr__(self, "id", self.id or content_id("function", self.source))

    @classmethod
    def from_row(cls, row: Row | str) -> VerificationFunction:
        """Reads `{source, …}` or the bare source."""
        if isinstance(row, str):
            return cls(row)
        evidence = row.get("evidence")
        return cls(
            row["source"], row.get("accuracy"), row.get("id", ""), Evidence.from_row(evidence) if evidence else None
        )


@dataclasses.dataclass(frozen=True)
class CheckedInstruction:
    """An instruction with the functions and cases that stand behind it (paper §3.2)."""

    unit: ClassVar[str] = "instruction"
    instruction: Instruction
    functions: tuple[VerificationFunction, ...]
    cases: tuple[TestCase, ...]

    @classmethod
    def from_row(cls, row: Row) -> CheckedInstruction:
        return cls(
            Instruction.from_row(row["instruction"]),
            tuple(VerificationFunction.from_row(function) for function in row["functions"]),
            tuple(TestCase.from_row(case) for case in row["cases"]),
        )


@dataclasses.dataclass(frozen=True)
class QueryFunction:
    """A verification function as a query carries it; `audit` functions never decide what is trained on."""

    source: str
    instruction_id: str
    audit: bool = False


@dataclasses.dataclass(frozen=True)
class Query:
    """What the policy is asked: a user query plus one or more instructions, and the functions that judge the answer.

    `user_query` is the query without its instructions: what relevance is scored against.
    """

    unit: ClassVar[str] = "query"
    prompt: str
    instruction_ids: tuple[str, ...]
    functions: tuple[QueryFunction, ...]
    user_query: str = ""
    reference: str | None = None
    id: str = ""

    def __post_init__(self):
        object.__setattr__(self, "id", self.id or content_id("query", self.prompt))

    @property
    def messages(self) -> Messages:
        """The conversation that asks it: the one form used for sampling and for training."""
        return [{"role": "user", "content": self.prompt}]

    @classmethod
    def from_row(cls, row: Row, bare: bool = False) -> Query:
        """Reads a row; one without functions only where `bare` says that somebody else judges."""
        functions = tuple(
            QueryFunction(function["source"], function["instruction_id"], function.get("audit", False))
            for function in row["functions"]
        )
        if isinstance(row["instruction_ids"], str):
            raise ValueError("`instruction_ids` is a list of ids")
        if not functions and not bare:
            raise ValueError("a query needs at least one verification function in `functions`")
        return cls(
            prompt=row["prompt"],
            instruction_ids=tuple(row["instruction_ids"]),
            functions=functions,
            user_query=row.get("user_query", ""),
            reference=row.get("reference"),
            id=row.get("id", ""),
        )


@dataclasses.dataclass(frozen=True)
class Response:
    """One answer. `author` is the model that wrote it, `index` its number among the query's answers."""

    unit: ClassVar[str] = "response"
    query_id: str
    text: str
    author: str
    index: int = 0
    finished: bool = True
    parent_id: str | None = None

    @property
    def id(self) -> str:
        """What `parent_id` of a refinement of it names."""
        return content_id("response", self.query_id, self.index, self.text)

    @classmethod
    def from_row(cls, row: Row) -> Response:
        return cls(
            query_id=row["query_id"],
            text=row["text"],
            author=row["author"],
            index=row.get("index", 0),
            finished=row.get("finished", True),
            parent_id=row.get("parent_id"),
        )


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the functions said of one answer.

    `outcomes` are in the order of the query's functions. `score` is the mean per instruction over the functions that
    have an opinion, then the minimum over instructions, so that passing five of eight functions of two instructions
    cannot hide one that is violated. None: some instruction nobody could judge, so neither chosen nor rejected.
    """

    outcomes: tuple[Outcome, ...]
    score: float | None


@dataclasses.dataclass(frozen=True)
class Judged:
    """The row every selector eats: an answer and what the functions said of it.

    `quality` is how well the text answers the user query, 0 to 10 (paper §3.3); None when nobody scored it. `critique`
    says what is wrong, for whoever refines the answer.
    """

    unit: ClassVar[str] = "response"
    response: Response
    verdict: Verdict
    quality: float | None = None
    critique: str = ""

    @classmethod
    def from_row(cls, row: Row) -> Judged:
        verdict = Verdict(tuple(Outcome(outcome) for outcome in row["outcomes"]), row["score"])
        return cls(Response.from_row(row), verdict, row.get("quality"), row.get("critique", ""))

    def to_row(self) -> Row:
        """The flat row of `judged.jsonl`."""
        return {
            **dataclasses.asdict(self.response),
            "outcomes": [outcome.value for outcome in self.verdict.outcomes],
            "score": self.verdict.score,
            "quality": self.quality,
            **({"critique": self.critique} if self.critique else {}),
        }


@dataclasses.dataclass(frozen=True)
class Demonstration:
    """What SFT eats: a conversation and an answer that passed; `score` is None where nobody judged it."""

    unit: ClassVar[str] = "demonstration"
    prompt: Messages
    completion: Messages
    query_id: str
    score: float | None

    @property
    def id(self) -> str:
        """What tells it from another demonstration of the same query."""
        return content_id(self.prompt[-1]["content"], self.completion[-1]["content"])


@dataclasses.dataclass(frozen=True)
class PreferencePair:
    """What DPO eats: two answers to one conversation, with the scores that set them apart."""

    unit: ClassVar[str] = "pair"
    prompt: Messages
    chosen: Messages
    rejected: Messages
    chosen_score: float
    rejected_score: float
    query_id: str


@dataclasses.dataclass(frozen=True)
class Kept:
    """An event of a filter: `count` things of `unit` passed. Rows themselves need none when the step drops nothing."""

    unit: str
    count: int = 1


@dataclasses.dataclass(frozen=True)
class Dropped:
    """An event of a filter: one thing of `unit` went, and why.

    `example` is for people, `error` what it died of, `part` the thing itself where it is less than a row.
    """

    unit: str
    reason: str
    example: str = ""
    count: int = 1
    error: str = ""
    part: VerificationFunction | TestCase | None = None


@dataclasses.dataclass(frozen=True)
class Selection:
    """A filter's whole answer in memory: what stays, and why the rest went, per unit."""

    rows: list
    dropped: dict[str, Counter]

    @classmethod
    def of(cls, events: Iterable) -> Selection:
        """Collect the events of a streaming filter (rows, `Kept`, `Dropped`)."""
        rows, dropped = [], {}
        for event in events:
            if isinstance(event, Dropped):
                dropped.setdefault(event.unit, Counter())[event.reason] += event.count
            elif not isinstance(event, Kept):
                rows.append(event)
        return cls(rows, dropped)
