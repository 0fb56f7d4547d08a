"""A run's training data in the forms that other trainers read."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from autoif_train.chat.policy import first_line
from autoif_train.datacard import write_card
from autoif_train.rows import Rows, atomic_file, check_writable, write_rows
from autoif_train.types import Demonstration, PreferencePair, Row, UserError

FORMATS = ("trl", "llama_factory", "parquet")
FILES = {"demonstrations": Demonstration, "pairs": PreferencePair}
ROWS_PER_BATCH = 4096


def export_run(folder: Path, form: str, output: Path) -> Iterator[str]:
    """Write demonstrations and pairs of a run folder into `output`; yields a line per file written.

    `trl`: the rows as they are. `llama_factory`: ShareGPT and ranked pairs with their `dataset_info.json`.
    `parquet`: the rows as columns, with a dataset card. Raises `UserError` where the folder holds neither, or rows of
    another form.
    """
    sources = [folder / "data" / f"{name}.jsonl" for name in FILES]
    present = [source for source in sources if source.exists()]
    if not present:
        raise UserError(f"{folder}: holds neither data/demonstrations.jsonl nor data/pairs.jsonl; generate data first")
    if output.resolve() == (folder / "data").resolve():
        raise UserError(f"--output {output}: would overwrite the run's own data; name another folder")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}; name a folder") from error
    check_writable(output / present[0].name)
    for source in present:
        target = output / (f"{source.stem}.parquet" if form == "parquet" else source.name)
        if form == "trl":
            shutil.copyfile(source, target)
        elif form == "parquet":
            _write_parquet(source, target)
        else:
            write_rows(target, Rows(source, _conversation))
        yield f"{source.name} → {target}"
    if form == "parquet":
        yield f"card → {write_card(folder, output, [source.stem for source in present])}"
    if form == "llama_factory":
        with atomic_file(output / "dataset_info.json") as file:
            json.dump({f"autoif_{source.stem}": _dataset_info(source.name) for source in present}, file, indent=1)
        yield f"dataset_info.json → {output / 'dataset_info.json'}"


def push(output: Path, repository: str) -> str:
    """Upload an exported folder to a hub as a private data set; returns its address."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        hub = HfApi()
        address = hub.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        hub.upload_folder(folder_path=output, repo_id=repository, repo_type="dataset")
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError, ValueError) as error:
        mend = "log in with `hf auth login`, or name another repository"
        raise UserError(f"--push_to_hub {repository}: {first_line(error)}; {mend}") from error
    return str(address)


def _write_parquet(source: Path, target: Path) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    noun = FILES[source.stem]
    rows = iter(Rows(source, lambda row: vars(noun(**row))))
    schema = _schema(noun)
    temporary = target.with_name(f".{target.name}.part")
    # The columns are stated, not read off the rows: a file without rows has them too.
    with ParquetWriter(temporary, schema) as writer:
        while batch := list(islice(rows, ROWS_PER_BATCH)):
            try:
                writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=schema))
            except (TypeError, ValueError) as error:
                raise UserError(f"{source}: a row of another form ({error}); mend or remove it") from error
    os.replace(temporary, target)


def _schema(noun: type) -> Any:
    import pyarrow

    columns = {"float": pyarrow.float64(), "str": pyarrow.string()}
    messages = pyarrow.list_(pyarrow.struct({"role": pyarrow.string(), "content": pyarrow.string()}))
    kinds = {field.name: field.type.removesuffix(" | None") for field in dataclasses.fields(noun)}
    return pyarrow.schema({name: columns.get(kind, messages) for name, kind in kinds.items()})


def _conversation(row: Row) -> Row:
    """ShareGPT form: the prompt's turns, and the answer or the ranked answers beside them."""
    if "chosen" in row:
        (chosen,), (rejected,) = _turns(row, "chosen"), _turns(row, "rejected")
        return {"messages": _turns(row, "prompt"), "chosen": chosen, "rejected": rejected}
    return {"messages": _turns(row, "prompt") + _turns(row, "completion")}


def _turns(row: Row, key: str) -> list[Row]:
    if not isinstance(row[key], list):
        raise ValueError(f"`{key}` is not a list of turns")
    return row[key]


def _dataset_info(file: str) -> Row:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages"}
    info: Row = {"file_name": file, "formatting": "sharegpt", "tags": tags, "columns": columns}
    if file.startswith("pairs"):
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        info["ranking"] = True
    return info
