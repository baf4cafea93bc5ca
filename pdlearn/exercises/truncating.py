"""Checker of a KL from a few stored logits (lesson 11), with mistakes of published code."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pdlearn.exercises.language import check_student_gradients
from pdlearn.exercises.losses import BATCH_SUM, SIGN, values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.losses import kl_loss


def top_k_kl(student_logits: Tensor, teacher_logits: Tensor, k: int) -> Tensor:
    """Return KL(teacher || student) over the teacher's k likeliest tokens and the rest as one.

    Both logits are `[B, V]`. It is a divergence, at most that over all tokens.
    """
    log_p, log_q, index = _at_top(student_logits, teacher_logits, k)
    return kl_loss(_with_rest(log_q, index), _with_rest(log_p, index), 1.0)


def _at_top(s, t, k):
    log_p, log_q = (torch.log_softmax(each, 1) for each in (t.detach(), s))
    return log_p, log_q, log_p.topk(k, dim=1).indices


def _with_rest(log_policy, index):
    """Return `[B, k + 1]`: logarithms of the chosen probabilities and of the sum of all others."""
    rest = log_policy.scatter(1, index, -math.inf).logsumexp(1, keepdim=True)
    return torch.cat([log_policy.gather(1, index), rest], 1)


def truncated_kl(student_logits: Tensor, teacher_logits: Tensor, k: int) -> Tensor:
    """Return the terms of KL(teacher || student) at the teacher's k likeliest tokens, `[B, k]`.

    Their sum is no divergence: it is negative where the student gives these tokens more probability
    than the teacher does.
    """
    log_p, log_q, index = _at_top(student_logits, teacher_logits, k)
    return (log_p.exp() * (log_p - log_q)).gather(1, index)


def truncated_reverse_kl(student_logits: Tensor, teacher_logits: Tensor, k: int) -> Tensor:
    """Return the terms of KL(student || teacher) at the teacher's k likeliest tokens, `[B, k]`.

    Their sum is least where these tokens have 1 / e of the teacher's probability.
    """
    log_p, log_q, index = _at_top(student_logits, teacher_logits, k)
    return (log_q.exp() * (log_q - log_p)).gather(1, index)


def _at_other_top(s, t, index):
    log_p, log_q = (torch.log_softmax(each, 1) for each in (t, s))
    return kl_loss(_with_rest(log_q, index), _with_rest(log_p, index), 1.0)


TOP_K_MISTAKES = [
    Mistake(
        lambda s, t, k: truncated_kl(s, t, k).sum(1).mean(),
        "Without the rest this is no divergence: it is negative where the student gives the k "
        "tokens more probability than the teacher does. Add the term of all other tokens.",
    ),
    Mistake(
        lambda s, t, k: truncated_kl(s, t, k).sum(1).clamp(min=0).mean(),
        "Where the sum is negative, `clamp` sets loss and gradient to 0: the error is hidden, and "
        "nothing is learnt there. Add the term of all other tokens.",
    ),
    Mistake(
        lambda s, t, k: truncated_kl(s, t, k).sum(1).abs().mean(),
        "`abs` turns the sign where the sum is negative, and the gradient with it. Add the term of "
        "all other tokens.",
    ),
    Mistake(
        lambda s, t, k: kl_loss(s.gather(1, (i := t.topk(k).indices)), t.gather(1, i), 1.0),
        "Both are renormalised over the k tokens. That is a divergence, but the student may give "
        "the other tokens any probability. Add the term of all other tokens.",
    ),
    Mistake(
        lambda s, t, k: (
            (
                (p := t.topk(k).values.softmax(1))
                * (p.log() - s.log_softmax(1).gather(1, t.topk(k).indices))
            )
            .sum(1)
            .mean()
        ),
        "The teacher is renormalised over the k tokens, the student is not: it is drawn to give "
        "them all probability, more than the teacher does.",
    ),
    Mistake(
        lambda s, t, k: _at_other_top(s, t, s.topk(k).indices),
        "These are the student's k likeliest tokens. The stored ones are the teacher's.",
    ),
    Mistake(
        lambda s, t, k: kl_loss(
            _with_rest(s.log_softmax(1), s.topk(k).indices),
            _with_rest(t.log_softmax(1), t.topk(k).indices),
            1.0,
        ),
        "Each is sorted by itself, so that different tokens are compared. Take the student's "
        "probabilities at the *teacher's* tokens (`gather`).",
    ),
    Mistake(
        lambda s, t, k: _at_other_top(s, t, t.topk(k, largest=False).indices),
        "These are the k *least* likely tokens.",
    ),
    Mistake(
        lambda s, t, k: _at_other_top(t, s, t.topk(k).indices),
        "This is KL(student || teacher). Here the teacher's probabilities come first and weight "
        "the logarithms.",
    ),
    Mistake(
        lambda s, t, k: truncated_reverse_kl(s, t, k).sum(1).mean(),
        "This is KL(student || teacher), and without the rest: its minimum is a student that gives "
        "most probability to all other tokens.",
    ),
    Mistake(
        lambda s, t, k: kl_loss(s, t, 1.0),
        "This is the KL over all tokens, for which all logits have to be stored. Use k and the "
        "rest.",
    ),
    Mistake(lambda s, t, k: top_k_kl(s, t, k) * len(s), BATCH_SUM),
    Mistake(
        lambda s, t, k: top_k_kl(s, t, k) / (k + 1),
        "You divide by the number of terms. Sum over them; the mean is over states only.",
    ),
    Mistake(lambda s, t, k: -top_k_kl(s, t, k), SIGN),
]


def check_top_k_kl(function: Callable) -> Verdict:
    """Check a function that computes a KL from the teacher's k likeliest tokens.

    The gradient is checked as `check_own_text_loss` does.

    Args:
        function: takes the logits of student and teacher, both `[B, V]`, and k; returns a scalar:
            KL(teacher || student) over the teacher's k likeliest tokens and the sum of all others
            as one more, the mean over states

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (values(seed, 1.5, 6, 7), values(seed + 10, 1.5, 6, 7), k)
        for seed, k in ((0, 3), (1, 3), (2, 2))
    ]
    sharper = 2 * cases[0][1] + 0.1 * cases[0][0]  # of it a truncated KL is negative
    cases.append((sharper, cases[0][1], 3))
    praise = "It is a divergence: never negative, and 0 only where all of these agree."
    verdict = compare(function, top_k_kl, cases, TOP_K_MISTAKES, praise=praise)
    loss = lambda s, t: function(s, t, 3)  # noqa: E731
    return check_student_gradients(verdict, loss, values(20, batch=6), values(21, batch=6))
