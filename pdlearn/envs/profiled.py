"""Atari games under any `Preprocessing`, with one or two views of the same game.

ale-py's own vector has one view of a game. Here each copy of the game is an emulator that
Python steps frame by frame, which is slower: `envs.make` uses it only for profiles that the vector
does not have. A profile's own steps (no-ops and FIRE) are hidden from the agent: an agent step that
loses a life ends with the observation after them, and its reward contains theirs.
"""

from functools import cache
from typing import NamedTuple

import ale_py
import numpy as np
from ale_py import roms

from pdlearn.envs.environment import MAX_EPISODE_FRAMES, NO_OP_SEEDS, Environment, Outcome
from pdlearn.envs.preprocessing import FRAMES_PER_STEP, NOOP_COUNTS, Preprocessing
from pdlearn.games import game_by_name

SCREEN = (210, 160)
SIDE = 84
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
NOOP, FIRE, THIRD = 0, 1, 2  # actions by index
NO_OPS_OF = {int(seed): count for count, seed in enumerate(NO_OP_SEEDS)}


class Frame(NamedTuple):
    """One frame of a game, by the emulator's two palettes."""

    grey: np.ndarray  # uint8 [210, 160]
    rgb: np.ndarray  # uint8 [210, 160, 3]


class View:
    """An agent's view of a game: the newest `[4, 84, 84]` frames, or the last picture in colour."""

    def __init__(self, profile: Preprocessing | None):
        self.profile = profile  # None: the picture
        self.shape = (1, *SCREEN, 3) if profile is None else (4, SIDE, SIDE)
        self.stack = np.zeros(self.shape, np.uint8)

    def add(self, frames: list[Frame], fresh: bool) -> None:
        """Add the pixelwise maximum of two frames; `fresh` begins a new stack."""
        if self.profile is None:
            self.stack = np.maximum(*(frame.rgb for frame in frames))[None]
            return
        seen = shrink(frames, self.profile)[None]
        if not fresh:
            self.stack = np.concatenate([self.stack[1:], seen])
        elif self.profile.padding == "first":
            self.stack = np.repeat(seen, 4, axis=0)
        else:
            self.stack = np.concatenate([np.zeros((3, SIDE, SIDE), np.uint8), seen])


def shrink(frames: list[Frame], profile: Preprocessing) -> np.ndarray:
    """Return the pixelwise maximum of two frames as uint8 `[84, 84]`, as `profile` shows it."""
    if profile.grey == "emulator":
        return resized(np.maximum(*(frame.grey for frame in frames)), profile.resize)
    picture = np.maximum(*(frame.rgb for frame in frames))
    if profile.grey == "rgb":
        return resized(np.rint(picture @ LUMINANCE).astype(np.uint8), profile.resize)
    small = np.stack([resized(channel, profile.resize) for channel in picture.transpose(2, 0, 1)])
    return np.rint(LUMINANCE @ small.reshape(3, -1)).astype(np.uint8).reshape(SIDE, SIDE)


def resized(picture: np.ndarray, resize: str) -> np.ndarray:
    """Return a picture uint8 `[210, 160]` as uint8 `[84, 84]`."""
    rows, columns = (weights(side, resize) for side in SCREEN)
    return np.rint(rows @ picture.astype(np.float32) @ columns.T).astype(np.uint8)


@cache
def weights(side: int, resize: str) -> np.ndarray:
    """Return float32 `[84, side]`: the share of each pixel of a line in each of the 84.

    "area" weighs a pixel by the part of it that is covered. "bilinear" interpolates between the
    centres of the two nearest pixels.
    """
    scale = side / SIDE
    pixels = np.arange(side)
    new = np.arange(SIDE)[:, None]
    if resize == "area":
        covered = np.minimum((new + 1) * scale, pixels + 1) - np.maximum(new * scale, pixels)
        return (covered.clip(0) / scale).astype(np.float32)
    centre = ((new + 0.5) * scale - 0.5).clip(0, side - 1)
    return (1 - np.abs(centre - pixels)).clip(0).astype(np.float32)


