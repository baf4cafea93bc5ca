"""Figures of training and of results: functions of rows that return matplotlib Axes or Figures.

Convention: an agent has one colour everywhere, that of `COLOURS`.
"""

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text

from pdlearn.files import write_bytes
from pdlearn.games import GAMES, game_by_name

# Seaborn's colour-blind palette, and a grey. `web/player.css` repeats the agents' colours.
BLUE, ORANGE, GREEN, VERMILION, PINK = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"
GREY = "#767676"
TEACHER, STUDENT, REFERENCE = BLUE, ORANGE, GREY  # REFERENCE: scores that others reported
COLOURS = {"teacher": TEACHER, "student": STUDENT, "third": GREEN, "fourth": PINK}
LIGHT_COLOURS = {"teacher": "#3d9fdc", "student": "#e8a02c"}  # on a dark picture
SIZE_COLOURS = {
    "teacher": TEACHER, "net1": VERMILION, "net2": PINK, "net3": STUDENT, "net4": GREEN,
    "net5": GREY,
}  # fmt: skip
INK = "#797979"  # as distinct from white as from JupyterLab's dark background


def on_any_background(figure: Figure) -> Figure:
    """Return `figure` without a background, its black ink grey: it suits any theme."""
    for each in (figure, *figure.subfigs, *figure.axes):
        each.patch.set_alpha(0)  # type: ignore[attr-defined]
    for axes in figure.axes:
        axes.tick_params(which="both", colors=INK)
    for artist in figure.findobj():
        if isinstance(artist, Spine):
            artist.set_edgecolor(INK)
        elif isinstance(artist, Text | Line2D) and to_hex(artist.get_color()) == "#000000":
            artist.set_color(INK)
    return figure


def write_picture(path: Path, figure: Figure) -> None:
    """Write `figure` as a PNG file, atomically."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    write_bytes(path, png.getvalue())


def learning_curve(game: str, rows: Sequence[Mapping], axes: Axes | None = None) -> Axes:
    """Draw a teacher's evaluations over its agent steps, between random play and Nature DQN.

    `rows` have agent_steps, score (of training games) and evaluation; either may be NaN.
    """
    axes = plt.subplots(figsize=(4, 3))[1] if axes is None else axes
    reference = game_by_name(game)
    _plot_column(axes, rows, "score", label="score", color=TEACHER, alpha=0.35)
    _plot_column(axes, rows, "evaluation", label="evaluation", color=TEACHER, marker="o", ms=3)
    # A curve begins low and ends high: the low line is named at its end, the high one at the start.
    for name, score, x, side in (
        ("random", reference.random, 1, "right"),
        ("Nature DQN", reference.dqn, 0, "left"),
    ):
        axes.axhline(score, color=REFERENCE, ls=":", lw=1)
        axes.annotate(
            name, (x, score), (2 - 4 * x, 2), xycoords=("axes fraction", "data"), ha=side,
            textcoords="offset points", color=REFERENCE, fontsize=8,
        )  # fmt: skip
    axes.set(title=reference.title, xlabel="million agent steps", ylabel="score")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def learning_curves(curves: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Draw the `learning_curve` of each game, three in a row."""
    figure, grid = _grid(len(curves), 3, panel=(4, 3))
    for (game, rows), axes in zip(curves.items(), grid.flat, strict=False):
        learning_curve(game, rows, axes)
    grid.flat[0].legend(frameon=False, fontsize=8)
    return figure


