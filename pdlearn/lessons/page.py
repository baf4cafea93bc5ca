"""Budgets, recorded results, and captioned figures and tables for a lesson's cells."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from typing import TypeVar

from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdlearn.lessons.places import folder
from pdlearn.plots import on_any_background
from pdlearn.rows import read_rows

BUDGETS = ("smoke", "fast", "full")
Value = TypeVar("Value")


def by_budget(*, smoke: Value, fast: Value, full: Value | None = None) -> Value:
    """Return the value for the budget in the environment variable `PDLEARN_BUDGET`, fast if unset.

    smoke only checks that a lesson runs, fast takes minutes, full has no limit. `full` defaults to
    `fast`. Raises ValueError for another budget.
    """
    budget = os.environ.get("PDLEARN_BUDGET", "fast")
    if budget not in BUDGETS:
        raise ValueError(f"PDLEARN_BUDGET is {budget!r}; expected {', '.join(BUDGETS)}")
    values = {"smoke": smoke, "fast": fast, "full": fast if full is None else full}
    return values[budget]


def results(name: str, **wanted: str) -> list[dict[str, str]]:
    """Return the rows of `docs/results/NAME.csv`; all values are text.

    `wanted` selects rows by their columns, as in `results("students", game="pong")`. Raises
    FileNotFoundError if there is no such table, ValueError for a column that it does not have.
    """
    path = folder("docs/results") / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such table")
    rows = read_rows(path)
    for column in wanted:
        if column not in rows[0]:
            raise ValueError(f"{name}.csv has no column {column!r}; it has {', '.join(rows[0])}")
    return [row for row in rows if wanted.items() <= row.items()]


def show(figure: Figure | Axes, caption: str) -> None:
    """Display a figure with a caption, which is also its alternative text, on any theme."""
    bundle, metadata = _picture(
        figure.figure if isinstance(figure, Axes) else figure,  # type: ignore[arg-type]
        caption,
    )
    display(bundle, metadata=metadata, raw=True)
    display(Markdown(f"*{caption}*"))


def _picture(figure: Figure, caption: str) -> tuple[dict, dict]:
    """Close a figure and return it as a bundle of MIME types and their metadata."""
    png = io.BytesIO()
    on_any_background(figure).savefig(png, format="png", dpi=90, bbox_inches="tight")
    plt.close(figure)
    bundle = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": caption}
    return bundle, {"image/png": {"alt": caption}}


def table(rows: Sequence[Mapping] | Mapping[str, Mapping], *columns: str, of: str = "") -> Markdown:
    """Return rows as a Markdown table of `columns`, by default all in the first row's order.

    If the rows are a mapping, its keys are the first column, headed `of`.
    """
    if isinstance(rows, Mapping):
        rows = [{of: name, **row} for name, row in rows.items()]
        columns = (of, *columns) if columns else ()
    columns = columns or tuple(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[_text(row[column]) for column in columns] for row in rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
