"""Checker of the λ-return, the target of parallel Q-learning (lesson 03)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pdlearn import losses
from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare


def lambda_returns(*case: Any) -> Tensor:
    """Return `losses.lambda_returns` of reward, discount, value and last, with λ as the fifth."""
    *outcome, lambda_ = case
    return losses.lambda_returns(*outcome, lambda_=lambda_)


def _right(r, d, g, v, lam):
    return r + d * (lam * g + (1 - lam) * v)


def _backwards(
    target: Callable = _right,
    *,
    mask: Callable = lambda last, t: last[t],
    held: Callable = lambda value, t: value[t],
    start: Callable = lambda value: value[-1],
    ahead: int = 1,
) -> Callable:
    """Return a function that computes λ-returns, right or with a common mistake.

    Args:
        target: takes reward, discount, the return and the value of the next step, and λ
        mask: takes `last` and t; returns where there is no such target, `[E]`
        held: takes the values and t; returns what stands there instead
        start: takes the values; returns what the recursion begins with
        ahead: how many steps after t the value is taken from
    """

    def function(reward, discount, value, last, lambda_):
        returns, following = [], start(value)
        for t in reversed(range(len(reward))):
            found = target(reward[t], discount[t], following, value[t + ahead], lambda_)
            following = torch.where(mask(last, t), held(value, t), found)
            returns.append(following)
        return torch.stack(returns[::-1])

    return function


def _forwards(reward, discount, value, last, lambda_):
    returns, before = [], value[0]
    for t in range(len(reward)):
        found = _right(reward[t], discount[t], before, value[t + 1], lambda_)
        before = torch.where(last[t], value[t], found)
        returns.append(before)
    return torch.stack(returns)


def _in_reverse_order(*arguments):
    return lambda_returns(*arguments).flip(0)


def _with_the_start(reward, discount, value, last, lambda_):
    return torch.cat([lambda_returns(reward, discount, value, last, lambda_), value[-1:]])


def _shared(reward, discount, value, last, lambda_):
    found = _backwards(start=lambda value: value[-1].mean().expand(value.shape[1]))
    return found(reward, discount, value, last, lambda_)


def _never(last, t):
    return torch.zeros_like(last[t])


def _next(last, t):
    return last[t + 1] if t + 1 < len(last) else _never(last, t)


def _previous(last, t):
    return last[t - 1] if t > 0 else _never(last, t)


LAMBDA_MISTAKES = [
    Mistake(
        _backwards(mask=_next),
        "The mask is one step early: it uses `last` of the next step. The step before an episode's "
        "last observation is a real one, with a reward; use `last[t]`.",
    ),
    Mistake(
        _backwards(mask=_previous),
        "The mask is one step late: it uses `last` of the step before. Use `last[t]`.",
    ),
    Mistake(
        _backwards(mask=_next, held=lambda value, t: torch.zeros_like(value[t])),
        "The step before an episode's last observation gets 0, so its reward is lost. Use "
        "`last[t]`, and put `value[t]` there.",
    ),
    Mistake(
        _backwards(mask=_never),
        "`last` is not used, so a return crosses from one episode into the next. Where `last[t]` "
        "is true, the return is `value[t]`.",
    ),
    Mistake(
        _backwards(held=lambda value, t: torch.zeros_like(value[t])),
        "The return is 0 at an episode's last observation, so a time limit counts as an end. It "
        "must bootstrap there: put `value[t]`.",
    ),
    Mistake(
        _backwards(held=lambda value, t: value[t + 1]),
        "At an episode's last observation this puts `value[t + 1]`, a value of the next episode. "
        "Put `value[t]`.",
    ),
    Mistake(
        _backwards(start=lambda value: torch.zeros_like(value[-1])),
        "The recursion begins with 0, as if every episode ended with the roll-out. Begin with "
        "`value[T]`, the value of what follows.",
    ),
    Mistake(
        _backwards(start=lambda value: value[-2]),
        "The recursion begins with `value[T - 1]`. It must begin with the value after the last "
        "step, `value[T]`.",
    ),
    Mistake(
        _backwards(ahead=0),
        "The values are off by one: the one-step target of step t contains `value[t + 1]`.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * ((1 - lam) * g + lam * v)),
        "λ and 1 - λ are swapped: λ belongs to the next step's return.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * lam * g),
        "The part `(1 - lambda_) * value[t + 1]` is missing: λ only shrinks the return.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * (lam * g + v)),
        "The weights do not add up to 1: the value is multiplied by `1 - lambda_`.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * g),
        "λ is not used: this is the target for λ = 1, all rewards to the roll-out's end.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * v),
        "This is the one-step target, λ = 0. Mix it with the return of the next step.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + d * lam * g + (1 - lam) * v),
        "The discount multiplies the return only. It belongs to both parts: all of it comes a step "
        "later.",
    ),
    Mistake(
        _backwards(lambda r, d, g, v, lam: r + lam * g + d * (1 - lam) * v),
        "The discount multiplies the value only. It belongs to both parts: all of it comes a step "
        "later.",
    ),
    Mistake(
        _backwards(lambda r, d, *rest: _right(r, 1, *rest)),
        "The discount is missing, so what comes after an end counts.",
    ),
    Mistake(
        _backwards(lambda r, d, *rest: _right(r, 0.99, *rest)),
        "The discount is always 0.99, so what comes after an end counts. `discount[t]` is 0 there.",
    ),
    Mistake(
        _backwards(lambda r, d, *rest: d * _right(r, 1, *rest)),
        "The reward is discounted too. It is received now; only the rest comes later.",
    ),
    Mistake(
        _backwards(lambda r, d, *rest: _right(0, d, *rest)),
        "The reward is missing.",
    ),
    Mistake(
        _forwards,
        "This runs forwards. The return of a step contains that of the *next* one, so begin with "
        "the last: `reversed(range(T))`.",
    ),
    Mistake(
        _in_reverse_order,
        "The returns are right and in reverse order: the first row belongs to step 0.",
    ),
    Mistake(
        _with_the_start,
        "There is one row too many: `value[T]` only begins the recursion.",
    ),
    Mistake(
        _shared,
        "The copies are mixed: each begins with its own `value[T]`, not with their mean.",
    ),
]


def check_lambda_returns(function: Callable) -> Verdict:
    """Check a function that computes the λ-returns of a roll-out (Gallici et al. 2024).

    Args:
        function: takes rewards `[T, E]`, discounts `[T, E]`, values `[T + 1, E]`, `last` (bool
            `[T, E]`) and λ; returns `[T, E]` without a gradient, as `losses.lambda_returns`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(*roll_out(seed), lambda_) for seed, lambda_ in ((0, 0.65), (1, 0.8))]
    praise = "It agrees with `losses.lambda_returns`."
    verdict = compare(function, lambda_returns, cases, LAMBDA_MISTAKES, praise=praise)
    if verdict.state == "right":
        reward, discount, value, last = roll_out(2)
        returns = function(reward, discount, value.requires_grad_(), last, 0.65)
        if isinstance(returns, Tensor) and returns.requires_grad:
            return Verdict(
                "not yet",
                "The numbers are right, but a gradient flows back through the values: learning "
                "would also move the target. End with `.detach()`.",
            )
    return verdict


def roll_out(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the rewards, discounts, values and `last` of seven steps of four copies.

    Copy 0 plays on, copy 1 ends at step 2, copy 2 is cut by a time limit after step 3, and copy 3
    loses a life at step 4. After an end comes a void step.
    """
    reward, value = values(seed, 1.0, 7, 4), values(seed + 9, 1.0, 8, 4)
    discount, last = torch.full((7, 4), 0.9), torch.zeros(7, 4, dtype=torch.bool)
    discount[2, 1] = discount[4, 3] = 0.0
    last[3, 1] = last[4, 2] = True
    reward[last] = 0.0
    return reward, discount, value, last
