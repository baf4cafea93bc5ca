"""Checkers of two agents compared: points given away, a share of the way, a difference."""

from collections.abc import Callable
from math import hypot

from torch import Tensor

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare


def given_away(output: Tensor, teacher_q: Tensor) -> Tensor:
    """Return what choosing by `output` costs, by the teacher's values, `[B]` for two `[B, A]`."""
    chosen = teacher_q.gather(1, output.argmax(1, keepdim=True)).squeeze(1)
    return teacher_q.max(1).values - chosen


GIVEN_AWAY_MISTAKES = [
    Mistake(
        lambda s, q: q.max(1).values - s.max(1).values,
        "The student's own number is no Q-value. Ask what the teacher thinks of the student's "
        "choice: `gather` from `teacher_q`.",
    ),
    Mistake(
        lambda s, q: q.max(1).values - s.gather(1, q.argmax(1, keepdim=True)).squeeze(1),
        "The roles are changed over: the student chooses, the teacher says what that is worth.",
    ),
    Mistake(
        lambda s, q: -given_away(s, q),
        "The sign is turned round: the teacher's best comes first, so that nothing is below 0.",
    ),
    Mistake(
        lambda s, q: q.gather(1, s.argmax(1, keepdim=True)).squeeze(1),
        "This is what the choice is worth; what is given away is what the best is worth beyond it.",
    ),
    Mistake(
        lambda s, q: given_away(s, q).mean(),
        "Keep one number a state: where they are large is what we want to see.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1) != q.argmax(1)).float(),
        "This counts states in which they differ. Some differences cost a point, most nothing.",
    ),
    Mistake(
        lambda s, q: q.sort(1).values[:, -1] - q.sort(1).values[:, -2],
        "This is the gap between the teacher's two best actions, whatever the student chose.",
    ),
]


def check_given_away(function: Callable) -> Verdict:
    """Check a function of `(student_output [B, A], teacher_q [B, A])`; see `given_away`."""
    near = values(1, batch=9)
    cases = [(values(0, batch=9), near), (near + 0.5 * values(2, batch=9), near)]
    return compare(
        function, given_away, cases, GIVEN_AWAY_MISTAKES, praise="It is 0 where both choose alike."
    )


def share(score: float, random: float, teacher: float) -> float:
    """Return how much of the way from random play to the teacher's score an agent has gone."""
    return (score - random) / (teacher - random)


SHARE_MISTAKES = [
    Mistake(
        lambda s, r, t: s / t,
        "This is the share of the teacher's score. It begins at a score of 0, wherever the game "
        "put that; begin at random play.",
    ),
    Mistake(
        lambda s, r, t: (s - r) / t,
        "The way is as long as from random play to the teacher: divide by that difference.",
    ),
    Mistake(lambda s, r, t: s / (t - r), "The agent's own way begins at random play too."),
    Mistake(lambda s, r, t: (t - s) / (t - r), "This is the share that is still to go."),
    Mistake(
        lambda s, r, t: 100 * share(s, r, t), "These are percent; the share of 1 is asked for."
    ),
    Mistake(
        lambda s, r, t: (s + r) / (t + r),
        "Take the random score off, with its sign: minus -20 is plus 20.",
    ),
]


def check_share(function: Callable) -> Verdict:
    """Check a function of `(score, random, teacher)`, mean scores; see `share`."""
    cases = [(0.0, -20.7, 18.6), (302.0, 148.0, 1450.0), (-21.0, -20.7, 18.6), (26.0, 0.5, 25.8)]
    return compare(
        function,
        share,
        cases,
        SHARE_MISTAKES,
        praise="Random play is at 0 and the teacher at 1, in any game.",
    )


def difference(a: tuple, b: tuple) -> tuple[float, float]:
    """Return the 95 % interval of `a`'s mean minus `b`'s, each given as (mean, low, high).

    Both were judged on games of their own, so that their errors add as squares.
    """
    return _around(a, b, hypot(a[2] - a[1], b[2] - b[1]) / 2)


def _around(a, b, half):
    return a[0] - b[0] - half, a[0] - b[0] + half


DIFFERENCE_MISTAKES = [
    Mistake(
        lambda a, b: (a[1] - b[2], a[2] - b[1]),
        "This lets both be off by their most at once, in opposite directions. That is rare: "
        "errors of their own add as squares.",
    ),
    Mistake(
        lambda a, b: _around(a, b, ((a[2] - a[1]) + (b[2] - b[1])) / 2),
        "The half widths add as squares: root of `a_half**2 + b_half**2`.",
    ),
    Mistake(
        lambda a, b: (a[1] - b[1], a[2] - b[2]),
        "Low minus low and high minus high: two agents with intervals of one width would have a "
        "difference that is known exactly.",
    ),
    Mistake(
        lambda a, b: _around(a, b, hypot(a[2] - a[1], b[2] - b[1])),
        "The interval reaches as far to each side as half its width.",
    ),
    Mistake(
        lambda a, b: _around(a, b, max(a[2] - a[1], b[2] - b[1]) / 2),
        "The wider of the two is not all: a difference is less sure than either mean.",
    ),
    Mistake(
        lambda a, b: _around(a, b, (a[2] - a[1]) ** 2 / 4 + (b[2] - b[1]) ** 2 / 4),
        "The root of the sum of squares is missing.",
    ),
    Mistake(
        lambda a, b: _around(a, b, abs((a[2] - a[1]) ** 2 - (b[2] - b[1]) ** 2) ** 0.5 / 2),
        "The means are subtracted, but their errors still add.",
    ),
    Mistake(lambda a, b: difference(b, a), "This is `b` minus `a`."),
]


def check_difference(function: Callable) -> Verdict:
    """Check a function of `(a, b)`, each (mean, low, high), that returns (low, high)."""
    cases = [
        ((18.0, 17.2, 18.5), (15.0, 11.0, 17.5)),
        ((5.0, 4.0, 6.2), (6.0, 5.8, 6.1)),
        ((-3.0, -6.0, 1.0), (2.0, -1.5, 5.0)),
    ]
    return compare(
        function,
        difference,
        cases,
        DIFFERENCE_MISTAKES,
        praise="Where it leaves out 0, games tell them apart.",
    )
