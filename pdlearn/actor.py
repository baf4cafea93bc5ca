"""A learner's play of one game: what it stores of each step, and its scores.

Rewards are clipped and lost lives get discount 0 when a transition is stored. The game continues,
and every score here is the game's own.
"""

import math
from collections import deque

import numpy as np
import torch

from pdlearn import envs
from pdlearn.presets import DQNConfig, QLearningConfig
from pdlearn.replay.memory import Memory
from pdlearn.replay.prioritized import PrioritizedMemory
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, Step, Values, steps


class Scores:
    """The scores of the newest training episodes, at least 20 and at least one a copy."""

    def __init__(self, num_envs: int):
        self._scores: deque[float] = deque(maxlen=max(20, num_envs))

    def add(self, tracker: EpisodeTracker, step: Step) -> int:
        """Count `step`; return how many episodes it ended."""
        episodes = tracker.add(step)
        self._scores.extend(episode.score for episode in episodes)
        return len(episodes)

    @property
    def mean(self) -> float:
        """The mean score; NaN before the first episode ends."""
        return float(np.mean(self._scores)) if self._scores else math.nan


def learnt_outcome(step: Step, config: QLearningConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return the reward and the discount, `[E]` each, to learn from after `step`."""
    reward = np.sign(step.reward) if config.clip_reward else step.reward
    ended = step.terminated
    if config.end_on_life_loss:
        ended = ended | step.life_lost
    return reward, np.where(ended, 0.0, config.discount)


class ReplayActor:
    """Play copies of one game by `network`, ε-greedily, into a replay memory."""

    def __init__(
        self,
        game: str,
        network: Values,
        config: DQNConfig,
        *,
        generator: torch.Generator,
        seed: int,
    ):
        self.config = config
        env = envs.make(game, config.num_envs)
        self.memory = self._make_memory(env.observation_shape, generator.device)
        self._policy = EpsilonGreedy(
            network, config.epsilon_start, generator, config.longest_hold_steps
        )
        self._tracker = EpisodeTracker(config.num_envs)
        self._scores = Scores(config.num_envs)
        self._play = steps(env, self._policy, seed, "train")

    def _make_memory(self, shape: tuple[int, ...], device: torch.device) -> Memory:
        config = self.config
        room = config.memory_steps, config.num_envs, shape, device
        if config.priority_exponent == 0:
            return Memory(*room)
        return PrioritizedMemory(*room, n_step=config.n_step, exponent=config.priority_exponent)

    @property
    def score(self) -> float:
        """The mean score of the newest episodes; NaN before the first ends."""
        return self._scores.mean

    def advance(self, epsilon: float) -> int:
        """Store the next vector step and return the number of episodes that it ended.

        The step after it is chosen with exploration `epsilon`.
        """
        self._policy.epsilon = epsilon
        step = next(self._play)
        self.memory.add(step, *learnt_outcome(step, self.config))
        return self._scores.add(self._tracker, step)

    def close(self) -> None:
        """Close the game's copies."""
        self._play.close()
