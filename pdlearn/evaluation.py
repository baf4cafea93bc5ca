"""Evaluation: full episodes, raw scores, the mean with an interval (paper, section 4).

Evaluation alternates two half-batches of copies, so that inference overlaps emulation. Which
episodes are played is fixed before the first step. The module is called `evaluation` and the
function `evaluate`, because a module and a function of one name would hide each other in `pdlearn`.
"""

import itertools
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import Preprocessing, from_card
from pdlearn.half_batches import play_each
from pdlearn.presets import EvalConfig
from pdlearn.progress import Bar
from pdlearn.rollout import Episode, EpsilonGreedy, Step, steps_from
from pdlearn.starts import Starts, play_from
from pdlearn.statistics import interval

# The protocol without recorded starts: how episodes begin and how they are scored. A change that
# affects scores needs a new version.
PROTOCOL = "no-op starts v2"
NO_OP_STARTS = f"{PROTOCOL} (0 to 29 frames equally often)"


def protocol_of(epsilon: float, begun: str = NO_OP_STARTS) -> str:
    """Return the description of the protocol that cards and CSV files contain."""
    return f"{begun}, epsilon {epsilon}, 108000-frame cap, raw score"


@dataclass(frozen=True)
class Evaluation:
    """The scores of an agent and how they were obtained.

    The lists have one entry per episode, in the order of the starts. Episode n of two agents that
    are evaluated with the same seed has the same start.

    Args:
        game: that was played
        scores: raw scores
        lengths: in agent steps
        truncated: number of episodes cut by the frame cap
        epsilon: probability of a random action
        seed: of the starts and the exploration
        starts: as in `start_list`, or the numbers of recorded starts
        emulator_seeds: of the episodes
        begun: description of the starts
    """

    game: str
    scores: list[float]
    lengths: list[int]
    truncated: int
    epsilon: float
    seed: int
    starts: list[int] = field(default_factory=list)
    emulator_seeds: list[int] = field(default_factory=list)
    begun: str = NO_OP_STARTS

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
        """Summarise the evaluation for an agent's card.

        Returns:
            mean, low and high (the 95 % interval), episodes, epsilon, seed, mean_steps, truncated
            and protocol
        """
        low, high = self.interval
        return {
            "mean": self.mean, "low": low, "high": high, "episodes": self.episodes,
            "epsilon": self.epsilon, "seed": self.seed, "mean_steps": float(np.mean(self.lengths)),
            "truncated": self.truncated, "protocol": self.protocol,
        }  # fmt: skip


def profile_of(agent: Agent, config: EvalConfig = EvalConfig()) -> Preprocessing:
    """Return the preprocessing under which an agent is evaluated: its card's, then `config`'s."""
    profile = from_card(agent.card.get("preprocessing"))
    if config.sticky_action_probability is not None:
        profile = replace(profile, sticky_action_probability=config.sticky_action_probability)
    if config.fire_after_life is not None:
        profile = replace(profile, fire_after_life=config.fire_after_life)
    return profile


def starts_under(profile: Preprocessing) -> str:
    """Return in words how a profile's episodes start, and what the game does by itself."""
    begun = f"drawn starts ({profile.noop_words})" if profile.draws_starts else NO_OP_STARTS
    return ", ".join([begun, *profile.game_words()])


