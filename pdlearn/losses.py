"""The losses: TD for the teacher; NLL, MSE and KL for the student (paper, section 3), reverse KL.

Convention: `[B, A]` tensors in, a scalar out; sum over actions, mean over the batch. No gradient
ever reaches the teacher's values or the target, and no argument is changed.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def _check_pair(student: Tensor, teacher: Tensor) -> None:
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ValueError(
            "expected student and teacher values of one shape [B, A]; "
            f"got {list(student.shape)} and {list(teacher.shape)}"
        )
    if not (student.is_floating_point() and teacher.is_floating_point()):
        raise ValueError(f"expected floating point values; got {student.dtype}, {teacher.dtype}")


def teacher_policy(teacher_q: Tensor, temperature: float) -> Tensor:
    """Return `softmax(Q / temperature)` `[B, A]`, the target of `kl_loss`; low sharpens."""
    return log_teacher_policy(teacher_q, temperature).exp()


def log_teacher_policy(teacher_q: Tensor, temperature: float) -> Tensor:
    """Return the logarithm of `teacher_policy`, exact where that rounds to 0."""
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0; got {temperature}")
    return torch.log_softmax(teacher_q.detach().float() / temperature, dim=1)


def kl_loss(student_logits: Tensor, teacher_q: Tensor, temperature: float = 0.01) -> Tensor:
    """Return KL(softmax(teacher_q / temperature) || softmax(student_logits)).

    The temperature divides the teacher's values only; 0.01 is the paper's choice (section 3).
    """
    _check_pair(student_logits, teacher_q)
    log_target = log_teacher_policy(teacher_q, temperature)  # [B, A]
    log_student = torch.log_softmax(student_logits, dim=1)
    return (log_target.exp() * (log_target - log_student)).sum(1).mean()


def reverse_kl_loss(student_logits: Tensor, teacher_q: Tensor, temperature: float = 0.01) -> Tensor:
    """Return KL(softmax(student_logits) || softmax(teacher_q / temperature)).

    `kl_loss` asks the student to allow for all that the teacher may do, this one to do nothing that
    the teacher would not: it may settle on one of several good actions. Spigler (2024) offers both.
    """
    _check_pair(student_logits, teacher_q)
    log_student = torch.log_softmax(student_logits, dim=1)
    log_target = log_teacher_policy(teacher_q, temperature)
    return (log_student.exp() * (log_student - log_target)).sum(1).mean()


def nll_loss(student_logits: Tensor, teacher_q: Tensor) -> Tensor:
    """Return -log P(best action of the teacher) under softmax(student_logits) (section 3)."""
    _check_pair(student_logits, teacher_q)
    return F.cross_entropy(student_logits, teacher_q.argmax(1))


def mse_loss(student_q: Tensor, teacher_q: Tensor) -> Tensor:
    """Return the squared distance between the value vectors, summed over actions (section 3)."""
    _check_pair(student_q, teacher_q)
    return (student_q - teacher_q.detach()).square().sum(1).mean()


def td_target(
    reward_t: Tensor, discount_t: Tensor, target_q_t: Tensor, online_q_t: Tensor | None = None
) -> Tensor:
    """Return `reward + discount * value` `[B]` of the (n-step) transitions.

    `reward_t` is the discounted sum of n rewards and `discount_t` is gamma^n, or 0 after an end.
    The value is the target network's maximum, or, when `online_q_t` is given, the target network's
    value of the online network's best action (double DQN, van Hasselt et al. 2016).
    Raises ValueError unless rewards and discounts are `[B]` and the values `[B, A]`.
    """
    rows = list(target_q_t.shape[:1])
    alike = online_q_t is None or online_q_t.shape == target_q_t.shape
    if target_q_t.ndim != 2 or not alike or not rows == [*reward_t.shape] == [*discount_t.shape]:
        others = "" if online_q_t is None else f" and {list(online_q_t.shape)}"
        raise ValueError(
            "expected rewards [B], discounts [B] and values [B, A]; got "
            f"{list(reward_t.shape)}, {list(discount_t.shape)} and {list(target_q_t.shape)}{others}"
        )
    if online_q_t is None:
        value = target_q_t.max(1).values  # [B]
    else:
        value = target_q_t.gather(1, online_q_t.argmax(1, keepdim=True)).squeeze(1)
    return (reward_t + discount_t * value).detach()


def lambda_returns(
    reward_t: Tensor, discount_t: Tensor, value: Tensor, last: Tensor, *, lambda_: float
) -> Tensor:
    """Return the λ-returns `[T, E]` of a roll-out of T steps of E copies (Peng's Q(λ)).

        G_t = r_t + d_t (λ G_t+1 + (1 - λ) V_t+1),   G_T = V_T,   V_t = max Q(s_t)

    `reward_t` and `discount_t` `[T, E]` follow the action of step t; the discount is 0 after an
    end or a lost life. `value` `[T + 1, E]` holds V_0 to V_T. Where `last` `[T, E]`, observation t
    ended its episode and its action is void: there G_t = V_t, so that a time limit bootstraps from
    the observation it cut at, and nothing passes from one episode into another.

    Source: Gallici et al. 2024, "Simplifying deep temporal difference learning", section 4.
    Raises ValueError for other shapes and for `lambda_` outside 0..1.
    """
    steps, shapes = len(reward_t), [list(x.shape) for x in (reward_t, discount_t, value, last)]
    wanted = [[*reward_t.shape]] * 2 + [[steps + 1, *reward_t.shape[1:]], [*reward_t.shape]]
    if reward_t.ndim != 2 or shapes != wanted:
        raise ValueError(
            "expected rewards and discounts [T, E], values [T + 1, E] and last [T, E]; "
            f"got {', '.join(map(str, shapes))}"
        )
    if not 0 <= lambda_ <= 1:
        raise ValueError(f"expected lambda_ in 0..1; got {lambda_}")
    returns = torch.empty_like(reward_t)
    following = value[steps]  # G_t+1
    for t in reversed(range(steps)):
        ahead = lambda_ * following + (1 - lambda_) * value[t + 1]
        following = torch.where(last[t], value[t], reward_t[t] + discount_t[t] * ahead)
        returns[t] = following
    return returns.detach()


def td_error(q_tm1: Tensor, action_tm1: Tensor, target: Tensor) -> Tensor:
    """Return Q(s, a) - target `[B]` for values `[B, A]`, int64 actions `[B]` and targets `[B]`."""
    if q_tm1.ndim != 2 or action_tm1.shape != q_tm1.shape[:1] or target.shape != q_tm1.shape[:1]:
        raise ValueError(
            "expected values [B, A], actions [B] and targets [B]; got "
            f"{list(q_tm1.shape)}, {list(action_tm1.shape)} and {list(target.shape)}"
        )
    if not q_tm1.is_floating_point() or action_tm1.dtype != torch.int64:
        raise ValueError(
            "expected floating point values and int64 actions; got "
            f"{q_tm1.dtype} and {action_tm1.dtype}"
        )
    chosen = q_tm1.gather(1, action_tm1.unsqueeze(1)).squeeze(1)  # [B]
    return chosen - target.detach()


def td_loss(
    q_tm1: Tensor, action_tm1: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return the Huber loss of Q(s, a) against `target` `[B]`; errors beyond 1 count linearly.

    This is Nature DQN's clipping of the error to [-1, 1] (Mnih et al. 2015, methods). `weight`
    `[B]` multiplies each transition's loss before the mean (prioritised replay).
    """
    error = td_error(q_tm1, action_tm1, target)
    loss = F.huber_loss(error, torch.zeros_like(error), reduction="none")
    return (loss if weight is None else weight * loss).mean()
