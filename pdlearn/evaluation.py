"""Judging an agent: full episodes, raw scores, an interval beside a mean (paper, section 4)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.presets import EvalConfig
from pdlearn.rollout import Episode, EpisodeTracker, EpsilonGreedy, steps
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
            "truncated": self.truncated,
            "protocol": "up to 30 no-ops, 108,000-frame cap, raw score",
        }  # fmt: skip


def play_episodes(
    agent: Agent,
    config: EvalConfig = EvalConfig(),
    seed: int = 0,
) -> Iterator[list[Episode]]:
    """Play exactly `config.episodes` full episodes; yield, every vector step, those that it ended.

    Every copy of the game plays a number of episodes fixed beforehand, so that short episodes are
    not favoured over long ones.
    """
    if config.episodes < 1:
        raise ValueError(f"expected at least one episode; got {config.episodes}")
    num_envs = min(config.num_envs, config.episodes)
    quota = np.full(num_envs, config.episodes // num_envs)
    quota[: config.episodes % num_envs] += 1
    device = next(agent.network.parameters()).device
    generator = torch.Generator(device).manual_seed(int(envs.env_seeds(seed, "evaluate", 1)[0]))
    policy = EpsilonGreedy(agent.network, config.epsilon, generator)
    tracker = EpisodeTracker(num_envs)
    play = steps(envs.make(agent.game, num_envs), policy, seed, "evaluate")
    try:
        for step in play:
            ended = [episode for episode in tracker.add(step) if quota[episode.env] > 0]
            for episode in ended:
                quota[episode.env] -= 1
            yield ended
            if not quota.any():
                return
    finally:
        play.close()


def evaluate(agent: Agent, config: EvalConfig = EvalConfig(), seed: int = 0) -> Evaluation:
    """Play `config.episodes` full episodes of the agent's game and return their scores.

    The games' seeds are never those of training or of recorded data. Raises ValueError if fewer
    than one episode is asked for.
    """
    episodes = list(itertools.chain.from_iterable(play_episodes(agent, config, seed)))
    return summarise(agent, episodes, config, seed)


def summarise(agent: Agent, episodes: list[Episode], config: EvalConfig, seed: int) -> Evaluation:
    """Return the evaluation that `episodes` of `play_episodes` make."""
    return Evaluation(
        game=agent.game,
        scores=[episode.score for episode in episodes],
        lengths=[episode.steps for episode in episodes],
        truncated=sum(episode.truncated for episode in episodes),
        epsilon=config.epsilon,
        seed=seed,
    )
