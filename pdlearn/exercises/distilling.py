"""Checkers of the student's loop: an update, agreement with the teacher, signs of a collapse."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.losses import kl_loss

TEMPERATURE = 0.03


def update_with(
    temperature: float = TEMPERATURE,
    order: tuple[str, ...] = ("zero_grad", "backward", "step"),
    *,
    loss_of: Callable = kl_loss,
) -> Callable:
    """Return a function that takes one update, right or with a common mistake."""

    def update(student, optimizer, observation, teacher_q):
        loss = loss_of(student(observation), teacher_q, temperature)
        steps = {"zero_grad": optimizer.zero_grad, "backward": loss.backward}
        for name in order:
            (steps | {"step": optimizer.step})[name]()

    return update


def wrong_temperature(temperature: float) -> Mistake:
    """Return the mistake of another temperature than the lesson's."""
    hint = f"The temperature is {temperature:g} here; this lesson's is {TEMPERATURE}."
    return Mistake(update_with(temperature), hint)


UPDATE_MISTAKES = [
    Mistake(
        update_with(order=("backward", "step")),
        "The gradients of the last update remain, and the new ones are added to them: call "
        "`optimizer.zero_grad()` before `backward`.",
    ),
    Mistake(
        update_with(order=("step", "zero_grad", "backward")),
        "`optimizer.step()` comes before `loss.backward()`: each step uses the gradient of the "
        "minibatch before.",
    ),
    Mistake(
        update_with(order=("backward", "zero_grad", "step")),
        "`zero_grad` comes between `backward` and `step` and clears the gradient before its use: "
        "the weights never move. Call it before `backward`.",
    ),
    Mistake(
        update_with(order=("zero_grad", "step", "backward")),
        "`optimizer.step()` comes before `loss.backward()`, when the gradients are cleared: the "
        "weights never move. Call `backward` first.",
    ),
    Mistake(
        update_with(order=("zero_grad", "backward")),
        "The gradient is computed, but no step is taken: call `optimizer.step()`.",
    ),
    Mistake(
        update_with(order=("zero_grad", "step")),
        "There is a step without a gradient: call `loss.backward()` before it.",
    ),
    Mistake(
        update_with(order=("zero_grad", "backward", "step", "step")),
        "The optimiser takes two steps with one gradient. One `step` per minibatch.",
    ),
    *(wrong_temperature(other) for other in (1.0, 0.01, 0.1, 0.3, 0.003)),
    Mistake(
        update_with(loss_of=lambda s, q, t: -kl_loss(s, q, t)),
        "The loss grows: its sign is wrong.",
    ),
    Mistake(
        update_with(loss_of=lambda s, q, t: kl_loss(s / t, q, t)),
        "The student's outputs are divided by the temperature too. `kl_loss` divides the teacher's "
        "values itself.",
    ),
    Mistake(
        update_with(loss_of=lambda s, q, t: kl_loss(s, q / t, 1.0 * t)),
        "The teacher's values are divided by the temperature twice: `kl_loss` does it itself.",
    ),
    Mistake(
        update_with(loss_of=lambda s, q, t: len(s) * kl_loss(s, q, t)),
        "The loss is summed over the minibatch. `kl_loss` returns its mean: use it as it is.",
    ),
]


