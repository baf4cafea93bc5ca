"""Checkers of evaluation: an interval by resampling, a biased stop, a mean over games."""

from collections.abc import Callable

import numpy as np
import torch

from pdlearn import statistics
from pdlearn.exercises.losses import values
from pdlearn.exercises.resampling import compare_intervals, on_arrays
from pdlearn.exercises.verdicts import Mistake, Verdict, compare


def _shuffled_means(scores, rng):
    return np.array([rng.permutation(scores).mean() for _ in range(10)])


def _around(scores, deviation):
    return scores.mean() - 1.96 * deviation, scores.mean() + 1.96 * deviation


INTERVAL_MISTAKES = [
    Mistake(
        lambda s, rng: np.quantile(s, [0.025, 0.975]),
        "Single games lie between these ends. The interval is that of the mean: resample the "
        "games, take each resample's mean, and the quantiles of the means.",
    ),
    Mistake(
        lambda s, rng: np.quantile(_shuffled_means(s, rng), [0.025, 0.975]),
        "Every resample holds every game once, so all have the same mean. Draw with replacement: "
        "some games twice, some not at all.",
    ),
    Mistake(
        lambda s, rng: np.quantile(statistics.resampled_means(s, rng), [0.05, 0.95]),
        "These ends hold 90 %: 5 % are cut off at each end. For 95 % it is 2.5 %.",
    ),
    Mistake(
        lambda s, rng: _around(s, s.std()),
        "This is the spread of single games. A mean of N games spreads less, by the root of N.",
    ),
    *(
        Mistake(
            lambda s, rng, freedom=freedom: _around(s, s.std(ddof=freedom) / len(s) ** 0.5),
            "This is the normal approximation, 1.96 standard errors to both sides. It is "
            "symmetric, and scores are not: resample the games, and take quantiles of the means.",
        )
        for freedom in (0, 1)
    ),
    Mistake(
        lambda s, rng: _around(s, s.std() / len(s)),
        "The spread of a mean falls with the root of N, not with N; and this exercise asks for the "
        "bootstrap.",
    ),
    Mistake(
        lambda s, rng: np.quantile(statistics.resampled_means(s, rng), [0.25, 0.75]),
        "These ends hold 50 %. For 95 % they are the quantiles 0.025 and 0.975.",
    ),
    Mistake(
        lambda s, rng: tuple(np.quantile(statistics.resampled_means(s, rng), [0.975, 0.025])),
        "The ends are swapped: return the low one first.",
    ),
]


def check_interval(function: Callable) -> Verdict:
    """Check a function that returns the 95 % interval of a mean score by resampling.

    Args:
        function: takes the scores, an array `[N]`, and a `numpy.random.Generator`; returns the ends
            (low, high), in points, as `statistics.interval`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    # Skewed, as scores are: the normal approximation differs from the bootstrap.
    cases = [(values(0, 3.0, 1, 20).flatten().exp(),), (values(1, 2.0, 1, 40).flatten().exp(),)]
    praise = "It agrees with `statistics.interval`, as closely as chance allows."
    return compare_intervals(function, statistics.interval, cases, INTERVAL_MISTAKES, praise=praise)


FIRST_MISTAKES = [
    Mistake(
        lambda s, n, e: s.flatten()[n.flatten().argsort(kind="stable")[:e]].mean(),
        "This takes the shortest games. A copy's second game ends when both its games are over: "
        "add the lengths up along a copy with `cumsum(1)`.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[n.cumsum(0).flatten().argsort(kind="stable")[:e]].mean(),
        "The lengths are added up over copies. Time runs along a copy: `cumsum(1)`.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[:e].mean(),
        "This takes the games of the first copies. Copies play at the same time: order by the "
        "step in which a game ends.",
    ),
    Mistake(
        lambda s, n, e: s[:, : e // len(s)].mean(),
        "This fixes the number of games per copy beforehand. That is the right way to evaluate, "
        "but this exercise is about the biased one.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[n.cumsum(1).flatten().argsort(kind="stable")[:e]].sum(),
        "This is the sum of the scores; return the mean.",
    ),
]


def check_first_to_end(function: Callable) -> Verdict:
    """Check a function that computes the biased mean over the games that end first.

    Args:
        function: takes scores and lengths, arrays `[E, G]` of G games in each of E copies, and the
            number of episodes; returns a mean score, as `statistics.first_to_end`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = []
    for seed in range(3):
        lengths = 10 + (20 * values(seed, batch=4, actions=6).abs()).long()
        cases.append((lengths + values(seed + 9, 2.0, 4, 6), lengths, 8))
    return compare(
        function,
        statistics.first_to_end,
        cases,
        FIRST_MISTAKES,
        praise="It takes the games that end first.",
        adapt=on_arrays,
    )


GEOMETRIC_MISTAKES = [
    Mistake(lambda r: r.mean(), "This is the arithmetic mean."),
    Mistake(lambda r: np.log(r).mean(), "Take `exp` of it: the mean is still a logarithm."),
    Mistake(
        lambda r: r.prod(),
        "This is the product; its N-th root is the mean. With logarithms: the mean, not the sum.",
    ),
    Mistake(lambda r: r.prod() ** 0.5, "The root is the N-th, not the second: N is `len(ratios)`."),
    Mistake(lambda r: 1 / (1 / r).mean(), "This is the harmonic mean."),
]


def check_geometric_mean(function: Callable) -> Verdict:
    """Check a function that computes a geometric mean.

    Args:
        function: takes positive ratios, an array `[N]`; returns a number, as
            `statistics.geometric_mean`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(torch.tensor([2.0, 0.5, 1.5]),), (values(3, 0.3, 1, 7).flatten().exp(),)]
    return compare(
        function,
        statistics.geometric_mean,
        cases,
        GEOMETRIC_MISTAKES,
        praise="It agrees with `statistics.geometric_mean`.",
        adapt=on_arrays,
    )
