"""Checkers of the student's loop: an update, agreement with the teacher, signs of a collapse."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.losses import kl_loss

TEMPERATURE = 0.03


def update_with(temperature: float = TEMPERATURE, sign: int = 1, clears: bool = True) -> Callable:
    """Return a function that takes one update, right or with a common mistake."""

    def update(student, optimizer, observation, teacher_q):
        if clears:
            optimizer.zero_grad()
        (sign * kl_loss(student(observation), teacher_q, temperature)).backward()
        optimizer.step()

    return update


def _steps_too_soon(student, optimizer, observation, teacher_q):
    loss = kl_loss(student(observation), teacher_q, TEMPERATURE)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()


UPDATE_MISTAKES = [
    Mistake(
        update_with(clears=False),
        "The gradients of the last update remain, and the new ones are added to them: call "
        "`optimizer.zero_grad()` before `backward`.",
    ),
    Mistake(
        _steps_too_soon,
        "`optimizer.step()` comes before `loss.backward()`: each step uses the gradient of the "
        "minibatch before.",
    ),
    Mistake(
        update_with(temperature=1.0), f"The temperature is 1 here; this lesson's is {TEMPERATURE}."
    ),
    Mistake(update_with(sign=-1), "The loss grows: its sign is wrong."),
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
        """Return a small network's weights after two updates; None if they did not move."""
        student = _small_network()
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        before = _weights(student)
        for _ in range(2):
            update(student, optimizer, observation, teacher_q)
        after = _weights(student)
        return None if after.equal(before) else after

    return weights_after


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
