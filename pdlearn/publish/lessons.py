"""Build the notebooks from their sources, or list the stale ones.

python -m pdlearn.publish.lessons [NN ...]    # build these lessons, or all
python -m pdlearn.publish.lessons --check     # only list stale files

A lesson is run again only if its code changed. If only its text, its comments or the layout of its
code changed, the outputs are kept.
"""

import ast
from pathlib import Path
from typing import Annotated

import nbformat
import tyro
from nbclient import NotebookClient
from nbformat import NotebookNode

from pdlearn.lessons.places import CLONE
from pdlearn.lessons.stored import face_of, models
from pdlearn.publish.lesson_sources import solved, title_of, unsolved
from pdlearn.rows import between, markdown_table

CELL_SECONDS = 1_800
MARKS = ("<!-- lessons: built from notebooks/source -->", "<!-- /lessons -->")


def sources_in(notebooks: Path) -> list[Path]:
    """Return the sources in the order of the lessons."""
    return sorted((notebooks / "source").glob("[0-9][0-9]-*.py"))


def stale(notebooks: Path) -> list[str]:
    """Return the built files that differ from their sources or have no source."""
    sources = sources_in(notebooks)
    wanted = {}
    for path in sources:
        wanted[f"{path.stem}.ipynb"] = cells_of(solved(path, sources))
        wanted[f"exercises/{path.stem}.ipynb"] = cells_of(unsolved(path, sources))
    built = [*notebooks.glob("*.ipynb"), *notebooks.glob("exercises/*.ipynb")]
    found = {
        path.relative_to(notebooks).as_posix(): cells_of(nbformat.read(path, 4)) for path in built
    }
    wrong = [name for name in wanted | found if wanted.get(name) != found.get(name)]
    readme = notebooks / "README.md"
    if readme.read_text("utf-8") != with_list(readme.read_text("utf-8"), sources):
        wrong.append(readme.name)
    return sorted(wrong)


def cells_of(notebook: NotebookNode) -> list:
    """Return a notebook without its outputs."""
    cells = [(c.cell_type, c.source, c.id, c.metadata) for c in notebook.cells]
    return [*cells, notebook.metadata["pdlearn"]]


def code_of(notebook: NotebookNode) -> list[str]:
    """Return the syntax trees of a notebook's code cells, which tell nothing of layout."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [ast.dump(ast.parse(cell.source)) for cell in cells]


def build_lesson(path: Path, sources: list[Path], again: bool = False) -> bool:
    """Write the lesson and the exercise copy of a source; return whether the lesson was run."""
    notebooks = path.parent.parent
    copy = unsolved(path, sources)
    (notebooks / "exercises").mkdir(exist_ok=True)
    nbformat.write(copy, notebooks / "exercises" / f"{path.stem}.ipynb")
    target = notebooks / f"{path.stem}.ipynb"
    lesson = solved(path, sources)
    old = nbformat.read(target, 4) if target.exists() else None
    run = again or old is None or code_of(old) != code_of(lesson)
    if run or old is None:
        execute(lesson, notebooks)
    else:
        before = [cell for cell in old.cells if cell.cell_type == "code"]
        now = [cell for cell in lesson.cells if cell.cell_type == "code"]
        for cell, kept in zip(now, before, strict=True):
            cell.outputs, cell.execution_count = kept.outputs, kept.execution_count
        if "widgets" in old.metadata:
            lesson.metadata["widgets"] = old.metadata["widgets"]
            renew_browser_code(lesson)
    nbformat.write(lesson, target)
    return run


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run a notebook in a new kernel; keep outputs and widgets, but no metadata of the run."""
    metadata = dict(notebook.metadata)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = nbformat.from_dict(metadata | ({"widgets": widgets} if widgets else {}))


def renew_browser_code(notebook: NotebookNode) -> None:
    """Give the stored widgets of a notebook today's scripts and styles; their data stays."""
    for state in widget_states(notebook):
        face = face_of(state)
        state["_esm"], state["_css"] = str(face._esm), str(face._css)


def widget_states(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the stored states of this package's widgets in a notebook."""
    states = [model["state"] for model in models(notebook).values()]
    return [state for state in states if "_anywidget_id" in state]


def with_list(text: str, sources: list[Path]) -> str:
    """Return the README's text with the list of lessons built from the sources."""
    lines = []
    for path in sources:
        lesson = solved(path, sources)
        front = lesson.metadata["pdlearn"]
        link = f"[{title_of(lesson)}]({path.stem}.ipynb)"
        lines.append((link, front["objectives"][0], front["minutes"]))
    names = ("lesson", "you will be able to", "minutes")
    return between(text, MARKS, markdown_table(names, lines))


def build(
    lessons: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    check: bool = False,
    again: bool = False,
    root: Path = CLONE,
) -> None:
    """Build the lessons from their sources.

    Args:
        lessons: their numbers, as in 05; all if none is given
        check: only list stale files, and fail if there are any
        again: run lessons whose code did not change too
        root: the clone
    """
    notebooks = root / "notebooks"
    sources = sources_in(notebooks)
    if check:
        wrong = stale(notebooks)
        raise SystemExit(f"stale: {', '.join(wrong)}" if wrong else 0)
    for path in sources:
        if not lessons or path.stem.split("-")[0] in lessons:
            run = build_lesson(path, sources, again)
            print(f"{path.stem}: {'run and stored' if run else 'prose renewed'}", flush=True)
    readme = notebooks / "README.md"
    readme.write_text(with_list(readme.read_text("utf-8"), sources), "utf-8")


if __name__ == "__main__":
    tyro.cli(build)
