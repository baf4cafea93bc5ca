"""Judging an agent: full episodes, raw scores, an interval beside every mean (paper, section 4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pdlearn import envs
from pdlearn.presets import EvalConfig
from pdlearn.rollout import EpsilonGreedy, Episode, EpisodeTracker, steps
from pdlearn.statistics import interval


@dataclass(frozen=True)
class Evaluation:
    """The scores of an agent and how they were obtained."""

    game: str
    scores: list[float]
    lengths: list[int]  # agent steps
    truncated: int  # episodes cut by the frame cap
    epsilon: float
    seed: int

    @property
    def episodes(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval of the mean, over episodes."""
        return interval(self.scores, np.random.default_rng(0))

    def card(self) -> dict:
        """Return what a checkpoint's card keeps of this evaluation."""
        low, high = self.interval
        return {
            "mean": self.mean, "low": low, "high": high, "episodes": self.episodes,
            "epsilon": self.epsilon, "seed": self.seed, "mean_steps": float(np.mean(self.lengths)),
            "truncated": self.truncated, "protocol": "up to 30 no-ops, 108,000-frame cap, raw score",
        }  # fmt: skip


def play_episodes(
    network: nn.Module,
    game: str,
    config: EvalConfig = EvalConfig(),
    seed: int = 0,
    num_threads: int = 0,
    purpose: str = "evaluate",
) -> Iterator[Episode]:
    """Yield exactly `config.episodes` full episodes, as each ends.

    Every copy of the game plays a number of episodes fixed beforehand, so that short episodes are
    not favoured over long ones.
    """
    if config.episodes < 1:
        raise ValueError(f"expected at least one episode; got {config.episodes}")
    num_envs = min(config.num_envs, config.episodes)
    quota = np.full(num_envs, config.episodes // num_envs)
    quota[: config.episodes % num_envs] += 1
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(envs.env_seeds(seed, purpose, 1)[0].item())
    policy = EpsilonGreedy(network, config.epsilon, generator)
    tracker = EpisodeTracker(num_envs)
    env = envs.make(game, num_envs, num_threads=num_threads)
    play = steps(env, policy, seed, purpose)
    try:
        for step in play:
            for episode in tracker.add(step):
                if quota[episode.env] > 0:
                    quota[episode.env] -= 1
                    yield episode
            if not quota.any():
                return
    finally:
        play.close()


def evaluate(
    network: nn.Module, game: str, config: EvalConfig = EvalConfig(), seed: int = 0
) -> Evaluation:
    """Play `config.episodes` full episodes of `game` with `network` and return their scores.

    The game's seeds are never those of training or of recorded data.
    """
    episodes = list(play_episodes(network, game, config, seed))
    return Evaluation(
        game=game,
        scores=[episode.score for episode in episodes],
        lengths=[episode.steps for episode in episodes],
        truncated=sum(episode.truncated for episode in episodes),
        epsilon=config.epsilon,
        seed=seed,
    )
