"""Checker of the teacher's exploration schedule."""

from collections.abc import Callable
from dataclasses import replace

from pdlearn import dqn
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.presets import DQNConfig

EPSILON_MISTAKES = [
    Mistake(
        lambda c, n: c.epsilon_start - n / c.epsilon_decay_steps * _fall(c),
        "It falls on after the decay, below the final value and below 0. Limit the finished part "
        "of the decay to 1 with `min`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start * (1 - min(n / c.epsilon_decay_steps, 1.0)),
        "It falls to 0; the last value is `epsilon_final`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start - min(n / c.agent_steps, 1.0) * _fall(c),
        "It falls over the whole run. The decay is `epsilon_decay_steps` long.",
    ),
    Mistake(
        lambda c, n: c.epsilon_final + min(n / c.epsilon_decay_steps, 1.0) * _fall(c),
        "It rises: start and end are swapped.",
    ),
    Mistake(
        lambda c, n: max(c.epsilon_start - n / c.epsilon_decay_steps, c.epsilon_final),
        "It falls by 1 over the decay and ends early. It must fall by the difference between "
        "start and end.",
    ),
    Mistake(
        lambda c, n: max(c.epsilon_start - n / c.epsilon_decay_steps * _fall(c), 0),
        "It falls on to 0 after the decay. It must stay at `epsilon_final`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start,
        "It does not fall at all; the number of steps is not used.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start - min(n // c.epsilon_decay_steps, 1) * _fall(c),
        "It is constant until the decay ends, and then jumps: `//` drops the fraction. Use `/`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start * (c.epsilon_final / c.epsilon_start) ** _done(c, n),
        "It falls by the same *factor* in equal times. It must fall on a straight line.",
    ),
    Mistake(
        lambda c, n: 1 - _done(c, n) * (1 - c.epsilon_final),
        "It begins at 1; the first value is `epsilon_start`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start + _done(c, n) * _fall(c),
        "The sign of the change is wrong: it rises from `epsilon_start`.",
    ),
    Mistake(
        lambda c, n: c.epsilon_start - _done(c, n) * c.epsilon_final,
        "It falls by `epsilon_final`. It must fall *to* it, by the difference between start and "
        "end.",
    ),
    Mistake(
        lambda c, n: _done(c, n),
        "This is the finished share of the decay. Use it to go from `epsilon_start` to "
        "`epsilon_final`.",
    ),
]


def _fall(config: DQNConfig) -> float:
    return config.epsilon_start - config.epsilon_final


def _done(config: DQNConfig, agent_steps: int) -> float:
    return min(agent_steps / config.epsilon_decay_steps, 1.0)


def check_epsilon(function: Callable) -> Verdict:
    """Check a function that computes the exploration at a step of the training.

    Args:
        function: takes a `DQNConfig` and the number of agent steps so far; returns the probability
            of a random action, which falls linearly and then stays (Mnih et al. 2015, methods)

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    config = replace(
        DQNConfig(), agent_steps=4_000, epsilon_start=0.9, epsilon_final=0.1,
        epsilon_decay_steps=1_000,
    )  # fmt: skip
    cases = [(config, agent_steps) for agent_steps in (0, 250, 950, 1_000, 3_000)]
    praise = "It agrees with `dqn.epsilon_at`."
    return compare(function, dqn.epsilon_at, cases, EPSILON_MISTAKES, praise=praise)
