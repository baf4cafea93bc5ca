"""Checkers of the teacher's loop: what a Q-value is pulled towards, how exploration falls."""

from collections.abc import Callable
from dataclasses import replace

import torch

from pdlearn import dqn, losses
from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Slip, Verdict, compare
from pdlearn.presets import TeacherConfig

TARGET_SLIPS = [
    Slip(
        lambda r, d, q: r + 0.99 * q.max(1).values,
        "The discount is fixed. `discount_t` is 0 where the game ended: nothing comes after it.",
    ),
    Slip(
        lambda r, d, q: r + q.max(1).values,
        "The discount is not used: points far away count as much as points now, and the values "
        "of an ended game go on.",
    ),
    Slip(
        lambda r, d, q: r + d * q.mean(1),
        "This is the mean over actions. The agent will take the best one: `max(1).values`.",
    ),
    Slip(
        lambda r, d, q: r + d * q.max(),
        "`max()` without an axis is the best of the whole minibatch; each state has its own.",
    ),
    Slip(
        lambda r, d, q: d * (r + q.max(1).values),
        "The reward is discounted too. It comes at once; only what follows is discounted.",
    ),
    Slip(
        lambda r, d, q: r + (1 - d) * q.max(1).values,
        "The discount is turned round. It is stored as a discount, not as a flag that says done.",
    ),
    Slip(lambda r, d, q: d * q.max(1).values, "The reward is missing."),
]


def check_td_target(function: Callable) -> Verdict:
    """Check a function of `(reward_t [B], discount_t [B], target_q_t [B, A])`: the target `[B]`."""
    cases = []
    for seed in range(2):
        discount = torch.tensor([0.9, 0.0, 0.97, 0.0, 0.5])
        cases.append((values(seed + 5).mean(1), discount, values(seed, 2.0)))
    return compare(
        function, losses.td_target, cases, TARGET_SLIPS, "It agrees with `losses.td_target`."
    )


EPSILON_SLIPS = [
    Slip(
        lambda c, n: c.epsilon_start - n / c.epsilon_decay_steps * _fall(c),
        "After the decay it goes on falling, below what is asked for and below 0. Let the part "
        "that is done stop at 1, as `min` does.",
    ),
    Slip(
        lambda c, n: c.epsilon_start * (1 - min(n / c.epsilon_decay_steps, 1.0)),
        "It falls to 0; the last value is `epsilon_final`.",
    ),
    Slip(
        lambda c, n: c.epsilon_start - min(n / c.agent_steps, 1.0) * _fall(c),
        "It falls over the whole run. The decay is `epsilon_decay_steps` long.",
    ),
    Slip(
        lambda c, n: c.epsilon_final + min(n / c.epsilon_decay_steps, 1.0) * _fall(c),
        "It rises: start and end are exchanged.",
    ),
    Slip(
        lambda c, n: max(c.epsilon_start - n / c.epsilon_decay_steps, c.epsilon_final),
        "It falls by 1 over the decay, and so arrives early. The whole way is the difference "
        "between start and end.",
    ),
]


def _fall(config: TeacherConfig) -> float:
    return config.epsilon_start - config.epsilon_final


def check_epsilon(function: Callable) -> Verdict:
    """Check a function of `(config, agent_steps)`: exploration that falls linearly, then stays."""
    config = replace(
        TeacherConfig(), agent_steps=4_000, epsilon_start=0.9, epsilon_final=0.1,
        epsilon_decay_steps=1_000,
    )  # fmt: skip
    cases = [(config, agent_steps) for agent_steps in (0, 250, 950, 1_000, 3_000)]
    praise = "It agrees with `dqn.epsilon_at`."
    return compare(function, dqn.epsilon_at, cases, EPSILON_SLIPS, praise)
