"""The lessons of the site: `docs/learn`, copied from `notebooks`, with widgets that need no kernel.

A notebook holds the state of its widgets. Each becomes a page of its own, like that of
`pdlearn.widgets.Face.save`, and is shown in a frame. Every other picture gets its caption as
alternative text.
"""

import re
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from pdlearn.lessons.stored import VIEW, framed, models, widget_page

EXERCISES = re.compile(r"\[([^]]+)\]\((exercises/[^)]+)\)")
NOTEBOOKS = re.compile(r"\]\(\.\./((?:\.\./)*)notebooks/")
ANCHORS = re.compile(r'^<a id="[^"]*"></a>\n\n', re.MULTILINE)  # the site makes its own
TOCTREE = """
```{toctree}
:hidden:
:glob:

[0-9]*
```
"""


def with_alternative_texts(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells with one picture each, whose alternative text is set as MyST-NB reads it."""
    single: list[NotebookNode] = []
    for cell in cells:
        single.append(cell)
        outputs, cell["outputs"] = cell.get("outputs", []), []
        for output in outputs:
            if "image/png" in output.get("data", {}):
                if "mystnb" in single[-1].metadata:
                    more = nbformat.v4.new_code_cell(metadata={"tags": ["remove-input"]})
                    single.append(more)
                alt = output.metadata["image/png"]["alt"]
                single[-1].metadata["mystnb"] = {"image": {"alt": alt}}
            single[-1].outputs.append(output)
        if cell.cell_type != "code":
            del cell["outputs"]
    return single


def site_lesson(path: Path, widgets: Path) -> NotebookNode:
    """Return the lesson in `path` as the site shows it; write its widgets' pages to `widgets`."""
    lesson = nbformat.read(path, 4)
    stored = models(lesson)
    lesson.metadata.pop("widgets", None)
    count = 0
    for cell in lesson.cells:
        for index, output in enumerate(cell.get("outputs", [])):
            if VIEW in output.get("data", {}):
                count += 1
                name = f"{path.stem}-{count}.html"
                page = widget_page(output, stored[output.data[VIEW]["model_id"]])
                write_if_new(widgets / name, page)
                frame = framed(output, f"../widgets/{name}")
                data = {"text/html": frame}
                cell.outputs[index] = nbformat.v4.new_output("display_data", data)
    lesson.cells = with_alternative_texts(lesson.cells)
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            cell.source = EXERCISES.sub(r"{download}`\1 <\2>`", cell.source)
    return lesson


def write_if_new(path: Path, text: str) -> None:
    """Write `text` unless the file has it already, so that Sphinx reads only what changed."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def build(app: Sphinx) -> None:
    """Write `docs/learn` and the pages of the widgets."""
    notebooks, learn = Path(app.confdir).parent / "notebooks", Path(app.srcdir) / "learn"
    for path in sorted(notebooks.glob("*.ipynb")):
        lesson = site_lesson(path, Path(app.outdir) / "widgets")
        write_if_new(learn / path.name, nbformat.writes(lesson))
    for name in ("exercises", "images"):
        shutil.copytree(notebooks / name, learn / name, dirs_exist_ok=True)
    write_if_new(learn / "index.md", (notebooks / "README.md").read_text("utf-8") + TOCTREE)
    words = (notebooks / "glossary.md").read_text("utf-8")
    write_if_new(learn / "glossary.md", ANCHORS.sub("", words))


def lead_to_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links to notebooks and folders, which are right on GitHub, lead to the site's pages."""
    text = NOTEBOOKS.sub(r"](\1learn/", source[0])
    text = text.replace("](results/curves)", "](tables.md#learning-curves)")
    source[0] = text.replace("](results)", "](tables.md)")


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", build)
    app.connect("source-read", lead_to_pages)
    return {"parallel_read_safe": True}
