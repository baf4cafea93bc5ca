"""Checkers of comparing two agents: value given away, share of the way, difference of means."""

from collections.abc import Callable
from math import hypot

import torch

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.games import percent_of_range
from pdlearn.losses import regret
from pdlearn.statistics import difference_interval, share_of_the_way

GIVEN_AWAY_MISTAKES = [
    Mistake(
        lambda s, q: q.max(1).values - s.max(1).values,
        "The student's outputs are not Q-values. Look up the teacher's value of the student's "
        "choice: `gather` from `teacher_q`.",
    ),
    Mistake(
        lambda s, q: q.max(1).values - s.gather(1, q.argmax(1, keepdim=True)).squeeze(1),
        "The roles are swapped: the student chooses the action, the teacher's values tell what it "
        "is worth.",
    ),
    Mistake(
        lambda s, q: -regret(s, q),
        "The sign is wrong: subtract from the teacher's best value, so that no result is below 0.",
    ),
    Mistake(
        lambda s, q: q.gather(1, s.argmax(1, keepdim=True)).squeeze(1),
        "This is the value of the choice. Subtract it from the value of the best action.",
    ),
    Mistake(
        lambda s, q: regret(s, q).mean(),
        "Return one number per state, so that the states with large numbers can be seen.",
    ),
    Mistake(
        lambda s, q: (s.argmax(1) != q.argmax(1)).float(),
        "This marks the states in which they differ. A few differences cost a point, most cost "
        "nothing.",
    ),
    Mistake(
        lambda s, q: q.sort(1).values[:, -1] - q.sort(1).values[:, -2],
        "This is the gap between the teacher's two best actions, whatever the student chose.",
    ),
    Mistake(
        lambda s, q: q.max(1).values - q.gather(1, s.argmax(1, keepdim=True)),
        "`gather` returns `[B, 1]`, and with `[B]` it broadcasts to `[B, B]`. Add `.squeeze(1)`.",
    ),
    Mistake(
        lambda s, q: q.max() - q.gather(1, s.argmax(1, keepdim=True)).squeeze(1),
        "`max()` without an axis takes the largest value of all states. Compare with the best "
        "action of the same state: `max(1)`.",
    ),
    Mistake(
        lambda s, q: regret(s, q).square(),
        "These are squares. Return the difference itself, in points.",
    ),
    Mistake(
        lambda s, q: q.max(1).values - q.mean(1),
        "This compares with the mean over actions, whatever the student chose.",
    ),
    Mistake(
        lambda s, q: q.max(1).values - (torch.softmax(s, 1) * q).sum(1),
        "This is the loss of a student that draws its action from its softmax. It takes the best "
        "one: `argmax`.",
    ),
]


def check_given_away(function: Callable) -> Verdict:
    """Check a function that measures the teacher's value lost by the student's choices.

    Args:
        function: takes the student's outputs and the teacher's Q-values, both float `[B, A]`;
            returns `[B]`: the value of the teacher's best action minus that of the student's choice

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    near = values(1, batch=9)
    cases = [(values(0, batch=9), near), (near + 0.5 * values(2, batch=9), near)]
    return compare(
        function, regret, cases, GIVEN_AWAY_MISTAKES, praise="It is 0 where both choose alike."
    )


SHARE_MISTAKES = [
    Mistake(
        lambda s, r, t: s / t,
        "This is the share of the teacher's score, counted from a score of 0. Count both scores "
        "from random play.",
    ),
    Mistake(
        lambda s, r, t: (s - r) / t,
        "Divide by the difference between the teacher's score and the random score.",
    ),
    Mistake(lambda s, r, t: s / (t - r), "Subtract the random score from the agent's score too."),
    Mistake(lambda s, r, t: (t - s) / (t - r), "This is the share that is still missing."),
    Mistake(
        lambda s, r, t: percent_of_range(s, r, t),
        "This is in percent; return a share, 1 for the teacher.",
    ),
    Mistake(
        lambda s, r, t: (s + r) / (t + r),
        "Subtract the random score with its sign: minus -20 is plus 20.",
    ),
    Mistake(lambda s, r, t: s - r, "These are points; divide by the way from random to teacher."),
    Mistake(
        lambda s, r, t: (r - s) / (t - r), "The sign is wrong: subtract `random` from `score`."
    ),
    Mistake(
        lambda s, r, t: (t - r) / (s - r),
        "The fraction is upside down: the teacher's way is the denominator.",
    ),
    Mistake(
        lambda s, r, t: abs(s - r) / (t - r),
        "`abs` hides that an agent is worse than random play. Its share is below 0.",
    ),
    Mistake(
        lambda s, r, t: min(max((s - r) / (t - r), 0), 1),
        "The share is limited to 0 to 1. It is below 0 for an agent worse than random play, and "
        "above 1 for one better than its teacher.",
    ),
    Mistake(
        lambda s, r, t: (s - r) // (t - r),
        "`//` drops the fraction. Use `/`.",
    ),
    Mistake(
        lambda s, r, t: s - r / (t - r),
        "The brackets are missing: `/` comes before `-`.",
    ),
]


def check_share(function: Callable) -> Verdict:
    """Check a function that computes a share of the way from random play to the teacher.

    Args:
        function: takes the mean scores `score`, `random` and `teacher`, in points; returns a share,
            1 for the teacher, as `statistics.share_of_the_way`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(0.0, -20.7, 18.0), (302.0, 148.0, 1450.0), (-21.0, -20.7, 18.0), (26.0, 0.5, 25.8)]
    return compare(
        function,
        share_of_the_way,
        cases,
        SHARE_MISTAKES,
        praise="Random play is at 0 and the teacher at 1, in any game.",
    )


