"""Record starts of any game, by persistent random play or from given actions.

The paper's starts came from professional human players and were never published. Each shipped start
comes from an episode of its own, played by an agent that draws an action at random, holds it for a
random time and draws again. Holding an action reaches more states than single random actions do.
The start is a step drawn from the first fifth of the episode.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.rollout import Scripted, steps_from
from pdlearn.schema import Range, checked
from pdlearn.starts import Start, Starts, digest, play_from

LONGEST_HOLD_STEPS = 16  # about a second
MOST_STARTS = 100_000
SHARE = 5  # a start lies in the first fifth of its episode


class PersistentRandom:
    """Draw an action uniformly, hold it for 1 to 16 agent steps (uniform), then draw again."""

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
    """Yield `count` starts of `game`, each from its own episode, `num_envs` copies at a time.

    Raises ValueError unless `count` is in 1..100,000.
    """
    checked(count, Annotated[int, Range(1, MOST_STARTS)], "the number of starts")
    seeds = envs.env_seeds(seed, "evaluate", count)
    rng = np.random.default_rng(seed)
    for begin in range(0, count, num_envs):
        yield from _record_round(game, seeds[begin : begin + num_envs], rng)


def _record_round(game: str, seeds: np.ndarray, rng: np.random.Generator) -> Iterator[Start]:
    """Play an episode from each seed to its end; yield a start from each, in the seeds' order."""
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


def start_after(game: str, seed: int, actions: Sequence[int]) -> Start:
    """Return the start to which `actions` lead from the emulator's `seed`.

    Raises ValueError if the episode ends on the way.
    """
    env = envs.make(game, 1)
    play = steps_from(env, Scripted(actions, env.num_actions), np.array([seed]))
    try:
        for step in islice(play, len(actions)):
            if step.terminated[0] or step.truncated[0]:
                raise ValueError("this game is over; expected one that has not ended")
        seen = next(play).observation[0].numpy()
    finally:
        play.close()
    return Start(seed, np.array(actions, np.uint8), digest(seen))


def random_play(seed: int) -> dict:
    """Return the card's entry on how `record_starts` makes starts."""
    return {
        "by": f"persistent random play, an action held 1 to {LONGEST_HOLD_STEPS} agent steps",
        "from": f"the first 1/{SHARE} of each episode's length, one start an episode",
        "seed": seed,
    }


def card_of(game: str, made: dict) -> dict:
    """Return the card of starts of `game`; `made` tells how. Raises ValueError if it is unknown."""
    env = envs.make(game, 1)
    card = {
        "actions": list(env.action_names),
        "preprocessing": env.preprocessing,
        "made": made | {"ale_py": version("ale-py")},
    }
    env.close()
    return card


def verify(starts: Starts, num_envs: int = 20) -> None:
    """Replay every start; raise ValueError if one leads to another observation than recorded."""
    for begin in range(0, len(starts), num_envs):
        entries = starts.entries[begin : begin + num_envs]
        play = play_from(starts, entries, Scripted((), len(starts.card["actions"])))
        for _ in range(max(len(start.actions) for start in entries) + 1):
            next(play)
        play.close()
