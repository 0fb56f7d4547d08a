"""What training files share with benchmarks (paper, Table 4); the last line is the table's lines as JSON."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from autoif_train.cli.arguments import Arguments, new_file
from autoif_train.types import UserError

if TYPE_CHECKING:
    from autoif_train.chat.base import ChatModel
    from autoif_train.config import Settings


def main(arguments: Arguments) -> None:
    import dataclasses
    import json

    from autoif_train.config import parse
    from autoif_train.evaluation import contamination
    from autoif_train.rows import write_rows
    from autoif_train.synthesis.contamination import overlap

    parser = argparse.ArgumentParser(
        prog="autoif contamination",
        description="Count what training prompts share with benchmarks: items with a run of 13 words in common and, "
        "where a detector is named by --evaluation.judge.model and its other keys, items that are a training prompt in "
        "other words.",
        allow_abbrev=False,
    )
    rows = "rows with `prompt`, `question`, `instruction`, `turns`, `messages`, `conversations` or `text`"
    parser.add_argument("--train", type=Path, nargs="+", required=True, help=f"JSON Lines or a JSON array: {rows}")
    parser.add_argument("--benchmark", type=Path, nargs="+", required=True, help="the same, or a folder of such files")
    parser.add_argument("--output", type=new_file, help="where the pairs that the detector was shown are written")
    parser.add_argument("--candidates", type=int, default=1, help="training prompts shown for each item; default 1")
    files, rest = parser.parse_known_args(arguments)
    settings = parse("autoif contamination", "", rest)
    detecting = bool(settings.evaluation.judge.model)
    if detecting and not files.output:
        raise UserError("--output: needed with a detector, whose verdicts are kept beside it; name a file to write")
    lines, shown = [], []
    with _detector(settings, files.output) if detecting else nullcontext() as detector:
        for train, benchmark in product(files.train, files.benchmark):
            texts, items = contamination.read_texts(train), contamination.read_texts(benchmark)
            found = None
            if detecting:
                found = list(
                    contamination.rephrased(texts, items, detector, settings.evaluation.judge, files.candidates)
                )
                place = {"train": train.name, "benchmark": benchmark.name}
                shown += [
                    {**place, "task": items[each.item], "text": texts[each.text], "same": each.same} for each in found
                ]
            lines.append(contamination.line(train, benchmark, overlap(texts, items), found))
    if files.output:
        write_rows(files.output, shown)
    print(contamination.table(lines))
    print(json.dumps([dataclasses.asdict(each) for each in lines]))


def _detector(settings: Settings, output: Path) -> AbstractContextManager[ChatModel]:
    from autoif_train.evaluation.judging import open_judge

    cache = Path(settings.cache.path) if settings.cache.path else output.with_suffix(".cache.sqlite")
    return open_judge(settings.evaluation.judge, settings.policy, settings.engines, cache)