def check_update(function: Callable) -> Verdict:
    """Check a function that takes one update of a student with the KL loss.

    It updates a small network twice. The weights must then equal those after two right updates.

    Args:
        function: takes the student (a network), its optimizer, observations and the teacher's
            Q-values `[B, A]`; changes the student's weights and returns nothing

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    verdict = compare(
        function,
        update_with(),
        [(values(0, actions=3), values(1, 0.1))],
        UPDATE_MISTAKES,
        praise="Two updates lead to the same weights as the package's.",
        adapt=_weights_after_two,
    )
    if callable(function) and verdict.state == "missing":
        text = "The student's weights do not move yet: loss, `zero_grad`, `backward`, `step`."
        return Verdict("missing", text)
    return verdict


def _weights_after_two(update: Callable) -> Callable:
    def weights_after(observation: Tensor, teacher_q: Tensor) -> Tensor | None:
        """Return a small network's weights after two updates, and why they did not move.

        The last number is 0 if they moved. None if there was no gradient and no step.
        """
        student = _small_network()
        calls: list[str] = []
        for parameter in student.parameters():
            parameter.register_hook(lambda gradient: calls.append("backward"))
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        optimizer.register_step_pre_hook(lambda *given: calls.append("step"))
        before = _weights(student)
        for _ in range(2):
            update(student, optimizer, observation, teacher_q)
        after = _weights(student)
        if not calls:
            return None
        reason = _reason(calls) if after.equal(before) else 0.0
        return torch.cat([after, torch.tensor([reason])])

    return weights_after


def _reason(calls: list[str]) -> float:
    """Return a number for the reason why weights did not move, by the order of calls."""
    if "backward" not in calls:
        return 1.0
    if "step" not in calls:
        return 2.0
    return 3.0 if calls.index("step") < calls.index("backward") else 4.0


def _small_network() -> nn.Linear:
    network = nn.Linear(3, 4)
    with torch.no_grad():
        network.weight.copy_(values(2, batch=4, actions=3))
        network.bias.zero_()
    return network


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


AGREEMENT_MISTAKES = [
    Mistake(
        lambda s, q: (s.argmax(1) == q.argmax(1)).sum(),
        "This counts the states; divide by how many there are.",
    ),
    Mistake(
        lambda s, q: (s.argmax(0) == q.argmax(0)).float().mean(),
        "`argmax(0)` takes the best state of each action. Take the best action of each state: "
        "`argmax(1)`.",
    ),
    Mistake(
        lambda s, q: (s.argmax() == q.argmax()).float(),
        "`argmax()` without an axis takes the largest number of the whole tensor.",
    ),
    Mistake(
        lambda s, q: (s == q).float().mean(),
        "This compares values. A student with other values can still choose the same actions.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1) != q.argmax(1)).float().mean(),
        "This is the share of states in which they choose differently.",
    ),
    Mistake(
        lambda s, q: (s.argmin(1) == q.argmin(1)).float().mean(),
        "This compares the worst actions.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1, keepdim=True) == q.argmax(1)).float().mean(),
        "One `argmax` is `[B, 1]` and the other `[B]`: they broadcast to `[B, B]`, and every state "
        "is compared with every other. Use `keepdim` in both or in none.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1) == q.argmax(1)).float(),
        "This is one number per state; return their mean.",
    ),
    Mistake(
        lambda s, q: 100 * (s.argmax(1) == q.argmax(1)).float().mean(),
        "This is in percent; return a share, 1 if they always agree.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1) == q.argmax(1)).float().sum() / s.numel(),
        "You divide by the number of outputs. Divide by the number of states, or take the mean.",
    ),
]


def check_agreement(function: Callable) -> Verdict:
    """Check a function that computes the agreement of a student with its teacher.

    Args:
        function: takes the student's outputs and the teacher's Q-values, both float `[B, A]`;
            returns the share of states, 0 to 1, in which both have the same best action

    Returns:
        the verdict, with a hint if the answer is wrong
    """

    def right(s, q):
        return (s.argmax(1) == q.argmax(1)).float().mean()

    near = values(1, batch=9)
    cases = [(values(0, batch=9), near), (near + 0.5 * values(2, batch=9), near), (near + 1, near)]
    return compare(
        function, right, cases, AGREEMENT_MISTAKES, praise="It counts as `distill.agreement` does."
    )


VARIETY_MISTAKES = [
    Mistake(
        lambda p: p.std(1).mean(),
        "This is the deviation over actions, which measures how sharp a policy is. A collapsed "
        "student that is sure of the same action in every state would look healthy.",
    ),
    Mistake(
        lambda p: p.std(),
        "This mixes states and actions: a collapsed student has probabilities that differ "
        "between actions, and would look healthy. Take `std(0)` first.",
    ),
    Mistake(lambda p: p.std(0), "This is one number per action; return their mean."),
    Mistake(lambda p: p.var(0).mean(), "This is the variance; its root is the deviation."),
    Mistake(
        lambda p: p.mean(0).std(),
        "The mean over states comes first here and hides how they differ.",
    ),
    Mistake(
        lambda p: p.std(0, unbiased=False).mean(),
        "Nearly. This divides by N; `std(0)` divides by N - 1, as an estimate from a sample does.",
    ),
    Mistake(lambda p: p.std(0).sum(), "This is the sum over actions; take their mean."),
    Mistake(lambda p: p.std(0).max(), "This is the largest deviation; take the mean over actions."),
    Mistake(
        lambda p: (p.max(0).values - p.min(0).values).mean(),
        "This is the range, which two states determine. Take the standard deviation.",
    ),
    Mistake(
        lambda p: p.log().std(0).mean(),
        "These are logarithms, whose deviation is large for actions that are never taken. Take the "
        "probabilities.",
    ),
]


def check_variety(function: Callable) -> Verdict:
    """Check a function that computes the variety of a student's policies.

    Args:
        function: takes probabilities `[B, A]`; returns a number: the standard deviation over the B
            states, averaged over the A actions

    Returns:
        the verdict, with a hint if the answer is wrong
    """

    def right(p):
        return p.std(0).mean()

    varied = torch.softmax(values(0, 2.0, batch=9), 1)
    peaked = torch.softmax(values(1, 5.0, batch=9), 1)
    cases = [(varied,), (peaked,), (varied[:1].repeat(9, 1),)]
    return compare(
        function, right, cases, VARIETY_MISTAKES, praise="It is 0 for a student that has collapsed."
    )
