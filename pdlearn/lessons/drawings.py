"""Figures of recorded results that one lesson draws; the general ones are in `pictures`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdlearn.games import GAMES
from pdlearn.plots import GREY, INK, PINK, SIZE_COLOURS, STUDENT, TEACHER, VERMILION
from pdlearn.statistics import geometric_mean, share_of_the_way


def temperature_scores(groups: Mapping[str, Sequence[Mapping]], teacher: float) -> Axes:
    """Draw students' scores with their intervals over the temperature, and the teacher's dotted.

    `groups` are rows of results by the recipe's name: two, drawn side by side.
    """
    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    for (name, rows), tint, aside in zip(groups.items(), (GREY, STUDENT), (0.9, 1.1), strict=True):
        at, mean, low, high = (
            np.array([float(row[key]) for row in rows])
            for key in ("temperature", "mean", "low", "high")
        )
        axes.errorbar(aside * at, mean, (mean - low, high - mean), fmt="o", color=tint, label=name)
    axes.axhline(teacher, color=TEACHER, ls=":")
    axes.set(xscale="log", xlabel="temperature", ylabel="score", ylim=(-2, 21))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside right center")
    return axes


def bands_of_seeds(
    unchanged: Sequence[Sequence[Mapping]],
    changed: Mapping[str, Sequence[Sequence[Mapping]]],
    column: str = "evaluation",
) -> Figure:
    """Draw a panel for each change: the mean over seeds as a line, lowest to highest as a band.

    `unchanged` and each of `changed` are the rows of a run for each seed. The unchanged runs are in
    every panel.
    """
    figure, grid = plt.subplots(
        1, len(changed), figsize=(3 * len(changed), 2.8), layout="constrained", sharey=True,
        squeeze=False,
    )  # fmt: skip
    for axes, (name, runs) in zip(grid.flat, changed.items(), strict=True):
        for label, tint, seeds in (("unchanged", TEACHER, unchanged), ("changed", VERMILION, runs)):
            seen = [[row for row in rows if row[column] == row[column]] for rows in seeds]
            steps = [row["agent_steps"] for row in seen[0]]
            scores = np.array([[row[column] for row in rows] for rows in seen])
            axes.fill_between(steps, scores.min(0), scores.max(0), color=tint, alpha=0.2, lw=0)
            axes.plot(steps, scores.mean(0), color=tint, label=label)
        axes.set(title=name, xlabel="agent_steps")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel(column)
    names = grid[0, 0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def race(rows: Sequence[Mapping]) -> Figure:
    """Draw the training scores of race_curves.csv over minutes: a panel a game, a line a method."""
    games = list(dict.fromkeys(row["game"] for row in rows))
    figure, grid = plt.subplots(
        1, len(games), figsize=(3 * len(games), 2.8), layout="constrained", squeeze=False
    )
    for axes, game in zip(grid.flat, games, strict=True):
        for method, tint in (("dqn", TEACHER), ("pqn", VERMILION)):
            found = [row for row in rows if (row["game"], row["method"]) == (game, method)]
            minutes, scores = ([float(row[key]) for row in found] for key in ("minutes", "score"))
            axes.plot(minutes, scores, color=tint, label=method.upper())
        axes.set(title=GAMES[game].title, xlabel="minutes of one thread")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("score of training games")
    names = grid[0, 0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def layer_shares(sizes: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw each layer's share of a size's parameters and of its multiplications.

    `sizes` are the layers of each size, with `name`, `parameters` and `multiplications`.
    """
    figure, grid = plt.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained", sharey=True)
    for axes, what in zip(grid, ("parameters", "multiplications"), strict=True):
        counts = np.array([[getattr(y, what) for y in layers] for layers in sizes.values()])
        shares = counts / counts.sum(1, keepdims=True)
        for number, layer in enumerate(next(iter(sizes.values()))):
            left = shares[:, :number].sum(1)
            axes.barh(list(sizes), shares[:, number], left=left, label=layer.name)
        axes.set(title=what, xlabel="share")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].invert_yaxis()
    names = grid[0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=5, frameon=False)
    return figure


