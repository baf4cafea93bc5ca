"""Checkers of the three losses and the target; many of the mistakes come from published code."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from pdlearn import losses
from pdlearn.exercises.verdicts import Mistake, Verdict, compare

TEMPERATURE = 0.1


def values(seed: int, scale: float = 1.0, batch: int = 5, actions: int = 4) -> torch.Tensor:
    """Return random values `[B, A]`, the same for the same seed."""
    return scale * torch.randn(batch, actions, generator=torch.Generator().manual_seed(seed))


PAIRS = [(values(0), values(1)), (values(2, 3.0), values(3, 0.3))]
EXTREME = (values(4, 1e3), values(5, 1e3))
AXIS = "The softmax runs over the states: each column adds up to 1, not each row. Use `dim=1`."
BATCH_SUM = (
    "You add up over the minibatch: twice as many states give twice the loss, so the learning "
    "rate would depend on the minibatch. Take the mean over states."
)
ACTION_MEAN = (
    "You divide by the number of actions. The formula sums over actions; take the mean over "
    "states only. With 18 actions the loss would be 18 times too small."
)
SIGN = "The sign is wrong: learning would move the student away from its teacher."
ADDED = (
    "A small number is added before the logarithm. It hides the overflow, but where the student is "
    "very wrong the loss is too small and its gradient nearly 0. `torch.log_softmax` needs none."
)


POLICY_MISTAKES = [
    Mistake(
        lambda q, t: torch.softmax(q * t, 1),
        "You multiply by the temperature. Divide by it: a small one sharpens.",
    ),
    Mistake(lambda q, t: torch.softmax(q / t, 0), AXIS),
    Mistake(lambda q, t: torch.softmax(q, 1), "The temperature is not used."),
    Mistake(
        lambda q, t: torch.softmax(q, 1) / t,
        "You divide after the softmax: rows no longer add up to 1. Divide the values first.",
    ),
    Mistake(
        lambda q, t: torch.log_softmax(q / t, 1),
        "These are logarithms of probabilities; the target is the probabilities.",
    ),
    Mistake(
        lambda q, t: torch.softmax(q / t**2, 1),
        "The values are divided by the square of the temperature. Divide once.",
    ),
    Mistake(
        lambda q, t: q / t / (q / t).sum(1, keepdim=True),
        "Dividing by the sum gives no probabilities, because values may be negative: `softmax` "
        "takes exponentials first.",
    ),
    Mistake(
        lambda q, t: torch.softmax(-q / t, 1),
        "The sign is wrong: the worst action gets the largest probability.",
    ),
    Mistake(
        lambda q, t: F.one_hot(q.argmax(1), q.shape[1]).float(),
        "This gives all probability to the best action, which is the target of NLL. A temperature "
        "keeps the others.",
    ),
    Mistake(
        lambda q, t: torch.sigmoid(q / t),
        "A sigmoid treats each action alone, so that rows do not add up to 1. Use `softmax`.",
    ),
]

# What beginners add to a probability so that its logarithm is finite.
SMALL_NUMBERS = (1e-8, 1e-6, 1e-10, 1e-12)


def check_teacher_policy(function: Callable) -> Verdict:
    """Check a function that computes the target of the KL loss (paper, section 3).

    Args:
        function: takes the teacher's Q-values `[B, A]` and a temperature; returns probabilities
            `[B, A]`, as `losses.teacher_policy`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(q, t) for q, _ in PAIRS for t in (TEMPERATURE, 2.0)] + [(EXTREME[0], TEMPERATURE)]
    praise = "Every row is a policy, and it agrees with `losses.teacher_policy`."
    return compare(function, losses.teacher_policy, cases, POLICY_MISTAKES, praise=praise)


def _kl(student_log, target_log):
    return (target_log.exp() * (target_log - student_log)).sum(1).mean()


def _kl_per_entry(s, q, t):
    target = torch.softmax(q / t, 1)
    return F.kl_div(torch.log_softmax(s, 1), target, reduction="none")


