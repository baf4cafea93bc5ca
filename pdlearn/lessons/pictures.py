"""Figures that several lessons use; `pdlearn.lessons.show` displays one with its caption."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from pdlearn.plots import GREEN, PINK, REFERENCE, STUDENT, TEACHER

OTHERS = (GREEN, PINK, REFERENCE)


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


def screens(images: Sequence, titles: Sequence[str], columns: int = 5) -> Figure:
    """Draw pictures, grey `[H, W]` or RGB `[H, W, 3]`, in rows of `columns`."""
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.9 * columns, 2.5 * rows), layout="constrained", squeeze=False
    )
    _fill(grid.flat, images, titles)
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
    axes.axhline(0, color="black", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


def curves(
    runs: Mapping[str, Sequence[Mapping]], columns: Sequence[str], x: str = "updates"
) -> Figure:
    """Draw a panel for each of `columns`, with one line per run, over the column `x`.

    Several runs get a legend below the panels, where it covers no line.
    """
    figure, grid = plt.subplots(
        1, len(columns), figsize=(3.6 * len(columns), 2.8), layout="constrained", squeeze=False
    )
    others = [label for label in runs if not label.startswith(("teacher", "student"))]
    for axes, column in zip(grid.flat, columns, strict=True):
        for label, rows in runs.items():
            points = [(row[x], row[column]) for row in rows if row[column] == row[column]]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour(label, others), label=label)
        axes.set(xlabel=x, title=column)
        axes.spines[["top", "right"]].set_visible(False)
    if len(runs) > 1:
        figure.legend(
            *grid.flat[0].get_legend_handles_labels(),
            loc="outside lower center", ncols=2 * len(columns), frameon=False, fontsize=8,
        )  # fmt: skip
    return figure