def prices(rows: Sequence[Mapping]) -> Figure:
    """Draw the milliseconds of a decision over a network's parameters, each with its name.

    `rows` are those of `decisions.csv`. A dot is torch, a square the exported graph; a line joins
    those of one network.
    """
    figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
    networks: dict[str, dict[str, Mapping]] = {}
    for row in rows:
        networks.setdefault(row["network"], {})[row["runtime"]] = row
    for name, priced in networks.items():
        x, tint = int(priced["eager"]["parameters"]), SIZE_COLOURS.get(name, INK)
        times = {runtime: float(row["milliseconds"]) for runtime, row in priced.items()}
        axes.plot([x, x], list(times.values()), color=tint, lw=1)
        for runtime, shape in (("eager", "o"), ("onnx", "s")):
            axes.plot(x, times[runtime], shape, ms=5, color=tint)
        # The teacher and multi3 are nearly of one size: names stand on either side.
        side = 1 if name.startswith("multi") else -1
        axes.annotate(
            name, (x, times["eager"]), (6 * side, 4), textcoords="offset points", color=tint,
            ha="left" if side > 0 else "right", fontsize=9,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="milliseconds of a decision")
    ticks = (0.1, 0.2, 0.5, 1, 2)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.margins(x=0.12, y=0.15)
    marks = [plt.Line2D([], [], marker=shape, ls="", color=INK) for shape in "os"]
    figure.legend(
        marks, ["torch", "exported graph"], loc="outside lower center", ncols=2, frameon=False
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def scores_by_size(found: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Draw students' scores over their parameters, a panel per game, from random play to teacher.

    `found` are rows of results by their source: the shipped files first, which are dots, then the
    experiments, which are squares. A line is the 95 % interval over games.
    """
    shipped, *experiments = found
    rows = [{**row, "source": source} for source, each in found.items() for row in each]
    rows = [row for row in rows if row["network"] in SIZE_COLOURS]
    best = {r["game"]: float(r["mean"]) for r in rows if r["network"] == "teacher"}
    games = [g for g in best if any(r["game"] == g and r["network"] != "teacher" for r in rows)]
    lines = -(-len(games) // 3)
    figure, grid = plt.subplots(
        lines, 3, figsize=(9, 2.7 * lines + 0.4), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(games) :]:
        axes.set_visible(False)
    for axes, game in zip(grid.flat, games, strict=False):
        for row in (row for row in rows if row["game"] == game):
            low, mean, high = (
                share_of_the_way(float(row[key]), GAMES[game].random, best[game])
                for key in ("low", "mean", "high")
            )
            x, tint = int(row["parameters"]), SIZE_COLOURS[row["network"]]
            shape = "o" if row["source"] == shipped else "s"
            axes.plot([x, x], [low, high], color=tint)
            axes.plot(x, mean, shape, ms=4, color=tint)
        for level in (0, 1):
            axes.axhline(level, color=INK, ls=":", lw=1)
        axes.set(xscale="log", xlim=(3e3, 3e6), title=GAMES[game].title, xlabel="parameters")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("share of the way")
    sizes = [size for size in SIZE_COLOURS if any(row["network"] == size for row in rows)]
    named = {size: ("o", SIZE_COLOURS[size]) for size in sizes}
    named |= {shipped: ("o", INK), ", ".join(experiments): ("s", INK)}
    marks = [plt.Line2D([], [], marker=shape, ls="", color=tint) for shape, tint in named.values()]
    figure.legend(marks, list(named), loc="outside lower center", ncols=len(named), frameon=False)
    return figure


def online_scores(agent_steps: Sequence[int], scores: Mapping[str, Sequence[float]]) -> Axes:
    """Draw scores over a DQN's agent steps: "dqn", "teacher", "student" and "of current"."""
    styles: dict[str, dict] = {
        "dqn": {"color": TEACHER, "alpha": 0.5, "label": "DQN"},
        "teacher": {"color": TEACHER, "ls": ":", "label": "its best so far, evaluated again"},
        "student": {"color": STUDENT, "lw": 2, "label": "student of the best so far"},
        "of current": {"color": PINK, "label": "student of the current DQN"},
    }
    _, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
    for name, line in scores.items():
        axes.plot(agent_steps, line, **styles[name])
    axes.set(xlabel="agent steps of the DQN", ylabel="score in Catch")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def best_so_far(agent_steps: Sequence[int], evaluations: Sequence, highest: Sequence) -> Axes:
    """Draw a DQN's evaluations over its agent steps, and the highest so far as steps."""
    _, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    millions = np.array(agent_steps) / 1e6
    axes.plot(millions, evaluations, "o-", ms=4, color=TEACHER, alpha=0.5, label="DQN")
    label = "its best so far"
    axes.plot(millions, highest, drawstyle="steps-post", color=TEACHER, label=label)
    axes.set(xlabel="million agent steps", ylabel="score in Pong")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def means_of_ten(percents: Mapping[str, float]) -> Figure:
    """Draw the geometric mean without each of ten games, and both means as one game gets worse."""
    without = {
        GAMES[game].title: geometric_mean([p for g, p in percents.items() if g != game])
        for game in percents
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.1), layout="constrained")
    left.barh(list(without), list(without.values()), color=STUDENT)
    left.axvline(geometric_mean(list(percents.values())), color=INK, ls=":")
    left.set(xlim=(70, 102), xlabel="mean of the other nine, %", title="without one game")
    lost = np.geomspace(0.1, 100, 60)
    geometric = [geometric_mean([100] * 9 + [percent]) for percent in lost]
    right.plot(lost, geometric, color=STUDENT, label="geometric")
    right.plot(lost, (900 + lost) / 10, color=GREY, label="arithmetic")
    right.set(xscale="log", xlabel="percent in the tenth game", title="nine games at 100 %")
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
