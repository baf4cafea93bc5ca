"""Tables of rows in, matplotlib Axes out."""

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pdlearn.games import GAMES, game_by_name

# A teacher's colour, a student's, and that of what others reported: here, on pages, in widgets.
TEACHER, STUDENT, REFERENCE = "#0173b2", "#de8f05", "#767676"


def learning_curve(game: str, rows: Sequence[Mapping], axes: Axes | None = None) -> Axes:
    """Draw a teacher's evaluations over its agent steps, between random play and Nature DQN.

    `rows` have agent_steps, score (of training games) and evaluation; either may be NaN.
    """
    axes = plt.subplots(figsize=(4, 3))[1] if axes is None else axes
    facts = game_by_name(game)
    for key, style in (("score", {"alpha": 0.35}), ("evaluation", {"marker": "o", "ms": 3})):
        points = [(float(row["agent_steps"]) / 1e6, float(row[key])) for row in rows]
        points = [point for point in points if not math.isnan(point[1])]
        axes.plot(*zip(*points, strict=True), color=TEACHER, label=key, **style)
    # A curve begins low and ends high: the names stand where it is not.
    for name, score, x, side in (
        ("random", facts.random, 1, "right"),
        ("Nature DQN", facts.dqn, 0, "left"),
    ):
        axes.axhline(score, color=REFERENCE, ls=":", lw=1)
        axes.annotate(
            name, (x, score), (2 - 4 * x, 2), xycoords=("axes fraction", "data"), ha=side,
            textcoords="offset points", color=REFERENCE, fontsize=8,
        )  # fmt: skip
    axes.set(title=facts.title, xlabel="million agent steps", ylabel="score")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def learning_curves(curves: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Draw the `learning_curve` of each game, three beside each other."""
    columns = min(3, len(curves))
    lines = math.ceil(len(curves) / columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(4 * columns, 3 * lines), layout="constrained", squeeze=False
    )
    for axes in grid.flat[len(curves) :]:
        axes.set_axis_off()
    for (game, rows), axes in zip(curves.items(), grid.flat, strict=False):
        learning_curve(game, rows, axes)
    grid.flat[0].legend(frameon=False, fontsize=8)
    return figure


def online_curves(rows: Sequence[Mapping]) -> Figure:
    """Draw online distillation, a panel a game: the DQN, its best so far and each student.

    `rows` have game, seed (a student's), agent_steps, dqn, best_so_far and student (figure 5).
    """
    games = list(dict.fromkeys(row["game"] for row in rows))
    figure, grid = plt.subplots(
        1, len(games), figsize=(4.5 * len(games), 3.4), layout="constrained", squeeze=False
    )
    for game, axes in zip(games, grid.flat, strict=True):
        seeds: dict[str, list[Mapping]] = {}
        for row in rows:
            if row["game"] == game:
                seeds.setdefault(row["seed"], []).append(row)

        def draw(rows, key, label, axes=axes, **style) -> None:
            points = [(float(row["agent_steps"]) / 1e6, float(row[key])) for row in rows]
            axes.plot(*zip(*points, strict=True), label=label, **style)

        first = next(iter(seeds.values()))
        draw(first, "dqn", "DQN", color=TEACHER, alpha=0.4)
        draw(first, "best_so_far", "its best so far", color=TEACHER, drawstyle="steps-post")
        for (seed, points), style in zip(seeds.items(), itertools.cycle(("-", "--", ":", "-."))):
            draw(points, "student", f"student, seed {seed}", color=STUDENT, ls=style)
        axes.set(title=title_of(game), xlabel="million agent steps of the DQN", ylabel="score")
        axes.spines[["top", "right"]].set_visible(False)
    grid.flat[0].legend(frameon=False, fontsize=8)
    return figure


def title_of(game: str) -> str:
    """Return a game's title, or the name of what is not among the ten."""
    return GAMES[game].title if game in GAMES else game


def percent_points(
    ours: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
    paper: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Draw percent of the teacher's score, a panel a game: our students beside the paper's.

    `ours[game][label]` has, for each seed of that student, the percent and the low and high end of
    its interval; `paper[game][label]` is the paper's. Seeds are dots with a line from end to end,
    their mean a bar; the paper's value is a diamond.
    """
    columns = min(5, len(ours))
    lines = math.ceil(len(ours) / columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(max(6, 1.2 + 2.4 * columns), 3 * lines),  # room for the names
        layout="constrained",
        squeeze=False, sharey=True,
    )  # fmt: skip
    for axes in grid.flat[len(ours) :]:
        axes.set_axis_off()
    for (game, students), axes in zip(ours.items(), grid.flat, strict=False):
        for x, (label, points) in enumerate(students.items()):
            mean = sum(percent for percent, _, _ in points) / len(points)
            axes.plot([x - 0.25, x + 0.25], [mean, mean], color=STUDENT)
            for seed, (percent, low, high) in enumerate(points):
                at = x + 0.1 * (seed - (len(points) - 1) / 2)  # beside each other
                axes.plot([at, at], [low, high], color=STUDENT, lw=1, alpha=0.6)
                axes.plot(at, percent, "o", ms=4, color=STUDENT, alpha=0.6)
            if label in paper.get(game, {}):
                axes.plot(x, paper[game][label], "D", ms=6, mfc="none", color=REFERENCE)
        axes.axhline(100, color=TEACHER, ls=":", lw=1)
        axes.set_xticks(range(len(students)), list(students))
        axes.set(title=game_by_name(game).title, xlim=(-0.6, len(students) - 0.4))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("% of the teacher's score")
    handles = [
        Line2D(
            [],
            [],
            color=STUDENT,
            marker="o",
            ms=4,
            label="our students: seeds with 95 % intervals, mean",
        ),
        Line2D([], [], color=TEACHER, ls=":", label="teacher"),
    ]
    if paper:
        diamond = Line2D([], [], color=REFERENCE, marker="D", mfc="none", ls="", label="the paper")
        handles.append(diamond)
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
