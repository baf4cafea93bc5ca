"""Checkers of deep Q-learning's target and loss (lesson 02)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pdlearn import losses
from pdlearn.exercises.losses import check_gradients, values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare

REWARD, DISCOUNT = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.5]), torch.tensor([0.9, 0.0, 0.9, 0.9, 0.0])

TARGET_MISTAKES = [
    Mistake(
        lambda r, d, q: r + 0.99 * d * q.max(1).values,
        "The discount is in `discount` already; it is multiplied by another one here.",
    ),
    Mistake(
        lambda r, d, q: r + q.max(1).values,
        "The discount is missing, so the next state counts even after an end.",
    ),
    Mistake(
        lambda r, d, q: d * (r + q.max(1).values),
        "The reward is discounted too. It is received now; only the value comes later.",
    ),
    Mistake(
        lambda r, d, q: r + d * q.max(),
        "`max()` without an axis takes the largest value of the whole minibatch.",
    ),
    Mistake(
        lambda r, d, q: r + d * q.mean(1),
        "The mean is the value of acting at random. The agent takes its best action.",
    ),
    Mistake(
        lambda r, d, q: r + d * q.argmax(1),
        "`argmax` is the number of the best action, not its value.",
    ),
    Mistake(
        lambda r, d, q: (r + d * q.max(1).values).mean(),
        "This is one number; return a target for each transition.",
    ),
    Mistake(
        lambda r, d, q: r + 0.99 * q.max(1).values,
        "The discount is always 0.99, so that the next state counts even after an end. `discount` "
        "is 0 there: use it.",
    ),
    Mistake(
        lambda r, d, q: r + d * q.max(1, keepdim=True).values,
        "The maximum has the shape `[B, 1]`, and with `[B]` it broadcasts to `[B, B]`. Leave out "
        "`keepdim`, or `squeeze(1)`.",
    ),
    Mistake(
        lambda r, d, q: d * q.max(1).values,
        "The reward is missing.",
    ),
    Mistake(
        lambda r, d, q: r + d * q.min(1).values,
        "This takes the worst action's value.",
    ),
    Mistake(
        lambda r, d, q: r + (1 - d) * q.max(1).values,
        "`discount` is no done flag: it is 0 after an end. Multiply by it, not by one minus it.",
    ),
    Mistake(
        lambda r, d, q: r - d * q.max(1).values,
        "The sign of the value is wrong.",
    ),
    Mistake(
        lambda r, d, q: r + d * q[:, 0],
        "This takes the value of action 0 in every state.",
    ),
]


def check_td_target(function: Callable) -> Verdict:
    """Check a function that computes the target of Q-learning.

    Args:
        function: takes rewards `[B]`, discounts `[B]` and the target network's Q-values `[B, A]` of
            the next state; returns targets `[B]` without a gradient, as `losses.td_target`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(REWARD, DISCOUNT, values(seed)) for seed in (0, 1)]
    praise = "It agrees with `losses.td_target`."
    verdict = compare(function, losses.td_target, cases, TARGET_MISTAKES, praise=praise)
    if verdict.state == "right":
        target = function(REWARD, DISCOUNT, values(2).requires_grad_())
        if isinstance(target, Tensor) and target.requires_grad:
            return Verdict(
                "not yet",
                "The numbers are right, but a gradient flows back through the target: learning "
                "would also move the target towards the prediction. End with `.detach()`.",
            )
    return verdict


def n_step(reward: Tensor, discount: Tensor) -> Tensor:
    """Return the discounted sum of `reward` `[n]` and the product of `discount` `[n]`, as `[2]`."""
    before = torch.cat([torch.ones(1), discount.cumprod(0)])  # the discount of each reward
    return torch.stack([(before[:-1] * reward).sum(), before[-1]])


