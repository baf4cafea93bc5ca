"""Figures that several lessons use; `pdlearn.lessons.show` displays one with its caption."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdlearn.plots import GREEN, INK, PINK, REFERENCE, STUDENT, TEACHER, VERMILION

OTHERS = (GREEN, PINK, REFERENCE, VERMILION)
LINE_STYLES = ("-", ":", "--")  # of lines of one colour
LEVEL_STYLES = (":", "--", "-.")  # of lines that mark a number


def colour(name: str, others: Sequence[str] = ()) -> str:
    """Return the colour of a series: the teacher's, the student's, or one of its own."""
    if name.startswith("teacher"):
        return TEACHER
    if name.startswith("student"):
        return STUDENT
    return OTHERS[list(others).index(name) % len(OTHERS)] if name in others else STUDENT


def frames(observation: Any, titles: Sequence[str] = ()) -> Figure:
    """Draw the frames of an observation `[4, 84, 84]` side by side, the oldest first."""
    count = len(observation)
    ages = [f"{ago} steps ago" for ago in range(count - 1, 1, -1)] + ["1 step ago", "now"]
    figure, grid = plt.subplots(1, count, figsize=(2 * count, 2.3), layout="constrained")
    _fill(grid, list(np.asarray(observation)), titles or ages)
    return figure


def screens(images: Mapping[str, Any], most_columns: int = 5) -> Figure:
    """Draw pictures by their titles, grey `[H, W]` or RGB `[H, W, 3]`."""
    columns = min(len(images), most_columns)
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.9 * columns, 2.5 * rows), layout="constrained", squeeze=False
    )
    _fill(grid.flat, list(images.values()), list(images))
    return figure


def _fill(grid: Iterable, images: Sequence, titles: Sequence[str]) -> None:
    for axes, image, title in zip(grid, images, titles, strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()


def bars(names: Sequence[str], series: Mapping[str, Sequence[float]], unit: str = "") -> Figure:
    """Draw a group of bars for each name, with one bar per series: `{"teacher": q.tolist()}`."""
    figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    width = 0.8 / len(series)
    others = [label for label in series if not label.startswith(("teacher", "student"))]
    for index, (label, heights) in enumerate(series.items()):
        x = np.arange(len(names)) + (index - (len(series) - 1) / 2) * width
        axes.bar(x, np.asarray(heights), width, label=label, color=colour(label, others))
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel(unit)
    axes.axhline(0, color=INK, lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


def curves(
    runs: Mapping[str, Sequence[Mapping]],
    columns: Sequence[str],
    x: str = "updates",
    *,
    level: float | None = None,
    cut: float | None = None,
) -> Figure:
    """Draw a panel for each of `columns`, with one line per run, over the column `x`.

    Several runs get a legend below the panels, where it covers no line. Dotted lines mark `level`
    in the first panel and `cut` on the x axis of all.
    """
    figure, grid = plt.subplots(
        1, len(columns), figsize=(3.6 * len(columns), 2.8), layout="constrained", squeeze=False
    )
    others = [label for label in runs if not label.startswith(("teacher", "student"))]
    for axes, column in zip(grid.flat, columns, strict=True):
        for label, rows in runs.items():
            seen = [row for row in rows if column in row]
            points = [(row[x], row[column]) for row in seen if row[column] == row[column]]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour(label, others), label=label)
        axes.set(xlabel=x, title=column)
        axes.spines[["top", "right"]].set_visible(False)
        if cut is not None:
            axes.axvline(cut, color=INK, ls=":")
            axes.set_ylim(bottom=0)
    if level is not None:
        grid.flat[0].axhline(level, color=INK, ls=":")
    if len(runs) > 1:
        figure.legend(
            *grid.flat[0].get_legend_handles_labels(),
            loc="outside lower center", ncols=2 * len(columns), frameon=False, fontsize=8,
        )  # fmt: skip
    return figure


def lines(
    series: Mapping[str, tuple[Sequence, Sequence]],
    x: str,
    y: str,
    *,
    log: bool = False,
    dots: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Axes:
    """Draw a line for each `name: (xs, ys)`, and a level one for each `name: y` of `levels`.

    `x` and `y` name the axes; `log` is the x axis's scale. An empty name is not in the legend.
    Lines of one colour have different styles.
    """
    axes = _axes(6.4, 2.8)
    others = [name for name in series if not name.startswith(("teacher", "student"))]
    marks: dict[str, Any] = {"marker": "o", "ms": 4} if dots else {}
    used: list[str] = []  # colours
    for name, (xs, ys) in series.items():
        one = colour(name, others)
        style = LINE_STYLES[used.count(one) % len(LINE_STYLES)]
        axes.plot(xs, ys, color=one, ls=style, label=name, **marks)
        used.append(one)
    for (name, level), style in zip((levels or {}).items(), LEVEL_STYLES, strict=False):
        axes.axhline(level, color=INK, ls=style, label=name or None)
    axes.set(xlabel=x, ylabel=y, xscale="log" if log else "linear")
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(frameon=False, fontsize=8)
    return axes


def columns(rows: Sequence[Mapping], x: str, y: str, names: Sequence[str]) -> Axes:
    """Draw the columns `names` of `rows` over their column `x`."""
    xs = [row[x] for row in rows]
    return lines({name: (xs, [row[name] for row in rows]) for name in names}, x, y)


def histogram(
    groups: Mapping[str, Sequence[float]], x: str, y: str = "", *,
    bins: int | Sequence = 40, levels: Mapping[str, float] | None = None,
) -> Axes:  # fmt: skip
    """Draw the distribution of each group of numbers; `levels` are up to three lines by name.

    Bins of unequal width get a logarithmic x axis; without `y` the counts are not labelled.
    """
    axes = _axes(6.4, 2.8)
    others = [name for name in groups if not name.startswith(("teacher", "student"))]
    for name, numbers in groups.items():
        axes.hist(numbers, bins, alpha=0.6, color=colour(name, others), label=name)
    for (name, level), style in zip((levels or {}).items(), LEVEL_STYLES, strict=False):
        axes.axvline(level, color=INK, ls=style, label=name)
    axes.set(xlabel=x, ylabel=y, xscale="linear" if isinstance(bins, int) else "log")
    if not y:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return axes


def dots(xs: Sequence, ys: Sequence, x: str, y: str) -> Axes:
    """Draw a dot for each pair of numbers."""
    axes = _axes(4.6, 3)
    axes.plot(xs, ys, "o", ms=4, alpha=0.5, color=TEACHER)
    axes.set(xlabel=x, ylabel=y)
    return axes


def ranking(values: Mapping[str, float], x: str, level: float, start: float = 0) -> Axes:
    """Draw a horizontal bar for each name, from `start`, and a dotted line at `level`."""
    axes = _axes(6.4, 3)
    axes.barh(list(values), list(values.values()), color=STUDENT)
    axes.axvline(level, color=INK, ls=":")
    axes.set(xlabel=x)
    axes.set_xlim(left=start)
    return axes


def _axes(width: float, height: float) -> Axes:
    _, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return axes
