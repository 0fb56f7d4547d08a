"""Table 4 of the paper: what training texts share with a benchmark, by runs of words and by rephrased tasks (§4.4).

Runs of 13 words are counted by `synthesis.contamination`. For the rephrase check (arXiv 2311.04850) each item of the
benchmark is set beside the training texts most like it, and a chat model says whether one of them is the same task in
other words.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.judging import Question, ask, fill
from autoif_train.evaluation.settings import JudgeSettings
from autoif_train.rows import Rows
from autoif_train.synthesis.contamination import Overlap
from autoif_train.synthesis.labels import yes_or_no
from autoif_train.types import Row, UserError

# Under which a training row or a benchmark's item keeps what the user says, the first that is there.
TEXT_KEYS = ("prompt", "turns", "instruction", "question", "messages", "conversations", "text", "query")
ITEMS_PER_BLOCK = 256
SHOWN_CHARACTERS = 2000  # of a text that the detector sees


@dataclasses.dataclass(frozen=True)
class Rephrased:
    """An item of the benchmark and a training text; `same` is None where the detector could not be read."""

    item: int
    text: int
    same: bool | None


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of Table 4; `rephrased` and what follows from it are None where no detector was named.

    `percent` is the share of the benchmark's items that are rephrased, `gram_percent` that of the items which share a
    run of words with some training text. `unread` counts items that the detector gave no readable verdict on.
    """

    train: str
    benchmark: str
    train_size: int
    test_size: int
    rephrased: int | None
    unread: int | None
    percent: float | None
    shared: int
    gram_percent: float


def read_texts(path: Path) -> list[str]:
    """What the user says in each row of a JSON Lines file or a JSON array, or a folder of such arrays.

    Raises `UserError` with the file where a row holds nothing of the kind.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json*"))
        if not files:
            raise UserError(f"{path}: holds no JSON file; name the file of the benchmark")
        return [text for file in files for text in read_texts(file)]
    if path.suffix == ".json":
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: cannot be read as JSON ({error}); name a JSON Lines file or a JSON array"
            ) from error
        if not isinstance(rows, list):
            raise UserError(f"{path}: not an array of rows; name a JSON Lines file or a JSON array")
        texts: list[str] = []
        try:
            for row in rows:
                texts.append(text_of(row))
        except ValueError as error:
            raise UserError(f"{path}, row {len(texts) + 1}: {error}; rename a key, or leave the row out") from error
        return texts
    return list(Rows(path, text_of))


def text_of(row: Row) -> str:
    """What the user says in a row, with the input that belongs to an instruction."""
    key = next((key for key in TEXT_KEYS if key in row), None)
    if key is None:
        raise ValueError(f"has none of the keys {', '.join(TEXT_KEYS)}")
    said = _said(row[key])
    given = row.get("input")
    return f"{said}\n{given}" if isinstance(given, str) and given else said


def _said(value: Any) -> str:
    """A text, texts one after the other, or the user's part of a conversation."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError("what the user says is neither a text nor a list")
    return "\n".join(each if isinstance(each, str) else _turn(each) for each in value if _by_user(each))


def _by_user(turn: Any) -> bool:
    return isinstance(turn, str) or turn.get("role", turn.get("from", "user")) in ("user", "human")


def _turn(turn: Row) -> str:
    return turn["content"] if "content" in turn else turn["value"]


def rephrased(
    texts: Sequence[str], items: Sequence[str], detector: ChatModel, settings: JudgeSettings, candidates: int = 1
) -> Iterator[Rephrased]:
    """The detector's verdict on each item with each of its `candidates` nearest training texts, item by item."""
    pairs = [(item, text) for item, nearest in enumerate(nearest_texts(texts, items, candidates)) for text in nearest]
    questions = (_question(items[item], texts[text]) for item, text in pairs)
    for (item, text), verdict in zip(pairs, ask("rephrase", questions, detector, settings), strict=True):
        yield Rephrased(item, text, verdict.value)


def _question(item: str, text: str) -> Question:
    message = fill("rephrase", item=item[:SHOWN_CHARACTERS], text=text[:SHOWN_CHARACTERS])
    return Question(message, yes_or_no)


def nearest_texts(texts: Sequence[str], items: Sequence[str], count: int) -> Iterator[list[int]]:
    """For each item the numbers of its nearest texts, by the cosine of their TF-IDF over pieces of words."""
    if importlib.util.find_spec("sklearn") is None:
        raise UserError(
            f"contamination: the package scikit-learn is not installed; get it with: {sys.executable} -m pip install "
            "-c constraints.txt -e '.[eval]'"
        )
    import numpy
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not texts:
        return
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=numpy.float32)
    known = vectorizer.fit_transform(texts).T.tocsr()
    for start in range(0, len(items), ITEMS_PER_BLOCK):
        likeness = (vectorizer.transform(items[start : start + ITEMS_PER_BLOCK]) @ known).toarray()
        # Stable: of equally like texts the first.
        order = numpy.argsort(-likeness, axis=1, kind="stable")[:, :count]
        yield from order.tolist()


def line(train: Path, benchmark: Path, overlap: Overlap, found: Iterable[Rephrased] | None) -> Line:
    """A line of the table from the shared runs and, unless nobody looked, the detector's verdicts."""
    verdicts: dict[int, list[bool | None]] = {}
    for each in found or ():
        verdicts.setdefault(each.item, []).append(each.same)
    same = sum(True in of_item for of_item in verdicts.values())
    unread = sum(True not in of_item and None in of_item for of_item in verdicts.values())
    looked = found is not None
    return Line(
        train.name,
        benchmark.name,
        overlap.texts,
        overlap.items,
        same if looked else None,
        unread if looked else None,
        100 * same / max(overlap.items, 1) if looked else None,
        overlap.shared_items,
        overlap.item_percent,
    )


def table(lines: Sequence[Line]) -> str:
    """Table 4 in Markdown."""
    head = [
        "train",
        "benchmark",
        "train size",
        "test size",
        "rephrased",
        "unread",
        "%",
        "sharing 13 words",
        "13-gram %",
    ]

    def cell(value: Any) -> str:
        return "not run" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)

    rows = [head, ["---"] * len(head), *([cell(value) for value in dataclasses.astuple(each)] for each in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
