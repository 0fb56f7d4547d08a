"""Small plots as inline SVG that takes its colours and fonts from the page around it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from autoif_train.report.kinds import KindTable
from autoif_train.report.stages import Cell, StageRow, StageTable
from autoif_train.report.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Stand-ins that become the page's CSS variables, so that one drawing serves the light and the dark scheme.
INK, FAINT = "#010101", "#010102"
SERIES = tuple(f"#01011{number}" for number in range(1, 8))
VARIABLES = {INK: "ink", FAINT: "line"} | {colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)}

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}
ROUNDS_NAMED = 5
STAGES_NAMED = 7
KIND_WIDTH, KIND_HEIGHT, KIND_FRAME = 5.2, 0.3, 1.1  # inches: of the drawing, of one kind, of title, ticks and legend
STAGE_INCHES, TRAINING_INCHES = (3.4, 2.6), (5.2, 3.0)  # small, since they are scaled to a column and to a phone

Interval = tuple[float, float, float]  # a value with the lower and the upper end of its interval


def drawing(name: str, title: str, draw: Callable[[Axes], None], inches: tuple[float, float]) -> Markup:
    """An SVG element of what `draw` puts on the axes; `name` keeps its ids apart from those of other drawings."""
    import matplotlib  # here, because a command that draws nothing should not wait for it
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=inches, layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.set_title(title)
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return Markup(_inline(file.getvalue(), name, title))


def _inline(svg: str, name: str, title: str) -> str:
    """The SVG without what only a file of its own needs, with the page's colours and ids of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([^;\"]*?)\s*'[^;\"]*", r"font: \1 var(--sans)", svg)
    svg = re.sub(r'\bid="|url\(#|xlink:href="#', lambda found: f"{found.group()}{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    box = re.search(r'viewBox="[^"]*"', svg).group()
    start = f'<svg {box} role="img" aria-label="{Markup.escape(title)}" class="plot">'
    return re.sub(r"<svg[^>]*>", lambda _: start, svg, count=1)


def stage_plots(table: StageTable) -> list[Markup]:
    """Every figure of every stage with its interval: the sets of one figure in a drawing, or the figures of one set."""
    return [
        drawing(
            f"{table.name.replace(', ', '-').replace(' ', '-')}-{number}",
            title,
            lambda axes, lines=lines: _draw_stages(axes, table, lines),
            STAGE_INCHES,
        )
        for number, (title, lines) in enumerate(_panels(table))
    ]


def _panels(table: StageTable) -> list[tuple[str, dict[str, int]]]:
    """The drawings of a table: a title, and the column of each line by its name."""
    drawn: dict[str, dict[str, int]] = {}
    together = len(table.counts) == 1  # the figures of one set share a drawing, as far as they share a unit
    for place, column in enumerate(table.columns):
        figure = column.figure
        joined = together and figure.main and figure.percent
        label = f"{figure.label[0].upper()}{figure.label[1:]}"
        title = table.name if joined else f"{column.set}: {figure.label}" if together else label
        drawn.setdefault(f"{title}, %" if figure.percent else title, {})[figure.label if together else column.set] = (
            place
        )
    return [
        (f"{title} (95 % interval)" if _has_interval(table, lines) else title, lines) for title, lines in drawn.items()
    ]


def _has_interval(table: StageTable, lines: dict[str, int]) -> bool:
    cells = [stage.cells[place] for stage in table.stages for place in lines.values()]
    return any(cell is not None and cell.low is not None for cell in cells)


def _draw_stages(axes: Axes, table: StageTable, lines: dict[str, int]) -> None:
    for number, (name, column) in enumerate(lines.items()):
        colour = SERIES[number % len(SERIES)]
        shift = 0.14 * (number - (len(lines) - 1) / 2)  # so that intervals of two lines do not hide each other
        scale = 100 if table.columns[column].figure.percent else 1
        points = {
            stage.name: (place + shift, *_interval(stage.cells[column], scale))
            for place, stage in enumerate(table.stages)
            if stage.cells[column]
        }
        for start, end, dashed in _steps(list(points)):
            ends = zip(points[start][:2], points[end][:2], strict=True)
            axes.plot(*ends, color=colour, linestyle="--" if dashed else "-")
        places, values, lows, highs = zip(*points.values(), strict=True)
        axes.plot(places, values, "o", color=colour, label=name)
        axes.vlines(places, lows, highs, color=colour, linewidth=3, alpha=0.35)
    every = -(-len(table.stages) // STAGES_NAMED)
    ticks = list(enumerate(table.stages))[::every]
    axes.set_xticks([place for place, _ in ticks], [_tick(stage) for _, stage in ticks])
    axes.margins(y=0.15)
    _make_room(axes)
    if len(lines) > 1:
        _legend(axes, 2)


def _interval(cell: Cell, scale: float) -> Interval:
    """The value with its bounds, which are itself where there is no interval."""
    low, high = (cell.value, cell.value) if cell.low is None else (cell.low, cell.high)
    return scale * cell.value, scale * low, scale * high


def _steps(names: list[str]) -> list[tuple[str, str, bool]]:
    """Which policy was trained from which. Offline DPO is a branch of its own, dashed: the rounds start from SFT."""
    line = [name for name in names if name != "offline_dpo"]
    steps = [(start, end, False) for start, end in pairwise(line)]
    return steps + ([("sft", "offline_dpo", True)] if {"sft", "offline_dpo"} <= set(names) else [])


def _tick(stage: StageRow) -> str:
    kind, _, number = stage.name.partition("/round_")
    return f"round\n{number}" if number else {"sft": "SFT", "offline_dpo": "offline\nDPO"}.get(kind, kind)


def kind_plots(tables: list[KindTable]) -> list[Markup]:
    """Each set's pass rate per kind of constraint: a line per kind, a point with its interval per stage."""
    return [
        drawing(
            f"kinds-{table.set}",
            f"{table.set}, % followed",
            lambda axes, table=table: _draw_kinds(axes, table),
            (KIND_WIDTH, KIND_FRAME + KIND_HEIGHT * len(table.kinds)),
        )
        for table in tables
    ]


def _draw_kinds(axes: Axes, table: KindTable) -> None:
    for number, stage in enumerate(table.stages):
        colour = SERIES[number % len(SERIES)]
        shift = 0.18 * (number - (len(table.stages) - 1) / 2)
        places = [place + shift for place in range(len(table.kinds))]
        shares = [kind.shares[number] for kind in table.kinds]
        lows, highs = zip(*(share.interval for share in shares), strict=True)
        axes.plot([100 * share.rate for share in shares], places, "o", color=colour, label=stage)
        ends = ([100 * low for low in lows], [100 * high for high in highs])
        axes.hlines(places, *ends, color=colour, linewidth=2, alpha=0.35)
    axes.set_yticks(range(len(table.kinds)), [kind.name.replace("_", " ") for kind in table.kinds])
    axes.invert_yaxis()
    axes.set_xlim(-2, 102)
    axes.grid(axis="x")
    _legend(axes, 2)


FIGURES = {
    "loss": "Loss",
    "rewards/margins": "Reward margin, chosen over rejected",
    "rewards/accuracies": "Pairs ranked rightly, %",
    "reward": "Mean reward",
}
"""What the trainers log and the page draws."""


def training_plots(trainings: list[Training]) -> list[Markup]:
    """The logged figures of each family of trainings in one drawing each."""
    families: dict[str, list[Training]] = {}
    for training in trainings:
        families.setdefault(training.family, []).append(training)
    wanted = [(family, members, figure) for family, members in families.items() for figure in FIGURES]
    return [
        drawing(
            f"{kind}-{figure.replace('/', '-')}",
            f"{kind}: {FIGURES[figure][0].lower()}{FIGURES[figure][1:]}",
            lambda axes, chosen=chosen, figure=figure: _draw_trainings(axes, chosen, figure),
            TRAINING_INCHES,
        )
        for kind, chosen, figure in wanted
        if any(figure in training.curves for training in chosen)
    ]


def _draw_trainings(axes: Axes, trainings: list[Training], figure: str) -> None:
    factor = 100 if figure == "rewards/accuracies" else 1
    drawn = [training for training in trainings if figure in training.curves]
    rounds = sum(training.online for training in drawn)
    colours = iter((SERIES[0], *SERIES[2:]))
    seen = 0
    for training in drawn:
        seen += training.online
        steps, values = zip(*training.curves[figure], strict=True)
        few = rounds <= ROUNDS_NAMED
        axes.plot(
            steps,
            [factor * value for value in values],
            color=SERIES[1] if not training.online else next(colours) if few else SERIES[0],
            marker="o" if len(steps) == 1 else "",
            # Of many rounds the later ones are stronger in colour: their order can be seen without the legend.
            alpha=1.0 if few or not training.online else 0.3 + 0.7 * seen / rounds,
            label=training.title if _named(seen, rounds, training.online) else "_",  # an underscore: not in the legend
        )
    axes.set_xlabel("step")
    _make_room(axes)
    if len(drawn) > 1:
        _legend(axes, 6)


def _named(number: int, rounds: int, online: bool) -> bool:
    """Whether a training is named in the legend: of many rounds the first and the last will do."""
    return not online or rounds <= ROUNDS_NAMED or number in (1, rounds)


def _make_room(axes: Axes) -> None:
    """From zero where all values are the same: the axis would else magnify nothing around them."""
    low, high = axes.dataLim.intervaly
    if low == high:
        axes.set_ylim(*sorted((0, 1.1 * low or 1)))


def _legend(axes: Axes, columns: int) -> None:
    """A legend beneath the drawing, where it hides nothing."""
    axes.figure.legend(loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=1.4)
