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


def _along_the_other_axis(scores, rng):
    return scores[rng.integers(len(scores), size=(len(scores), 10_000))].mean(1)


def _resampled_medians(scores, rng):
    return np.median(scores[rng.integers(len(scores), size=(10_000, len(scores)))], 1)


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
    Mistake(
        lambda s, rng: np.percentile(statistics.resampled_means(s, rng), [0.025, 0.975]),
        "`np.percentile` counts in percent: 2.5 and 97.5. `np.quantile` takes 0.025 and 0.975.",
    ),
    Mistake(
        lambda s, rng: np.quantile(_along_the_other_axis(s, rng), [0.025, 0.975]),
        "The axes are swapped: these are few resamples, each of thousands of games, so their means "
        "hardly differ. Draw many resamples of N games and take each one's mean.",
    ),
    Mistake(
        lambda s, rng: np.quantile(_resampled_medians(s, rng), [0.025, 0.975]),
        "This is the interval of the median. Take the mean of each resample.",
    ),
    Mistake(
        lambda s, rng: np.quantile(len(s) * statistics.resampled_means(s, rng), [0.025, 0.975]),
        "These are sums of scores. Take the mean of each resample.",
    ),
    Mistake(
        lambda s, rng: _around(s, s.std() / len(s) ** 0.5 / 1.96),
        "One standard error to both sides holds about 68 %; and this exercise asks for the "
        "bootstrap: resample the games, and take quantiles of the means.",
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
        "step in which a game ends, `cumsum(1)`.",
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
    Mistake(
        lambda s, n, e: s.flatten()[(-n.cumsum(1)).flatten().argsort(kind="stable")[:e]].mean(),
        "These are the games that end last. Sort in ascending order.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[(n.cumsum(1) - n).flatten().argsort(kind="stable")[:e]].mean(),
        "This orders games by the step in which they begin. Order by the step in which they end.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[n.cumsum(1).argsort(1)[:e]].mean(),
        "`argsort` of an `[E, G]` array sorts within each copy. `flatten()` first, so that it "
        "orders the games of all copies.",
    ),
    Mistake(
        lambda s, n, e: s.flatten()[n.cumsum(1).flatten().argsort(kind="stable")[: e - 1]].mean(),
        "One game too few: the game that ends as number `episodes` counts too.",
    ),
    Mistake(
        lambda s, n, e: np.sort(n.cumsum(1), None)[:e].mean(),
        "This is the mean of the steps in which games end. They give the order; take the scores in "
        "that order.",
    ),
    Mistake(
        lambda s, n, e: np.sort(s, None)[:e].mean(),
        "This takes the lowest scores. Order by the step in which a game ends, with `argsort`.",
    ),
    Mistake(
        lambda s, n, e: s.mean(),
        "This is the mean over all games, which is not biased. Take the first `episodes` to end.",
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
    Mistake(
        lambda r: r.mean(),
        "This is the arithmetic mean. Take it of the logarithms, and then `exp` of it: "
        "`np.exp(np.log(ratios).mean())`, not `np.exp(np.log(ratios)).mean()`.",
    ),
    Mistake(lambda r: np.log(r).mean(), "Take `exp` of it: the mean is still a logarithm."),
    Mistake(
        lambda r: r.prod(),
        "This is the product; its N-th root is the mean. With logarithms: the mean, not the sum.",
    ),
    Mistake(lambda r: r.prod() ** 0.5, "The root is the N-th, not the second: N is `len(ratios)`."),
    Mistake(lambda r: 1 / (1 / r).mean(), "This is the harmonic mean."),
    Mistake(lambda r: np.median(r), "This is the median."),
    Mistake(
        lambda r: np.exp(r.mean()),
        "The logarithm is missing: take the mean of `np.log(ratios)`, then `exp`.",
    ),
    Mistake(
        lambda r: np.log(np.exp(r).mean()),
        "`log` and `exp` are swapped: first the logarithms, then their mean, then `exp`.",
    ),
    *(
        Mistake(
            lambda r, logarithm=logarithm: np.exp(logarithm(r).mean()),
            "`exp` undoes the natural logarithm, `np.log`. The logarithm here has another base.",
        )
        for logarithm in (np.log10, np.log2)
    ),
    *(
        Mistake(
            lambda r, back=back: back(np.log1p(r).mean()),
            "`log1p` adds 1 to every ratio, which changes the mean. The ratios are positive: "
            "`np.log`.",
        )
        for back in (np.exp, np.expm1)
    ),
    Mistake(
        lambda r: r.prod() / len(r),
        "This divides the product by N; take its N-th root. In Python `x ** 1 / n` is `(x ** 1) / "
        "n`: write `x ** (1 / n)`.",
    ),
    Mistake(
        lambda r: r.prod() ** len(r),
        "This is the N-th power of the product; take its N-th root, `** (1 / len(ratios))`.",
    ),
    Mistake(
        lambda r: r ** (1 / len(r)),
        "This is the root of every ratio. Multiply them first: the result is one number.",
    ),
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