KL_MISTAKES = [
    Mistake(
        lambda s, q, t: _kl(torch.log_softmax(s / t, 1), torch.log_softmax(q / t, 1)),
        "The temperature divides the student's outputs too. In the paper it divides the teacher's "
        "values only, so the student itself has to become as sharp as the target.",
    ),
    Mistake(
        lambda s, q, t: _kl(torch.log_softmax(s / t, 1), torch.log_softmax(q, 1)),
        "The temperature divides the student's outputs; it belongs to the teacher's values.",
    ),
    Mistake(
        lambda s, q, t: _kl(torch.log_softmax(s, 1), torch.log_softmax(q, 1)),
        "The temperature is not used. The teacher's values are close, so the target is nearly "
        "uniform.",
    ),
    Mistake(
        lambda s, q, t: _kl(torch.log_softmax(s, 1), torch.log_softmax(q * t, 1)),
        "You multiply by the temperature. Divide by it: a small one sharpens.",
    ),
    Mistake(
        lambda s, q, t: _kl(torch.log_softmax(q / t, 1), torch.log_softmax(s, 1)),
        "This is KL(student || teacher). In the paper's KL the teacher's policy comes first and "
        "weights the logarithms.",
    ),
    Mistake(lambda s, q, t: -_kl_per_entry(s, q, t).sum(1).mean(), SIGN),
    Mistake(lambda s, q, t: _kl_per_entry(s, q, t).sum(), BATCH_SUM),
    Mistake(lambda s, q, t: _kl_per_entry(s, q, t).mean(), ACTION_MEAN),
    Mistake(
        lambda s, q, t: _kl_per_entry(s, q, t).sum(1),
        "This is one number per state. The loss is their mean.",
    ),
    Mistake(
        lambda s, q, t: -(torch.softmax(q / t, 1) * torch.log_softmax(s, 1)).sum(1).mean(),
        "This is the cross-entropy. Its gradient is the same, but it is not 0 when the student "
        "agrees: the term with the logarithm of the target is missing.",
    ),
    Mistake(
        lambda s, q, t: (
            F.kl_div(torch.softmax(s, 1), torch.softmax(q / t, 1), reduction="sum") / len(s)
        ),
        "`kl_div` takes the logarithms of the student's probabilities, not the probabilities. "
        "The loss falls all the same, and the student collapses to one answer for every state.",
    ),
    Mistake(
        lambda s, q, t: F.kl_div(
            torch.softmax(s, 1), torch.softmax(q / t, 1), reduction="none"
        ).mean(),
        "`kl_div` takes the logarithms of the student's probabilities, not the probabilities, "
        "and its usual mean divides by the number of actions too.",
    ),
    Mistake(lambda s, q, t: _kl(torch.log_softmax(s, 0), torch.log_softmax(q / t, 0)), AXIS),
    Mistake(
        lambda s, q, t: t**2 * _kl(torch.log_softmax(s / t, 1), torch.log_softmax(q / t, 1)),
        "This is Hinton's loss: temperature on both sides, and the factor T² that makes up for it. "
        "The paper divides the teacher's values only, and needs no factor.",
    ),
    Mistake(
        lambda s, q, t: t**2 * _kl_per_entry(s, q, t).sum(1).mean(),
        "The factor T² belongs to a loss whose temperature divides the student's outputs as well "
        "(Hinton et al. 2015). Here it only makes the loss smaller: leave it out.",
    ),
    Mistake(
        lambda s, q, t: _kl_per_entry(s, q, 0.01).sum(1).mean(),
        "The temperature is always 0.01. Use the argument `temperature`.",
    ),
    Mistake(
        lambda s, q, t: _kl_per_entry(s, q, 1 / t).sum(1).mean() + 0 * t,
        "You multiply by the temperature. Divide by it: a small one sharpens.",
    ),
    Mistake(
        lambda s, q, t: _kl_per_entry(s, q, t).sum(0).mean(),
        "The sum runs over states and the mean over actions. Sum over actions, `dim=1`, and take "
        "the mean over states.",
    ),
    Mistake(
        lambda s, q, t: (torch.softmax(s, 1) - torch.softmax(q / t, 1)).square().sum(1).mean(),
        "These are squared differences of probabilities. KL compares their logarithms, weighted by "
        "the target.",
    ),
    Mistake(
        lambda s, q, t: _kl(s, torch.log_softmax(q / t, 1)),
        "The student's outputs are logits, not yet logarithms of probabilities: take "
        "`log_softmax` of them.",
    ),
    Mistake(
        lambda s, q, t: F.cross_entropy(s, q.argmax(1)),
        "This is NLL: it takes the best action only. The target of KL gives every action a "
        "probability.",
    ),
    *(
        Mistake(
            lambda s, q, t, small=small: _kl(
                (torch.softmax(s, 1) + small).log(), (torch.softmax(q / t, 1) + small).log()
            ),
            ADDED,
        )
        for small in SMALL_NUMBERS
    ),
    *(
        Mistake(
            lambda s, q, t, small=small: (
                (
                    torch.softmax(q / t, 1)
                    * (
                        (torch.softmax(q / t, 1) + small).log()
                        - (torch.softmax(s, 1) + small).log()
                    )
                )
                .sum(1)
                .mean()
            ),
            ADDED,
        )
        for small in SMALL_NUMBERS
    ),
]


