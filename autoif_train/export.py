"""A run's training data in the forms that other trainers read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from autoif_train.rows import Rows, atomic_file, write_rows
from autoif_train.types import Row, UserError

FORMATS = ("trl", "llama_factory", "parquet")
FILES = ("demonstrations", "pairs")


def export_run(folder: Path, form: str, output: Path) -> Iterator[str]:
    """Write demonstrations and pairs of a run folder into `output`; yields a line per file written.

    `trl`: the rows as they are. `llama_factory`: ShareGPT and ranked pairs with their `dataset_info.json`.
    `parquet`: the rows as columns. Raises `UserError` where the folder holds neither.
    """
    sources = [folder / "data" / f"{name}.jsonl" for name in FILES]
    present = [source for source in sources if source.exists()]
    if not present:
        raise UserError(f"{folder}: holds neither data/demonstrations.jsonl nor data/pairs.jsonl; generate data first")
    output.mkdir(parents=True, exist_ok=True)
    for source in present:
        target = output / (f"{source.stem}.parquet" if form == "parquet" else source.name)
        if form == "trl":
            shutil.copyfile(source, target)
        elif form == "parquet":
            _write_parquet(source, target)
        else:
            write_rows(target, (_conversation(row) for row in Rows(source)))
        yield f"{source.name} → {target}"
    if form == "llama_factory":
        with atomic_file(output / "dataset_info.json") as file:
            json.dump({f"autoif_{source.stem}": _dataset_info(source.name) for source in present}, file, indent=1)
        yield f"dataset_info.json → {output / 'dataset_info.json'}"


def _write_parquet(source: Path, target: Path) -> None:
    from datasets import load_dataset

    load_dataset("json", data_files=str(source), split="train").to_parquet(str(target))


def _conversation(row: Row) -> Row:
    """ShareGPT form: the prompt's turns, and the answer or the ranked answers beside them."""
    if "chosen" in row:
        return {"messages": row["prompt"], "chosen": row["chosen"][0], "rejected": row["rejected"][0]}
    return {"messages": row["prompt"] + row["completion"]}


def _dataset_info(file: str) -> Row:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages"}
    info: Row = {"file_name": file, "formatting": "sharegpt", "tags": tags, "columns": columns}
    if file.startswith("pairs"):
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        info["ranking"] = True
    return info
