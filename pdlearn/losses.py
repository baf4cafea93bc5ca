"""The losses: TD for the teacher; NLL, MSE, KL (paper, section 3) and reverse KL for the student.

Every loss takes tensors `[B, A]` and returns a scalar: the sum over actions, the mean over the
batch. No gradient flows to the teacher's values or to the target. No argument is modified.

A value of -inf marks an action that is not available in a state (an action mask). It is never the
best action, and no loss and no gradient becomes infinite or NaN through it. A loss is not finite if
a state has no best action: it has a value of NaN or +inf, or no available action.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pdlearn.presets import Temperature
from pdlearn.schema import Share, checked, shown


def _describe(value: object) -> str:
    if not isinstance(value, Tensor):
        return shown(value)
    return f"{value.dtype} {list(value.shape)}".removeprefix("torch.")


def expect(wanted: str, fits: bool, *got: object) -> None:
    """Raise ValueError unless the arguments `got` are as `wanted` says."""
    if not fits:
        raise ValueError(f"expected {wanted}; got {', '.join(map(_describe, got))}")


def are_floats(*values: object) -> bool:
    """Return whether all are tensors of floating point numbers and none is empty."""
    return all(isinstance(v, Tensor) and v.is_floating_point() and v.numel() > 0 for v in values)


def _check_pair(student: Tensor, teacher: Tensor) -> None:
    fits = are_floats(student, teacher) and student.ndim == 2 and student.shape == teacher.shape
    wanted = "student and teacher values as floating point [B, A], of one shape and not empty"
    expect(wanted, fits, student, teacher)


def _zero_with_best_action(values: Tensor) -> Tensor:
    """Return 0 for each state of `values` `[B, A]`, NaN for one without a best action."""
    return values.detach().amax(1) * 0  # [B]


def teacher_policy(teacher_q: Tensor, temperature: float) -> Tensor:
    """Return `softmax(Q / temperature)`, the target of `kl_loss` (paper, section 3).

    Args:
        teacher_q: values, floating point `[B, A]`; -inf marks an action that is not available
        temperature: in 1e-6..1e6; a lower one gives a sharper policy; further away, float32 can
            tell no action from another, or gives NaN

    Returns:
        probabilities, float32 `[B, A]`

    Raises:
        ValueError: for values of another shape or type, and for a temperature out of range
    """
    return log_teacher_policy(teacher_q, temperature).exp()


def log_teacher_policy(teacher_q: Tensor, temperature: float) -> Tensor:
    """Return the logarithm of `teacher_policy`, accurate also where the policy underflows to 0.

    Args:
        teacher_q: as in `teacher_policy`
        temperature: as in `teacher_policy`

    Returns:
        float32 `[B, A]`, without gradient

    Raises:
        ValueError: as `teacher_policy` does
    """
    checked(temperature, Temperature, "a temperature")
    fits = are_floats(teacher_q) and teacher_q.ndim == 2
    expect("teacher values as floating point [B, A], not empty", fits, teacher_q)
    return torch.log_softmax(teacher_q.detach().float() / temperature, dim=1)


def kl_loss(student_logits: Tensor, teacher_q: Tensor, temperature: float = 0.01) -> Tensor:
    """Return KL(softmax(teacher_q / temperature) || softmax(student_logits)) (paper, section 3).

    The temperature divides the teacher's values only. The target of an action that is not available
    is 0.

    Args:
        student_logits: floating point `[B, A]`
        teacher_q: floating point `[B, A]`; no gradient reaches it
        temperature: in 1e-6..1e6; the paper uses 0.01

    Returns:
        a scalar, the sum over actions and the mean over the batch

    Raises:
        ValueError: for different shapes, integer or empty tensors, or a temperature out of range
    """
    _check_pair(student_logits, teacher_q)
    log_target = log_teacher_policy(teacher_q, temperature)  # [B, A]
    log_student = torch.log_softmax(student_logits, dim=1)
    return _expected_gap(log_target, log_target - log_student, log_target)


def reverse_kl_loss(student_logits: Tensor, teacher_q: Tensor, temperature: float = 0.01) -> Tensor:
    """Return KL(softmax(student_logits) || softmax(teacher_q / temperature)).

    `kl_loss` is large where the student gives little probability to an action that the teacher
    takes. This loss is large where the student gives probability to an action that the teacher does
    not take; the student may choose one of several good actions. Where actions are not available,
    the student's softmax is over the available ones: this divergence is infinite otherwise.

    Source: Spigler 2024, which offers both.

    Args:
        student_logits: floating point `[B, A]`
        teacher_q: floating point `[B, A]`; no gradient reaches it
        temperature: in 1e-6..1e6

    Returns:
        a scalar, the sum over actions and the mean over the batch

    Raises:
        ValueError: as `kl_loss` does
    """
    _check_pair(student_logits, teacher_q)
    log_target = log_teacher_policy(teacher_q, temperature)
    available_logits = student_logits.masked_fill(log_target == -math.inf, -math.inf)
    log_student = torch.log_softmax(available_logits, dim=1)
    return _expected_gap(log_student, log_student - log_target, log_target)


def _expected_gap(log_policy: Tensor, gap: Tensor, log_target: Tensor) -> Tensor:
    """Return the mean over the batch of `gap` `[B, A]` under a policy, over available actions."""
    # Masked before it is multiplied: the gradient of 0 times infinity would be NaN.
    gap = gap.masked_fill(log_target == -math.inf, 0)
    return (log_policy.exp() * gap).sum(1).mean()


def nll_loss(student_logits: Tensor, teacher_q: Tensor) -> Tensor:
    """Return -log P(the teacher's best action) under softmax(student_logits) (paper, section 3).

    Args:
        student_logits: floating point `[B, A]`
        teacher_q: floating point `[B, A]`; only its best actions are used

    Returns:
        a scalar, the mean over the batch

    Raises:
        ValueError: for different shapes, and for integer or empty tensors
    """
    _check_pair(student_logits, teacher_q)
    loss = F.cross_entropy(student_logits, teacher_q.argmax(1))
    return loss + _zero_with_best_action(teacher_q).sum()


def mse_loss(student_q: Tensor, teacher_q: Tensor) -> Tensor:
    """Return the squared distance between the vectors of values (paper, section 3).

    Args:
        student_q: floating point `[B, A]`
        teacher_q: floating point `[B, A]`; actions of value -inf are left out

    Returns:
        a scalar, the sum over actions and the mean over the batch

    Raises:
        ValueError: for different shapes, and for integer or empty tensors
    """
    _check_pair(student_q, teacher_q)
    teacher_q = teacher_q.detach()
    # Masked before it is squared: the gradient of an infinite square would be NaN.
    gap = (student_q - teacher_q).masked_fill(teacher_q == -math.inf, 0)  # [B, A]
    return (gap.square().sum(1) + _zero_with_best_action(teacher_q)).mean()


def advantage_mse_loss(student_q: Tensor, teacher_q: Tensor) -> Tensor:
    """Return the squared distance from the student's outputs to the teacher's advantages.

    The advantage of an action is its value minus the mean value of the state's available actions.
    What all actions of a state have in common, most of the error of `mse_loss`, is not learnt. This
    loss is not in the paper.

    Args:
        student_q: floating point `[B, A]`
        teacher_q: floating point `[B, A]`; actions of value -inf are left out

    Returns:
        a scalar, the sum over actions and the mean over the batch

    Raises:
        ValueError: for different shapes, and for integer or empty tensors
    """
    _check_pair(student_q, teacher_q)
    teacher_q = teacher_q.detach()
    available = teacher_q != -math.inf
    total = teacher_q.masked_fill(~available, 0).sum(1, keepdim=True)
    return mse_loss(student_q, teacher_q - total / available.sum(1, keepdim=True))


def regret(student_output: Tensor, teacher_q: Tensor) -> Tensor:
    """Return the teacher's value lost by the student's best actions, which is no loss to train on.

    Args:
        student_output: floating point `[B, A]`; only its best actions are used
        teacher_q: floating point `[B, A]`

    Returns:
        `[B]`: the value of the teacher's best action minus that of the student's, 0 or above

    Raises:
        ValueError: for different shapes, and for integer or empty tensors
    """
    _check_pair(student_output, teacher_q)
    chosen = teacher_q.gather(1, student_output.argmax(1, keepdim=True)).squeeze(1)  # [B]
    return teacher_q.amax(1) - chosen


def td_target(
    reward_t: Tensor, discount_t: Tensor, target_q_t: Tensor, online_q_t: Tensor | None = None
) -> Tensor:
    """Return the targets `reward + discount * value` of n-step transitions.

    The value is the maximum of the target network's values. With `online_q_t` it is the target
    network's value of the online network's best action (double DQN, van Hasselt et al. 2016).

    Args:
        reward_t: `[B]`, the discounted sum of n rewards
        discount_t: `[B]`, gamma^n, or 0 after an end
        target_q_t: `[B, A]`, the target network's values of the state after n steps
        online_q_t: `[B, A]`, the online network's values of the same state; None: not double

    Returns:
        targets `[B]`, without gradient

    Raises:
        ValueError: for other shapes, and for integer or empty tensors
    """
    values = (target_q_t,) if online_q_t is None else (target_q_t, online_q_t)
    fits = are_floats(reward_t, discount_t, *values) and target_q_t.ndim == 2
    fits = fits and all(each.shape == target_q_t.shape for each in values)
    fits = fits and reward_t.shape == discount_t.shape == target_q_t.shape[:1]
    wanted = "rewards [B], discounts [B] and values [B, A], floating point and not empty"
    expect(wanted, fits, reward_t, discount_t, *values)
    if online_q_t is None:
        value = target_q_t.max(1).values  # [B]
    else:
        value = target_q_t.gather(1, online_q_t.argmax(1, keepdim=True)).squeeze(1)
        value = value + _zero_with_best_action(online_q_t)
    return (reward_t + discount_t * value).detach()


def lambda_returns(
    reward_t: Tensor, discount_t: Tensor, value: Tensor, last: Tensor, *, lambda_: float
) -> Tensor:
    """Return the λ-returns of a roll-out of T steps of E copies (Peng's Q(λ)).

        G_t = r_t + d_t (λ G_t+1 + (1 - λ) V_t+1),   G_T = V_T,   V_t = max Q(s_t)

    Where `last` is true, G_t = V_t: a time limit bootstraps from its last observation, and no
    return crosses from one episode into the next.

    Source: Gallici et al. 2024, "Simplifying deep temporal difference learning", section 4.

    Args:
        reward_t: `[T, E]`, after the action of step t
        discount_t: `[T, E]`, 0 after an end or a lost life
        value: `[T + 1, E]`, V_0 to V_T
        last: bool `[T, E]`, observations that ended their episode and whose action is void
        lambda_: in 0..1; 0 is a 1-step target, 1 sums rewards to the roll-out's end

    Returns:
        G_0 to G_T-1, `[T, E]`, without gradient

    Raises:
        ValueError: for other shapes and types, and for `lambda_` out of range
    """
    fits = are_floats(reward_t, discount_t, value) and isinstance(last, Tensor)
    fits = fits and last.dtype == torch.bool and reward_t.ndim == 2
    fits = fits and reward_t.shape == discount_t.shape == last.shape
    fits = fits and value.shape == (len(reward_t) + 1, reward_t.shape[1])
    wanted = "rewards and discounts [T, E], values [T + 1, E] and last [T, E], a bool"
    expect(wanted, fits, reward_t, discount_t, value, last)
    checked(lambda_, Share, "lambda_")
    steps = len(reward_t)
    returns = torch.empty_like(reward_t)
    following = value[steps]  # G_t+1
    for t in reversed(range(steps)):
        ahead = lambda_ * following + (1 - lambda_) * value[t + 1]
        following = torch.where(last[t], value[t], reward_t[t] + discount_t[t] * ahead)
        returns[t] = following
    return returns.detach()


def td_error(q_tm1: Tensor, action_tm1: Tensor, target: Tensor) -> Tensor:
    """Return the errors Q(s, a) - target.

    Args:
        q_tm1: values `[B, A]`
        action_tm1: int64 `[B]`
        target: `[B]`; no gradient reaches it

    Returns:
        errors `[B]`

    Raises:
        ValueError: for other shapes and types, and, on a CPU, for an action out of range
    """
    fits = are_floats(q_tm1, target) and q_tm1.ndim == 2 and isinstance(action_tm1, Tensor)
    fits = fits and action_tm1.dtype == torch.int64
    fits = fits and action_tm1.shape == q_tm1.shape[:1] == target.shape
    wanted = "values [B, A] and targets [B], floating point and not empty, and int64 actions [B]"
    expect(wanted, fits, q_tm1, action_tm1, target)
    if action_tm1.device.type == "cpu":  # to look at a GPU's actions would wait for them
        within = bool((action_tm1 >= 0).all() and (action_tm1 < q_tm1.shape[1]).all())
        expect(f"actions in 0..{q_tm1.shape[1] - 1}", within, action_tm1.unique().tolist())
    chosen = q_tm1.gather(1, action_tm1.unsqueeze(1)).squeeze(1)  # [B]
    return chosen - target.detach()


def td_loss(
    q_tm1: Tensor, action_tm1: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return the Huber loss of Q(s, a) against the target; errors beyond 1 count linearly.

    This is Nature DQN's clipping of the error to [-1, 1] (Mnih et al. 2015, methods).

    Args:
        q_tm1: values `[B, A]`
        action_tm1: int64 `[B]`
        target: `[B]`; no gradient reaches it
        weight: `[B]`, multiplies each transition's loss (prioritised replay); None: all are 1

    Returns:
        a scalar, the mean over the batch

    Raises:
        ValueError: as `td_error` does, and for weights of another shape
    """
    error = td_error(q_tm1, action_tm1, target)
    if weight is not None:
        fits = are_floats(weight) and weight.shape == error.shape
        expect(f"weights {list(error.shape)}, floating point", fits, weight)
    loss = F.huber_loss(error, torch.zeros_like(error), reduction="none")
    return (loss if weight is None else weight * loss).mean()
