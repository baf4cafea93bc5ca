"""Every setting of a run, as frozen dataclasses, and the budgets that the command line offers.

Counts end in their unit: `_steps` are agent steps (four emulator frames each), `_updates` are
optimiser steps, `_episodes` are episodes. A setting's type carries its range.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin

from pdlearn.schema import Range, Share, check_fields, types_of

MOST_ENVS = 4_096  # copies of a game in one environment
MOST_STEPS = 10**9  # agent steps of a memory: 7 terabytes of pixels

# Ranges are wide: they exclude what no machine can run and what float32 cannot compute.
Copies = Annotated[int, Range(1, MOST_ENVS)]
Steps = Annotated[int, Range(1, 10**12)]
MemorySteps = Annotated[int, Range(1, MOST_STEPS)]
Minibatch = Annotated[int, Range(1, 65_536)]
Few = Annotated[int, Range(1, 100_000)]
Rate = Annotated[float, Range(0, 10)]
Temperature = Annotated[float, Range(1e-6, 1e6)]


@dataclass(frozen=True)
class Settings:
    """The base of all settings; raises ValueError for a value of another type or range."""

    def __post_init__(self) -> None:
        check_fields(self)


def kinds(config: Settings) -> dict[str, type]:
    """Return the type of each setting of `config` by name: int, float, bool or str."""

    def plain(kind: Any) -> type:
        if get_origin(kind) is Literal:
            return str
        return plain(get_args(kind)[0]) if get_args(kind) else kind

    return {name: plain(kind) for name, kind in types_of(config.__class__).items()}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """What all trainings set; each kind of training has defaults of its own."""

    size: str = "teacher"
    """teacher, or net1 to net5; multi3 or multi10 for several games"""
    num_envs: Copies = 16
    """copies of each game that are played in parallel"""
    minibatch: Minibatch
    """transitions, or a student's states, in a minibatch"""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """adam, or rmsprop (centred, as Nature DQN's)"""
    learning_rate: Annotated[float | None, Range(0, 10)]
    """the first or highest learning rate"""
    learning_rate_final: Rate
    """the last learning rate"""
    optimizer_epsilon: Share = 1e-5
    """added to the denominator (adam) or inside the root (rmsprop)"""
    normalization: Literal["layer", "none"] = "layer"
    """layer or none (the paper's): normalisation before the ReLU of every hidden layer"""


@dataclass(frozen=True, kw_only=True)
class QLearningConfig(TrainingConfig):
    """What the trainings of a teacher by Q-learning set."""

    agent_steps: Steps
    """agent steps in total, over all copies and all games"""
    discount: Share = 0.99
    """discount factor gamma"""
    epsilon_start: Share = 1.0
    """probability of a random action at the first step"""
    epsilon_final: Share = 0.01
    """probability of a random action after the decay"""
    epsilon_decay_steps: Steps
    """agent steps over which epsilon decays linearly"""
    longest_hold_steps: Few = 1
    """largest number of steps that a random action is repeated for (1: epsilon-greedy)"""
    clip_reward: bool = True
    """learn from the sign of rewards (scores are raw)"""
    end_on_life_loss: bool = True
    """store discount 0 at a lost life (the game continues)"""
    evaluation_period_steps: Steps
    """agent steps between evaluations"""
    evaluation_episodes: Few = 10
    """episodes of an evaluation during training"""
    evaluation_epsilon: Share = 0.05
    """probability of a random action in evaluations"""


@dataclass(frozen=True, kw_only=True)
class DQNConfig(QLearningConfig):
    """Settings of a DQN teacher (Mnih et al. 2015, with later improvements).

    Args:
        **settings: the fields below and of the base classes, each described under its name

    Raises:
        ValueError: for a value of another type or out of range
    """

    agent_steps: Steps = 1_000_000
    epsilon_decay_steps: Steps = 80_000
    evaluation_period_steps: Steps = 80_000
    minibatch: Minibatch = 32
    learning_rate: Rate = 1.5e-4
    """learning rate until the last quarter of the run"""
    learning_rate_final: Rate = 4e-5
    """learning rate in the last quarter; a lower one reduces the noise of the values"""
    memory_steps: MemorySteps = 300_000
    """capacity of each game's replay memory in agent steps"""
    learn_start_steps: Annotated[int, Range(0, 10**12)] = 10_000
    """agent steps stored before learning begins (again after --resume)"""
    samples_per_step: Annotated[float, Range(0, 10_000)] = 2.0
    """sampled transitions per agent step"""
    priority_exponent: Annotated[float, Range(0, 10)] = 0.5
    """prioritised replay samples in proportion to |TD error| to this power (0: uniformly)"""
    n_step: Annotated[int, Range(1, 1_000)] = 10
    """rewards summed before bootstrapping"""
    double: bool = False
    """use the target of double DQN"""
    quantiles: Annotated[int, Range(0, 1_000)] = 0
    """quantiles of each action's return to learn, as QR-DQN (0 or 1: the mean alone)"""
    target_period_updates: Steps = 250
    """updates between copies of the network into the target network"""
    distillation_weight: Annotated[float, Range(0, 1e6)] = 0.0
    """first weight of a teacher's KL in the loss, which falls linearly to 0 (0: no teacher)"""
    distillation_decay_steps: Steps = 500_000
    """agent steps after which the weight is 0"""
    distillation_temperature: Temperature = 0.1
    """divides the values of both networks in that KL"""


@dataclass(frozen=True, kw_only=True)
class PQNConfig(QLearningConfig):
    """Settings of a teacher trained by parallel Q-learning (Gallici et al. 2024).

    Args:
        **settings: the fields below and of the base classes, each described under its name

    Raises:
        ValueError: for a value of another type or out of range
    """

    agent_steps: Steps = 5_000_000
    epsilon_decay_steps: Steps = 250_000
    evaluation_period_steps: Steps = 500_000
    num_envs: Copies = 128
    minibatch: Minibatch = 128
    learning_rate: Rate = 2.5e-4
    """learning rate at the first update"""
    learning_rate_final: Rate = 5e-6
    """learning rate at the last update (linear decay)"""
    rollout_steps: Few = 32
    """agent steps of each copy between two rounds of minibatches"""
    epochs: Annotated[int, Range(1, 1_000)] = 2
    """passes over the transitions of each roll-out"""
    lambda_: Share = 0.65
    """decay of the λ-returns: 0 is a 1-step target, 1 sums rewards to the roll-out's end"""
    max_gradient_norm: Annotated[float, Range(0, 1e6)] = 10.0
    """a gradient with a larger norm is scaled down to this norm"""


@dataclass(frozen=True, kw_only=True)
class DistillConfig(TrainingConfig):
    """Settings of a student (paper, section 3 and appendix A).

    Args:
        **settings: the fields below and of the base class, each described under its name

    Raises:
        ValueError: for a value of another type or out of range
    """

    size: str = "net3"
    minibatch: Minibatch = 64
    learning_rate: Annotated[float | None, Range(0, 10)] = None
    """the highest learning rate (None: 3e-3; of teacher, multi3 and multi10 1e-3)"""
    learning_rate_final: Rate = 3e-5
    """learning rate at the last update (linear decay)"""
    optimizer_epsilon: Share = 1e-8
    normalization: Literal["layer", "none"] = "none"
    loss: Literal["kl", "reverse_kl", "nll", "mse", "advantage_mse"] = "kl"
    """kl, reverse_kl, nll, mse, or advantage_mse"""
    temperature: Temperature = 0.03
    """divides the teacher's Q-values (kl and reverse_kl); the paper uses 0.01"""
    hours: Annotated[int, Range(1, 10**6)] = 2
    """rounds: in each one every teacher plays `steps_per_hour`, then the student learns"""
    steps_per_hour: MemorySteps = 54_000
    """agent steps that each teacher records in a round"""
    updates_per_hour: Annotated[int, Range(0, 10**9)] = 5_000
    """minibatches in a round, of all games together"""
    memory_hours: Annotated[int, Range(1, 10**6)] = 10
    """rounds of play that the memory of each game holds"""
    warmup_share: Share = 0.1
    """share of the updates with linear warm-up of the learning rate; avoids dead ReLUs"""
    collection_epsilon: Share = 0.05
    """probability of a random action while recording"""
    student_preprocessing: Literal["pdlearn", "teacher"] = "pdlearn"
    """what the student sees: as pdlearn shows games, or as the teacher sees them (teacher)"""
    student_share: Share = 0.0
    """share of recorded steps in which the student acts (0 in the paper); the teacher labels all"""

    def settled(self) -> "DistillConfig":
        """Replace a learning rate of None by the default of the size.

        The rate for small networks is too high for large ones: their ReLUs die within a few hundred
        updates.

        Returns:
            the same settings with a learning rate
        """
        # Files written before None was allowed hold 0.0 in its place.
        if self.learning_rate not in (None, 0.0):
            return self
        large = self.size in ("teacher", "multi3", "multi10")
        return replace(self, learning_rate=1e-3 if large else 3e-3)


@dataclass(frozen=True)
class EvalConfig(Settings):
    """Settings of an evaluation: the paper's protocol (section 4) with no-op starts.

    With a multiple of thirty episodes, each number of no-ops from 0 to 29 is used equally often.

    Args:
        **settings: the fields below, each described under its name

    Raises:
        ValueError: for a value of another type or out of range
    """

    episodes: Few = 30
    """number of full episodes"""
    epsilon: Share = 0.05
    """probability of a random action"""
    num_envs: Copies = 30
    """copies of the game, in two half-batches: inference of one overlaps emulation of the other"""
    sticky_action_probability: Annotated[float | None, Range(0, 1)] = None
    """probability of a repeated action (None: that of the agent's preprocessing)"""
    fire_after_life: bool | None = None
    """whether FIRE is pressed after a lost life (None: as in the agent's preprocessing)"""


def settings_class(kind: str) -> type[Settings]:
    """Return the class of the settings of a run: dqn, pqn, distill or online."""
    return {"dqn": DQNConfig, "pqn": PQNConfig, "distill": DistillConfig, "online": DistillConfig}[
        kind
    ]


DQN_BUDGETS = {
    "smoke": DQNConfig(
        agent_steps=2_000, num_envs=4, memory_steps=2_000, learn_start_steps=500,
        samples_per_step=1.0, epsilon_decay_steps=1_000,
        evaluation_period_steps=2_000, evaluation_episodes=1,
    ),
    "fast": DQNConfig(),
    "full": DQNConfig(
        agent_steps=10_000_000, num_envs=64, memory_steps=1_000_000, minibatch=256, double=True,
        samples_per_step=8.0, priority_exponent=0.0, n_step=3, learning_rate=2e-4,
        learning_rate_final=5e-5, optimizer_epsilon=1.5e-4, target_period_updates=1_000,
        epsilon_decay_steps=500_000, evaluation_period_steps=250_000,
    ),
    # Nature DQN (Mnih et al. 2015). Its loss is a sum over 32 transitions, ours a mean. Therefore
    # the epsilon 0.01 inside the root becomes 0.01 / 32**2.
    "paper": DQNConfig(
        agent_steps=50_000_000, num_envs=1, memory_steps=1_000_000, learn_start_steps=50_000,
        minibatch=32, samples_per_step=8.0, priority_exponent=0.0, n_step=1, optimizer="rmsprop",
        learning_rate=2.5e-4, learning_rate_final=2.5e-4, optimizer_epsilon=0.01 / 32**2,
        target_period_updates=2_500,
        epsilon_final=0.1, epsilon_decay_steps=1_000_000,
        evaluation_period_steps=250_000, evaluation_episodes=30, normalization="none",
    ),
}  # fmt: skip

PQN_BUDGETS = {
    "smoke": PQNConfig(
        agent_steps=2_000, num_envs=8, rollout_steps=16, minibatch=64, epsilon_decay_steps=1_000,
        evaluation_period_steps=2_000, evaluation_episodes=1,
    ),
    "fast": PQNConfig(),
    "full": PQNConfig(agent_steps=10_000_000, epsilon_decay_steps=1_000_000),
    # The published settings for Atari (Gallici et al. 2024, table of appendix), 50 million steps.
    "paper": PQNConfig(
        agent_steps=50_000_000, epsilon_final=0.001, epsilon_decay_steps=5_000_000,
        learning_rate_final=2.5e-4,
    ),
}  # fmt: skip

BUDGETS: dict[str, Mapping[str, DQNConfig | PQNConfig]] = {"dqn": DQN_BUDGETS, "pqn": PQN_BUDGETS}

# Games that PQN learns faster than DQN in an hour of one thread (docs/results/teacher_recipes.csv).
PQN_GAMES = ("breakout",)


def method_for(games: Sequence[str], budget: str) -> str:
    """Return the default method, dqn or pqn, for `games` under `budget`."""
    fast = budget in ("smoke", "fast", "full")
    return "pqn" if fast and all(game in PQN_GAMES for game in games) else "dqn"


DISTILL_BUDGETS = {
    "smoke": DistillConfig(
        hours=1, steps_per_hour=1_000, updates_per_hour=50, minibatch=32, num_envs=4
    ),
    "fast": DistillConfig(),
    "full": DistillConfig(hours=10, updates_per_hour=10_000, minibatch=128),
    # The paper does not give minibatch, decay and constants; see docs/differences.md.
    "paper": DistillConfig(
        temperature=0.01, hours=500, updates_per_hour=10_000, minibatch=32, optimizer="rmsprop",
        learning_rate=2.5e-4, learning_rate_final=2.5e-4, warmup_share=0.0,
        optimizer_epsilon=1e-6, num_envs=1,
    ),
}  # fmt: skip

# In an online round the DQN trains for `steps_per_hour`, then its best network plays as many steps.
# Rounds are shorter than for a fixed teacher, because the teacher changes. The learning rate is
# constant, because the teacher may change late.
ONLINE_BUDGETS = {
    "smoke": DistillConfig(
        size="net3", steps_per_hour=500, updates_per_hour=10, minibatch=32, num_envs=4,
        learning_rate=1e-3, learning_rate_final=1e-3,
    ),
    "fast": DistillConfig(
        size="teacher", steps_per_hour=20_000, updates_per_hour=400,
        learning_rate=3e-4, learning_rate_final=3e-4,
    ),
    "full": DistillConfig(
        size="teacher", updates_per_hour=2_000, minibatch=128,
        learning_rate=3e-4, learning_rate_final=3e-4,
    ),
    "paper": replace(DISTILL_BUDGETS["paper"], size="teacher"),
}  # fmt: skip
