"""Tables of rows in, matplotlib Axes out."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdlearn.games import game_by_name

# Okabe and Ito's palette: told apart by colour-blind readers.
TEACHER, REFERENCE = "#0072B2", "#767676"


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
    for name, score in (("random", facts.random), ("Nature DQN", facts.dqn)):
        axes.axhline(score, color=REFERENCE, ls=":", lw=1)
        axes.annotate(
            name, (1, score), (-2, 2), xycoords=("axes fraction", "data"), ha="right",
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
