"""Draw the diagrams of the lessons, `notebooks/images/*.svg`.

python -m pdlearn.publish.diagrams

Their background is transparent and their ink suits a light and a dark theme, as that of figures.
Lengths are pixels.
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pdlearn.files import write_bytes
from pdlearn.lessons import emulator
from pdlearn.lessons.places import CLONE
from pdlearn.plots import BLUE, INK

FILLS = {"teacher": BLUE, "student": "#a86a00", "plain": "none"}
FONT = "font-family='system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, sans-serif'"
LINE = 18
HEAD = 7  # an arrow's


class Drawing:
    """An SVG of boxes, arrows and words."""

    def __init__(self, width: int, height: int, title: str):
        self.size = f"0 0 {width} {height}"
        self.width, self.title = width, title
        self.parts: list[str] = []

    def box(self, x: float, y: float, width: float, text: str, *, kind: str = "plain") -> None:
        """Draw a box whose upper left corner is (x, y); `text` has a line per row."""
        height = 16 + LINE * len(text.split("\n"))
        self.parts.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='8' "
            f"fill='{FILLS[kind]}' stroke='{INK if kind == 'plain' else FILLS[kind]}'/>"
        )
        self.words(x + width / 2, y + 8, text, INK if kind == "plain" else "#fff")

    def words(self, x: float, y: float, text: str, colour: str = INK) -> None:
        """Write lines of text, centred at x, below y."""
        for number, line in enumerate(text.split("\n")):
            self.parts.append(
                f"<text x='{x}' y='{y + LINE * number + 13}' fill='{colour}' font-size='14' "
                f"text-anchor='middle' {FONT}>{html.escape(line)}</text>"
            )

    def arrow(self, *points: tuple[float, float], text: str = "") -> None:
        """Draw an arrow along points; `text` stands above its first part."""
        path = "L".join(f"{x} {y}" for x, y in points)
        (x0, y0), (x1, y1) = points[-2:]
        length = float(np.hypot(x1 - x0, y1 - y0))
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        left = f"{x1 - HEAD * (ux - uy / 2):.1f} {y1 - HEAD * (uy + ux / 2):.1f}"
        right = f"{x1 - HEAD * (ux + uy / 2):.1f} {y1 - HEAD * (uy - ux / 2):.1f}"
        self.parts.append(
            f"<path d='M{path}' fill='none' stroke='{INK}' stroke-width='1.5'/>"
            f"<path d='M{x1} {y1}L{left}L{right}Z' fill='{INK}'/>"
        )
        if text:
            (xa, ya), (xb, yb) = points[:2]
            self.words((xa + xb) / 2, min(ya, yb) - LINE * (1 + text.count("\n")) - 2, text)

    def picture(self, x: float, y: float, pixels: np.ndarray, width: float) -> None:
        """Show pixels, uint8 `[H, W]` or `[H, W, 3]`, in `width`."""
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, format="png", optimize=True)
        data = base64.b64encode(png.getvalue()).decode()
        height = round(width * pixels.shape[0] / pixels.shape[1])
        self.parts.append(
            f"<image x='{x}' y='{y}' width='{width}' height='{height}' "
            f"href='data:image/png;base64,{data}'/>"
        )

    def svg(self) -> str:
        """Return the drawing as an SVG file."""
        title = html.escape(self.title, quote=True)
        body = "\n".join(self.parts)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{self.size}' width='{self.width}' "
            f"role='img' aria-label='{title}'>\n{body}\n</svg>\n"
        )


def method() -> Drawing:
    """Return the diagram of policy distillation (lesson 00)."""
    d = Drawing(760, 236, "A teacher's Q-values become a target, which a student's policy follows")
    d.box(8, 24, 104, "teacher\n(DQN)", kind="teacher")
    d.arrow((112, 50), (226, 50), text="plays")
    d.box(226, 24, 180, "replay memory:\n(observation, Q-values)")
    d.arrow((406, 50), (500, 50), text="Q-values")
    d.box(500, 24, 252, "target =\nsoftmax(Q-values / temperature)")
    d.arrow((315, 76), (315, 176), (360, 176))
    d.words(258, 118, "observation")
    d.box(360, 150, 104, "student\n(small)", kind="student")
    d.arrow((464, 176), (560, 176), text="logits")
    d.box(560, 150, 132, "KL divergence\nof the policies")
    d.arrow((626, 76), (626, 150))
    d.arrow((626, 202), (626, 222), (412, 222), (412, 202))
    d.words(519, 203, "gradient")
    return d


def preprocessing() -> Drawing:
    """Return the strip from raw frames to an observation (lesson 01)."""
    d = Drawing(
        760, 226, "Four raw frames become one small grey picture, four of which are stacked"
    )
    atari = emulator.Emulator("pong")
    rng = np.random.default_rng(0)
    observation = np.zeros((4, 84, 84), np.uint8)
    for _ in range(60):
        action = int(rng.integers(6))
        frames = []
        for _ in range(4):
            atari.act(action)
            frames.append((atari.screen, atari.grey))
        brighter = np.maximum(frames[-2][1], frames[-1][1])
        observation = emulator.push(observation, emulator.shrink(brighter))
    for number, (screen, _) in enumerate(frames):
        d.picture(8 + 22 * number, 30 + 10 * number, screen, 78)
    d.words(80, 176, "four frames,\none action")
    d.arrow((160, 90), (206, 90))
    d.picture(214, 40, brighter, 78)
    d.words(253, 176, "grey, the brighter\nof the last two")
    d.arrow((300, 90), (346, 90))
    d.picture(354, 50, observation[-1], 84)
    d.words(396, 176, "84 × 84, means\nof areas")
    d.arrow((446, 90), (492, 90))
    for number, frame in enumerate(observation):
        d.picture(500 + 54 * number, 24 + 16 * number, frame, 84)
    d.words(622, 176, "the last four of them,\nthe newest last")
    return d


def loops() -> Drawing:
    """Return the loops of DQN and of PQN side by side (lesson 03)."""
    d = Drawing(760, 322, "DQN learns from a replay memory, PQN from many copies of a game")
    columns = (
        (
            180, 70, 82, "DQN: a replay memory", "few copies of the game", "every step",
            "replay memory:\nthe newest steps", "random minibatch",
            "target: n rewards,\nthen the target network's value",
        ),
        (
            580, 68, 74, "PQN: no memory, no target network", "128 copies of the game",
            "32 steps each", "these steps, for two\nepochs; then new ones", "all, shuffled",
            "target: λ-return,\nthe network's own values",
        ),
    )  # fmt: skip
    for x, stored_x, drawn_x, title, copies, stored, memory, drawn, target in columns:
        d.words(x, 2, title)
        d.box(x - 90, 32, 180, copies)
        d.arrow((x, 66), (x, 98))
        d.words(x + stored_x, 72, stored)
        d.box(x - 90, 98, 180, memory)
        d.arrow((x, 150), (x, 186))
        d.words(x + drawn_x, 158, drawn)
        d.box(x - 120, 186, 240, target)
        d.arrow((x, 238), (x, 272))
        d.box(x - 70, 272, 140, "Q-network", kind="teacher")
        d.arrow((x - 70, 290), (x - 152, 290), (x - 152, 50), (x - 90, 50))
        d.words(x - 120, 152, "acts")
    return d


def torso() -> Drawing:
    """Return the network for several games (lesson 08)."""
    d = Drawing(760, 190, "One torso for all games, a controller for each")
    rows: Sequence[tuple[str, int, int]] = (("Freeway", 3, 8), ("Pong", 6, 122))
    for game, outputs, y in rows:
        d.box(8, y, 150, f"{game}'s memory\n(its own teacher)")
        d.arrow((158, y + 26), (218, 94 + (y - 65) / 8))
        d.box(470, y, 140, f"controller\nof {game}", kind="student")
        d.arrow((400, 94 + (y - 65) / 8), (470, y + 26))
        d.arrow((610, y + 26), (652, y + 26))
        d.words(706, y + 8, f"{outputs} outputs")
    d.box(218, 60, 182, "torso, shared:\nthree convolutions,\na hidden layer", kind="student")
    d.words(83, 72, "in random turns")
    return d


DIAGRAMS = (method, preprocessing, loops, torso)


def draw_all(folder: Path = CLONE / "notebooks" / "images") -> None:
    """Write the diagrams to `folder`."""
    for draw in DIAGRAMS:
        write_bytes(folder / f"{draw.__name__}.svg", draw().svg().encode())


if __name__ == "__main__":
    draw_all()
