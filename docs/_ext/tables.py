"""Directives that show CSV files of `docs/results`.

`results-table FILE` shows a file's columns as a table that `tables.js` sorts. `learning-curves`
draws the shipped teachers' curves; `curves.js` lets the reader choose games.
"""

import csv
import html
import json
import math
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pdlearn.games import GAMES

POINTS = 200  # of a curve


def spelled(text: str) -> str:
    """Return a cell as people read it: a long fraction rounded, thousands apart."""
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return "–"
    places = 0 if value.is_integer() else 1 if abs(value) >= 10 else 3
    return f"{value:,.{places}f}" if places < 3 else f"{value:.3g}"


def table(rows: list[dict[str, str]], columns: list[str], label: str) -> str:
    """Return an HTML table; a cell's `data-value` is the CSV file's text, by which it is sorted."""
    head = "".join(f'<th scope="col">{html.escape(c.replace("_", " "))}</th>' for c in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-value="{html.escape(row[c])}">{html.escape(spelled(row[c]))}</td>'
            for c in columns
        )
        + "</tr>\n"
        for row in rows
    )
    caption = f"<caption>{html.escape(label)}</caption>"
    return (
        f'<div class="results"><table class="table sortable">{caption}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


class Results(SphinxDirective):
    """A directive that reads files of `docs/results`; a page is built again when they change."""

    def read(self, path: Path) -> list[dict[str, str]]:
        self.env.note_dependency(str(path))
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def folder(self) -> Path:
        return Path(self.env.srcdir) / "results"


class ResultsTable(Results):
    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"columns": directives.unchanged, "caption": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        rows = self.read(self.folder / self.arguments[0])
        columns = self.options.get("columns", " ".join(rows[0])).split()
        text = table(rows, columns, self.options["caption"])
        return [nodes.raw("", text, format="html")]


class LearningCurves(Results):
    def run(self) -> list[nodes.Node]:
        curves = {}
        for path in sorted((self.folder / "curves").glob("*.csv")):
            game = GAMES[path.stem]
            rows = [row for row in self.read(path) if row["score"] != "nan"]
            curves[game.title] = {
                "steps": [int(row["agent_steps"]) for row in thinned(rows)],
                "scores": [float(row["score"]) for row in thinned(rows)],
                "random": game.random,
                "dqn": game.dqn,
            }
        data = json.dumps(curves, separators=(",", ":")).replace("<", "\\u003c")
        text = f'<div class="curves"><script type="application/json">{data}</script></div>'
        return [nodes.raw("", text, format="html")]


def thinned(rows: list) -> list:
    """Return at most about `POINTS` of the rows, evenly spaced, with the last."""
    stride = math.ceil(len(rows) / POINTS)
    return rows[:-1:stride] + rows[-1:]


def setup(app: Sphinx) -> dict:
    app.add_directive("results-table", ResultsTable)
    app.add_directive("learning-curves", LearningCurves)
    return {"parallel_read_safe": True}
