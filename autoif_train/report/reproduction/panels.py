"""Figure 4: thresholds and scaling, our curves over seeds, as a table and as a picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from autoif_train.report.reproduction.grid import AROUND, STAGES, Panel, Reproduction, panel_point
from autoif_train.report.reproduction.measured import Figure, Place, data_size, figure, over_seeds
from autoif_train.report.reproduction.tables import NOT_RUN, Cell, Column, Table

COLOURS = ("#1f5fa8", "#c4621b")  # the score, the amount of data
LEAST_RANGE = 10.0  # points on the scale of a score: noise must not fill a panel


@dataclasses.dataclass(frozen=True)
class Spot:
    """One value of a panel's setting: the score there and how many rows were trained on; None where not run."""

    value: float
    score: Figure | str | None
    amount: Figure | None


def spots(grid: Reproduction, panel: Panel, column: str) -> list[Spot]:
    """The curve of a panel; differences are against its last value."""
    usual = Place(panel_point(panel, panel.values[-1]), panel.stage)
    found = []
    for value in panel.values:
        place = Place(panel_point(panel, value), panel.stage)
        counts = [_amount(run.folder, panel) for run in grid.runs_of(place.point) if run.finished()]
        score = figure(grid, place, column, usual)
        counts = [count for count in counts if count is not None]
        found.append(Spot(value, score, over_seeds(counts, len(grid.seeds))))
    return found


def before(grid: Reproduction, panel: Panel, column: str) -> Figure | str | None:
    """What the stage before a panel's own scores: where a curve over shares of the data starts from."""
    return figure(grid, Place(AROUND, ("base", *STAGES)[STAGES.index(panel.stage)]), column)


def _amount(folder: Path, panel: Panel) -> int | None:
    size = data_size(folder, 0.0)
    return getattr(size, panel.amount) if size else None


def figure_table(grid: Reproduction, data: dict[str, Any]) -> Table:
    """The four panels as one table."""
    spec, column = data["figure4"], figure_column(grid, data)
    rows: list[tuple[str, tuple[Cell, ...]]] = []
    for panel in grid.panels:
        if panel.is_share:
            rows.append((f"{panel.title}: none, the stage before", (before(grid, panel, column) or NOT_RUN, "0")))
        for spot in spots(grid, panel, column):
            rows.append(
                (f"{panel.title}: {value_text(panel, spot.value)}", (spot.score or NOT_RUN, spot.amount or NOT_RUN))
            )
    columns = (Column(f"{data['columns'][column]}, ours", ours=True), Column("rows trained on", ours=True, digits=0))
    notes = [f"{panel.title}. {spec['panels'][panel.name]}" for panel in grid.panels]
    notes.append("Differences are against a panel's last value.")
    return Table("figure4", spec["title"], columns, tuple(rows), tuple(notes))


def figure_column(grid: Reproduction, data: dict[str, Any]) -> str:
    """What the curves show: the model's first column, else prompt loose as in the paper."""
    return data["ours"].get(grid.settings.model, ["ifeval/ifeval/prompt_loose"])[0]


def value_text(panel: Panel, value: float) -> str:
    """`1/64` for a share, `0.8` for a threshold."""
    return f"1/{round(1 / value)}" if panel.is_share and value < 1 else f"{value:g}"


def draw(grid: Reproduction, data: dict[str, Any], folder: Path) -> list[Path]:
    """`figure4.svg` and `.png`: scores over seeds with their standard deviation, hollow where seeds are missing; dotted
    how many rows were trained on."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    column = figure_column(grid, data)
    sheet, axes = pyplot.subplots(1, len(grid.panels), figsize=(4.2 * len(grid.panels), 3.6), layout="constrained")
    for axis, panel in zip(axes, grid.panels, strict=True):
        start = before(grid, panel, column) if panel.is_share else None
        _draw_panel(axis, panel, spots(grid, panel, column), start, data["columns"][column])
    # Without a fixed salt and date the same figures would give another file every time.
    matplotlib.rcParams["svg.hashsalt"] = "figure4"
    paths = [folder / "figure4.svg", folder / "figure4.png"]
    sheet.savefig(paths[0], metadata={"Date": None})
    sheet.savefig(paths[1], dpi=120)
    pyplot.close(sheet)
    return paths


def _draw_panel(axis: Any, panel: Panel, curve: list[Spot], start: Figure | str | None, heading: str) -> None:
    places = range(len(curve))
    run = [(place, spot) for place, spot in zip(places, curve, strict=True) if isinstance(spot.score, Figure)]
    axis.errorbar(
        [place for place, _ in run],
        [spot.score.mean for _, spot in run],
        yerr=[spot.score.sd or 0.0 for _, spot in run],
        color=COLOURS[0], marker="o", capsize=3,
    )  # fmt: skip
    some = [(place, spot.score.mean) for place, spot in run if spot.score.seeds < spot.score.planned]
    if some:  # hollow where seeds are missing
        axis.plot(*zip(*some, strict=True), "o", color=COLOURS[0], markerfacecolor="white", zorder=4)
    low, high = axis.get_ylim()
    if high - low < LEAST_RANGE:
        axis.set_ylim((low + high - LEAST_RANGE) / 2, (low + high + LEAST_RANGE) / 2)
    if isinstance(start, Figure):
        axis.axhline(start.mean, color=COLOURS[0], linestyle="--", linewidth=1)
        axis.annotate(
            "the stage before",
            (len(curve) - 0.6, start.mean),
            fontsize="small",
            color=COLOURS[0],
            va="bottom",
            ha="right",
        )
    axis.set_xticks(list(places), [value_text(panel, spot.value) for spot in curve])
    axis.set_xlim(-0.5, len(curve) - 0.5)
    axis.set_xlabel(panel.key)
    axis.set_title(panel.title, fontsize="medium")
    axis.set_ylabel(f"{heading} %", color=COLOURS[0])
    axis.grid(axis="y", alpha=0.3)
    amounts = axis.twinx()
    shown = [(place, spot) for place, spot in run if spot.amount]
    amounts.plot(
        [place for place, _ in shown], [spot.amount.mean for _, spot in shown], color=COLOURS[1], linestyle=":",
        marker="s", markersize=3,
    )  # fmt: skip
    amounts.set_ylabel(panel.amount, color=COLOURS[1])
    amounts.set_ylim(bottom=0)
    if not run:
        axis.text(0.5, 0.5, NOT_RUN, transform=axis.transAxes, ha="center")
