"""What each round of DPO asked, what it learnt from, and what it took."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.report.folder import rounds_of, rows_of
from autoif_train.types import Row


@dataclasses.dataclass(frozen=True)
class Answered:
    """The judged answers of one round. A query has signal when its answers got different scores."""

    queries: int = 0
    with_signal: int = 0
    answers: int = 0
    followed: int = 0
    unjudged: int = 0


@dataclasses.dataclass(frozen=True)
class Contrasted:
    """The pairs of one round, with the mean length of each side in words."""

    pairs: int = 0
    chosen_words: float = 0.0
    rejected_words: float = 0.0


@dataclasses.dataclass(frozen=True)
class Round:
    """One round of DPO; `validation` is the policy's pass rate after it with its interval."""

    title: str
    answered: Answered | None
    contrasted: Contrasted | None
    validation: tuple[float, float, float] | None
    seconds: float


def rounds(folder: Path, steps: dict[str, Any], followed_above: float) -> list[Round]:
    """The offline data, then every online round; an answer counts as followed when it scores above
    `followed_above`."""
    offline = [f"data/{name}" for name in ("responses", "judged", "scored", "pairs")]
    places = [("Offline", "data", [*offline, "offline_dpo"])]
    for number in rounds_of(folder):
        name = f"online_dpo/round_{number}"
        places.append((f"Round {number}", name, [step for step in steps if step.startswith(f"{name}/")]))
    found = []
    for shown, name, made_by in places:
        judged = rows_of(folder, f"{name}/judged")
        pairs = rows_of(folder, f"{name}/pairs")
        if judged or pairs:
            seconds = sum(steps[step]["seconds"] for step in made_by if step in steps)
            answered = _answered(judged, followed_above) if judged else None
            contrasted = _contrasted(pairs) if pairs else None
            found.append(Round(shown, answered, contrasted, _validation(folder, name), seconds))
    return found


def _answered(judged: Iterable[Row], followed_above: float) -> Answered:
    queries = with_signal = answers = followed = unjudged = 0
    for _, rows in groupby(judged, key=lambda row: row["query_id"]):
        scores = [row["score"] for row in rows]
        known = [score for score in scores if score is not None]
        queries += 1
        with_signal += len(set(known)) > 1
        answers += len(scores)
        followed += sum(score > followed_above for score in known)
        unjudged += len(scores) - len(known)
    return Answered(queries, with_signal, answers, followed, unjudged)


def _contrasted(pairs: Iterable[Row]) -> Contrasted:
    count = chosen = rejected = 0
    for pair in pairs:
        count += 1
        chosen += _words(pair["chosen"])
        rejected += _words(pair["rejected"])
    return Contrasted(count, chosen / max(count, 1), rejected / max(count, 1))


def _words(messages: list[dict[str, str]]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def _validation(folder: Path, name: str) -> tuple[float, float, float] | None:
    rows = rows_of(folder, f"{name}/validation")
    if rows is None:
        return None
    passed = count = 0
    for row in rows:
        count += 1
        passed += all(row["followed"])
    return (passed / max(count, 1), *wilson_interval(passed, count))
