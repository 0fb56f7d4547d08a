"""The paper's tables with our columns beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from autoif_train.evaluation.results import shown_items
from autoif_train.report.folder import json_of, rows_of
from autoif_train.report.reproduction.grid import STAGES, PlannedRun, Reproduction
from autoif_train.report.reproduction.measured import Figure, Place, data_size, figure, over_seeds
from autoif_train.report.stages import title
from autoif_train.synthesis.contamination import overlap

PAPER = Path(__file__).parent / "paper.yaml"
NOT_RUN, NOTHING = "not run", "–"
MBPP = "mbpp/mbpp/pass_at_1"
# Rows that stand beside a model of which the paper has none: its smaller Qwen2, and the larger for self-alignment.
STAND_INS = ("qwen2-7b", "qwen2-72b")

Cell = Figure | str


@dataclasses.dataclass(frozen=True)
class Column:
    """One column, of one scorer and of one side: the paper's figures or ours."""

    heading: str
    ours: bool
    digits: int = 1


@dataclasses.dataclass(frozen=True)
class Table:
    """A table ready to be written in any markup; `rows` are a label and a cell for each column."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    notes: tuple[str, ...]


def paper() -> dict[str, Any]:
    """The paper's figures."""
    return yaml.safe_load(PAPER.read_text(encoding="utf-8"))


def tables(grid: Reproduction) -> Iterator[Table]:
    """The tables that were asked for, with what is there of our runs."""
    data = paper()
    if "1" in grid.tables:
        own = _own_rows(grid, data["table1"])
        yield compared(grid, data, "table1", own)
        yield compared(grid, {**data, "steps": _steps(data["table1"], own)}, "steps")
        yield compared(grid, data, "followbench")
    if "2" in grid.tables:
        yield compared(grid, data, "table2")
    if "3" in grid.tables:
        yield compared(grid, data, "table3")
    if "4" in grid.tables:
        yield contamination(grid, data)
    if "5" in grid.tables:
        yield sizes(grid, data)


def compared(grid: Reproduction, data: dict[str, Any], name: str, extra: list[dict[str, Any]] | None = None) -> Table:
    """A table of scores: the paper's columns, then ours in the lines of the rows that our runs stand for."""
    spec = data[name]
    rows = [*spec["rows"], *(extra or [])]
    stand_ins = data["ours"].get(grid.settings.model) if name != "followbench" else None
    own = stand_ins or spec["columns"]
    columns = [Column(f"{data['columns'][key]}, paper", ours=False) for key in spec["columns"]]
    columns += [Column(f"{data['columns'][key]}, ours", ours=True) for key in own]
    by_label = {row["label"]: row for row in rows}
    lines = []
    for row in rows:
        base = by_label.get(row.get("base"))
        cells = [*_paper_cells(spec, row, base), *_our_cells(grid, spec, own, row, base)]
        lines.append((row["label"], tuple(cells)))
    return Table(name, spec["title"], tuple(columns), tuple(lines), (*spec["notes"], *_our_notes(grid)))


def _paper_cells(spec: dict[str, Any], row: dict[str, Any], base: dict[str, Any] | None) -> Iterator[Cell]:
    values = row.get("values") or [None] * len(spec["columns"])
    before = (base or {}).get("values") or [None] * len(values)
    for value, start in zip(values, before, strict=True):
        difference = None if value is None or start is None else value - start
        yield NOTHING if value is None else Figure(value, difference=difference)


def _our_cells(
    grid: Reproduction, spec: dict[str, Any], columns: list[str], row: dict[str, Any], base: dict[str, Any] | None
) -> Iterator[Cell]:
    if not stands_for(grid, spec, row):
        yield from [NOTHING] * len(columns)
        return
    place = Place(row["point"], row["stage"])
    baseline = Place(base["point"], base["stage"]) if base else None
    for column in columns:
        yield figure(grid, place, column, baseline) or NOT_RUN


