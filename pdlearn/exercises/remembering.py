"""Checkers of the replay memory (lesson 02)."""

from collections.abc import Callable

import torch
from torch import Tensor

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare

STACK = 4


def rebuild(frames: Tensor, age: Tensor, t: int) -> Tensor:
    """Return the stack `[4, H, W]` that ends with frame `t` of `frames` `[T, H, W]`."""
    back = torch.arange(STACK - 1, -1, -1)
    stack = frames[t - back]
    stack[back > age[t]] = 0
    return stack


def _rebuild_from_first(frames, age, t):
    back = torch.arange(STACK - 1, -1, -1).clamp(max=int(age[t]))
    return frames[t - back]


def _rebuild_short(frames, age, t):
    back = torch.arange(STACK - 1, -1, -1)
    stack = frames[t - back]
    stack[back >= age[t]] = 0
    return stack


REBUILD_MISTAKES = [
    Mistake(
        lambda frames, age, t: frames[t - torch.arange(STACK - 1, -1, -1)],
        "Early in an episode this takes frames of the episode before. The agent saw zeros there: "
        "`age[t]` says how many frames back still belong to it.",
    ),
    Mistake(
        _rebuild_from_first,
        "Before the first frame you repeat it. Some libraries do so; this one's agents saw zeros.",
    ),
    Mistake(
        lambda frames, age, t: rebuild(frames, age, t).flip(0),
        "The newest frame comes first here; the oldest must be first.",
    ),
    Mistake(
        _rebuild_short,
        "One frame too many is blanked: with age 1 there is one frame back that belongs to the "
        "episode.",
    ),
    Mistake(
        lambda frames, age, t: rebuild(frames, age, t - 1),
        "The stack ends one frame early: frame `t` is its newest.",
    ),
]


def check_rebuild(function: Callable) -> Verdict:
    """Check a function that rebuilds an observation from stored frames.

    Args:
        function: takes frames `[T, H, W]`, the number `age` `[T]` of frames back that belong to the
            episode, and a step `t`; returns the stack `[4, H, W]` that ends with frame `t`, with
            zeros before the episode's first frame

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    frames = values(0, 50.0, 12, 6).view(12, 2, 3).abs()
    age = torch.tensor([4, 4, 4, 4, 4, 0, 1, 2, 3, 4, 4, 0])
    cases = [(frames, age, t) for t in (4, 5, 6, 7, 8, 10, 11)]
    return compare(
        function,
        rebuild,
        cases,
        REBUILD_MISTAKES,
        praise="Every stack equals the agent's observation.",
    )


def discounts(terminated: Tensor, truncated: Tensor, life_lost: Tensor, gamma: float) -> Tensor:
    """Return what to store, `[E]`: 0 after a game over or a lost life, otherwise `gamma`."""
    return torch.where(terminated | life_lost, 0.0, gamma)


DISCOUNTS_MISTAKES = [
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over | cut | lost, 0.0, gamma),
        "A time limit counts as an end here. The game would have gone on, so its value still "
        "counts: a time limit stores `gamma`.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over, 0.0, gamma),
        "A lost life keeps its future here. Deep Q-learning stores it as an end, so that the "
        "agent learns to avoid it.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over | cut, 0.0, gamma),
        "Time limits count as ends and lost lives do not. It must be the reverse.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over | lost, gamma, 0.0),
        "Swapped: 0 where the future ends, `gamma` elsewhere.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over | lost, 0.0, 1.0),
        "`gamma` is missing: this says whether the game goes on, not how much its future counts.",
    ),
]


def check_discounts(function: Callable) -> Verdict:
    """Check a function that returns the discounts to store.

    Args:
        function: takes `terminated`, `truncated` and `life_lost`, all bool `[E]`, and `gamma`;
            returns the discounts `[E]`: 0 after a game over or a lost life, otherwise `gamma`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    facts = [
        torch.tensor(column, dtype=torch.bool)
        for column in ([0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1])
    ]
    cases = [(*facts, 0.9), (*facts, 0.99)]
    praise = "0 after an end, `gamma` elsewhere, after a time limit too."
    return compare(function, discounts, cases, DISCOUNTS_MISTAKES, praise=praise)
