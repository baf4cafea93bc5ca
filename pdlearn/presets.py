"""Every setting of a run, as frozen dataclasses; a budget is a value one can print.

Counts end in their unit: `_steps` are agent steps (four emulator frames), `_updates` optimiser
steps, `_episodes` episodes.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

SHARES = ("discount", "epsilon", "epsilon_start", "epsilon_final", "evaluation_epsilon",
          "collection_epsilon", "warmup_share", "student_share", "lambda_")  # fmt: skip
MAY_BE_ZERO = ("learn_start_steps", "updates_per_hour")  # of the counts


@dataclass(frozen=True)
class Settings:
    """What a run is told; raises ValueError for a number that is out of its setting's range."""

    def __post_init__(self):
        for setting in fields(self):
            name, value = setting.name, getattr(self, setting.name)
            if setting.type not in (int, float):
                continue
            lowest = 1 if setting.type is int and name not in MAY_BE_ZERO else 0
            highest = 1 if name in SHARES else sys.float_info.max
            if not lowest <= value <= highest:
                wanted = "in 0..1" if name in SHARES else f"of at least {lowest}"
                raise ValueError(f"expected {name} {wanted}; got {value}")


@dataclass(frozen=True)
class DQNConfig(Settings):
    """How a DQN teacher is trained."""

    size: str = "teacher"
    """teacher, or net1 to net5; multi3 or multi10 for several games"""
    agent_steps: int = 1_000_000
    """agent steps in all copies of the game together, and of all games together"""
    num_envs: int = 16
    """copies of each game played side by side"""
    memory_steps: int = 300_000
    """agent steps that the replay memory of each game holds"""
    learn_start_steps: int = 10_000
    """agent steps recorded before learning begins (again after --resume)"""
    minibatch: int = 32
    """transitions a minibatch"""
    samples_per_step: float = 2.0
    """transitions learnt per agent step"""
    priority_exponent: float = 0.5
    """prioritised replay draws in proportion to |TD error| to this power (0: uniformly)"""
    n_step: int = 10
    """rewards summed before bootstrapping"""
    double: bool = False
    """double DQN's target"""
    discount: float = 0.99
    """gamma"""
    optimizer: str = "adam"
    """adam, or rmsprop (centred, as Nature DQN's)"""
    learning_rate: float = 1.5e-4
    """step size until the last quarter of the run"""
    learning_rate_final: float = 4e-5
    """step size in the last quarter, where a smaller one settles the values"""
    optimizer_epsilon: float = 1e-5
    """added to the denominator (adam) or inside the root (rmsprop)"""
    target_period_updates: int = 250
    """updates between copies of the network into the target network"""
    epsilon_start: float = 1.0
    """exploration at the first step"""
    epsilon_final: float = 0.01
    """exploration after the decay"""
    epsilon_decay_steps: int = 80_000
    """agent steps of linear decay"""
    longest_hold_steps: int = 1
    """a random action is held for up to so many steps (1: plain epsilon-greedy)"""
    clip_reward: bool = True
    """learn from the sign of rewards (scores stay raw)"""
    end_on_life_loss: bool = True
    """a lost life gives discount 0 (the game goes on)"""
    evaluation_period_steps: int = 80_000
    """agent steps between evaluations"""
    evaluation_episodes: int = 10
    """episodes of an evaluation while training"""
    evaluation_epsilon: float = 0.05
    """exploration while evaluating"""
    normalization: str = "layer"
    """layer, or none: of every hidden layer before its ReLU"""


@dataclass(frozen=True)
class PQNConfig(Settings):
    """How a teacher is trained by parallel Q-learning (Gallici et al. 2024)."""

    size: str = "teacher"
    """teacher, or net1 to net5; multi3 or multi10 for several games"""
    agent_steps: int = 5_000_000
    """agent steps in all copies of the game together, and of all games together"""
    num_envs: int = 128
    """copies of each game played side by side"""
    rollout_steps: int = 32
    """agent steps of each copy before each round of minibatches"""
    epochs: int = 2
    """times that each transition of a roll-out is learnt"""
    minibatch: int = 128
    """transitions a minibatch"""
    lambda_: float = 0.65
    """decay of the λ-returns: 0 looks one step ahead, 1 to the roll-out's end"""
    discount: float = 0.99
    """gamma"""
    optimizer: str = "adam"
    """adam or rmsprop"""
    learning_rate: float = 2.5e-4
    """learning rate at the first update"""
    learning_rate_final: float = 5e-6
    """learning rate at the last update (linear decay)"""
    optimizer_epsilon: float = 1e-5
    """added to the denominator (adam) or inside the root (rmsprop)"""
    max_gradient_norm: float = 10.0
    """a longer gradient is scaled down to this norm"""
    epsilon_start: float = 1.0
    """exploration at the first step"""
    epsilon_final: float = 0.01
    """exploration after the decay"""
    epsilon_decay_steps: int = 250_000
    """agent steps of linear decay"""
    longest_hold_steps: int = 1
    """a random action is held for up to so many steps (1: plain epsilon-greedy)"""
    clip_reward: bool = True
    """learn from the sign of rewards (scores stay raw)"""
    end_on_life_loss: bool = True
    """a lost life gives discount 0 (the game goes on)"""
    evaluation_period_steps: int = 500_000
    """agent steps between evaluations"""
    evaluation_episodes: int = 10
    """episodes of an evaluation while training"""
    evaluation_epsilon: float = 0.05
    """exploration while evaluating"""
    normalization: str = "layer"
    """layer, or none: of every hidden layer before its ReLU"""


