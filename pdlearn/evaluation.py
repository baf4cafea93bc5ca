"""Judging an agent: full episodes, raw scores, an interval beside a mean (paper, section 4)."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.presets import EvalConfig
from pdlearn.rollout import (
    Episode,
    EpisodeTracker,
    EpsilonGreedy,
    Step,
    steps_from,
    torch_threads,
)  # fmt: skip
from pdlearn.starts import Starts, play_from
from pdlearn.statistics import interval

TEAMS = 2  # of copies, that take turns


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
    """Play exactly `config.episodes` full episodes; yield, every turn, those that it ended.

    Every copy of the game plays a number of episodes fixed beforehand, so that short episodes are
    not favoured over long ones.
    """
    num_envs = min(config.num_envs, config.episodes)
    quota = np.full(num_envs, config.episodes // num_envs)
    quota[: config.episodes % num_envs] += 1
    policy = _policy(agent, config, seed)
    seeds = envs.env_seeds(seed, "evaluate", num_envs)
    yield from _take_turns(
        _play_quota(steps_from(envs.make(agent.game, len(team)), policy, seeds[team]), quota[team])
        for team in _teams(num_envs)
    )


def play_starts(
    agent: Agent, starts: Starts, config: EvalConfig = EvalConfig(), seed: int = 0
) -> Iterator[list[Episode]]:
    """Play an episode from each of `starts`; yield, every turn, those that it ended.

    An episode's `env` is the number of its start, its score and length are the agent's own, from
    the hand-over on; the frame cap holds for the whole episode, replay included. Raises ValueError
    if the starts are of another game, or lead elsewhere than they did when they were recorded.
    """
    if starts.game != agent.game:
        raise ValueError(f"starts of {starts.game!r}; expected {agent.game!r}, the agent's game")
    policy = _policy(agent, config, seed)
    for begin in range(0, len(starts), config.num_envs):
        entries = starts.entries[begin : begin + config.num_envs]
        yield from _take_turns(
            _play_entries(starts, begin + team, policy) for team in _teams(len(entries))
        )


def _teams(num_envs: int) -> list[np.ndarray]:
    """Return the numbers of the copies in each team, int64 `[E]`."""
    return np.array_split(np.arange(num_envs), min(TEAMS, num_envs))


def _take_turns(teams: Iterable[Iterator[list[Episode]]]) -> Iterator[list[Episode]]:
    """Play each team a step in turn to its end: while one decides, the others' emulators work.

        team 0   decide ── emulators ── decide ── emulators
        team 1   emulators ── decide ── emulators ── decide

    The network leaves processor threads to the emulators that work at the same time.
    """
    waiting = deque(teams)
    try:
        while waiting:
            with torch_threads(max(1, torch.get_num_threads() // len(waiting))):
                ended = next(waiting[0], None)
            if ended is None:
                waiting.popleft()
            else:
                yield ended
                waiting.rotate(-1)
    finally:
        for team in waiting:
            team.close()


def _play_quota(play: Iterator[Step], quota: np.ndarray) -> Iterator[list[Episode]]:
    """Play until copy e has ended `quota[e]` episodes; yield, every step, those that it ended."""
    tracker = EpisodeTracker(len(quota))
    left = quota.copy()
    try:
        for step in play:
            ended = [episode for episode in tracker.add(step) if left[episode.env] > 0]
            for episode in ended:
                left[episode.env] -= 1
            yield ended
            if not left.any():
                return
    finally:
        play.close()


def _play_entries(
    starts: Starts, numbers: np.ndarray, policy: EpsilonGreedy
) -> Iterator[list[Episode]]:
    """Play the starts of these numbers, each to its episode's end, however long the others' are."""
    entries = [starts.entries[number] for number in numbers]
    for ended in _play_quota(play_from(starts, entries, policy), np.ones(len(entries), int)):
        yield [
            episode._replace(
                env=int(numbers[episode.env]),
                steps=episode.steps - len(entries[episode.env].actions),
            )
            for episode in ended
        ]


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
