"""Rows as the trainer sees them: tokens, what is learned of them, and what is wrong."""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoif_train.cli.arguments import Arguments
from autoif_train.rows import Rows
from autoif_train.types import Row, UserError

if TYPE_CHECKING:
    from rich.text import Text

    from autoif_train.training.inspection import Sequence


def main(arguments: Arguments) -> None:
    from rich.console import Console

    from autoif_train.chat.policy import base_model, load_tokenizer
    from autoif_train.config import parse
    from autoif_train.training.inspection import MENDS, ends_of, inspect_row

    parser = argparse.ArgumentParser(
        prog="autoif inspect",
        allow_abbrev=False,
        description="Show rows as they will be trained on: the prompt, what is learned ⟦in brackets⟧, special tokens "
        "and what max_length cuts. Ends with 2 when the prompt is no prefix, the beginning token is doubled, the end "
        "token is missing or untrained, or a row is cut. Also takes every flag of the recipes.",
    )
    parser.add_argument("--data", type=Path, help="demonstrations or pairs; left out: those of the run folder")
    parser.add_argument("--rows", type=int, default=4, help="how many rows of each file (4)")
    parser.add_argument("--tokens", action="store_true", help="a line for each token: place, id, label, text")
    options, rest = parser.parse_known_args(arguments)
    settings = parse("autoif inspect", "", rest)
    model = base_model(settings.policy)
    tokenizer = load_tokenizer(model, settings.policy)
    ends = ends_of(model, tokenizer)
    console, faults, shown = Console(highlight=False, soft_wrap=True), Counter(), 0
    for file in [options.data] if options.data else _of_run(settings):
        for number, row in enumerate(islice(Rows(file, _row), options.rows), 1):
            section = settings.dpo if "chosen" in row else settings.sft
            for sequence in inspect_row(row, tokenizer, ends, section):
                console.rule(f"{file.name} row {number} · {sequence.answer}", align="left")
                console.print(_summary(sequence))
                console.print(_table(sequence, tokenizer) if options.tokens else _text(sequence, tokenizer))
                for fault in sequence.faults:
                    console.print(f"✗ {fault}", style="bold red")
                faults.update(sequence.faults)
                shown += 1
    if faults:
        found = "; ".join(f"{fault} ({count} of {shown})" for fault, count in faults.items())
        raise UserError(f"{found}. {MENDS[next(iter(faults))]}")
    print(f"{shown} sequences, nothing wrong with them")


def _of_run(settings: Any) -> list[Path]:
    from autoif_train.run import Run

    run = Run(settings, "inspect")
    files = [run.path(f"data/{name}.jsonl") for name in ("demonstrations", "pairs") if run.has(f"data/{name}")]
    if not files:
        raise UserError(f"{run.folder} holds no data/demonstrations.jsonl or data/pairs.jsonl; name rows with --data")
    return files


def _row(row: Row) -> Row:
    """A demonstration or a pair; `Rows` names the line of anything else."""
    for key in ("prompt", *(("chosen", "rejected") if "chosen" in row else ("completion",))):
        if not isinstance(row[key], list):
            raise ValueError(f"`{key}` is not a list of messages")
    return row


def _summary(sequence: Sequence) -> str:
    learned = sum(sequence.learned[place] for place in sequence.kept)
    return f"{len(sequence.ids)} tokens, {len(sequence.kept)} kept, {learned} learned"


def _style(sequence: Sequence, place: int, special: set[int]) -> str:
    if place not in sequence.kept:
        return "red strike"
    colour = "green" if sequence.learned[place] else "bright_black"
    return f"bold {colour}" if sequence.ids[place] in special else colour


def _text(sequence: Sequence, tokenizer: Any) -> Text:
    """The sequence as text; runs of one style are decoded together, since a character may be several tokens."""
    from rich.text import Text

    special, text, run = set(tokenizer.all_special_ids), Text(), []
    for place in range(len(sequence.ids) + 1):
        ended = place == len(sequence.ids)
        if run and (ended or _style(sequence, place, special) != _style(sequence, run[0], special)):
            text.append(tokenizer.decode([sequence.ids[at] for at in run]), _style(sequence, run[0], special))
            run = []
        before = place > 0 and sequence.learned[place - 1]
        now = not ended and sequence.learned[place]
        if now != before:
            text.append("⟦" if now else "⟧", "bold yellow")
        run.append(place)
    return text


def _table(sequence: Sequence, tokenizer: Any) -> Text:
    from rich.text import Text

    special, text = set(tokenizer.all_special_ids), Text()
    for place, id_ in enumerate(sequence.ids):
        label = id_ if sequence.learned[place] and place in sequence.kept else -100
        line = f"{place:>6} {id_:>8} {label:>8}  {tokenizer.decode([id_])!r}\n"
        text.append(line, _style(sequence, place, special))
    return text