def _grid(
    count: int, most_columns: int, panel: tuple[float, float], margin: float = 0, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure with axes for `count` panels of `panel` inches, and `margin` to the side."""
    columns = min(most_columns, count)
    lines = math.ceil(count / columns)
    size = (margin + panel[0] * columns, panel[1] * lines)
    figure, grid = plt.subplots(
        lines, columns, figsize=size, layout="constrained", squeeze=False, **options
    )
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, grid


def _plot_column(axes: Axes, rows: Sequence[Mapping], key: str, **style: Any) -> None:
    """Draw the column `key` of `rows` over millions of agent steps, leaving NaN out."""
    points = [(float(row["agent_steps"]) / 1e6, float(row[key])) for row in rows]
    points = [point for point in points if not math.isnan(point[1])]
    axes.plot(*zip(*points, strict=True), **style)


def online_curves(rows: Sequence[Mapping]) -> Figure:
    """Draw online distillation, a panel per game: the DQN, its best so far and each student.

    `rows` have game, seed (a student's), agent_steps, dqn, best_so_far and student (figure 5).
    """
    games = list(dict.fromkeys(row["game"] for row in rows))
    figure, grid = _grid(len(games), len(games), panel=(4.5, 3.4))
    for game, axes in zip(games, grid.flat, strict=True):
        seeds: dict[str, list[Mapping]] = {}
        for row in rows:
            if row["game"] == game:
                seeds.setdefault(row["seed"], []).append(row)
        first = next(iter(seeds.values()))
        _plot_column(axes, first, "dqn", label="DQN", color=TEACHER, alpha=0.4)
        _plot_column(
            axes, first, "best_so_far", label="its best so far", color=TEACHER,
            drawstyle="steps-post",
        )  # fmt: skip
        for (seed, points), dash in zip(seeds.items(), itertools.cycle(("-", "--", ":", "-."))):
            label = f"student, seed {seed}"
            _plot_column(axes, points, "student", label=label, color=STUDENT, ls=dash)
        axes.set(title=title_of(game), xlabel="million agent steps of the DQN", ylabel="score")
        axes.spines[["top", "right"]].set_visible(False)
    grid.flat[0].legend(frameon=False, fontsize=8)
    return figure


def title_of(game: str) -> str:
    """Return the title of one of the ten games, or the name of another environment."""
    return GAMES[game].title if game in GAMES else game


def percent_points(
    ours: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
    paper: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Draw percent of the teacher's score, a panel per game: our students beside the paper's.

    `ours[game][label]` holds (percent, low, high) for each seed of a student, low and high the ends
    of its interval. `paper[game][label]` holds the paper's percent. A seed is a dot on the line of
    its interval, the mean over seeds a bar, the paper's value a diamond.
    """
    figure, grid = _grid(len(ours), 5, panel=(2.4, 3), margin=1.2, sharey=True)
    figure.set_figwidth(max(6, figure.get_figwidth()))  # room for the legend
    for (game, students), axes in zip(ours.items(), grid.flat, strict=False):
        for x, (label, points) in enumerate(students.items()):
            mean = sum(percent for percent, _, _ in points) / len(points)
            axes.plot([x - 0.25, x + 0.25], [mean, mean], color=STUDENT)
            for seed, (percent, low, high) in enumerate(points):
                at = x + 0.1 * (seed - (len(points) - 1) / 2)  # seeds side by side
                axes.plot([at, at], [low, high], color=STUDENT, lw=1, alpha=0.6)
                axes.plot(at, percent, "o", ms=4, color=STUDENT, alpha=0.6)
            if label in paper.get(game, {}):
                axes.plot(x, paper[game][label], "D", ms=6, mfc="none", color=REFERENCE)
        axes.axhline(100, color=TEACHER, ls=":", lw=1)
        slanted = {"rotation": 45, "ha": "right"} if sum(map(len, students)) > 20 else {}
        axes.set_xticks(range(len(students)), list(students), **slanted)
        axes.set(title=game_by_name(game).title, xlim=(-0.6, len(students) - 0.4))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("% of the teacher's score")
    label = "our students: seeds with 95 % intervals, mean"
    handles = [
        Line2D([], [], color=STUDENT, marker="o", ms=4, label=label),
        Line2D([], [], color=TEACHER, ls=":", label="teacher"),
    ]
    if paper:
        diamond = Line2D([], [], color=REFERENCE, marker="D", mfc="none", ls="", label="the paper")
        handles.append(diamond)
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
