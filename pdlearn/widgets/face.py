"""What every widget has: a static twin, a page of its own, keys and looks that fit a notebook.

Convention: all that a widget shows is in `data`, which travels to the browser once.
"""

import base64
import html
import io
from pathlib import Path

import anywidget
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pdlearn import pages, zoo
from pdlearn.checkpoints import Agent
from pdlearn.plots import STUDENT, TEACHER

TEMPERATURE = 0.01  # paper, section 3

COLOURS = {"teacher": TEACHER, "student": STUDENT, "third": "#029e73", "fourth": "#cc78bc"}


class Face(anywidget.AnyWidget):
    """A widget of this package, drawn by `render` in the ES module `script`.

    Where no browser is, the static twin `png`, with its `alt` text, stands for it.
    """

    data = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, script: str | None = None, **kwargs):
        if script is not None:
            cls._esm = pages.source("player.js", "widgets/face.js", f"widgets/{script}.js")
            cls._css = pages.source("player.css", "widgets/face.css")
        super().__init_subclass__(**kwargs)

    def __init__(self, call: str, data: dict, twin: Figure, alt: str):
        super().__init__(data=data)
        picture = io.BytesIO()
        FigureCanvasAgg(twin).print_png(picture)
        self._call = call
        self.alt = alt
        self.png = picture.getvalue()

    def __repr__(self) -> str:
        return self._call

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = f"{self._call}\n{self.alt}"
        bundle["image/png"] = base64.b64encode(self.png).decode()
        return bundle, {**metadata, "image/png": {"alt": self.alt}}

    def save(self, path: str | Path) -> None:
        """Write the widget to `path` as a page that needs no kernel and no network."""
        page = pages.fill(
            "widgets/page.html",
            title=html.escape(self._call),
            alt=html.escape(self.alt),
            picture=base64.b64encode(self.png).decode(),
            style=self._css,
            script=self._esm,
            data=pages.embed(self.data),
        )
        pages.write_page(path, page)


def find_agent(agent: Agent | str | Path) -> Agent:
    """Return an agent as it is, or the one that a shipped agent's name or a path stands for."""
    return agent if isinstance(agent, Agent) else zoo.load(agent)


def outputs_of(agent: Agent) -> str:
    """Say what an agent's network computes: "logits" if a loss of probabilities made it, or "q"."""
    loss = agent.card.get("made", {}).get("config", {}).get("loss")
    return "logits" if loss in ("kl", "reverse_kl", "nll") else "q"
