"""A learner's play of one game: the copies it plays, and the memory that they fill.

Rewards are clipped and lost lives end the bootstrap only as a transition is stored; the game goes
on, and every score here is the game's own.
"""

import math
from collections import deque

import numpy as np
import torch
from torch import nn

from pdlearn.envs import Environment
from pdlearn.memory import Memory
from pdlearn.presets import TeacherConfig
from pdlearn.prioritized import PrioritizedMemory
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, steps


class Player:
    """Play one game with `network`, ε-greedily, into a memory; takes over `env`."""

    def __init__(
        self,
        env: Environment,
        network: nn.Module,
        config: TeacherConfig,
        generator: torch.Generator,
        seed: int,
    ):
        self.config = config
        self.memory = self._make_memory(env.observation_shape, generator.device)
        self._policy = EpsilonGreedy(
            network, config.epsilon_start, generator, config.longest_hold_steps
        )
        self._tracker = EpisodeTracker(config.num_envs)
        self._scores = deque(maxlen=20)
        self._play = steps(env, self._policy, seed, "teach")

    def _make_memory(self, shape: tuple[int, ...], device: torch.device) -> Memory:
        config = self.config
        room = config.memory_steps, config.num_envs, shape, device
        if config.priority_exponent == 0:
            return Memory(*room)
        return PrioritizedMemory(*room, n_step=config.n_step, exponent=config.priority_exponent)

    @property
    def score(self) -> float:
        """The mean score of the last 20 episodes; NaN before the first ends."""
        return float(np.mean(self._scores)) if self._scores else math.nan

    def advance(self, epsilon: float) -> int:
        """Store a vector step, the next one under way with `epsilon`; return episodes it ended."""
        config = self.config
        self._policy.epsilon = epsilon
        step = next(self._play)
        reward = np.sign(step.reward) if config.clip_reward else step.reward
        ended = step.terminated
        if config.end_on_life_loss:
            ended = ended | step.life_lost
        self.memory.add(step, reward, np.where(ended, 0.0, config.discount))
        episodes = self._tracker.add(step)
        self._scores.extend(episode.score for episode in episodes)
        return len(episodes)

    def close(self) -> None:
        """Close the game's copies."""
        self._play.close()
