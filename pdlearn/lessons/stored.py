"""Stored widgets: a notebook has their data and scripts, of which a page of their own is made."""

import html
from importlib import import_module

from nbformat import NotebookNode

from pdlearn.web import pages
from pdlearn.widgets.face import Face

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def models(notebook: NotebookNode) -> dict[str, dict]:
    """Return the stored widgets of a notebook by their ids, with their state."""
    return notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})


def face_of(state: dict) -> type[Face]:
    """Return the class of a stored widget."""
    module, _, name = state["_anywidget_id"].rpartition(".")
    return getattr(import_module(module), name)


def widget_page(output: NotebookNode, model: dict) -> str:
    """Return the page of a widget from its output and its stored state."""
    state = model["state"]
    for buffer in model.get("buffers", []):
        *path, last = buffer["path"]
        place = state
        for key in path:
            place = place[key]
        place[last] = buffer["data"]  # base64, which the browser code reads as well
    title, alt = output.data["text/plain"].split("\n", 1)
    return pages.fill(
        "widgets/page.html",
        title=html.escape(title),
        alt=html.escape(alt),
        picture=output.data["image/png"].replace("\n", ""),
        style=str(face_of(state)._css),  # it may be newer than the lesson
        script=state["_esm"],
        data=pages.embed(state["data"]),
    )


def framed(output: NotebookNode, source: str) -> str:
    """Return HTML that shows the page `source` of a widget in a frame."""
    alt = html.escape(output.metadata["image/png"]["alt"], quote=True)
    return f'<iframe class="widget" loading="lazy" src="{source}" title="{alt}"></iframe>'
