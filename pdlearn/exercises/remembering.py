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


def _rebuild_with_zeros(frames, t, blank):
    stack = frames[t - torch.arange(STACK - 1, -1, -1)]
    stack[blank] = 0
    return stack


def _rebuild_what_is_there(frames, age, t):
    return frames[t - min(STACK - 1, int(age[t])) : t + 1]


def _rebuild_with_zeros_last(frames, age, t):
    there = _rebuild_what_is_there(frames, age, t)
    return torch.cat([there, torch.zeros(STACK - len(there), *frames.shape[1:])])


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
    Mistake(
        lambda frames, age, t: frames[t - STACK : t],
        "A slice ends before its second number, so frame `t` is missing: `frames[t - 3 : t + 1]`. "
        "And frames of the episode before must become zeros.",
    ),
    Mistake(
        lambda frames, age, t: _rebuild_with_zeros(
            frames, t, STACK - 1 - torch.arange(4) <= age[t]
        ),
        "The condition is reversed: this blanks the frames that belong to the episode. Blank those "
        "more than `age[t]` back.",
    ),
    Mistake(
        lambda frames, age, t: _rebuild_with_zeros(frames, t, torch.arange(STACK) > age[t]),
        "This blanks the newest frames. The oldest frame is number 0 of the stack, and the first "
        "to become zeros.",
    ),
    Mistake(
        lambda frames, age, t: _rebuild_with_zeros(frames, t, slice(int(age[t]))),
        "This blanks `age[t]` frames. So many frames back belong to the episode: blank the others.",
    ),
    Mistake(
        lambda frames, age, t: _rebuild_with_zeros(frames, t, slice(STACK if age[t] < 3 else 0)),
        "Early in an episode this blanks the whole stack. Blank only the frames before the "
        "episode's first.",
    ),
    Mistake(
        _rebuild_what_is_there,
        "Early in an episode this stack has fewer than four frames. The network takes four: put "
        "zeros before the first.",
    ),
    Mistake(
        _rebuild_with_zeros_last,
        "The zeros come last here, where the newest frame must be. Put them first.",
    ),
    Mistake(
        lambda frames, age, t: rebuild(frames, age, t).movedim(0, -1),
        "The frames are stacked along the last axis. The network takes `[4, H, W]`: stack along "
        "axis 0.",
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
    Mistake(
        lambda over, cut, lost, gamma: torch.where(lost, 0.0, gamma),
        "The end of the game is missing. In a game without lives, such as Pong, it is the only "
        "end.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over & lost, 0.0, gamma),
        "`&` asks for both at once. One of them is enough for an end: `|`.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.full(over.shape, gamma),
        "Every step gets `gamma`, so that values are carried over the end of one game into the "
        "next.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: torch.where(over | lost, 0.0, 0.99),
        "The discount is always 0.99 here. Use the argument `gamma`.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: over | lost,
        "This says where an end is. Return what to multiply the next value by: 0 there, `gamma` "
        "elsewhere.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: gamma - (over | lost).float(),
        "At an end this is `gamma - 1`, not 0. Multiply by whether the game goes on, or use "
        "`torch.where`.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: gamma * (1 - over.float() - lost.float()),
        "Where the last life ends the game, both flags are 1 and this is `-gamma`. Join them with "
        "`|` first.",
    ),
    Mistake(
        lambda over, cut, lost, gamma: 0.0 if (over | lost).any() else gamma,
        "This is one number for all copies. Return a discount for each of them.",
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