@dataclass(frozen=True)
class DistillConfig(Settings):
    """How a student is distilled (paper, appendix A)."""

    size: str = "net3"
    """teacher, or net1 to net5; multi3 or multi10 for several games"""
    loss: str = "kl"
    """kl, reverse_kl, nll or mse"""
    temperature: float = 0.03
    """divides the teacher's values (kl and reverse_kl); the paper chose 0.01"""
    hours: int = 2
    """hours of play of each teacher, 54,000 agent steps each"""
    steps_per_hour: int = 54_000
    """agent steps recorded before each round of updates"""
    updates_per_hour: int = 5_000
    """minibatches after each hour, of all games together"""
    memory_hours: int = 10
    """hours the memory of each game holds"""
    minibatch: int = 64
    """states a minibatch"""
    optimizer: str = "adam"
    """adam or rmsprop"""
    learning_rate: float = 0.0
    """largest step size (0: 3e-3, or 3e-4 of networks of the teacher's size and larger)"""
    learning_rate_final: float = 3e-5
    """step size at the end (linear decay)"""
    warmup_share: float = 0.1
    """share of the updates over which the step size rises, lest the first silence hidden units"""
    optimizer_epsilon: float = 1e-8
    """added to the denominator (adam) or inside the root (rmsprop)"""
    num_envs: int = 16
    """copies of the game the teacher plays side by side"""
    collection_epsilon: float = 0.05
    """exploration while recording"""
    student_share: float = 0.0
    """share of recorded steps that the student takes (0 in the paper); the teacher labels all"""
    normalization: str = "none"
    """none (the paper's), or layer: of every hidden layer before its ReLU"""

    def settled(self) -> "DistillConfig":
        """Return the same settings with a step size, where they leave it to the network's size.

        What teaches small networks quickly silences large ones within a few hundred updates.
        """
        if self.learning_rate > 0:
            return self
        large = self.size in ("teacher", "multi3", "multi10")
        return replace(self, learning_rate=3e-4 if large else 3e-3)


@dataclass(frozen=True)
class EvalConfig(Settings):
    """How an agent is judged: the paper's protocol with no-op starts.

    Thirty episodes, or a multiple of thirty, have every count of no-ops equally often.
    """

    episodes: int = 30
    """full episodes"""
    epsilon: float = 0.05
    """exploration"""
    num_envs: int = 30
    """copies of the game, in two teams that take turns: one decides, the other's emulators work"""


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
    # Nature DQN to the letter (Mnih et al. 2015). Its loss is a sum over 32 transitions and ours a
    # mean; 0.01 / 32**2 inside the root of a mean is 0.01 inside the root of a sum.
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

BUDGETS: dict[str, Mapping[str, DQNConfig | PQNConfig]] = {
    "dqn": DQN_BUDGETS,
    "pqn": PQN_BUDGETS,
}

# Where PQN learns more than DQN in an hour of one thread; see docs/results/teacher_recipes.csv.
PQN_GAMES = ("breakout",)


def method_for(games: Sequence[str], budget: str) -> str:
    """Return dqn or pqn: what `budget` trains `games` by where no method is named."""
    fast = budget in ("smoke", "fast", "full")
    return "pqn" if fast and all(game in PQN_GAMES for game in games) else "dqn"


DISTILL_BUDGETS = {
    "smoke": DistillConfig(
        hours=1, steps_per_hour=1_000, updates_per_hour=50, minibatch=32, num_envs=4
    ),
    "fast": DistillConfig(),
    "full": DistillConfig(hours=10, updates_per_hour=10_000, minibatch=128),
    # The paper leaves minibatch, decay and constants open; see docs/differences.md.
    "paper": DistillConfig(
        temperature=0.01, hours=500, updates_per_hour=10_000, minibatch=32, optimizer="rmsprop",
        learning_rate=2.5e-4, learning_rate_final=2.5e-4, warmup_share=0.0,
        optimizer_epsilon=1e-6, num_envs=1,
    ),
}  # fmt: skip

# Online, an hour is a round: so many steps of the DQN's learning, then as many of its best's play.
# Rounds are shorter, since the teacher changes, and the step size stays, since it may change late.
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


def describe(config: Settings) -> dict:
    """Return the settings of `config` as a dictionary, in the order they are declared."""
    return {field.name: getattr(config, field.name) for field in fields(config)}
