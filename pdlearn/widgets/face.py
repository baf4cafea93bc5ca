"""What every widget has: a static twin, a page of its own, keys and looks that fit a notebook.

Convention: all that a widget shows is in `data`, which travels to the browser once.
"""

import base64
import html
import io
import uuid
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.plots import STUDENT, TEACHER
from pdlearn.web import pages

TEMPERATURE = 0.01  # paper, section 3
FRAMES_PER_SECOND = 60  # of the emulator

COLOURS = {"teacher": TEACHER, "student": STUDENT, "third": "#029e73", "fourth": "#cc78bc"}


class Face(anywidget.AnyWidget):
    """A widget of this package, drawn by `render` in the ES module `script`.

    Where no browser is, the static twin `png`, with its `alt` text, stands for it.
    """

    data = traitlets.Dict().tag(sync=True)
    identity = traitlets.Unicode().tag(sync=True)  # by which the script finds its whole model

    def __init_subclass__(cls, script: str | None = None, **kwargs):
        if script is not None:
            cls._esm = pages.source("web/player.js", "widgets/face.js", f"widgets/{script}.js")
            cls._css = pages.source("web/player.css", "widgets/face.css")
        super().__init_subclass__(**kwargs)

    def __init__(self, call: str, data: dict, twin: Figure, alt: str):
        identity = uuid.uuid4().hex
        super().__init__(data=data, identity=identity, model_id=identity)
        self._call = call
        self.set_twin(twin, alt)

    def set_twin(self, twin: Figure, alt: str) -> None:
        """Let a picture and its words stand where no browser is."""
        picture = io.BytesIO()
        FigureCanvasAgg(twin).print_png(picture)
        self.alt = alt
        self.png = picture.getvalue()

    def __repr__(self) -> str:
        return self._call

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
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


def refuse_other_states(agent: Agent, state: np.ndarray) -> None:
    """Raise ValueError unless `state` is one that the agent's network takes."""
    expected: tuple[int, ...] = agent.network.observation_shape  # type: ignore[assignment]
    if state.shape != tuple(expected):
        raise ValueError(f"expected a state of shape {list(expected)}; got {list(state.shape)}")
    if agent.network.pixels and state.dtype != np.uint8:
        raise ValueError(f"expected a state of uint8; got {state.dtype}")


def name_of(given: Agent | str | Path) -> str:
    """Return what an agent is called where it was given no name."""
    return given.card.get("size", "agent") if isinstance(given, Agent) else Path(given).stem


def kind_of(agent: Agent) -> str:
    """Return the name of an agent's colour: "teacher" if it was taught, or "student"."""
    return "teacher" if agent.card.get("made", {}).get("by") == "teach" else "student"


def outputs_of(agent: Agent) -> str:
    """Say what an agent's network computes: "logits" if a loss of probabilities made it, or "q"."""
    loss = agent.card.get("made", {}).get("config", {}).get("loss")
    return "logits" if loss in ("kl", "reverse_kl", "nll") else "q"
