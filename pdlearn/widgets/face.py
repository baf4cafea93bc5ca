"""The base class of the widgets: data for the browser, a static fallback, a page of its own.

Convention: all that a widget shows is in `data`, which is sent to the browser once. A saved
notebook and a saved page therefore replay it without a kernel. `play` and `watch` also need the
kernel while a game or a training goes on.
"""

import base64
import html
import io
import uuid
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.files import write_bytes
from pdlearn.plots import on_any_background
from pdlearn.web import pages


class Face(anywidget.AnyWidget):
    """A widget of this package, drawn by `render` in the ES module `script`.

    The static fallback, the picture `png` with the text `alt`, is shown where no script runs.
    """

    data = traitlets.Dict().tag(sync=True)
    identity = traitlets.Unicode().tag(sync=True)  # the model's id: `face.js` finds it by that

    def __init_subclass__(
        cls, script: str | None = None, style: str | None = None, **kwargs: Any
    ) -> None:
        if script is not None:
            cls._esm = pages.source("web/player.js", "widgets/face.js", f"widgets/{script}.js")
            own = [] if style is None else [f"widgets/{style}.css"]
            cls._css = pages.source("web/player.css", "widgets/face.css", *own)
        super().__init_subclass__(**kwargs)

    def __init__(self, call: str, data: dict, fallback: Figure, alt: str):
        identity = uuid.uuid4().hex
        super().__init__(data=data, identity=identity, model_id=identity)
        self._call = call
        self.set_fallback(fallback, alt)

    def set_fallback(self, fallback: Figure, alt: str) -> None:
        """Set the picture and the text that are shown where no script runs."""
        picture = io.BytesIO()
        FigureCanvasAgg(on_any_background(fallback)).print_png(picture)
        self.alt = alt
        self.png = picture.getvalue()

    def __repr__(self) -> str:
        return self._call

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        bundle["text/plain"] = f"{self._call}\n{self.alt}"
        bundle["image/png"] = base64.b64encode(self.png).decode()
        return bundle, {**metadata, "image/png": {"alt": self.alt}}

    def save(self, path: str | Path) -> None:
        """Write the widget as a page that needs no kernel and no network.

        Args:
            path: the HTML file to write; its folder is made if there is none

        Raises:
            OSError: if the file cannot be written
        """
        page = pages.fill(
            "widgets/page.html",
            title=html.escape(self._call),
            alt=html.escape(self.alt),
            picture=base64.b64encode(self.png).decode(),
            style=self._css,
            script=self._esm,
            data=pages.embed(self.data),
        )
        write_bytes(path, page.encode())


def find_agent(agent: Agent | str | Path) -> Agent:
    """Return an `Agent` as it is; load a shipped agent by its name, or one from a path."""
    return agent if isinstance(agent, Agent) else zoo.load(agent)


def refuse_other_states(agent: Agent, state: np.ndarray) -> None:
    """Raise ValueError unless the agent's network takes `state`."""
    expected: tuple[int, ...] = agent.network.observation_shape  # type: ignore[assignment]
    if state.shape != tuple(expected):
        raise ValueError(f"expected a state of shape {list(expected)}; got {list(state.shape)}")
    if agent.network.pixels and state.dtype != np.uint8:
        raise ValueError(f"expected a state of uint8; got {state.dtype}")


def name_of(given: Agent | str | Path) -> str:
    """Return the default name of an agent: its size, or the last part of its name or path."""
    return given.card.get("size", "agent") if isinstance(given, Agent) else Path(given).stem


def kind_of(agent: Agent) -> str:
    """Return the key of an agent's colour: "teacher" if it was trained on rewards, or "student"."""
    made = agent.card.get("made", {})
    rewarded = "recognised" in made or made.get("by") in ("dqn", "pqn")
    return "teacher" if rewarded else "student"
