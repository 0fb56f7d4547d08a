"""General abilities through lm-eval: C-Eval, MMLU, GSM8K, HellaSwag, with its own prompts and scoring.

The prompts are put into the chat template of training, few-shot examples as turns. Data come from the hub, or pinned
from a local folder: then lm-eval's own task is included in one that reads the local files and nothing else changes.
"""

from __future__ import annotations

import csv
import dataclasses
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import yaml

from autoif_train.chat.base import ChatModel
from autoif_train.evaluation.installed import check_packages
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.statistics import wilson_interval
from autoif_train.rows import Rows, write_rows
from autoif_train.types import Row, UserError

LOCAL = "_local"
HEADER_CELLS = ("question", "answer")

Splits = dict[str, list[Row]]


@dataclasses.dataclass(frozen=True)
class Ability:
    """One of lm-eval's tasks or groups, and how it is asked.

    `measure` is the metric, or the filter of answers, that stages are compared on; the others are shown beside it.
    `read(folder)` gives the tasks and splits of a local folder, `data(settings)` says which folder, if any.
    """

    task: str
    shots: int
    measure: str
    read: Callable[[Path], dict[str, Splits]]
    data: Callable[[EvaluationSettings], str | None]
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The name of the measure among the metrics."""
        return _metric(self.measure)

    @property
    def scorer(self) -> str:
        """Who scores, with what prompt: never one column with another."""
        return f"lm_eval {version('lm_eval')}, {self.task}, {self.shots}-shot, {self.measure}"


@dataclasses.dataclass(frozen=True)
class Measured:
    """One question and its marks, 0 or 1, by metric or filter; `measure` is the one that counts."""

    unit: ClassVar[str] = "answer"
    key: str
    task: str
    measure: str
    marks: dict[str, float]

    @property
    def passed(self) -> bool:
        return self.marks[self.measure] == 1

    @classmethod
    def from_row(cls, row: Row) -> Measured:
        return cls(row["key"], row["task"], row["measure"], row["marks"])


def _read_gsm8k(folder: Path) -> dict[str, Splits]:
    return {"gsm8k": {split: list(Rows(folder / f"{split}.jsonl")) for split in ("train", "test")}}


def _read_hellaswag(folder: Path) -> dict[str, Splits]:
    return {"hellaswag": {"validation": list(Rows(folder / "hellaswag_val.jsonl"))}}


def _subjects(folder: Path, split: str) -> list[str]:
    names = sorted(file.name.removesuffix(f"_{split}.csv") for file in (folder / split).glob(f"*_{split}.csv"))
    if not names:
        raise UserError(f"{folder}: holds no {split}/*_{split}.csv; name the folder of the official download")
    return names


def _table(file: Path) -> list[list[str]]:
    """The rows of a CSV file without its header, which some copies lack."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = [row for row in csv.reader(opened) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: cannot be read as a table ({error}); restore the file") from error
    return rows[1:] if rows and set(HEADER_CELLS) & {cell.lower() for cell in rows[0]} else rows


def _read_mmlu(folder: Path) -> dict[str, Splits]:
    def question(file: Path, row: list[str]) -> Row:
        if len(row) != 6 or row[5] not in [*"ABCD", *"0123"]:
            raise UserError(f"{file}: {row[:1]} is not a question, four choices and an answer (A to D, or 0 to 3)")
        answer = "ABCD".index(row[5]) if row[5] in "ABCD" else int(row[5])
        return {"question": row[0], "choices": row[1:5], "answer": answer}

    def split(name: str, subject: str) -> list[Row]:
        file = folder / name / f"{subject}_{name}.csv"
        return [question(file, row) for row in _table(file)]

    return {
        f"mmlu_{subject}": {name: split(name, subject) for name in ("dev", "test")}
        for subject in _subjects(folder, "test")
    }


def _read_ceval(folder: Path) -> dict[str, Splits]:
    def split(name: str, subject: str) -> list[Row]:
        file = folder / name / f"{subject}_{name}.csv"
        names = ("question", "A", "B", "C", "D", "answer")
        rows = [dict(zip(names, row[1:7], strict=False)) for row in _table(file)]
        if any(row.keys() != {*names} or row["answer"] not in [*"ABCD"] for row in rows):
            raise UserError(f"{file}: a row is not an id, a question, four choices and an answer A to D")
        return rows

    return {
        f"ceval-valid_{subject}": {name: split(name, subject) for name in ("dev", "val")}
        for subject in _subjects(folder, "val")
    }


