"""Judging an agent: full episodes, raw scores, an interval beside a mean (paper, section 4)."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.presets import EvalConfig
from pdlearn.progress import Bar
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

# The name of how episodes begin and are scored without recorded starts. A change that makes scores
# differ gets a new version.
PROTOCOL = "no-op starts v2"
NO_OP_STARTS = f"{PROTOCOL} (0 to 29 frames equally often)"


def protocol_of(epsilon: float, begun: str = NO_OP_STARTS) -> str:
    """Return the protocol in words, as cards and CSVs have it."""
    return f"{begun}, epsilon {epsilon}, 108000-frame cap, raw score"


@dataclass(frozen=True)
class Evaluation:
    """The scores of an agent and how they were obtained.

    The lists have an entry an episode, in the order of the starts: episode n of two agents judged
    with one seed begins alike.
    """

    game: str
    scores: list[float]
    lengths: list[int]  # agent steps
    truncated: int  # episodes cut by the frame cap
    epsilon: float
    seed: int
    starts: list[int] = field(
        default_factory=list
    )  # see `start_list`, or a recorded start's number
    emulator_seeds: list[int] = field(default_factory=list)
    begun: str = NO_OP_STARTS  # where episodes began, in words

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

    @property
    def protocol(self) -> str:
        return protocol_of(self.epsilon, self.begun)

    def card(self) -> dict:
        """Return what a checkpoint's card keeps of this evaluation."""
        low, high = self.interval
        return {
            "mean": self.mean, "low": low, "high": high, "episodes": self.episodes,
            "epsilon": self.epsilon, "seed": self.seed, "mean_steps": float(np.mean(self.lengths)),
            "truncated": self.truncated, "protocol": self.protocol,
        }  # fmt: skip


