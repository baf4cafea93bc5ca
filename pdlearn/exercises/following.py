"""Checkers of online distillation: which teacher a student follows, how much a curve swings."""

from collections.abc import Callable

import numpy as np
import torch

from pdlearn.exercises.losses import values
from pdlearn.exercises.resampling import on_arrays
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.statistics import best_so_far, swing

TEACHER_MISTAKES = [
    Mistake(
        lambda e: np.arange(len(e)),
        "This takes the network of every evaluation, so the student would follow each fall too. "
        "Keep the old one until a better one appears.",
    ),
    Mistake(
        lambda e: np.full(len(e), len(e) - 1 - e[::-1].argmax()),
        "This uses later evaluations. At each evaluation only those before it are known.",
    ),
    Mistake(
        lambda e: np.array([e[: t + 1].argmax() for t in range(len(e))]),
        "Nearly. Of two equal evaluations take the newer, which has learnt longer. `argmax` "
        "returns the older.",
    ),
    Mistake(
        lambda e: np.maximum.accumulate(e),
        "These are the highest scores so far. Return their indices.",
    ),
    Mistake(
        lambda e: np.cumsum(e) / np.arange(1, len(e) + 1),
        "This is a running mean of scores, which belongs to no network. A student follows one "
        "network.",
    ),
    Mistake(
        lambda e: np.maximum.accumulate(np.where(np.diff(e, prepend=-np.inf) >= 0, _all(e), 0)),
        "This takes every network that is better than the one *before* it. It has to be as good "
        "as the best of all before it.",
    ),
    Mistake(
        lambda e: np.array([e[: t + 1].argmin() for t in range(len(e))]),
        "This follows the worst so far.",
    ),
    Mistake(
        lambda e: np.full(len(e), e.argmax()),
        "Every evaluation gets the best of the whole run, which was not known before. At each, "
        "look at the evaluations up to it.",
    ),
    Mistake(
        lambda e: np.append(0, best_so_far(e)[:-1]),
        "This is one evaluation late: the newest counts too.",
    ),
    Mistake(
        lambda e: best_so_far(e) + 1,
        "The indices count from 1. `evaluations[0]` is the first.",
    ),
    Mistake(
        lambda e: e >= np.maximum.accumulate(e),
        "This marks the evaluations that are a new best. Return the index of the best so far.",
    ),
    Mistake(
        lambda e: np.unique(best_so_far(e)),
        "These are the changes of the teacher. Return an index for every evaluation.",
    ),
    Mistake(
        lambda e: _all(e) - (np.diff(e, prepend=-np.inf) < 0),
        "This compares the last two evaluations only. Compare with the best of all before.",
    ),
    Mistake(
        lambda e: np.argsort(e, kind="stable"),
        "These are the indices in the order of the scores. Return the best so far at each "
        "evaluation.",
    ),
    Mistake(
        lambda e: best_so_far(e)[-1],
        "This is the best of the whole run alone. Return an index for every evaluation.",
    ),
]


def _all(evaluations: np.ndarray) -> np.ndarray:
    return np.arange(len(evaluations))


def check_teacher_at(function: Callable) -> Verdict:
    """Check a function that chooses the teacher to follow at each evaluation.

    Args:
        function: takes the scores of T evaluations in order, an array `[T]`; returns indices `[T]`:
            the best evaluation so far, the newer of two equal ones

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (torch.tensor([1.0, 3.0, 2.0, 3.0, 5.0, 4.0, 4.5, 1.0]),),
        (torch.tensor([-20.0, -21.0, -15.0, -18.0, -16.0, 4.0, 4.0, 3.0]),),
        (values(4, 3.0, 1, 12).flatten().round(),),
    ]
    return compare(
        function,
        best_so_far,
        cases,
        TEACHER_MISTAKES,
        praise="`OnlineDistillation` follows the same networks.",
        adapt=on_arrays,
    )


SWING_MISTAKES = [
    Mistake(
        lambda s: s.std(),
        "This is the spread around the mean. It is large for a curve that only rises and does not "
        "swing: compare neighbours.",
    ),
    Mistake(
        lambda s: np.diff(s).mean(),
        "Ups and downs cancel, and only the last minus the first remains. Take `abs` before the "
        "mean.",
    ),
    Mistake(
        lambda s: abs(np.diff(s).mean()),
        "`abs` comes too late: the mean has already let ups and downs cancel.",
    ),
    Mistake(
        lambda s: s.max() - s.min(),
        "This is the range. A single bad evaluation determines it.",
    ),
    Mistake(
        lambda s: np.abs(np.diff(s)).sum(), "This grows with the number of points. Take the mean."
    ),
    Mistake(
        lambda s: np.square(np.diff(s)).mean(),
        "These are squares. Return the change itself, in points.",
    ),
    Mistake(lambda s: np.abs(np.diff(s)).max(), "This is the largest change; return the mean."),
    Mistake(
        lambda s: np.abs(np.diff(s)).sum() / len(s),
        "This divides by the number of scores. T scores have T - 1 changes.",
    ),
    Mistake(
        lambda s: np.median(np.abs(np.diff(s))),
        "This is the median change, which ignores a few deep falls. Take the mean.",
    ),
    Mistake(
        lambda s: np.diff(s).std(),
        "This is the spread of the changes around their mean. Take the mean of their sizes.",
    ),
    Mistake(
        lambda s: np.square(np.diff(s)).mean() ** 0.5,
        "This is the root of the mean square, in which large changes weigh more. Take the mean of "
        "`abs`.",
    ),
    Mistake(
        lambda s: np.abs(np.diff(np.abs(s))).mean(),
        "`abs` comes too early: a change from -1 to 1 would count as none.",
    ),
    Mistake(
        lambda s: np.abs(np.diff(s) / s[:-1]).mean(),
        "These are changes relative to the score, which may be 0. Return points.",
    ),
    Mistake(
        lambda s: np.abs(s[2:] - s[:-2]).mean(),
        "This compares scores two evaluations apart. Compare neighbours.",
    ),
    Mistake(
        lambda s: np.abs(s - s.mean()).mean(),
        "This is the mean distance from the mean. A curve that only rises has it too: compare "
        "neighbours.",
    ),
    Mistake(
        lambda s: np.abs(np.diff(s)),
        "These are the changes, one by one; return their mean.",
    ),
    Mistake(
        lambda s: np.abs(np.diff(s)).mean() / np.abs(s).mean(),
        "This divides by the size of the scores. Return points.",
    ),
]


def check_swing(function: Callable) -> Verdict:
    """Check a function that measures how much a curve swings.

    Args:
        function: takes scores, an array `[T]`; returns the mean absolute change from one score to
            the next, in points

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(values(seed, 3.0, 1, 9).flatten(),) for seed in range(3)]
    return compare(
        function,
        swing,
        cases,
        SWING_MISTAKES,
        praise="A steady curve has a small swing, at any score.",
        adapt=on_arrays,
    )