ABILITIES = {
    "ceval": Ability("ceval-valid", 5, "acc", _read_ceval, lambda settings: settings.ceval_data),
    "mmlu": Ability("mmlu", 5, "acc", _read_mmlu, lambda settings: settings.mmlu_data),
    "gsm8k": Ability("gsm8k", 0, "flexible-extract", _read_gsm8k, lambda settings: settings.gsm8k_data),
    "hellaswag": Ability(
        "hellaswag", 0, "acc_norm", _read_hellaswag, lambda settings: settings.hellaswag_data, {"training_split": None}
    ),
}


def answer(name: str, chat: ChatModel, settings: EvaluationSettings, seed: int = 0) -> Iterator[Measured]:
    """What a local policy gets right, question by question, in lm-eval's order."""
    ability = ABILITIES[name]
    check_packages(name, ("lm_eval",))
    if not hasattr(chat, "model"):
        raise UserError(
            f"policy.sampling_engine: lm-eval asks {name} of a model in this process; leave {name} out here, and "
            "evaluate the checkpoint as --model in a folder of its own with sampling_engine transformers"
        )
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    model = HFLM(pretrained=chat.model, tokenizer=chat.tokenizer, batch_size=settings.lm_eval_batch_size)
    with _tasks(name, ability.data(settings)) as (tasks, manager):
        found = simple_evaluate(
            model=model,
            tasks=tasks,
            task_manager=manager,
            num_fewshot=ability.shots,
            limit=settings.max_prompts,
            gen_kwargs={"max_gen_toks": settings.max_new_tokens},
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            bootstrap_iters=0,
            random_seed=seed,
            numpy_random_seed=seed,
            torch_random_seed=seed,
            fewshot_random_seed=seed,
        )
    for task, samples in found["samples"].items():
        yield from _measured(task.removesuffix(LOCAL), samples, ability.measure)


def _measured(task: str, samples: list[Row], measure: str) -> Iterator[Measured]:
    """One row per question: lm-eval gives one per question and filter."""
    marks: dict[int, dict[str, float]] = {}
    for sample in samples:
        found = {sample["filter"] if sample["filter"] != "none" else name: sample[name] for name in sample["metrics"]}
        marks.setdefault(sample["doc_id"], {}).update({name: float(mark) for name, mark in found.items()})
    for number, found in sorted(marks.items()):
        yield Measured(f"{task} {number}", task, measure, found)


@contextmanager
def _tasks(name: str, data: str | None) -> Iterator[tuple[list[str], Any]]:
    """The tasks to be run and a manager that knows them; local data are laid out for lm-eval while the block lasts."""
    from lm_eval.tasks import TaskManager

    ability = ABILITIES[name]
    if data is None:
        try:
            yield [ability.task], TaskManager()
        except (ConnectionError, OSError) as error:
            said = " ".join(str(error).split())
            mend = f"name a local copy with --evaluation.{name}_data FOLDER"
            raise UserError(f"{name}: cannot be loaded from the hub ({said}); {mend}") from error
        return
    splits = ability.read(Path(data))
    with tempfile.TemporaryDirectory() as folder:
        stock = TaskManager().task_index
        for task, of_task in splits.items():
            if task not in stock:
                raise UserError(f"{data}: lm-eval knows no task {task}; take out what does not belong to {name}")
            files = {split: str(Path(folder) / f"{task}_{split}.jsonl") for split in of_task}
            for split, rows in of_task.items():
                write_rows(files[split], rows)
            local = {
                "include": str(stock[task].yaml_path),
                "task": f"{task}{LOCAL}",
                "tag": [],
                "dataset_path": "json",
                "dataset_name": None,
                "dataset_kwargs": {"data_files": files, "cache_dir": folder},
                **ability.overrides,
            }
            Path(folder, f"{task}.yaml").write_text(yaml.safe_dump(local), encoding="utf-8")
        yield [f"{task}{LOCAL}" for task in splits], TaskManager(include_path=folder, include_defaults=False)


def _metric(measure: str) -> str:
    return measure.replace("-", "_")


def metrics(rows: Iterable[Measured]) -> dict[str, float]:
    """The mean over all questions of each metric or filter, with 95 % intervals."""
    rows = list(rows)
    found: dict[str, float] = {}
    for name in dict.fromkeys(name for row in rows for name in row.marks):
        right = sum(row.marks[name] == 1 for row in rows)
        key = _metric(name)
        found[key] = right / len(rows)
        found[f"{key}_low"], found[f"{key}_high"] = wilson_interval(right, len(rows))
    return found
