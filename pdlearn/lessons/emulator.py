"""The Atari emulator frame by frame, and observations made from its pictures (lesson 01).

Training does not use this file. `pdlearn.envs` makes the same observations on ale-py's threads, up
to one grey level where a mean lies half way between two. A test compares both in all ten games.
"""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import ale_py
import numpy as np
import torch
from ale_py import roms

from pdlearn import envs
from pdlearn.envs.console import area_means
from pdlearn.games import game_by_name
from pdlearn.networks import QNetwork
from pdlearn.rollout import EpsilonGreedy, Scripted, Step, steps


class Emulator:
    """A game at 60 frames a second. `action` is an index into the game's own `action_names`."""

    def __init__(self, game: str, no_ops: int = 0):
        self.action_names = game_by_name(game).actions
        self._ale = ale_py.ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._ale.loadROM(roms.get_rom_path(game))  # type: ignore[arg-type]
        self._ale.reset_game()
        self._actions = self._ale.getMinimalActionSet()
        for _ in range(no_ops):
            self.act(0)

    def act(self, action: int) -> float:
        """Play one frame with `action`; return its reward."""
        return float(self._ale.act(self._actions[action]))

    @property
    def screen(self) -> np.ndarray:
        """The RGB picture, uint8 `[210, 160, 3]`."""
        return self._ale.getScreenRGB()

    @property
    def grey(self) -> np.ndarray:
        """The grey picture, uint8 `[210, 160]`."""
        return self._ale.getScreenGrayscale()

    @property
    def lives(self) -> int:
        return self._ale.lives()

    @property
    def over(self) -> bool:
        return self._ale.game_over()


def shrink(frame: np.ndarray) -> np.ndarray:
    """Return uint8 `[84, 84]`: each pixel the mean of the area of `[210, 160]` that it covers."""
    return area_means(frame).round().astype(np.uint8)


def agent_step(emulator: Emulator, action: int) -> tuple[np.ndarray, float]:
    """Act for four frames; return the maximum of the last two `[210, 160]` and the reward."""
    reward = 0.0
    frames = []
    for _ in range(envs.FRAMES_PER_STEP):
        reward += emulator.act(action)
        frames.append(emulator.grey)
    return np.maximum(frames[-2], frames[-1]), reward


def push(stack: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return `stack` `[4, 84, 84]` without its oldest frame and with `frame` `[84, 84]` added."""
    return np.concatenate([stack[1:], frame[None]])


def play(emulator: Emulator, actions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the observations `[1 + T, 4, 84, 84]` and rewards `[T]` of a game's first steps."""
    empty = np.zeros((4, 84, 84), np.uint8)
    observations, rewards = [push(empty, shrink(emulator.grey))], []
    for action in actions:
        frame, reward = agent_step(emulator, action)
        observations.append(push(observations[-1], shrink(frame)))
        rewards.append(reward)
    return np.stack(observations), np.array(rewards)


def play_environment(
    game: str, actions: Sequence[int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `play` returns, from the environment that agents are trained in."""
    env = envs.make(game, 1)
    with closing(steps(env, Scripted(actions, env.num_actions), seed, "show")) as played:
        shown = list(islice(played, len(actions) + 1))
    observations = np.stack([step.observation[0].numpy() for step in shown])
    return observations, np.array([step.reward[0] for step in shown[:-1]])


def random_play(game: str, agent_steps: int, copies: int = 8) -> list[Step]:
    """Return the steps of `copies` of a game, each played at random for `agent_steps`."""
    env = envs.make(game, copies)
    generator = torch.Generator().manual_seed(0)
    policy = EpsilonGreedy(QNetwork(env.num_actions, "net3"), 1.0, generator)
    with closing(steps(env, policy, 0, "show")) as played:
        return list(islice(played, agent_steps))


def no_ops_of(seed: int) -> int:
    """Return how many frames the environment waits before its first observation of `seed`.

    It is the same in every game. It is found in Pong: wait 0, 1, 2 … frames in the emulator until
    both games show the same pictures.
    """
    actions = np.random.default_rng(seed).integers(6, size=12).tolist()
    seen, _ = play_environment("pong", actions, seed)
    waiting = Emulator("pong")
    for no_ops in range(envs.NOOP_COUNTS + 1):
        if difference(shrink(waiting.grey), seen[0, -1]) <= 1:
            found, _ = play(Emulator("pong", no_ops), actions)
            if difference(found, seen) <= 1:
                return no_ops
        waiting.act(0)
    raise ValueError(f"no start of Pong looks as the environment's with seed {seed}")


def difference(one: np.ndarray, other: np.ndarray) -> int:
    """Return the largest difference of two pictures, in grey levels."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())
