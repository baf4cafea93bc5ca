"""Write the lessons as pages that need neither a kernel nor a network."""

import html
import re
from pathlib import Path

import nbformat
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode

from pdlearn.files import write_bytes
from pdlearn.lessons.equations import with_pictures
from pdlearn.lessons.places import folder
from pdlearn.lessons.stored import VIEW, framed, models, widget_page
from pdlearn.web import pages

NOTEBOOK_LINK = re.compile(r'(?<=href=")(?!exercises/)([^":#]+)\.(?:ipynb|md)(?=["#])')


def write_pages(target: Path) -> int:
    """Write each lesson, the list of them and the glossary to `target`; return how many pages.

    Widgets are pages of their own in `target/widgets`, shown in frames. The exercises are copied as
    notebooks, to which the lessons link. Existing files are replaced.
    """
    source = folder("notebooks")
    titles = {}
    for path in sorted(source.glob("*.ipynb")):
        lesson = nbformat.read(path, 4)
        titles[path.stem] = lesson.cells[0].source.splitlines()[0].removeprefix("# ")
        content = "\n".join(_cells(lesson, path.stem, target))
        _write(target / f"{path.stem}.html", titles[path.stem], content)
    _write(target / "glossary.html", "Glossary", _text((source / "glossary.md").read_text("utf-8")))
    links = [f"- [{title}]({stem}.html)" for stem, title in titles.items()]
    listed = "\n".join(["# Lessons", "", *links, "- [Glossary](glossary.html)"])
    _write(target / "index.html", "Lessons", _text(listed))
    for pattern in ("exercises/*.ipynb", "images/*"):
        for path in source.glob(pattern):
            write_bytes(target / path.relative_to(source), path.read_bytes())
    return len(titles) + 2


def _write(path: Path, title: str, content: str) -> None:
    page = pages.fill("lessons/page.html", title=html.escape(title), content=content)
    write_bytes(path, NOTEBOOK_LINK.sub(r"\1.html", page).encode())


def _text(markdown: str) -> str:
    return f'<div class="markdown">{markdown2html_mistune(with_pictures(markdown))}</div>'


def _cells(lesson: NotebookNode, stem: str, target: Path) -> list[str]:
    """Return a lesson's cells as HTML; write the pages of its widgets."""
    stored, shown = models(lesson), []
    highlighted = Highlight2HTML()
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            shown.append(_text(cell.source))
            continue
        shown.append(f'<div class="code">{highlighted(cell.source, language="ipython3")}</div>')
        outputs = []
        for output in cell.outputs:
            model = output.get("data", {}).get(VIEW, {}).get("model_id")
            if model in stored:
                name = f"widgets/{stem}-{model}.html"
                write_bytes(target / name, widget_page(output, stored[model]).encode())
                outputs.append(framed(output, name))
            else:
                outputs.append(_output(output))
        shown.append(f'<div class="outputs">{"".join(outputs)}</div>')
    return shown


def _output(output: NotebookNode) -> str:
    """Return an output as HTML, in the richest form that needs no script."""
    data = output.get("data", {})
    if "text/html" in data:
        return data["text/html"]
    if "image/png" in data:
        alt = html.escape(output.metadata["image/png"]["alt"], quote=True)
        return f'<img alt="{alt}" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "text/markdown" in data:
        return _text(data["text/markdown"])
    return f"<pre>{html.escape(output.get('text') or data.get('text/plain', ''))}</pre>"