class Copy:
    """One emulator, played under `profile`, and the views of it that agents observe."""

    def __init__(self, game: str, profile: Preprocessing, views: list[View]):
        self.profile, self.views = profile, views
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", profile.sticky_action_probability)
        self.rom = str(roms.get_rom_path(game))
        self.ale.loadROM(self.rom)
        full = profile.full_action_set
        self.actions = self.ale.getLegalActionSet() if full else self.ale.getMinimalActionSet()
        self.has_fire = len(self.actions) > THIRD and self.actions[FIRE] == ale_py.Action.FIRE
        self.over = False
        self.reward = 0.0

    def reset_to(self, seed: int) -> None:
        """Begin the episode of an emulator `seed`."""
        self.ale.setInt("random_seed", seed)
        self.ale.loadROM(self.rom)
        self.random = np.random.default_rng(seed)
        self.reset(NO_OPS_OF.get(seed) if self.profile.noop_max == NOOP_COUNTS else None)

    def reset(self, noops: int | None = None) -> None:
        """Begin an episode after `noops` frames of no-op; None draws them."""
        if noops is None:
            noops = int(self.random.integers(max(self.profile.noop_max, 1)))
        self.ale.reset_game()
        for _ in range(noops):
            self.ale.act(self.actions[NOOP])
        self.over, self.reward = False, 0.0
        self.frames = [self._frame()] * 2
        if self.profile.fire_on_reset and self.has_fire:
            self._hold(FIRE)
            self._hold(THIRD)
        self._look(fresh=True)

    def step(self, action: int) -> None:
        """Play an agent step, and what the profile plays after a lost life."""
        self.begin_step()
        self._hold(action)
        self.end_step()

    def begin_step(self) -> None:
        """Prepare for the frames of an agent step; `end_step` follows them."""
        self.reward = 0.0
        self._lives = self.ale.lives()

    def play_frame(self, action: int, keep: bool = True) -> None:
        """Play one frame of an agent step; `keep` it as the newest of the last two."""
        self.reward += self.ale.act(self.actions[action])
        self.over = self.ale.game_over() or self.truncated
        if keep or self.over:
            self.frames = [self.frames[1], self._frame()]

    def end_step(self) -> None:
        """Play what the profile plays after a lost life, and look."""
        lost = self.ale.lives() < self._lives and not self.over
        if lost and self.profile.fire_after_life and self.has_fire:
            for served in (NOOP, FIRE, THIRD):
                self._hold(served)
        self._look(fresh=False, life_lost=lost and not self.over)

    @property
    def truncated(self) -> bool:
        """Whether the frame cap has ended the episode."""
        return not self.ale.game_over() and self.ale.getEpisodeFrameNumber() >= MAX_EPISODE_FRAMES

    def _hold(self, action: int) -> None:
        """Play four frames of `action`, fewer at the end of an episode."""
        for frame in range(FRAMES_PER_STEP):
            if self.over:
                return
            self.play_frame(action, keep=frame >= FRAMES_PER_STEP - 2)

    def _look(self, fresh: bool, life_lost: bool = False) -> None:
        for view in self.views:
            restart = life_lost and view.profile is not None and view.profile.restart_after_life
            view.add(self.frames, fresh or restart)

    def _frame(self) -> Frame:
        return Frame(self.ale.getScreenGrayscale(), self.ale.getScreenRGB())

    def observation(self) -> np.ndarray:
        """Return the views' observations, concatenated along the first axis."""
        return np.concatenate([view.stack for view in self.views])


class ProfiledAtari(Environment):
    """Copies of an Atari game under `profile`, each seen by one or two agents; see `make`.

    With a `second` profile, observations are `[E, 8, 84, 84]`: four frames as `profile` shows them,
    then four as `second` does. `second` changes nothing else.
    """

    def __init__(
        self,
        name: str,
        num_envs: int,
        profile: Preprocessing,
        *,
        second: Preprocessing | None = None,
        screen: bool = False,
    ):
        self.name = game_by_name(name).name
        self.num_envs = num_envs
        self.preprocessing = profile.card()
        shown: list[Preprocessing | None] = [profile] if second is None else [profile, second]
        if screen:
            shown = [None]
        self._copies = [
            Copy(self.name, profile, [View(each) for each in shown]) for _ in range(num_envs)
        ]
        self.action_names = tuple(action.name for action in self._copies[0].actions)
        self.observation_shape = self._copies[0].observation().shape
        self._action = np.zeros(num_envs, np.int64)

    def _reset_to(self, seeds: np.ndarray) -> np.ndarray:
        for copy, seed in zip(self._copies, seeds.tolist(), strict=True):
            copy.reset_to(seed)
        return self._observations()

    def _send(self, action: np.ndarray) -> None:
        self._action = action

    def _recv(self) -> Outcome:
        for copy, action in zip(self._copies, self._action.tolist(), strict=True):
            if copy.over:
                copy.reset()
            else:
                copy.step(action)
        return Outcome(
            self._observations(),
            np.array([copy.reward for copy in self._copies], np.float32),
            np.array([copy.over and not copy.truncated for copy in self._copies]),
            np.array([copy.over and copy.truncated for copy in self._copies]),
            np.array([copy.ale.lives() for copy in self._copies]),
        )

    def _close(self) -> None:
        self._copies = []

    def _observations(self) -> np.ndarray:
        return np.stack([copy.observation() for copy in self._copies])