def _around(a, b, half):
    return a[0] - b[0] - half, a[0] - b[0] + half


DIFFERENCE_MISTAKES = [
    Mistake(
        lambda a, b: (a[1] - b[2], a[2] - b[1]),
        "This assumes that both means are off by the most at once, in opposite directions. That "
        "is rare: independent errors add as squares.",
    ),
    Mistake(
        lambda a, b: _around(a, b, ((a[2] - a[1]) + (b[2] - b[1])) / 2),
        "The half widths add as squares: root of `a_half**2 + b_half**2`.",
    ),
    Mistake(
        lambda a, b: (a[1] - b[1], a[2] - b[2]),
        "This subtracts low from low and high from high. Two agents with intervals of equal width "
        "would then have a difference without any error.",
    ),
    Mistake(
        lambda a, b: _around(a, b, hypot(a[2] - a[1], b[2] - b[1])),
        "The interval extends by half its width to each side.",
    ),
    Mistake(
        lambda a, b: _around(a, b, max(a[2] - a[1], b[2] - b[1]) / 2),
        "This takes the wider of the two. A difference is less certain than either mean.",
    ),
    Mistake(
        lambda a, b: _around(a, b, (a[2] - a[1]) ** 2 / 4 + (b[2] - b[1]) ** 2 / 4),
        "The root of the sum of squares is missing.",
    ),
    Mistake(
        lambda a, b: _around(a, b, abs((a[2] - a[1]) ** 2 - (b[2] - b[1]) ** 2) ** 0.5 / 2),
        "The means are subtracted, but their errors still add.",
    ),
    Mistake(lambda a, b: difference_interval(b, a), "This is `b` minus `a`."),
    Mistake(
        lambda a, b: _around(a, b, (a[2] - a[1]) / 2),
        "Only the error of `a` is counted. That of `b` adds to it, as a square.",
    ),
    Mistake(
        lambda a, b: _around(a, b, ((a[2] - a[1]) + (b[2] - b[1])) / 4),
        "This is the mean of the two half widths. A difference is less certain than either mean: "
        "the half widths add as squares.",
    ),
    Mistake(
        lambda a, b: _around(a, b, hypot(a[2] - a[0], b[2] - b[0])),
        "This takes the upper parts of the intervals, which are not symmetric. The half width is "
        "half of high minus low.",
    ),
    Mistake(
        lambda a, b: difference_interval(a, b)[::-1],
        "The ends are swapped: return the low one first.",
    ),
    Mistake(
        lambda a, b: hypot(a[2] - a[1], b[2] - b[1]) / 2,
        "This is half the width. Subtract it from the difference of the means, and add it.",
    ),
]


def check_difference(function: Callable) -> Verdict:
    """Check a function that returns the interval of a difference of two means.

    Args:
        function: takes `a` and `b`, each a tuple (mean, low, high) in points; returns the ends
            (low, high) of `a` minus `b`, as `statistics.difference_interval`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        ((18.0, 17.2, 18.5), (15.0, 11.0, 17.5)),
        ((5.0, 4.0, 6.2), (6.0, 5.8, 6.1)),
        ((-3.0, -6.0, 1.0), (2.0, -1.5, 5.0)),
    ]
    return compare(
        function,
        difference_interval,
        cases,
        DIFFERENCE_MISTAKES,
        praise="If it excludes 0, the two differ by more than chance over games.",
    )
