"""One copy of a game, stepped frame by frame, with a person's picture and a network's observation.

`rollout` steps four frames at a time and one step ahead of its reader. A person needs the picture
that follows a key press, at every frame if they like, so `Console` steps single frames. A picture
is the pixelwise maximum of the last two frames, which removes flicker. Every fourth picture, in
grey and shrunk, is a frame of the observation. It equals the environments' own up to a grey level
in a few pixels in a million; a test compares the two.
"""

import numpy as np

from pdlearn import envs
from pdlearn.envs import FRAMES_PER_STEP
from pdlearn.envs.preprocessing import Preprocessing
from pdlearn.envs.profiled import Copy, View


class Colours:
    """The colours seen so far, with indices from 1. The emulator has 128 colours."""

    def __init__(self) -> None:
        self.palette = np.zeros((1, 3), np.uint8)  # RGB [K, 3]; index 0 is no colour
        self.grey = np.zeros(1, np.uint8)  # [K], equal to the emulator's own grey screen
        self._index_of = np.zeros(1 << 24, np.uint8)

    def index(self, picture: np.ndarray) -> np.ndarray:
        """Return an RGB picture `[H, W, 3]` as indices, uint8 `[H, W]`."""
        red, green, blue = np.moveaxis(picture.astype(np.uint32), -1, 0)
        code = red << 16 | green << 8 | blue
        indices = self._index_of[code]
        if not indices.all():
            new = np.unique(code[indices == 0])
            if len(self.palette) + len(new) > 256:
                raise ValueError(f"expected at most 255 colours; got {len(new)} more")
            self._index_of[new] = len(self.palette) + np.arange(len(new))
            rgb = np.stack([new >> 16, new >> 8 & 255, new & 255], axis=1)
            self.palette = np.concatenate([self.palette, rgb.astype(np.uint8)])
            self.grey = np.rint(self.palette @ [0.2989, 0.587, 0.114]).astype(np.uint8)
            indices = self._index_of[code]
        return indices


class Console:
    """One copy of one of the ten games, started by `reset` and stepped by `advance`.

    `score` is the raw score, `frames` counts frames, `over` tells whether the episode has ended.
    """

    def __init__(self, game: str, colours: Colours):
        self._env = envs.make(game, 1, num_threads=1, screen=True, frames_per_step=1)
        self.action_names = self._env.action_names
        self.colours = colours

    def reset(self, seed: int, purpose: str) -> None:
        """Start a new game, the one that `Environment.reset` starts for `seed` and `purpose`."""
        picture = self.colours.index(self._env.reset(seed, purpose)[0, 0])
        self._pictures = (picture, picture)  # the last two frames
        self.score, self.frames, self.over = 0.0, 0, False
        self.observation = np.zeros((4, 84, 84), np.uint8)
        self._look()

    def advance(self, action: int) -> None:
        """Play one frame; do nothing in a game that is over."""
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
        small = area_means(self.colours.grey[self.screen()]).round().astype(np.uint8)
        self.observation = np.concatenate([self.observation[1:], small[None]])


class ProfiledConsole:
    """A `Console` under a `Preprocessing` other than pdlearn's own.

    What the profile plays after a lost life is hidden: one `advance` contains it.
    """

    def __init__(self, game: str, colours: Colours, profile: Preprocessing):
        self._copy = Copy(game, profile, [View(profile)])
        self.action_names = tuple(action.name for action in self._copy.actions)
        self.colours = colours

    def reset(self, seed: int, purpose: str) -> None:
        """Start a new game, the one that `Environment.reset` starts for `seed` and `purpose`."""
        self._copy.reset_to(int(envs.env_seeds(seed, purpose, 1)[0]))
        self.score, self.frames, self.over = 0.0, 0, False
        self.observation = self._copy.observation()

    def advance(self, action: int) -> None:
        """Play one frame; do nothing in a game that is over."""
        if self.over:
            return
        if self.frames % FRAMES_PER_STEP == 0:
            self._copy.begin_step()
            self._score_before = self.score
        self._copy.play_frame(action)
        self.frames += 1
        self.over = self._copy.over
        if self.frames % FRAMES_PER_STEP == 0 or self.over:
            self._copy.end_step()
            self.over = self._copy.over
            self.observation = self._copy.observation()
        self.score = self._score_before + self._copy.reward

    def screen(self) -> np.ndarray:
        """Return the picture as uint8 `[210, 160]`, indices into `colours.palette`."""
        return self.colours.index(np.maximum(*(frame.rgb for frame in self._copy.frames)))

    def close(self) -> None:
        del self._copy


def area_means(frame: np.ndarray) -> np.ndarray:
    """Return `[84, 84]`: each pixel the mean of the area of the picture `[210, 160]` it covers.

    A pixel covers 2.5 rows: each row is repeated twice, and five of the result are averaged. It
    covers 160 / 84 = 40 / 21 columns: each is repeated 21 times, and forty are averaged.
    """
    rows = frame.repeat(2, axis=0).reshape(84, 5, 160).mean(axis=1)  # [84, 160]
    return rows.repeat(21, axis=1).reshape(84, 84, 40).mean(axis=2)