def start_list(game: str, episodes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each episode's start and emulator seed, int64 `[N]` both.

    A start of an Atari game is a count of no-ops, in emulator frames: all counts that ale-py can
    give, 0 to 29, in a random order, then again all in another. One count is one emulator seed
    (`envs.no_op_seeds`). Other environments have a seed of their own for each episode; the start is
    its index.
    """
    if not envs.is_atari(game):
        return np.arange(episodes), envs.env_seeds(seed, "evaluate", episodes)
    generator = np.random.default_rng(_streams(seed)[0])
    seeds = envs.no_op_seeds()
    turns = -(-episodes // len(seeds))
    starts = np.concatenate([generator.permutation(len(seeds)) for _ in range(turns)])[:episodes]
    return starts, seeds[starts]


def _streams(seed: int) -> list[np.random.SeedSequence]:
    """Return the seed streams of the order of starts and of the exploration."""
    return np.random.SeedSequence([seed, envs.PURPOSES.index("evaluate")]).spawn(2)


def play_episodes(
    agent: Agent,
    config: EvalConfig = EvalConfig(),
    seed: int = 0,
) -> Generator[list[Episode], None, None]:
    """Play the episodes of `start_list`; yield, every turn, those that it ended.

    An episode's `env` is its index in the list. Each is played once, from a reset of its own,
    however long the others are: short episodes are not favoured over long ones.
    """
    _, seeds = start_list(agent.game, config.episodes, seed)
    policy = _policy(agent, config, seed)
    yield from _play_each(
        lambda numbers: steps_from(envs.make(agent.game, len(numbers)), policy, seeds[numbers]),
        config.episodes,
        config.num_envs,
    )


def play_starts(
    agent: Agent, starts: Starts, config: EvalConfig = EvalConfig(), seed: int = 0
) -> Generator[list[Episode], None, None]:
    """Play an episode from each of `starts`; yield, every turn, those that it ended.

    An episode's `env` is the number of its start, its score and length are the agent's own, from
    the hand-over on; the frame cap holds for the whole episode, replay included. Raises ValueError
    if the starts are of another game, or lead elsewhere than they did when they were recorded.
    """
    if starts.game != agent.game:
        raise ValueError(f"starts of {starts.game!r}; expected {agent.game!r}, the agent's game")
    policy = _policy(agent, config, seed)
    entries = starts.entries
    play = _play_each(
        lambda numbers: play_from(starts, [entries[number] for number in numbers], policy),
        len(entries),
        config.num_envs,
    )
    for ended in play:
        yield [
            episode._replace(steps=episode.steps - len(entries[episode.env].actions))
            for episode in ended
        ]


Play = Callable[
    [np.ndarray], Generator[Step, None, None]
]  # the episodes of these numbers, a copy each


def _play_each(play: Play, episodes: int, num_envs: int) -> Generator[list[Episode], None, None]:
    """Play episodes 0 to `episodes` - 1 once each, `num_envs` side by side.

    Every team plays its share of the first `num_envs` to the end, then of the next, ...
    """
    numbers = np.arange(episodes)
    rounds = [numbers[begin : begin + num_envs] for begin in range(0, episodes, num_envs)]
    shares = zip(*(np.array_split(each, TEAMS) for each in rounds), strict=True)
    return _take_turns([_play_rounds(play, share) for share in shares if len(share[0])])


def _play_rounds(play: Play, rounds: Iterable[np.ndarray]) -> Generator[list[Episode], None, None]:
    for numbers in rounds:
        if len(numbers):
            yield from _play_once(play(numbers), numbers)


def _take_turns(
    teams: Iterable[Generator[list[Episode], None, None]],
) -> Generator[list[Episode], None, None]:
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


def _play_once(
    play: Generator[Step, None, None], numbers: np.ndarray
) -> Generator[list[Episode], None, None]:
    """Play until every copy has ended an episode; yield, every step, those that it ended.

    An episode's `env` is that of `numbers` which belongs to its copy. What a copy plays after its
    first episode, while others still play theirs, does not count.
    """
    tracker = EpisodeTracker(len(numbers))
    playing = np.ones(len(numbers), bool)
    try:
        for step in play:
            ended = [episode for episode in tracker.add(step) if playing[episode.env]]
            playing[[episode.env for episode in ended]] = False
            yield [episode._replace(env=int(numbers[episode.env])) for episode in ended]
            if not playing.any():
                return
    finally:
        play.close()


def _policy(agent: Agent, config: EvalConfig, seed: int) -> EpsilonGreedy:
    device = next(agent.network.parameters()).device
    stream = int(_streams(seed)[1].generate_state(1)[0])
    generator = torch.Generator(device).manual_seed(stream)
    return EpsilonGreedy(agent.network, config.epsilon, generator)


def evaluate(
    agent: Agent,
    config: EvalConfig = EvalConfig(),
    seed: int = 0,
    starts: Starts | None = None,
    *,
    progress: bool | str = False,
) -> Evaluation:
    """Play full episodes of the agent's game and return their scores.

    Without `starts` these are `config.episodes` from the no-op starts of `start_list`; the games'
    seeds are never those of training or of recorded data. With `starts` it is one episode from
    each, in their order (a smaller number: `starts.first(30)`), and `seed` is the exploration's.
    With `progress`, True or what is evaluated in words, a bar counts the episodes that ended and
    the turns played; PDLEARN_QUIET turns it off. Raises ValueError as `play_starts` does.
    """
    if starts is None:
        total, play = config.episodes, play_episodes(agent, config, seed)
    else:
        total, play = len(starts), play_starts(agent, starts, config, seed)
    if progress:
        title = agent.game if progress is True else progress
        play = _shown(play, Bar(f"evaluate {title}", total, "episodes"))
    return summarise(agent, list(itertools.chain.from_iterable(play)), config, seed, starts=starts)


def _shown(play: Iterable[list[Episode]], bar: Bar) -> Generator[list[Episode], None, None]:
    """Pass on what `play` yields, and draw it: the episodes that ended, and the newest score.

    The games run side by side, so the bar stands for long before the first ends: the turns played
    count on beside it.
    """
    done = 0
    score: dict[str, float] = {}
    try:
        for turns, ended in enumerate(play, 1):
            done += len(ended)
            score = {"score": ended[-1].score} if ended else score
            bar.update(done, turns=turns, **score)
            yield ended
    finally:
        bar.close()


def summarise(
    agent: Agent,
    episodes: list[Episode],
    config: EvalConfig,
    seed: int,
    *,
    starts: Starts | None = None,
) -> Evaluation:
    """Return the evaluation that episodes of `play_episodes`, or of `play_starts`, make."""
    if starts is None:
        begun = NO_OP_STARTS
        numbers, seeds = (each.tolist() for each in start_list(agent.game, len(episodes), seed))
    else:
        begun = f"{len(starts)} recorded starts"
        numbers, seeds = list(range(len(starts))), [start.seed for start in starts.entries]
    episodes = sorted(episodes, key=lambda episode: episode.env)
    return Evaluation(
        game=agent.game,
        scores=[episode.score for episode in episodes],
        lengths=[episode.steps for episode in episodes],
        truncated=sum(episode.truncated for episode in episodes),
        epsilon=config.epsilon,
        seed=seed,
        starts=numbers,
        emulator_seeds=seeds,
        begun=begun,
    )
