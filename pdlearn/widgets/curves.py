"""Turn rows of metrics into panels of curves, for `watch` and its static fallback."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from pdlearn.plots import COLOURS

MOST_POINTS = 400  # of a curve; a longer one is thinned out

# Columns that are not drawn.
COUNTERS = ("agent_steps", "updates")
OTHERS = {"phase", "game", "hour", "episodes", "seconds", "best_evaluation"}
FIRST = ("score", "agreement", "loss")  # the first panels, in order


def panels_of(rows: Sequence[Mapping], kind: str) -> list[dict]:
    """Return panels: title, over (a counter's name), lines of name, kind, dash, x and y.

    Rows are those of a run, of its CSV, or of any training. The x axis counts the teacher's agent
    steps or the student's updates, otherwise it is the first column. NaN is left out. `kind` is the
    learning agent's key in `COLOURS`.
    """
    if not rows:
        return []
    columns = list(rows[0])
    over = "updates" if "phase" in columns else "agent_steps"
    over = over if over in columns else columns[0]
    panels: dict[str, dict] = {}
    for name in columns:
        if name in {over, *COUNTERS, *OTHERS}:
            continue
        title = "score" if name == "evaluation" else name
        title = "agreement" if name.startswith("agreement") else title
        panel = panels.setdefault(title, {"title": title, "over": over, "lines": []})
        count = len(panel["lines"])
        points = [(float(row[over]), float(row[name])) for row in rows]
        points = _thin([point for point in points if not math.isnan(point[1])])
        panel["lines"].append({
            "name": name,
            "kind": kind if name == "evaluation" else _kinds(kind)[count % len(COLOURS)],
            "dash": count // len(COLOURS),
            "dots": name == "evaluation" or len(points) < 2,
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
        })  # fmt: skip
    return sorted(panels.values(), key=lambda panel: _rank(panel["title"]))


def _kinds(kind: str) -> list[str]:
    return [kind, *(name for name in COLOURS if name != kind)]


def _rank(title: str) -> int:
    return FIRST.index(title) if title in FIRST else len(FIRST)


def _thin(points: list) -> list:
    """Return at most `MOST_POINTS` of the points, including the last."""
    stride = max(1, -(-len(points) // MOST_POINTS))
    return points[::-1][::stride][::-1]


def draw_panels(panels: Sequence[Mapping]) -> Figure:
    """Draw the panels side by side."""
    figure = Figure(figsize=(3.2 * max(len(panels), 1), 2.6), dpi=110, layout="constrained")
    if not panels:
        figure.text(0.5, 0.5, "no rows yet", ha="center", va="center", color="grey")
        return figure
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for line in panel["lines"]:
            axes.plot(
                line["x"], line["y"], color=COLOURS[line["kind"]], label=line["name"],
                ls=("-", "--", ":")[line["dash"] % 3], marker="o" if line["dots"] else "", ms=3,
            )  # fmt: skip
        if len(panel["lines"]) > 1:
            axes.legend(frameon=False, fontsize=8)
        axes.set(title=panel["title"].replace("_", " "), xlabel=panel["over"].replace("_", " "))
        axes.spines[["top", "right"]].set_visible(False)
    return figure