N_STEP_MISTAKES = [
    Mistake(
        lambda r, d: torch.stack([r.sum(), d.prod()]),
        "The rewards are added up without their discounts: a later one counts less, and one after "
        "an end not at all.",
    ),
    Mistake(
        lambda r, d: torch.stack([(r * d.cumprod(0)).sum(), d.prod()]),
        "Each reward is discounted once too often: the first is received now and counts in full.",
    ),
    Mistake(
        lambda r, d: torch.stack([(r * d[0] ** torch.arange(len(r))).sum(), d[0] ** len(r)]),
        "Powers of the first discount do not stop at an end. Multiply the discounts in order, so "
        "that a 0 stays 0.",
    ),
    Mistake(
        lambda r, d: torch.stack([n_step(r, d)[0], d[-1]]),
        "The second number is the product of all discounts, not the last of them.",
    ),
    Mistake(
        lambda r, d: torch.stack(
            [(r * 0.99 ** torch.arange(len(r))).sum(), torch.tensor(0.99 ** len(r))]
        ),
        "The discount is always 0.99, so that rewards after an end count too. Multiply the "
        "`discount` of each step.",
    ),
    Mistake(
        lambda r, d: torch.stack([n_step(r, d)[0], d.sum()]),
        "The second number is the product of the discounts, not their sum.",
    ),
    Mistake(
        lambda r, d: torch.stack([n_step(r.flip(0), d.flip(0))[0], d.prod()]),
        "The rewards are in reverse order: the first one is received first and counts in full.",
    ),
    Mistake(
        lambda r, d: torch.stack([n_step(r, d)[0], torch.tensor(1.0)]),
        "The second number is the product of all discounts, with which the value after the n steps "
        "is multiplied.",
    ),
    Mistake(
        lambda r, d: torch.stack([r[0], d[0]]),
        "This is the first step only: add up all n.",
    ),
    Mistake(
        lambda r, d: torch.stack([n_step(r, d)[0] / len(r), d.prod()]),
        "This is a mean of the rewards. Add them up.",
    ),
]


def check_n_step(function: Callable) -> Verdict:
    """Check a function that adds up the rewards of several steps.

    Args:
        function: takes rewards and discounts, both `[n]`; returns `[2]`: the discounted sum of the
            rewards and the product of the discounts

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (torch.tensor(reward), torch.tensor(discount))
        for reward, discount in [
            ([1.0, 0.0, 2.0], [0.9, 0.9, 0.9]),
            ([1.0, 3.0, 5.0], [0.9, 0.0, 0.9]),
            ([0.5, 1.0], [0.5, 0.0]),
        ]
    ]
    praise = "A reward after an end counts nothing, and the first one counts in full."
    return compare(function, n_step, cases, N_STEP_MISTAKES, praise=praise)


def _value_of(chooser, evaluator):
    return evaluator.gather(1, chooser.argmax(1, keepdim=True)).squeeze(1)


DOUBLE_MISTAKES = [
    Mistake(
        lambda r, d, target, online: r + d * target.max(1).values,
        "The target network both chooses and evaluates: this is the target without double "
        "Q-learning.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * online.max(1).values,
        "The online network both chooses and evaluates; the target network must evaluate.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * _value_of(target, online),
        "The roles are swapped: the online network chooses the action, the target network gives "
        "its value.",
    ),
    Mistake(
        lambda r, d, target, online: (
            r + d * torch.minimum(target.max(1).values, online.max(1).values)
        ),
        "This is the smaller of two maxima, which other algorithms use.",
    ),
    Mistake(
        lambda r, d, target, online: r + 0.99 * _value_of(online, target),
        "The discount is always 0.99, so that the next state counts even after an end. `discount` "
        "is 0 there: use it.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * target.gather(1, online.argmax(1, keepdim=True)),
        "`gather` returns `[B, 1]`, and with `[B]` it broadcasts to `[B, B]`. Add `.squeeze(1)`.",
    ),
    Mistake(
        lambda r, d, target, online: r + _value_of(online, target),
        "The discount is missing, so the next state counts even after an end.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * (target + online).max(1).values / 2,
        "This is the maximum of the mean of both networks. One chooses, the other evaluates.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * target[:, online.argmax(1)],
        "`[:, best]` takes every state's best action in every state, `[B, B]` numbers. Use "
        "`gather` and `squeeze(1)`.",
    ),
    Mistake(
        lambda r, d, target, online: r + d * online.argmax(1),
        "`argmax` is the number of the best action. Take the target network's value of it.",
    ),
    Mistake(
        lambda r, d, target, online: r + (1 - d) * _value_of(online, target),
        "`discount` is no done flag: it is 0 after an end. Multiply by it, not by one minus it.",
    ),
    Mistake(
        lambda r, d, target, online: d * (r + _value_of(online, target)),
        "The reward is discounted too. It is received now; only the value comes later.",
    ),
    Mistake(
        lambda r, d, target, online: d * _value_of(online, target),
        "The reward is missing.",
    ),
    Mistake(
        lambda r, d, target, online: r + 0.99 * d * _value_of(online, target),
        "The discount is in `discount` already; it is multiplied by another one here.",
    ),
    Mistake(
        lambda r, d, target, online: (r + d * _value_of(online, target)).mean(),
        "This is one number; return a target for each transition.",
    ),
]


def check_double_target(function: Callable) -> Verdict:
    """Check a function that computes the target of double DQN (van Hasselt et al. 2016).

    Args:
        function: takes rewards `[B]`, discounts `[B]` and the Q-values of the target network and of
            the online network, both `[B, A]`; returns targets `[B]`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(REWARD, DISCOUNT, values(seed), values(seed + 10)) for seed in (0, 1)]
    praise = "It agrees with `losses.td_target` given both networks' values."
    return compare(function, losses.td_target, cases, DOUBLE_MISTAKES, praise=praise)


