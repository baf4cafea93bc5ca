"""Making starts for any game: by persistent random play, or from actions that somebody took.

The paper's starts came from professional humans and were never published. Those that ship come each
from an episode of its own of an agent that draws an action at random, holds it for a random time,
and draws again; that gets about in all ten games. The start is a moment drawn from the episode's
first fifth.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.rollout import steps_from
from pdlearn.starts import Start, Starts, digest, play_from

LONGEST_HOLD_STEPS = 16  # about a second
SHARE = 5  # a start lies in the first fifth of its episode


class PersistentRandom:
    """Hold an action drawn uniformly for 1 to 16 agent steps, drawn uniformly too, then another."""

    device = torch.device("cpu")

    def __init__(self, num_envs: int, num_actions: int, rng: np.random.Generator):
        self.num_actions = num_actions
        self._rng = rng
        self._action = np.zeros(num_envs, np.int64)
        self._left_steps = np.zeros(num_envs, int)

    def __call__(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `[E]`, and zeros `[E, A]` for values."""
        due = self._left_steps == 0
        self._action[due] = self._rng.integers(self.num_actions, size=due.sum())
        self._left_steps[due] = self._rng.integers(1, LONGEST_HOLD_STEPS + 1, size=due.sum())
        self._left_steps -= 1
        values = torch.zeros(len(observation), self.num_actions)
        return torch.from_numpy(self._action.copy()), values


def record_starts(game: str, count: int, seed: int, num_envs: int = 20) -> Iterator[Start]:
    """Yield `count` starts of `game`, each from an episode of its own, `num_envs` side by side.

    Raises ValueError if fewer than one is asked for.
    """
    if count < 1:
        raise ValueError(f"expected at least one start; got {count}")
    seeds = envs.env_seeds(seed, "evaluate", count)
    rng = np.random.default_rng(seed)
    for begin in range(0, count, num_envs):
        yield from _record_round(game, seeds[begin : begin + num_envs], rng)


def _record_round(game: str, seeds: np.ndarray, rng: np.random.Generator) -> Iterator[Start]:
    """Play an episode from each seed to its end; yield a start of each, in the seeds' order."""
    env = envs.make(game, len(seeds))
    play = steps_from(env, PersistentRandom(len(seeds), env.num_actions, rng), seeds)
    actions: list[list[int]] = [[] for _ in seeds]
    digests: list[list[bytes]] = [[] for _ in seeds]
    running = np.ones(len(seeds), bool)
    try:
        for step in play:
            for copy in np.flatnonzero(running):
                actions[copy].append(int(step.action[copy]))
                digests[copy].append(digest(step.observation[copy].numpy()))
            running &= ~(step.terminated | step.truncated)
            if not running.any():
                break
    finally:
        play.close()
    for emulator_seed, taken, seen in zip(seeds, actions, digests, strict=True):
        moment = int(rng.integers(len(taken) // SHARE + 1))
        yield Start(int(emulator_seed), np.array(taken[:moment], np.uint8), seen[moment])


class Dictated:
    """Take `actions` in one copy of a game, one after another, and then the first action."""

    device = torch.device("cpu")

    def __init__(self, actions: Sequence[int], num_actions: int):
        self.num_actions = num_actions
        self._actions = iter(actions)

    def __call__(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `[1]`, and zeros `[1, A]` for values."""
        return torch.tensor([next(self._actions, 0)]), torch.zeros(1, self.num_actions)


def start_after(game: str, seed: int, actions: Sequence[int]) -> Start:
    """Return the start to which `actions` lead from the emulator's `seed`.

    Raises ValueError if the episode ends on the way: nobody can go on from there.
    """
    env = envs.make(game, 1)
    play = steps_from(env, Dictated(actions, env.num_actions), np.array([seed]))
    try:
        for step in islice(play, len(actions)):
            if step.terminated[0] or step.truncated[0]:
                raise ValueError("this game is over; expected one that can be gone on with")
        seen = next(play).observation[0].numpy()
    finally:
        play.close()
    return Start(seed, np.array(actions, np.uint8), digest(seen))


def random_play(seed: int) -> dict:
    """Return what a card says of how `record_starts` makes starts."""
    return {
        "by": f"persistent random play, an action held 1 to {LONGEST_HOLD_STEPS} agent steps",
        "from": f"the first 1/{SHARE} of each episode's length, one start an episode",
        "seed": seed,
    }


def card_of(game: str, made: dict) -> dict:
    """Return the card of starts that were `made` so; raise ValueError for an unknown game."""
    env = envs.make(game, 1)
    card = {
        "actions": list(env.action_names),
        "preprocessing": env.preprocessing,
        "made": made | {"ale_py": version("ale-py")},
    }
    env.close()
    return card


def verify(starts: Starts, num_envs: int = 20) -> None:
    """Replay every start; raise ValueError if one leads to another picture than it did."""
    for begin in range(0, len(starts), num_envs):
        entries = starts.entries[begin : begin + num_envs]
        still = PersistentRandom(len(entries), 1, np.random.default_rng(0))
        play = play_from(starts, entries, still)
        for _ in range(max(len(start.actions) for start in entries) + 1):
            next(play)
        play.close()