def check_kl_loss(function: Callable) -> Verdict:
    """Check a function that computes the KL loss (paper, section 3).

    The gradient is checked too: it must reach the logits and not the teacher's values.

    Args:
        function: takes the student's logits and the teacher's Q-values, both `[B, A]`, and a
            temperature; returns a scalar, the mean over states, as `losses.kl_loss`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(student, q, t) for student, q in PAIRS for t in (TEMPERATURE, 0.5)]
    cases.append((*EXTREME, TEMPERATURE))
    praise = "It agrees with `losses.kl_loss`, for values of a thousand too."
    verdict = compare(function, losses.kl_loss, cases, KL_MISTAKES, praise=praise)
    return _check_student_gradients(verdict, lambda s, q: function(s, q, TEMPERATURE))


def _log_of_best(s, q):
    return torch.log_softmax(s, 1).gather(1, q.argmax(1, keepdim=True)).squeeze(1)  # [B]


NLL_MISTAKES = [
    Mistake(lambda s, q: _log_of_best(s, q).mean(), SIGN),
    Mistake(lambda s, q: -_log_of_best(s, q).sum(), BATCH_SUM),
    Mistake(
        lambda s, q: -_log_of_best(s, q), "This is one number per state. The loss is their mean."
    ),
    Mistake(lambda s, q: -_log_of_best(s, q).mean() / s.shape[1], ACTION_MEAN),
    Mistake(
        lambda s, q: -_log_of_best(s, q).exp().mean(),
        "These are probabilities without a logarithm. Their gradient is nearly 0 for an action "
        "to which the student gives probability near 0.",
    ),
    Mistake(
        lambda s, q: -s.gather(1, q.argmax(1, keepdim=True)).mean(),
        "The student's outputs are logits, not yet logarithms of probabilities: take "
        "`log_softmax` first, or all of them can grow without end.",
    ),
    Mistake(
        lambda s, q: F.cross_entropy(torch.softmax(s, 1), q.argmax(1)),
        "There is a softmax too many: `cross_entropy` takes logits and does its own.",
    ),
    Mistake(
        lambda s, q: F.cross_entropy(s, s.argmax(1)),
        "This takes the student's best action. Take the teacher's.",
    ),
    Mistake(
        lambda s, q: F.cross_entropy(q, s.argmax(1)),
        "The roles are swapped: the teacher chooses the action, the student gives its probability.",
    ),
    Mistake(
        lambda s, q: -torch.log_softmax(s, 0).gather(1, q.argmax(1, keepdim=True)).mean(), AXIS
    ),
    Mistake(
        lambda s, q: -torch.log_softmax(s, 1).mean(),
        "This is the mean over all actions. Take the teacher's best one of each state.",
    ),
    Mistake(
        lambda s, q: F.cross_entropy(s, torch.softmax(q, 1)),
        "The target is the teacher's softmax. NLL takes its best action only.",
    ),
    Mistake(
        lambda s, q: F.cross_entropy(s, q.argmin(1)),
        "This takes the teacher's worst action. Take its best.",
    ),
    Mistake(
        lambda s, q: -torch.log_softmax(s, 1)[:, q.argmax(1)].mean(),
        "`[:, best]` takes every state's best action in every state, `[B, B]` numbers. "
        "`gather(1, best.unsqueeze(1))` takes one in each.",
    ),
    *(
        Mistake(
            lambda s, q, small=small: (
                -(torch.softmax(s, 1) + small).log().gather(1, q.argmax(1, keepdim=True)).mean()
            ),
            ADDED,
        )
        for small in SMALL_NUMBERS
    ),
]


def check_nll_loss(function: Callable) -> Verdict:
    """Check a function that computes the loss of the teacher's best action (paper, section 3).

    The gradient is checked as `check_kl_loss` does.

    Args:
        function: takes the student's logits and the teacher's Q-values, both `[B, A]`; returns a
            scalar, the mean over states, as `losses.nll_loss`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [*PAIRS, EXTREME]
    praise = "It agrees with `losses.nll_loss`, for values of a thousand too."
    verdict = compare(function, losses.nll_loss, cases, NLL_MISTAKES, praise=praise)
    return _check_student_gradients(verdict, function)


def _squares(s, q):
    return (s - q).square()


