"""The learning curves of students as a table, a sentence and a figure, from their rows.

The rows are those of `learning_curves`. Convention: only the newest teacher of a game is shown, and
only the longest runs.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pdlearn.plots import SIZE_COLOURS, TEACHER, title_of
from pdlearn.rows import markdown_table

LABELS = ("net1", "net2", "net3", "net4", "net5")
STATES = 2_048  # in which the regret is measured


def shown(rows: Sequence[dict]) -> list[dict]:
    """Return the rows of each game's newest teacher; of these, those of the longest runs."""
    newest = {row["game"]: row["teacher"] for row in rows}  # the newest row is the last
    current = [row for row in rows if row["teacher"] == newest[row["game"]]]
    longest = max((int(row["run_updates"]) for row in current), default=0)
    return [row for row in current if int(row["run_updates"]) == longest]


def table(rows: Sequence[dict]) -> str:
    """Return a Markdown table with a line for each student: score and regret at each point."""
    rows = shown(rows)
    points = sorted({int(row["updates"]) for row in rows})
    lines = []
    for (game, label, seed), curve in _curves(rows).items():
        cells = {int(row["updates"]): _cell(row) for row in curve}
        lines.append((title_of(game), label, seed, *(cells.get(at, "–") for at in points)))
    names = ("game", "student", "seed", *(f"{at:,} updates" for at in points))
    return markdown_table(names, lines)


def _cell(row: dict) -> str:
    return f"{float(row['mean']):.1f}; {float(row['regret']):.3f}"


def body(rows: Sequence[dict]) -> str:
    """Return the table with its legend, in Markdown."""
    episodes = sorted({int(row["episodes"]) for row in shown(rows)})
    return (
        f"{table(rows)}\n\n"
        f"A cell is the mean score over {' or '.join(map(str, episodes))} episodes; then the "
        f"regret: the mean loss in {STATES:,} held-out states, by the teacher's values, of "
        "choosing the student's best action instead of the teacher's."
    )


def measured(rows: Sequence[dict]) -> str:
    """Return the agreement of each size at the first and the last point, in the mean over games."""
    rows = shown(rows)
    points = sorted({int(row["updates"]) for row in rows})
    first, last = points[0], points[-1]
    told = []
    for label in (label for label in LABELS if any(row["label"] == label for row in rows)):
        of_label = [row for row in rows if row["label"] == label]
        means = [
            np.mean([float(row["agreement"]) for row in of_label if int(row["updates"]) == at])
            for at in (first, last)
        ]
        told.append(f"`{label}` {means[0]:.0%} and {means[1]:.0%}".replace("%", " %"))
    titles = ", ".join(title_of(game) for game in dict.fromkeys(row["game"] for row in rows))
    return (
        f"Agreement after {first:,} and {last:,} updates, mean over games ({titles}): "
        f"{', '.join(told)}."
    )


def picture(rows: Sequence[dict]) -> Figure:
    """Draw for each game the score over the updates and, below it, the regret, a line a student."""
    rows = shown(rows)
    games = list(dict.fromkeys(row["game"] for row in rows))
    columns = min(len(games), 4)
    blocks = -(-len(games) // columns)
    figure, grid = plt.subplots(
        2 * blocks, columns, figsize=(max(2.4 * columns, 4.8), 3.8 * blocks + 0.5),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for axes in grid.flat:
        axes.set_visible(False)
    for number, game in enumerate(games):
        block, column = divmod(number, columns)
        scores, regrets = panels = grid[2 * block : 2 * block + 2, column]
        of_game = [row for row in rows if row["game"] == game]
        for (_, label, _), curve in _curves(of_game).items():
            updates = [int(row["updates"]) for row in curve]
            for axes, what in zip(panels, ("mean", "regret"), strict=True):
                values = [float(row[what]) for row in curve]
                axes.plot(updates, values, "o-", ms=3, color=SIZE_COLOURS[label], label=label)
        scores.axhline(float(of_game[-1]["teacher_mean"]), color=TEACHER, ls=":", label="teacher")
        scores.set_title(title_of(game))
        regrets.set_ylim(bottom=0)
        regrets.set_xlabel("updates")
        for axes in panels:
            axes.set_visible(True)
            axes.set_xscale("log")
            axes.spines[["top", "right"]].set_visible(False)
        if column == 0:
            scores.set_ylabel("score")
            regrets.set_ylabel("regret")
    found: dict = {}
    for axes in grid.flat:
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    order = [name for name in (*LABELS, "teacher") if name in found]
    figure.legend(
        [found[name] for name in order], order, loc="outside lower center", ncols=len(order),
        frameon=False, fontsize=8,
    )  # fmt: skip
    return figure


def _curves(rows: Sequence[dict]) -> dict[tuple[str, str, str], list[dict]]:
    """Return the rows of each student by game, label and seed, in the order of their updates."""
    curves: dict[tuple[str, str, str], list[dict]] = {}
    for row in sorted(rows, key=lambda row: int(row["updates"])):
        curves.setdefault((row["game"], row["label"], row["seed"]), []).append(row)
    place = {row["game"]: number for number, row in reversed(list(enumerate(rows)))}
    return dict(sorted(curves.items(), key=lambda item: (place[item[0][0]], *item[0][1:])))