def start_list(
    game: str, episodes: int, seed: int, profile: Preprocessing = Preprocessing()
) -> tuple[np.ndarray, np.ndarray]:
    """Return the start and the emulator seed of each episode, int64 `[N]` each.

    The start of an Atari game is the number of no-ops in emulator frames. The list has all numbers
    that ale-py can draw, 0 to 29, in random order, then all of them in another random order, and
    so on. Each number belongs to one emulator seed (`envs.NO_OP_SEEDS`). Other environments, and
    Atari games under a `profile` with sticky actions or other no-ops, have a different seed for
    each episode, and the start is the episode's index.
    """
    if not envs.is_atari(game) or profile.draws_starts:
        return np.arange(episodes), envs.env_seeds(seed, "evaluate", episodes)
    generator = np.random.default_rng(streams(seed)[0])
    seeds = envs.NO_OP_SEEDS
    turns = -(-episodes // len(seeds))
    starts = np.concatenate([generator.permutation(len(seeds)) for _ in range(turns)])[:episodes]
    return starts, seeds[starts]


def streams(seed: int) -> list[np.random.SeedSequence]:
    """Return two independent seeds: for the order of starts and for the exploration."""
    return np.random.SeedSequence([seed, envs.PURPOSES.index("evaluate")]).spawn(2)


def play_episodes(
    agent: Agent,
    config: EvalConfig = EvalConfig(),
    seed: int = 0,
) -> Generator[list[Episode], None, None]:
    """Play the episodes of `start_list`; yield after every step the episodes that ended.

    An episode's `env` is its index in the list. Each episode is played exactly once, so that short
    episodes are not overrepresented.
    """
    profile = profile_of(agent, config)
    _, seeds = start_list(agent.game, config.episodes, seed, profile)
    policy = policy_of(agent, config, seed)

    def play(numbers: np.ndarray) -> Generator[Step, None, None]:
        env = agent.environment(len(numbers), preprocessing=profile)
        return steps_from(env, policy, seeds[numbers])

    yield from play_each(play, config.episodes, config.num_envs)


def play_starts(
    agent: Agent, starts: Starts, config: EvalConfig = EvalConfig(), seed: int = 0
) -> Generator[list[Episode], None, None]:
    """Play an episode from each of `starts`; yield after every step the episodes that ended.

    An episode's `env` is the number of its start. Score and length count from the hand-over to the
    agent; the frame cap includes the replayed steps. Raises ValueError if the starts are of another
    game, if a replay does not reach the recorded state, and for an agent or a `config` with other
    preprocessing than pdlearn's own, under which the starts were recorded.
    """
    profile = profile_of(agent, config)
    if not profile.is_ours:
        raise ValueError(
            "starts were recorded under pdlearn's own preprocessing; expected it, got "
            f"{profile.describe()}"
        )
    if starts.game != agent.game:
        raise ValueError(f"starts of {starts.game!r}; expected {agent.game!r}, the agent's game")
    policy = policy_of(agent, config, seed)
    entries = starts.entries
    play = play_each(
        lambda numbers: play_from(starts, [entries[number] for number in numbers], policy),
        len(entries),
        config.num_envs,
    )
    for ended in play:
        yield [
            episode._replace(steps=episode.steps - len(entries[episode.env].actions))
            for episode in ended
        ]


def policy_of(agent: Agent, config: EvalConfig, seed: int) -> EpsilonGreedy:
    """Return the ε-greedy policy of an evaluation, on the agent's device."""
    device = agent.device
    stream = int(streams(seed)[1].generate_state(1)[0])
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
    """Play full episodes of the agent's game and return their scores (paper, section 4).

    Scores are raw. An Atari game is played under the agent's own preprocessing, except for what
    `config` sets; the protocol names what differs from pdlearn's.

    Args:
        agent: for one game
        config: the protocol's settings
        seed: of the starts and the exploration; emulator seeds are never those of training or
            recording
        starts: one episode begins at each of them, in order (`starts.first(30)` selects fewer);
            None: `config.episodes` episodes begin with no-op starts
        progress: True or a title draws a bar of finished episodes; PDLEARN_QUIET turns it off

    Returns:
        the scores, their mean and its 95 % interval

    Raises:
        ValueError: for starts of another game, if a replay does not reach the recorded state, and
            for starts under other preprocessing than pdlearn's own
    """
    if starts is None:
        profile = profile_of(agent, config)
        begun, total = starts_under(profile), config.episodes
        listed = start_list(agent.game, total, seed, profile)
        numbers, seeds = (each.tolist() for each in listed)
        play = play_episodes(agent, config, seed)
    else:
        begun, total = f"{len(starts)} recorded starts", len(starts)
        numbers, seeds = list(range(total)), [start.seed for start in starts.entries]
        play = play_starts(agent, starts, config, seed)
    if progress:
        title = agent.game if progress is True else progress
        play = _shown(play, Bar(f"evaluate {title}", total, "episodes"))
    episodes = sorted(itertools.chain.from_iterable(play), key=lambda episode: episode.env)
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


def _shown(play: Iterable[list[Episode]], bar: Bar) -> Generator[list[Episode], None, None]:
    """Yield what `play` yields, with a bar of the finished episodes, the turns and a score.

    All episodes run in parallel, so that none ends for a long time: the turns show the progress.
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