MSE_MISTAKES = [
    Mistake(lambda s, q: _squares(s, q).mean(), ACTION_MEAN),
    Mistake(lambda s, q: _squares(s, q).sum(), BATCH_SUM),
    Mistake(
        lambda s, q: _squares(s, q).sum(1), "This is one number per state. The loss is their mean."
    ),
    Mistake(lambda s, q: -_squares(s, q).sum(1).mean(), SIGN),
    Mistake(
        lambda s, q: _squares(s, q).sum(1).sqrt().mean(),
        "This is the distance; the paper's loss is its square.",
    ),
    Mistake(
        lambda s, q: _squares(s, torch.softmax(q, 1)).sum(1).mean(),
        "The student's values are compared with the teacher's probabilities, numbers of "
        "another scale. This loss compares values with values.",
    ),
    Mistake(
        lambda s, q: _squares(torch.softmax(s, 1), torch.softmax(q, 1)).sum(1).mean(),
        "These are probabilities. This loss compares the values themselves.",
    ),
    Mistake(lambda s, q: (s - q).abs().sum(1).mean(), "These are distances; square them."),
    Mistake(
        lambda s, q: _squares(s, q).sum(0).mean(),
        "The axes are swapped: this sums over states and takes the mean over actions. Actions are "
        "axis 1.",
    ),
    Mistake(
        lambda s, q: (s - q).sum(1).square().mean(),
        "This squares the sum of the errors, in which errors of both signs cancel. Square first.",
    ),
    Mistake(
        lambda s, q: (s - q).sum(1).mean(),
        "The square is missing, so that errors of both signs cancel.",
    ),
    Mistake(
        lambda s, q: (s.square() - q.square()).sum(1).mean(),
        "This is the difference of the squares. Take the square of the difference.",
    ),
    Mistake(
        lambda s, q: (s - q).norm(),
        "`norm()` without an axis is the root of the sum over the whole minibatch. Sum the squares "
        "over actions, and take the mean over states.",
    ),
    Mistake(
        lambda s, q: _squares(s, q).sum(1).mean() / 2,
        "This is half the loss. Some textbooks have the factor one half; the paper does not.",
    ),
    Mistake(
        lambda s, q: F.huber_loss(s, q, reduction="none").sum(1).mean(),
        "This is Huber's loss, as in deep Q-learning. The paper's loss is the square for large "
        "errors too.",
    ),
    Mistake(
        lambda s, q: (s.max(1).values - q.max(1).values).square().mean(),
        "This compares only the best actions' values. The loss sums over all actions.",
    ),
    Mistake(
        lambda s, q: _squares(torch.softmax(s, 1), q).sum(1).mean(),
        "The student's probabilities are compared with the teacher's values. With this loss the "
        "student's outputs are values too: no softmax.",
    ),
]


def check_mse_loss(function: Callable) -> Verdict:
    """Check a function that computes the squared distance of Q-values (paper, section 3).

    The gradient is checked as `check_kl_loss` does.

    Args:
        function: takes the student's and the teacher's Q-values, both `[B, A]`; returns a scalar:
            the sum over actions, the mean over states, as `losses.mse_loss`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    praise = "It agrees with `losses.mse_loss`."
    verdict = compare(function, losses.mse_loss, PAIRS, MSE_MISTAKES, praise=praise)
    return _check_student_gradients(verdict, function)


def check_gradients(
    verdict: Verdict, loss: Callable, prediction: torch.Tensor, target: torch.Tensor, *, leak: str
) -> Verdict:
    """Return the verdict, unless a right loss has wrong gradients.

    `loss(prediction, target)` must give the prediction a gradient and the target none; `leak` is
    the hint for the latter.
    """
    if verdict.state != "right":
        return verdict
    prediction.requires_grad_()
    target.requires_grad_()
    result = loss(prediction, target)
    if not (isinstance(result, torch.Tensor) and result.requires_grad):
        return Verdict(
            "not yet",
            "The number is right, but no gradient leads back from it (`.item()`, `.detach()` and "
            "numpy cut it off): nothing would be learnt.",
        )
    result.backward()
    if target.grad is not None and bool(target.grad.any()):
        return Verdict("not yet", leak)
    return verdict


def _check_student_gradients(verdict: Verdict, loss: Callable) -> Verdict:
    leak = (
        "The number is right, but a gradient flows into the teacher's values too, and would move "
        "the teacher towards the student. Stop it with `teacher_q.detach()`."
    )
    return check_gradients(verdict, loss, values(6), values(7), leak=leak)
