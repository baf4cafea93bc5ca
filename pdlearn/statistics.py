"""Statistics of scores: bootstrap intervals and means over games.

Functions take scores and return floats. The caller passes the random generator.
"""

import numpy as np
from numpy.typing import ArrayLike


def interval(
    scores: ArrayLike, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 10_000
) -> tuple[float, float]:
    """Return the percentile-bootstrap interval of the mean of `scores` `[N]`.

    Raises ValueError unless `scores` is a list of at least one score. Source: Efron 1979.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"expected scores [N] with N > 0; got shape {scores.shape}")
    means = scores[rng.integers(len(scores), size=(resamples, len(scores)))].mean(1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def geometric_mean(ratios: ArrayLike) -> float:
    """Return the geometric mean of positive `ratios` `[N]`, the paper's mean over games.

    Raises ValueError for an empty list and for a ratio that is not above 0.
    """
    ratios = np.asarray(ratios, float)
    if len(ratios) == 0 or (ratios <= 0).any():
        raise ValueError(f"expected ratios above 0; got {ratios.tolist()}")
    return float(np.exp(np.log(ratios).mean()))


def interquartile_mean(scores: ArrayLike) -> float:
    """Return the mean of the middle half of `scores` `[N]` (Agarwal et al. 2021).

    The lowest and the highest quarter are left out, rounded down. Raises ValueError for no score.
    """
    scores = np.sort(np.asarray(scores, float))
    if len(scores) == 0:
        raise ValueError("expected at least one score; got none")
    cut = len(scores) // 4
    return float(scores[cut : len(scores) - cut].mean())
