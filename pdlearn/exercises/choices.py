"""Multiple-choice exercises, with a hint for each answer, right or wrong.

The answers are kept here, so that the check in a lesson does not give them away.
"""

from typing import NamedTuple

from pdlearn import paper
from pdlearn.exercises.verdicts import Verdict, is_blank


class Question(NamedTuple):
    """The right answer, and a hint for every answer; the right one's tells why it is right."""

    right: object
    hints: dict[object, str]


_NET3 = [row["net3"] for row in paper.TABLE_B1.values()]

# By the heading of the exercise.
QUESTIONS = {
    "What did the student never get?": Question(
        "rewards",
        {
            "frames": "Frames are what it sees: `batch.observation` is made of them.",
            "values": "The teacher's Q-values are what it learns from: `batch.teacher_q`.",
            "rewards": "Nobody told it of a point won or lost. All it knows of winning, it has "
            "from its teacher's values.",
        },
    ),
    "The same number": Question(
        "DOWN",
        {
            "RIGHT": "That is what 2 means in Pong. Freeway has its own list.",
            "UP": "`UP` is 1 in Freeway; counting begins at 0.",
            "DOWN": "The number is an index into the game's own list. A checkpoint here names its "
            "actions, and one with other names is refused.",
        },
    ),
    "Cut by the clock": Question(
        "gamma",
        {
            "zero": "That says that nothing can be won from there. The clock stopped but the game "
            "did not: the ball would still have been caught.",
            "gamma": "The game would have gone on, and so the next state still has a value. Only a "
            "real end stores 0.",
        },
    ),
    "What MSE cares about": Question(
        ("flat", "shifted"),
        {
            ("flat", "flat"): "KL sees only differences between actions, and `flat` has none.",
            ("shifted", "shifted"): "Most gaps are far smaller than 0.2: compare what each student "
            "pays for its mistake, squared.",
            ("flat", "shifted"): "MSE counts the 0.2 and hardly the lost choice; KL counts the "
            "choice alone.",
            ("shifted", "flat"): "It is the other way round: KL sees only differences between "
            "actions.",
        },
    ),
    "Name the mistake": Question(
        "log_softmax",
        {
            "log_softmax": "It never forms the tiny probability whose logarithm is minus infinity.",
            "smaller learning rate": "It can happen in the very first minibatch: the cause is "
            "arithmetic, not speed.",
            "clamp": "It stays finite, but where it clamps there is no gradient: the bug is "
            "hidden, not fixed.",
        },
    ),
    "How would you have noticed?": Question(
        "the loss has stopped falling",
        {
            "the loss has stopped falling": "Healthy students stop too. Compare the loss with the "
            "blind answer's, or look at the variety.",
            "variety is 0": "This is the collapse itself: the same answer in every state.",
            "it loses 21 to 0": "One game gives it away, if nothing else does.",
        },
    ),
    "What a loss sees of a game's scale": Question(
        "nll",
        {
            "mse": "Its target is 100 times larger, and the pull grows with the distance to it.",
            "nll": "The best action is the best action at any scale.",
            "kl": "Nearly, and it can never pull much harder: a target is made of probabilities. "
            "But values 100 times larger sharpen it, as a temperature 100 times smaller would.",
        },
    ),
    "Who moves?": Question(
        "no",
        {
            "yes": "Its gradient is 0, but Adam moves by the mean of past gradients, and 0 only "
            "shrinks it.",
            "no": "Adam goes on along the mean of past gradients. Where there is no gradient at "
            "all, it passes a parameter over.",
        },
    ),
    "A new teacher": Question(
        "the old labels are another's",
        {
            "the memory is full": "It holds many rounds, and a full one drops its oldest by "
            "itself.",
            "the old labels are another's": "Each state is stored with the values of whoever was "
            "the teacher then: of a network that has been surpassed. (Labelling the old states "
            "anew would be another way.)",
            "old states teach nothing": "States are states; what is out of date is what is written "
            "beside them.",
        },
    ),
    "What would refute it?": Question(
        "ten games, all of the interval below 84 %",
        {
            "one game at 60 %": "One game: in the paper's own table single games lie between "
            f"{min(_NET3):.0f} and {max(_NET3):.0f} %.",
            "two games at 100 %": "The paper's own net3 is at as much in many pairs of games; that "
            "fits the claim, and does not test it.",
            "ten games, all of the interval below 84 %": "The same games, the same sizes, and more "
            "than chance. (Then one would look at starts, teachers and amount of play.)",
        },
    ),
}


def check_choice(question: str, choice: object) -> Verdict:
    """Return the verdict on the answer chosen in the exercise whose heading is `question`.

    Raises KeyError for a heading that is not in `QUESTIONS`.
    """
    right, hints = QUESTIONS[question]
    names = ", ".join(f"`{name!r}`" for name in hints)
    if is_blank(choice):
        return Verdict("missing", f"Choose one of {names}.")
    if choice not in hints:
        return Verdict("not yet", f"Expected one of {names}; got {choice!r}.")
    return Verdict("right" if choice == right else "not yet", hints[choice])