def _chosen(q, action):
    return q.gather(1, action.unsqueeze(1)).squeeze(1)


TD_LOSS_MISTAKES = [
    Mistake(
        lambda q, a, y: F.huber_loss(q.max(1).values, y),
        "This compares the best action's value with the target. Compare the value of the action "
        "that was taken: only that one led there.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(q[a, a], y) if int(a.max()) < len(q) else q.sum(),
        "`q[action]` picks rows, that is states. `q.gather(1, action.unsqueeze(1)).squeeze(1)` "
        "picks an action in each.",
    ),
    Mistake(
        lambda q, a, y: F.mse_loss(_chosen(q, a), y),
        "These are squares: one error of ten weighs as much as a hundred of one. Huber's loss "
        "grows linearly beyond 1.",
    ),
    Mistake(
        lambda q, a, y: F.l1_loss(_chosen(q, a), y),
        "These are plain distances, whose gradient is as large for small errors as for large "
        "ones. Huber's loss is a square up to 1.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(_chosen(q, a), y, reduction="sum"),
        "You add up over the minibatch; take the mean.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(q, y.unsqueeze(1).expand_as(q)),
        "This moves all actions towards the target. Move only the action that was taken.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(*torch.broadcast_tensors(q.gather(1, a.unsqueeze(1)), y)),
        "`gather` returns `[B, 1]`. With a target `[B]` it broadcasts to `[B, B]`: each prediction "
        "is compared with each target. Add `.squeeze(1)`.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(_chosen(q, a), y, reduction="none"),
        "This is one number per transition. The loss is their mean.",
    ),
    Mistake(
        lambda q, a, y: (_chosen(q, a) - y).mean(),
        "This is the mean error, in which errors of both signs cancel.",
    ),
    Mistake(
        lambda q, a, y: -F.huber_loss(_chosen(q, a), y),
        "The sign is wrong: learning would increase the error.",
    ),
    Mistake(
        lambda q, a, y: 2 * F.huber_loss(_chosen(q, a), y),
        "This is twice the loss: Huber's has the factor one half.",
    ),
    Mistake(
        lambda q, a, y: F.huber_loss(q[:, 0], y),
        "This takes the value of action 0 in every state.",
    ),
]


def check_td_loss(function: Callable) -> Verdict:
    """Check a function that computes the Huber loss of Q-learning (Mnih et al. 2015, methods).

    The gradient is checked too: it must not reach the targets.

    Args:
        function: takes Q-values `[B, A]`, the actions taken, int64 `[B]`, and targets `[B]`;
            returns the mean loss, a scalar, as `losses.td_loss`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    action = torch.tensor([0, 3, 1, 1, 2])
    cases = [(values(seed, 2.0), action, 2 * REWARD + seed) for seed in (0, 1)]
    praise = "It agrees with `losses.td_loss`."
    verdict = compare(function, losses.td_loss, cases, TD_LOSS_MISTAKES, praise=praise)
    leak = (
        "The number is right, but a gradient flows into the target too and would move it towards "
        "the prediction. Use `target.detach()`."
    )
    return check_gradients(
        verdict, lambda q, target: function(q, action, target), values(3), 2 * REWARD, leak=leak
    )
