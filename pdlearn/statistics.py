"""Statistics of scores: bootstrap intervals, means over games, and curves of evaluations.

The caller passes the random generator.
"""

from collections.abc import Sequence
from math import hypot

import numpy as np
from numpy.typing import ArrayLike

from pdlearn.games import percent_of_range


def resampled_means(
    scores: np.ndarray, rng: np.random.Generator, resamples: int = 10_000
) -> np.ndarray:
    """Return the mean of each of `resamples` resamples of `scores` `[N]`, with replacement."""
    return scores[rng.integers(len(scores), size=(resamples, len(scores)))].mean(1)


def interval(
    scores: ArrayLike, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 10_000
) -> tuple[float, float]:
    """Return the percentile-bootstrap interval of the mean of `scores` `[N]`.

    Raises ValueError unless `scores` is a list of at least one score. Source: Efron 1979.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"expected scores [N] with N > 0; got shape {scores.shape}")
    return middle(resampled_means(scores, rng, resamples), confidence)


def middle(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends between which the share `confidence` of `values` `[N]` lies."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def by_start(starts: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """Return the scores `[N]` of an evaluation as `[starts, episodes of a start]`.

    The starts are in ascending order. Raises ValueError unless each start has equally many
    episodes.
    """
    starts, scores = np.asarray(starts), np.asarray(scores, float)
    counts = np.unique(starts, return_counts=True)[1]
    if starts.shape != scores.shape or len(set(counts.tolist())) != 1:
        raise ValueError(
            f"expected equally many scores of each start; got {len(scores)} scores of "
            f"{len(starts)} starts, {sorted(set(counts.tolist()))} of each"
        )
    return scores[np.argsort(starts, kind="stable")].reshape(len(counts), -1)


def hierarchical_means(
    scores: np.ndarray, rng: np.random.Generator, resamples: int = 10_000
) -> np.ndarray:
    """Return the means of bootstrap resamples of paired scores, `[resamples, players]`.

    A resample draws training seeds with replacement, then starts within each seed, then episodes
    within each start. All players share the drawn seeds and starts, so that their differences and
    ratios are paired. Episodes are drawn for each player apart.

    Args:
        scores: `[players, seeds, starts, episodes]`, as of `by_start`
        rng: the random generator
        resamples: how many
    """
    players, *levels = scores.shape
    count_seeds, count_starts, count_episodes = levels
    means = np.empty((resamples, players))
    seeds = rng.integers(count_seeds, size=(resamples, count_seeds, 1, 1))
    starts = rng.integers(count_starts, size=(resamples, count_seeds, count_starts, 1))
    for player in range(players):
        episodes = rng.integers(count_episodes, size=(resamples, *levels))
        means[:, player] = scores[player][seeds, starts, episodes].mean((1, 2, 3))
    return means


def resampled_percents(
    student: np.ndarray, teacher: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return a student's mean in percent of its teacher's, in each resample `[resamples]`.

    Both are scores `[seeds, starts, episodes]` of the same starts; see `hierarchical_means`. A
    resample in which the teacher's mean is not above zero gives NaN.
    """
    means = hierarchical_means(np.stack([student, teacher]), rng)
    return 100 * means[:, 0] / np.where(means[:, 1] > 0, means[:, 1], np.nan)


def interquartile_mean(values: ArrayLike) -> float:
    """Return the mean of the middle half of `values`, of any shape (Agarwal et al. 2021).

    A quarter of the values, rounded down, is left out at each end. Raises ValueError for none.
    """
    ordered = np.sort(np.asarray(values, float), axis=None)
    if len(ordered) == 0:
        raise ValueError("expected at least one value; got none")
    left_out = len(ordered) // 4
    return float(ordered[left_out : len(ordered) - left_out].mean())


def probability_of_improvement(x: Sequence[ArrayLike], y: Sequence[ArrayLike]) -> float:
    """Return the probability that a run of `x` scores higher than one of `y` (Agarwal et al. 2021).

    It is the mean over games; a tie counts one half.

    Args:
        x: for each game the scores of its runs
        y: the same games in the same order; the numbers of runs may differ

    Raises:
        ValueError: for no games or different numbers of games
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"expected the same games; got {len(x)} and {len(y)}")
    by_game = []
    for of_x, of_y in zip(x, y, strict=True):
        gap = np.subtract.outer(np.asarray(of_x, float), np.asarray(of_y, float))
        by_game.append((gap > 0).mean() + 0.5 * (gap == 0).mean())
    return float(np.mean(by_game))


def percent_interval(
    student: np.ndarray, teacher: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % interval of a student's mean score in percent of its teacher's.

    `student` `[N]` and `teacher` `[M]` are scores of different episodes; both are resampled.
    """
    return middle(100 * resampled_means(student, rng) / resampled_means(teacher, rng))


def difference_interval(
    a: tuple[float, float, float], b: tuple[float, float, float]
) -> tuple[float, float]:
    """Return the 95 % interval of `a`'s mean minus `b`'s, each given as (mean, low, high).

    The two were evaluated on different episodes, so their errors are independent and add as
    squares.
    """
    half = hypot(a[2] - a[1], b[2] - b[1]) / 2
    return a[0] - b[0] - half, a[0] - b[0] + half


def share_of_the_way(score: float, random: float, teacher: float) -> float:
    """Return `score` on the scale on which random play's score is 0 and the teacher's is 1."""
    return percent_of_range(score, random, teacher) / 100


def geometric_mean(ratios: ArrayLike) -> float:
    """Return the geometric mean of positive `ratios` `[N]`, the paper's mean over games.

    Raises ValueError for an empty list and for a ratio that is not above 0.
    """
    ratios = np.asarray(ratios, float)
    if len(ratios) == 0 or (ratios <= 0).any():
        raise ValueError(f"expected ratios above 0; got {ratios.tolist()}")
    return float(np.exp(np.log(ratios).mean()))


def first_to_end(scores: np.ndarray, lengths: np.ndarray, episodes: int) -> float:
    """Return the mean score of the first `episodes` to end among copies that play in parallel.

    `scores` and `lengths` are `[E, G]`: copy and episode, in order. This mean is biased, because
    short episodes end first.
    """
    first = lengths.cumsum(1).argsort(axis=None, kind="stable")[:episodes]
    return float(scores.flatten()[first].mean())


def best_so_far(evaluations: np.ndarray) -> np.ndarray:
    """Return for each of `evaluations` `[T]` the index of the best one so far.

    Of equal ones it is the newest, as `OnlineDistillation` chooses its students' teacher.
    """
    highest = np.maximum.accumulate(evaluations)
    new = np.where(evaluations >= highest, np.arange(len(evaluations)), 0)
    return np.maximum.accumulate(new)


def swing(scores: np.ndarray) -> float:
    """Return the mean absolute change of `scores` `[T]` from one to the next; NaN for one score."""
    return float(np.abs(np.diff(scores)).mean()) if len(scores) > 1 else float("nan")
