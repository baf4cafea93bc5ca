"""Multiple-choice exercises, with a hint for each answer, right or wrong.

The answers are kept here, so that the check in a lesson does not show them.
"""

from typing import NamedTuple

from pdlearn import paper
from pdlearn.exercises.verdicts import Verdict, is_blank


class Question(NamedTuple):
    """The right answer, and a hint for every answer; that of the right one explains it."""

    right: object
    hints: dict[object, str]


_NET3 = [row["net3"] for row in paper.TABLE_B1.values()]

# By the heading of the exercise.
QUESTIONS = {
    "What did the student never get?": Question(
        "rewards",
        {
            "frames": "Frames are its input: `batch.observation` contains them.",
            "values": "It learns from the teacher's Q-values: `batch.teacher_q`.",
            "rewards": "It never received a point. It learns about winning only from its "
            "teacher's values.",
        },
    ),
    "The same number": Question(
        "DOWN",
        {
            "RIGHT": "This is action 2 in Pong. Freeway has its own list.",
            "UP": "`UP` is 1 in Freeway; counting begins at 0.",
            "DOWN": "The number is an index into the game's own list. Therefore a checkpoint "
            "contains the names of its actions.",
        },
    ),
    "A time limit": Question(
        "gamma",
        {
            "zero": "This means that no more points can be won. But the game would have "
            "continued, and the ball could still have been caught.",
            "gamma": "The game would have continued, so the next state has a value. Only a real "
            "end stores 0.",
        },
    ),
    "MSE and KL of two students": Question(
        ("flat", "shifted"),
        {
            ("flat", "flat"): "KL sees only differences between actions, and `flat` has none.",
            ("shifted", "shifted"): "Most gaps are far smaller than 0.2: compare the squared "
            "errors of both students.",
            ("flat", "shifted"): "The squared error of 0.2 is larger than that of the gaps. KL "
            "depends only on differences between actions.",
            ("shifted", "flat"): "It is the reverse: KL sees only differences between actions.",
        },
    ),
    "Name the mistake": Question(
        "log_softmax",
        {
            "log_softmax": "It does not compute the very small probability, whose logarithm is "
            "minus infinity.",
            "smaller learning rate": "It can happen in the first minibatch: the cause is "
            "arithmetic, not the learning rate.",
            "clamp": "The loss stays finite, but clamped values have no gradient: the bug is "
            "hidden, not fixed.",
        },
    ),
    "Signs of a collapse": Question(
        "the loss has stopped falling",
        {
            "the loss has stopped falling": "The loss of a good student stops falling too. "
            "Compare it with the blind answer's, or look at the variety.",
            "variety is 0": "This is the collapse itself: the same answer in every state.",
            "it loses 21 to 0": "One game is enough to see it.",
        },
    ),
    "Losses and a game's scale": Question(
        "nll",
        {
            "mse": "Its target is 100 times larger, and the gradient grows with the distance.",
            "nll": "The best action is the same at any scale.",
            "kl": "The gradient stays bounded, because the target is made of probabilities. But "
            "values 100 times larger sharpen it like a temperature 100 times smaller.",
        },
    ),
    "Zero gradients": Question(
        "no",
        {
            "yes": "Its gradient is 0, but Adam's step follows the mean of past gradients, which "
            "a 0 only makes smaller.",
            "no": "Adam's step follows the mean of past gradients. A parameter without any "
            "gradient is not updated.",
        },
    ),
    "A new teacher": Question(
        "the old values are the old teacher's",
        {
            "the memory is full": "It holds many rounds, and a full memory overwrites its oldest "
            "states.",
            "the old values are the old teacher's": "Each state is stored with the values of the "
            "teacher of that time, which is worse than the new one. (The old states could also be "
            "labelled again.)",
            "old states teach nothing": "The states are still useful; the values stored with them "
            "are out of date.",
        },
    ),
    "A silent no-op": Question(
        "d",
        {
            "a": "`.item()` makes a number of the KL. It is added to the logged loss, but has no "
            "gradient: only the data teaches.",
            "b": "At β = 1 the mixture is the teacher. Its divergence from itself is 0, and the "
            "student's has weight 0. Libraries treat β = 0 and β = 1 as the two KLs by "
            "themselves.",
            "c": "The target is the student's own policy: `teacher = student` does this without a "
            "copy of the weights. The loss is 0 from the first update.",
            "d": "Its gradient is another one if the teacher is another one. For the other three "
            "it stays the same.",
        },
    ),
    "What would refute it?": Question(
        "ten games, all of the interval below 84 %",
        {
            "one game at 60 %": "In the paper's own table single games lie between "
            f"{min(_NET3):.0f} and {max(_NET3):.0f} %.",
            "two games at 100 %": "The paper's own net3 reaches this in many pairs of games, so "
            "it fits the claim.",
            "ten games, all of the interval below 84 %": "The same games and sizes, and a "
            "difference larger than chance. (The next step would be to compare starts, teachers "
            "and amount of play.)",
        },
    ),
}


def check_choice(question: str, choice: object) -> Verdict:
    """Check the answer chosen in a multiple-choice exercise.

    Args:
        question: the heading of the exercise, a key of `QUESTIONS`
        choice: one of the answers that the exercise offers

    Returns:
        the verdict, with a hint for each answer, right or wrong

    Raises:
        KeyError: for a heading that is not in `QUESTIONS`
    """
    right, hints = QUESTIONS[question]
    names = ", ".join(f"`{name!r}`" for name in hints)
    if is_blank(choice):
        return Verdict("missing", f"Choose one of {names}.")
    if choice not in hints:
        return Verdict("not yet", f"Expected one of {names}; got {choice!r}.")
    return Verdict("right" if choice == right else "not yet", hints[choice])
