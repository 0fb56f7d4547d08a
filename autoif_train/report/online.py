"""One round of online DPO in figures: its `summary.json`, and the lines that the terminal shows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from autoif_train.config import Settings
from autoif_train.evaluation.drift import drift_summary
from autoif_train.feedback.audit import audit_rates
from autoif_train.feedback.progress import Change
from autoif_train.feedback.summary import answered, contrasted, relevant_share, training_ends
from autoif_train.report.costs import duration
from autoif_train.report.folder import rows_of
from autoif_train.report.rule import judged_answers
from autoif_train.rows import Rows
from autoif_train.types import Query, Row

PHASES = {
    "sampling": ("responses", "resampled"),
    "judging": ("judged", "resampled_judged"),
    "relevance": ("scored", "resampled_scored"),
    "pairs": ("asked", "pairs"),
    "training": ("policy",),
    "validation": ("validation", "held_back", "held_back_responses"),
    "drift": ("drift",),
}
"""What a round's time goes to, by the steps of the manifest."""

ANSWERS = {
    "sampling": ("responses", "resampled"),
    "validation": ("validation", "held_back_responses"),
    "drift": ("drift",),
}
"""The files of the answers that a policy wrote in a phase."""


def round_summary(
    folder: Path,
    name: str,
    settings: Settings,
    queries: Sequence[Query],
    moved: Change | None,
    tokens: Callable[[Iterable[str]], int],
) -> dict[str, Any]:
    """What the files of the round `name` say; `queries` are those it asked, `moved` is what validation says.

    `tokens` counts the policy's tokens in texts: of each phase those that were written, of training those that it read,
    prompts and both answers, as the trainer counts them. Shares are fractions, log-probabilities and divergences are in
    nats per answer. It holds no times, so it is the same after a stop and a second start.
    """
    judged, quality = judged_answers(folder, name, settings.quality)
    counts = answered(queries, judged, settings.pairs, quality)
    audit = audit_rates(queries, judged, settings.pairs.chosen_above)
    answers = max(counts.answers, 1)
    return {
        "answers": {
            **dataclasses.asdict(counts),
            "pass_rate": counts.followed / answers,
            "signal": counts.with_signal / max(counts.queries, 1),
            "unjudged_share": counts.unjudged / answers,
            "distinct_share": counts.distinct / answers,
            "relevance": relevant_share(rows_of(folder, f"{name}/scored") or [], settings.quality.accept_at_least),
            "audit": audit and {**dataclasses.asdict(audit), "gap": audit.gap},
        },
        "pairs": dataclasses.asdict(contrasted(Rows(folder / f"{name}/pairs.jsonl"))),
        "training": training_ends(rows_of(folder, f"{name}/metrics") or []),
        "drift": drift_summary(rows_of(folder, f"{name}/drift") or []),
        "validation": moved and {**dataclasses.asdict(moved), "harmed": moved.harmed},
        "tokens": _tokens_by_phase(folder, name, tokens),
    }


def _tokens_by_phase(folder: Path, name: str, tokens: Callable[[Iterable[str]], int]) -> dict[str, int]:
    found = {
        phase: tokens(row["text"] for part in parts for row in rows_of(folder, f"{name}/{part}") or [])
        for phase, parts in ANSWERS.items()
    }
    for row in rows_of(folder, f"{name}/metrics") or []:
        found["training"] = int(row.get("num_tokens", 0))
    return {phase: found[phase] for phase in PHASES if found.get(phase)}


def summary_lines(name: str, summary: dict[str, Any], steps: dict[str, Any]) -> list[str]:
    """A round's summary as the terminal shows it; `steps` are the manifest's."""
    lines = [_answers_line(summary["answers"]), _training_line(summary["pairs"], summary["training"])]
    if summary["drift"]:
        lines.append(_drift_line(summary["drift"]))
    if summary["validation"]:
        lines.append(_validation_line(summary["validation"]))
    lines.append(_cost_line(name, steps, summary["tokens"]))
    return [f"{name}  {line}" for line in lines]


def _answers_line(answers: Row) -> str:
    line = (
        f"passed {_percent(answers['pass_rate'])} of {answers['answers']} answers; "
        f"signal in {_percent(answers['signal'])} of {answers['queries']} queries; "
        f"unjudged {_percent(answers['unjudged_share'])}, distinct {_percent(answers['distinct_share'])}"
    )
    if answers["relevance"] is not None:
        line += f", relevant {_percent(answers['relevance'])} of those that follow"
    if answers["audit"]:
        line += f"; training functions {_percent(answers['audit']['training'])}, audit functions "
        line += f"{_percent(answers['audit']['audit'])}"
    return line


def _training_line(pairs: Row, training: dict[str, Sequence[float]]) -> str:
    line = f"{pairs['pairs']} pairs of {pairs['chosen_words']:.1f} and {pairs['rejected_words']:.1f} words"
    ends = {figure: f"{first:.2f} → {last:.2f}" for figure, (first, last) in training.items()}
    shown = {"margin": "margin", "chosen_log_prob": "log p chosen", "rejected_log_prob": "log p rejected"}
    return ", ".join([line, *(f"{label} {ends[figure]}" for figure, label in shown.items() if figure in ends)])


def _drift_line(drift: dict[str, Row]) -> str:
    said = (f"{figures['k3']:.2f} to {earlier} (k1 {figures['k1']:.2f})" for earlier, figures in drift.items())
    return f"KL in nats an answer, k3: {', '.join(said)}"


def _validation_line(moved: Row) -> str:
    line = (
        f"validation {_percent(moved['before'])} → {_percent(moved['after'])} "
        f"({_percent(moved['after_low'])} to {_percent(moved['after_high'])}), p {moved['p']:.2g}"
    )
    return f"{line}; WORSE THAN BEFORE BEYOND NOISE" if moved["harmed"] else line


def _cost_line(name: str, steps: dict[str, Any], tokens: dict[str, int]) -> str:
    said = []
    for phase, parts in PHASES.items():
        seconds = sum(steps[step]["seconds"] for part in parts if (step := f"{name}/{part}") in steps)
        if seconds:
            counted = f" ({tokens[phase]:,} tokens)" if phase in tokens else ""
            said.append(f"{phase} {duration(seconds)}{counted}")
    return ", ".join(said)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
