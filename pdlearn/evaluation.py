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
from pdlearn.starts import Start, Starts, play_from
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
    starts: str = "up to 30 no-ops"  # where episodes began

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
            "protocol": f"{self.starts}, 108,000-frame cap, raw score",
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
    num_envs = min(config.num_envs, config.episodes)
    quota = np.full(num_envs, config.episodes // num_envs)
    quota[: config.episodes % num_envs] += 1
    tracker = EpisodeTracker(num_envs)
    play = steps(envs.make(agent.game, num_envs), _policy(agent, config, seed), seed, "evaluate")
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


def play_starts(
    agent: Agent, starts: Starts, config: EvalConfig = EvalConfig(), seed: int = 0
) -> Iterator[list[Episode]]:
    """Play an episode from each of `starts`; yield, every vector step, those that it ended.

    An episode's `env` is the number of its start, its score and length are the agent's own, from
    the hand-over on; the frame cap holds for the whole episode, replay included. Raises ValueError
    if the starts are of another game, or lead elsewhere than they did when they were recorded.
    """
    if starts.game != agent.game:
        raise ValueError(f"starts of {starts.game!r}; expected {agent.game!r}, the agent's game")
    policy = _policy(agent, config, seed)
    for begin in range(0, len(starts), config.num_envs):
        entries = starts.entries[begin : begin + config.num_envs]
        for ended in _play_round(starts, entries, policy):
            yield [episode._replace(env=begin + episode.env) for episode in ended]


def _play_round(
    starts: Starts, entries: tuple[Start, ...], policy: EpsilonGreedy
) -> Iterator[list[Episode]]:
    """Play each copy's first episode to its end, however long the others' are."""
    tracker = EpisodeTracker(len(entries))
    running = np.ones(len(entries), bool)
    play = play_from(starts, entries, policy)
    try:
        for step in play:
            ended = [episode for episode in tracker.add(step) if running[episode.env]]
            for episode in ended:
                running[episode.env] = False
            yield [
                episode._replace(steps=episode.steps - len(entries[episode.env].actions))
                for episode in ended
            ]
            if not running.any():
                return
    finally:
        play.close()


def _policy(agent: Agent, config: EvalConfig, seed: int) -> EpsilonGreedy:
    device = next(agent.network.parameters()).device
    generator = torch.Generator(device).manual_seed(int(envs.env_seeds(seed, "evaluate", 1)[0]))
    return EpsilonGreedy(agent.network, config.epsilon, generator)


def evaluate(
    agent: Agent, config: EvalConfig = EvalConfig(), seed: int = 0, starts: Starts | None = None
) -> Evaluation:
    """Play full episodes of the agent's game and return their scores.

    Without `starts` these are `config.episodes` from up to 30 no-ops; the games' seeds are never
    those of training or of recorded data. With `starts` it is one episode from each, scores in
    their order (a smaller number: `starts.first(30)`), and `seed` is the exploration's. Raises
    ValueError as `play_starts` does.
    """
    if starts is None:
        play = play_episodes(agent, config, seed)
    else:
        play = play_starts(agent, starts, config, seed)
    return summarise(agent, list(itertools.chain.from_iterable(play)), config, seed, starts)


def summarise(
    agent: Agent,
    episodes: list[Episode],
    config: EvalConfig,
    seed: int,
    starts: Starts | None = None,
) -> Evaluation:
    """Return the evaluation that episodes of `play_episodes`, or of `play_starts`, make."""
    begun = {}
    if starts is not None:
        episodes = sorted(episodes, key=lambda episode: episode.env)
        begun = {"starts": f"{len(starts)} recorded starts"}
    return Evaluation(
        game=agent.game,
        scores=[episode.score for episode in episodes],
        lengths=[episode.steps for episode in episodes],
        truncated=sum(episode.truncated for episode in episodes),
        epsilon=config.epsilon,
        seed=seed,
        **begun,
    )