def stands_for(grid: Reproduction, spec: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a row of a table is the counterpart of a run of this model."""
    in_table = {each.get("model") for each in spec["rows"]}
    models = (grid.settings.model,) if grid.settings.model in in_table else STAND_INS
    return "point" in row and row.get("model", models[0]) in models


def _own_rows(grid: Reproduction, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows for stages that our runs have and the paper's table does not."""
    shown = {(row["point"], row["stage"]) for row in spec["rows"] if stands_for(grid, spec, row)}
    bases = {row["point"]: row["label"] for row in reversed(spec["rows"]) if row.get("stage") == "base"}
    return [
        {
            "label": f"{point.name.replace('_', '-')}, {title(stage)} (not in the paper)",
            "point": point.name,
            "stage": stage,
            "base": bases.get(point.name),
        }
        for point in grid.points
        for stage in (point.stages if "1" in point.tables else ())
        if (point.name, stage) not in shown
    ]


def _steps(spec: dict[str, Any], own: list[dict[str, Any]]) -> dict[str, Any]:
    """Table 1's trained stages once more, each against the stage before it: what one more step is worth."""
    rows = [row for row in [*spec["rows"], *own] if row.get("stage") in STAGES and row["point"] != "conversations"]
    rows.sort(key=lambda row: (row["point"], row.get("model", ""), STAGES.index(row["stage"])))
    label_of = {(row["point"], row["stage"], row.get("model")): row["label"] for row in rows}

    def before(row: dict[str, Any]) -> str | None:
        earlier = STAGES[max(STAGES.index(row["stage"]) - 1, 0)]
        found = (label_of.get((row["point"], earlier, model)) for model in (row.get("model"), None))
        return next((label for label in found if label and label != row["label"]), None)

    rows = [{**row, "base": before(row)} for row in rows]
    notes = ["Differences are against the stage before: offline DPO against SFT, online against offline DPO."]
    return {"title": "Table 1, step by step", "columns": spec["columns"], "rows": rows, "notes": notes}


def _our_notes(grid: Reproduction) -> list[str]:
    several = len(grid.seeds) > 1
    seeds = ", ".join(map(str, grid.seeds))
    spread = "mean ± standard deviation over seeds, " if several else ""
    notes = [
        f"Ours: --model {grid.settings.model} --preset {grid.settings.preset}, seed{'s' if several else ''} {seeds}; "
        f"{spread}in brackets the difference against our own baseline with its 95 % interval (bootstrap over "
        f"{'seeds and ' if several else ''}prompts). {NOT_RUN} = nobody ran it here; {NOTHING} = no such figure.",
    ]
    if grid.settings.model == "tiny":
        notes.append(
            "The tiny model lives in a small world of its own, whose benchmark stands in for the paper's: signs and "
            "order of differences can be compared, sizes cannot."
        )
    notes += [f"{point.name}: not run, it needs {point.missing}." for point in grid.points if point.missing]
    return notes


def contamination(grid: Reproduction, data: dict[str, Any]) -> Table:
    """Table 4: what the training files share with the held-out sets, in runs of 13 words."""
    spec = data["table4"]
    of_paper = ("training rows", "test prompts", "rephrased, paper", "rephrased %, paper", "13-grams shared %, paper")
    own = ("rephrased, ours", "rephrased %, ours", "test prompts sharing a run %, ours", "13-grams shared %, ours")
    columns = tuple(
        Column(heading, heading in own, digits=0 if heading == "training rows" else 1) for heading in (*of_paper, *own)
    )
    lines: list[tuple[str, tuple[Cell, ...]]] = [
        (
            f"{row['train']} → {row['test']}",
            (
                str(row["train_size"]), str(row["test_size"]), str(row["rephrased"]), str(row["percent"]),
                Figure(row["grams"]), *[NOTHING] * len(own),
            ),
        )
        for row in spec["rows"]
    ]  # fmt: skip
    for point, label in spec["points"].items():
        runs = [run for run in grid.runs_of(point) if rows_of(run.folder, "data/demonstrations")]
        asked = [_asked(run) for run in runs]
        sets = sorted(set.intersection(*map(set, asked))) if asked else []
        for name in sets:
            found = [overlap(_texts(run), prompts[name]) for run, prompts in zip(runs, asked, strict=True)]
            rows = [len(rows_of(run.folder, "data/demonstrations")) for run in runs]
            percents = ([each.item_percent for each in found], [each.gram_percent for each in found])
            cells = (
                over_seeds(rows, len(grid.seeds)), str(found[0].items), *[NOTHING] * 3, NOT_RUN, NOT_RUN,
                *(over_seeds(values, len(grid.seeds)) for values in percents),
            )  # fmt: skip
            lines.append((f"ours, {label} → {name}", cells))
        if not sets:
            lines.append((f"ours, {label}", (*[NOTHING] * 5, *[NOT_RUN] * 4)))
    notes = (
        "Ours: prompts and answers of the SFT file against the prompts of each set; a test prompt of fewer than 13 "
        "words is compared whole. Rephrased prompts need a language model as detector: autoif contamination.",
    )
    return Table("table4", spec["title"], columns, tuple(lines), (*spec["notes"], *notes))


def _asked(run: PlannedRun) -> dict[str, list[str]]:
    """The prompts of each test set, as the run asked the base model; a set whose prompts are not kept is left out."""
    scores = (json_of(run.folder, "results") or {"scores": []})["scores"]
    answered = {score["set"]: shown_items(run.folder, score) for score in scores if score["stage"] == "base"}
    prompts = {name: [item.prompt for item in items or ()] for name, items in answered.items()}
    return {name: texts for name, texts in prompts.items() if texts}


def _texts(run: PlannedRun) -> Iterator[str]:
    for row in rows_of(run.folder, "data/demonstrations"):
        yield from (message["content"] for message in [*row["prompt"], *row["completion"]])


def sizes(grid: Reproduction, data: dict[str, Any]) -> Table:
    """Table 5: how much data each supervisor gave, how much passed, and what came of it."""
    spec = data["table5"]
    own = data["ours"].get(grid.settings.model, ["ifeval/ifeval/prompt_loose"])[0]
    columns = (
        *(Column(amount, ours=False, digits=0) for amount in ("total", "SFT rows", "DPO pairs")),
        Column("pass rate %, paper", ours=False), Column("pass rate %, ours", ours=True),
        Column(f"{data['columns'][MBPP]}, paper", ours=False), Column(f"{data['columns'][MBPP]}, ours", ours=True),
        Column(f"{spec['score']['paper']}, paper", ours=False), Column(f"{data['columns'][own]}, ours", ours=True),
    )  # fmt: skip
    lines: list[tuple[str, tuple[Cell, ...]]] = [
        (
            row["supervisor"],
            (
                row["total"], row["sft"], row["dpo"], Figure(row["pass_rate"]), NOTHING,
                Figure(row["mbpp"]), NOTHING, Figure(row["score"]), NOTHING,
            ),
        )
        for row in spec["rows"]
    ]  # fmt: skip
    for point, label in spec["points"].items():
        found = [data_size(run.folder, run.settings.demonstrations.accept_above) for run in grid.runs_of(point)]
        found = [each for each in found if each]
        score = figure(grid, Place(point, spec["score"]["stage"]), own) or NOT_RUN
        stage = spec["evaluated_as"].get(point)
        mbpp = (figure(grid, Place(point, stage), MBPP) or NOT_RUN) if stage else NOTHING
        if not found:
            lines.append((f"ours, {label}", (*[NOT_RUN] * 3, NOTHING, NOT_RUN, NOTHING, mbpp, NOTHING, score)))
            continue
        by_field = zip(*map(dataclasses.astuple, found), strict=True)
        *amounts, passed = (over_seeds(values, len(grid.seeds)) for values in by_field)
        lines.append((f"ours, {label}", (*amounts, NOTHING, passed, NOTHING, mbpp, NOTHING, score)))
    return Table("table5", spec["title"], columns, tuple(lines), tuple(spec["notes"]))
