"""`play`: a person's game beside an agent's, from the same start; either can play for the person.

The browser keeps the time and asks for each step; the kernel answers and has no thread of its own.
So a game waits while its page is hidden or a cell runs (unless the cell awaits something), a slow
machine shows fewer pictures but none late, and no Python code waits for a browser. The answer to a
step is two pictures and the agent's values for each.
"""

import threading
import zlib
from itertools import count
from pathlib import Path

import numpy as np
from IPython import get_ipython
from matplotlib.figure import Figure

from pdlearn import paper
from pdlearn.checkpoints import Agent
from pdlearn.envs import FRAMES_PER_SECOND
from pdlearn.games import game_by_name
from pdlearn.plots import COLOURS
from pdlearn.web.clips import pack_array
from pdlearn.widgets.face import Face, find_agent, kind_of, name_of
from pdlearn.widgets.match import Match

RATES = (15, 30, 60)  # decisions a second
FOLDER = "played"

# In Pong the paddle's RIGHT is up.
ALIASES = {"pong": {"UP": "RIGHT", "DOWN": "LEFT"}}


class Playing(Face, script="playing"):
    """A match in the browser; `match` can also be saved from Python."""

    match: Match | None  # None once the widget is closed
    folder: Path

    def __init__(
        self, call: str, data: dict, fallback: Figure, alt: str, *, match: Match, folder: Path
    ):
        super().__init__(call, data, fallback, alt)
        self.match, self.folder = match, folder
        # Some front ends deliver messages on several threads.
        self._lock = threading.Lock()
        self.on_msg(lambda _, message, buffers: self.answer(message))

    def close(self) -> None:
        """Close the widget and its two games, which take about ten megabytes."""
        super().close()
        match, self.match = getattr(self, "match", None), None
        if match is not None:
            with self._lock:
                match.close()

    def answer(self, message: dict) -> None:
        """Do what the browser's message asks for, and send it the pictures that follow."""
        with self._lock:
            if self.match is None:
                return
            kind = message["t"]
            if kind == "step":
                frames = FRAMES_PER_SECOND // message["rate"]
                self.match.advance(message["action"], frames)
            elif kind == "new":
                self.match.new_game(self.match.seed + 1)
            elif kind == "save":
                self.send({"t": "told", "text": self._save(message["what"])})
                return
            pictures = np.stack([self.match.own.screen(), self.match.rival.screen()])
            buffers = [
                zlib.compress(pictures.tobytes(), 1),  # 0.4 kB and 0.2 ms in Pong
                self.match.colours.palette.tobytes(),
            ]
            self.send({"t": "shown", **_echo(message), **_state(self.match)}, buffers)

    def _save(self, what: str) -> str:
        assert self.match is not None  # `_answer` passes over a closed widget's messages
        saves = {
            "start": (self.match.save_start, "safetensors"),
            "demonstrations": (self.match.save_demonstrations, "rec"),
        }
        save, suffix = saves[what]
        paths = (self.folder / f"{self.match.agent.game}-{n}.{suffix}" for n in count(1))
        path = next(path for path in paths if not path.exists())
        try:
            save(path)
        except (OSError, ValueError) as error:
            return f"Not saved: {error}."
        return f"Saved as {path}."


_open: dict[str, tuple[str, list[Playing]]] = {}  # by cell: its last execution, what it made


def _close_replaced(widget: Playing) -> None:
    """Close the widgets of earlier executions of the notebook's cell that makes this one."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    if not cell:
        return
    execution = parent["header"]["msg_id"]
    before, widgets = _open.get(cell, (execution, []))
    if before != execution:
        for old in widgets:
            old.close()
        widgets = []
    _open[cell] = execution, [*widgets, widget]


def play(
    game: str,
    against: Agent | str | Path | None = None,
    seed: int = 0,
    *,
    name: str | None = None,
    epsilon: float = 0.05,
    rate: int = 15,
    folder: str | Path = FOLDER,
) -> Playing:
    """Play one of the ten games beside an agent that plays its own from the same start.

    The widget shows the agent's choice in your game, and you can hand your game over to it. The
    game runs at 60 frames a second. A notebook's cell that runs again closes what it made before.

    Args:
        game: the game's name
        against: an `Agent`, a shipped agent's name or a path; by default the game's shipped teacher
        seed: the seed of the start and of the agent's random actions
        name: what the widget calls the agent; by default its size or the last part of its name or
            path
        epsilon: the agent's share of random actions, 0 to 1
        rate: how many times a second you decide and see a picture: 15 (every four frames, as the
            agent does), 30 or 60, which needs a fast machine
        folder: where games are saved, as recorded starts or as demonstrations (see `Match`)

    Returns:
        the widget; its `match` can be saved from Python

    Raises:
        ValueError: for an unknown game or rate, and for an agent of another game
    """
    title = game_by_name(game).title
    if rate not in RATES:
        raise ValueError(f"expected a rate of {', '.join(map(str, RATES))} a second; got {rate}")
    given = f"{game}/teacher" if against is None else against
    agent = find_agent(given)
    if agent.game != game:
        raise ValueError(f"the agent plays {agent.game!r}; expected {game!r}")
    name, kind = name or name_of(given), kind_of(agent)
    match = Match(agent, epsilon)
    match.new_game(seed)
    pictures = np.stack([match.own.screen(), match.rival.screen()])
    alt = f"{title}, yours and {name}’s from the same start; it is played where a kernel runs."
    data = {
        "title": title,
        "label": alt,
        "name": name,
        "kind": kind,
        "actions": list(match.own.action_names),
        "aliases": ALIASES.get(game, {}),
        "outputs": agent.outputs,
        "temperature": paper.TEMPERATURE,
        "rates": list(RATES),
        "rate": rate,
        "frames_per_second": FRAMES_PER_SECOND,
        "poster": pack_array(pictures, "u1"),
        "palette": pack_array(match.colours.palette, "u1"),
        "state": _state(match),
    }
    call = f"play({game}, against {name}; seed {seed})"
    figure = _draw(match, name, kind)
    widget = Playing(call, data, figure, alt, match=match, folder=Path(folder))
    _close_replaced(widget)
    return widget


def _echo(message: dict) -> dict:
    """Return the message's `view` and `asked`: a view recognises its answers by them."""
    return {key: message[key] for key in ("view", "asked") if key in message}


def _state(match: Match) -> dict:
    """Return the data shown beside the two pictures."""
    games = (match.own, match.rival)
    return {
        "scores": [game.score for game in games],
        "over": [game.over for game in games],
        "values": match.q.tolist(),
        "advice": int(match.q[0].argmax()),
        "actions": [match.action, match.rival_action],
        "frames": match.frames,
        "seed": match.seed,
    }


def _draw(match: Match, name: str, kind: str) -> Figure:
    figure = Figure(figsize=(5, 3.6), dpi=110, layout="constrained")
    shown = zip(
        figure.subplots(1, 2), ("You", name), ("third", kind), (match.own, match.rival), strict=True
    )
    for axes, title, colour, game in shown:
        axes.imshow(match.colours.palette[game.screen()])
        axes.set_title(title, color=COLOURS[colour])
        axes.set_axis_off()
    return figure
