"""A game on demand: one copy, advanced by emulator frames, shown as people and networks see it.

An agent decides every four frames; a person may at every one. What is shown is the brighter, pixel
by pixel, of the last two frames, so that nothing flickers; every fourth of these pictures, in grey
and small, is what an agent sees. That is the environments' own view, but for a grey level in a few
pixels in a million.
"""

from typing import NamedTuple

import numpy as np

from pdlearn import envs
from pdlearn.envs import FRAMES_PER_STEP


class Colours:
    """The colours seen so far: each has an index from 1 on. The emulator knows 128 of them."""

    def __init__(self):
        self.palette = np.zeros((1, 3), np.uint8)  # RGB [K, 3]; 0 stands for nothing yet
        self.grey = np.zeros(1, np.uint8)  # [K], as the emulator's own grey screen has them
        self._index_of = np.zeros(1 << 24, np.uint8)

    def index(self, picture: np.ndarray) -> np.ndarray:
        """Return an RGB picture `[H, W, 3]` as indices, uint8 `[H, W]`."""
        red, green, blue = np.moveaxis(picture.astype(np.uint32), -1, 0)
        code = red << 16 | green << 8 | blue
        indices = self._index_of[code]
        if not indices.all():
            fresh = np.unique(code[indices == 0])
            self._index_of[fresh] = len(self.palette) + np.arange(len(fresh))
            rgb = np.stack([fresh >> 16, fresh >> 8 & 255, fresh & 255], axis=1)
            self.palette = np.concatenate([self.palette, rgb.astype(np.uint8)])
            self.grey = np.rint(self.palette @ [0.2989, 0.587, 0.114]).astype(np.uint8)
            indices = self._index_of[code]
        return indices


class Console:
    """One copy of one of the ten games, started by `reset` and stepped by `advance`.

    `score` is the raw score, `frames` how many were played, `over` whether the episode has ended.
    """

    def __init__(self, game: str, colours: Colours):
        self._env = envs.make(game, 1, num_threads=1, screen=True, frames_per_step=1)
        self.action_names = self._env.action_names
        self.colours = colours

    def reset(self, seed: int, purpose: str) -> None:
        """Start afresh; the same seed starts the same game as everywhere else."""
        picture = self.colours.index(self._env.reset(seed, purpose)[0, 0])
        self._pictures = (picture, picture)  # the last two frames
        self.score, self.frames, self.over = 0.0, 0, False
        self.observation = np.zeros((4, 84, 84), np.uint8)  # what a network sees
        self._look()

    def advance(self, action: int) -> None:
        """Play one frame; a game that is over stands still."""
        if self.over:
            return
        self._env.send(np.array([action]))
        outcome = self._env.recv()
        self._pictures = (self._pictures[1], self.colours.index(outcome.observation[0, 0]))
        self.score += float(outcome.reward[0])
        self.frames += 1
        self.over = bool(outcome.terminated[0] or outcome.truncated[0])
        if self.frames % FRAMES_PER_STEP == 0 or self.over:
            self._look()

    def screen(self) -> np.ndarray:
        """Return the picture as uint8 `[210, 160]`, indices into `colours.palette`."""
        before, now = self._pictures
        grey = self.colours.grey
        return np.where(grey[before] > grey[now], before, now)

    def close(self) -> None:
        self._env.close()

    def _look(self) -> None:
        grey = self.colours.grey[self.screen()].astype(np.float32)
        # Not a matrix product: numpy's would keep a second thread spinning until the next frame.
        small = (grey[_ROWS.pixel] * _ROWS.share[:, :, None]).sum(1)  # [84, 160]
        small = (small[:, _COLUMNS.pixel] * _COLUMNS.share).sum(2)  # [84, 84]
        self.observation = np.concatenate(
            [self.observation[1:], np.rint(small).astype(np.uint8)[None]]
        )


class Cells(NamedTuple):
    """A line of pixels as fewer cells of equal length: `[C, 3]`, which pixels, and their shares."""

    pixel: np.ndarray
    share: np.ndarray


def _cells(pixels: int, cells: int) -> Cells:
    """Return how many pixels make fewer cells, of at most two and a half pixels each."""
    edges = np.arange(cells + 1)[:, None] * pixels / cells
    low, high = edges[:-1], edges[1:]
    pixel = np.floor(low).astype(int) + np.arange(3)  # [C, 3]
    share = (np.minimum(high, pixel + 1) - np.maximum(low, pixel)).clip(0) * cells / pixels
    return Cells(pixel.clip(max=pixels - 1), share.astype(np.float32))


_ROWS, _COLUMNS = _cells(210, 84), _cells(160, 84)
