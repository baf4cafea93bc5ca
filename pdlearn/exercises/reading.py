"""Checkers of reading results: normalised scores and two intervals (lesson 10)."""

from collections.abc import Callable

import numpy as np

from pdlearn import statistics
from pdlearn.exercises.losses import values
from pdlearn.exercises.resampling import compare_intervals
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.games import GAMES, normalise
from pdlearn.statistics import middle, percent_interval, resampled_means


def _way(game: str) -> float:
    return GAMES[game].human - GAMES[game].random


NORMALISE_MISTAKES = [
    Mistake(
        lambda g, s: 100 * s / GAMES[g].human,
        "This is percent of the human's points, counted from 0 points. Random play scores less "
        "than 0 in Pong and more in Ms. Pacman. Measure both from random play.",
    ),
    Mistake(
        lambda g, s: 100 * (s - GAMES[g].random) / GAMES[g].human,
        "Random play is subtracted from the numerator only. Subtract it from the denominator as "
        "well.",
    ),
    Mistake(
        lambda g, s: (s - GAMES[g].random) / (GAMES[g].human - GAMES[g].random),
        "This is a share; multiply by 100 for percent.",
    ),
    Mistake(
        lambda g, s: 100 * (s - GAMES[g].random) / (GAMES[g].dqn - GAMES[g].random),
        "This compares with Nature DQN. A human's score is `pdlearn.GAMES[game].human`.",
    ),
    Mistake(
        lambda g, s: 100 * (GAMES[g].human - s) / (GAMES[g].human - GAMES[g].random),
        "This is the distance to the human's score: random play gets 100.",
    ),
    Mistake(
        lambda g, s: 100 * s / (GAMES[g].human - GAMES[g].random),
        "Random play is subtracted from the denominator only. Subtract it from the score as well.",
    ),
    Mistake(
        lambda g, s: (100 * s - GAMES[g].random) / (GAMES[g].human - GAMES[g].random),
        "The brackets are missing: subtract first, then multiply by 100.",
    ),
    Mistake(
        lambda g, s: 100 * (s - GAMES[g].human) / (GAMES[g].human - GAMES[g].random),
        "This counts from the human's score: a human would get 0. Count from random play.",
    ),
    Mistake(
        lambda g, s: 100 * s / GAMES[g].dqn,
        "This is the paper's percentage, of the DQN's score. Here 0 is random play and 100 a "
        "human.",
    ),
    Mistake(
        lambda g, s: 100 * (s - GAMES["pong"].random) / _way("pong"),
        "All games are measured by Pong's scores. Look up those of `game`.",
    ),
    Mistake(
        lambda g, s: np.clip(normalise(g, s), 0, 100),
        "The percentage is limited to 0 to 100. An agent can be better than a human, and worse "
        "than random play.",
    ),
    Mistake(
        lambda g, s: 100 * ((s - GAMES[g].random) // _way(g)),
        "`//` drops the fraction. Use `/`.",
    ),
    Mistake(
        lambda g, s: 100 * (s + GAMES[g].random) / (GAMES[g].human + GAMES[g].random),
        "Random play is added. Subtract it with its sign: minus -20.7 is plus 20.7.",
    ),
    Mistake(
        lambda g, s: s - GAMES[g].random, "These are points above random play. Divide by a human's."
    ),
]


def check_normalised(function: Callable) -> Verdict:
    """Check a function that normalises a score by random play and a human's.

    Args:
        function: takes a game's name and a score in points; returns percent of the way from random
            play to the human's score, as `games.normalise`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [("pong", -20.7), ("pong", 18.0), ("breakout", 120.0), ("ms_pacman", 2_000.0)]
    praise = "It agrees with `games.normalise`."
    return compare(function, normalise, cases, NORMALISE_MISTAKES, praise=praise)


def recipe_interval(scores: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of a recipe's mean score, for scores `[S, N]` of S seeds' students.

    Seeds are resampled, because N games of one student do not tell how another seed's plays.
    """
    return statistics.interval(scores.mean(1), rng)


def _normal(means, error):
    return means.mean() - 1.96 * error, means.mean() + 1.96 * error


RECIPE_MISTAKES = [
    Mistake(
        lambda s, rng: statistics.interval(s.flatten(), rng),
        "This pools all games, as if each were played by a different student. Games of one "
        "student are alike: take each student's mean, and resample the students.",
    ),
    Mistake(
        lambda s, rng: statistics.interval(s.mean(0), rng),
        "This averages over seeds and so removes their differences. Take the mean over games, "
        "`mean(1)`.",
    ),
    Mistake(
        lambda s, rng: np.quantile(s.mean(1), [0.025, 0.975]),
        "Single students lie between these ends. The interval is that of the recipe's mean: "
        "resample the students, and take the quantiles of the means.",
    ),
    Mistake(
        lambda s, rng: statistics.interval(s[0], rng),
        "This is the interval of the first student alone. The recipe made all of them.",
    ),
    Mistake(
        lambda s, rng: statistics.interval(s[s.mean(1).argmax()], rng),
        "This is the interval of the best student alone. The recipe made all of them.",
    ),
    Mistake(
        lambda s, rng: np.mean([statistics.interval(games, rng) for games in s], 0),
        "These are the means of the students' own intervals, in which the differences between "
        "students do not count. Resample the students' means.",
    ),
    Mistake(
        lambda s, rng: middle(resampled_means(s.mean(1), rng), 0.9),
        "These ends hold 90 %: 5 % are cut off at each end. For 95 % it is 2.5 %.",
    ),
    Mistake(
        lambda s, rng: statistics.interval(s.mean(1), rng)[::-1],
        "The ends are swapped: return the low one first.",
    ),
    Mistake(
        lambda s, rng: (s.mean(1).min(), s.mean(1).max()),
        "These are the worst and the best student. The interval is that of the recipe's mean: "
        "resample the students.",
    ),
    Mistake(
        lambda s, rng: _normal(s.mean(1), s.mean(1).std(ddof=1) / len(s) ** 0.5),
        "This is the normal approximation, 1.96 standard errors to both sides. With a few students "
        "it is rough: resample the students, and take quantiles of the means.",
    ),
    Mistake(
        lambda s, rng: _normal(s.mean(1), s.mean(1).std(ddof=1)),
        "This is the spread of single students. A mean of S students spreads less, by the root of "
        "S.",
    ),
    Mistake(
        lambda s, rng: statistics.interval(s.sum(1), rng),
        "Each student's scores are added up. Take their mean.",
    ),
    Mistake(
        lambda s, rng: (s.mean(), s.mean()),
        "Both ends are the mean itself. Draw the students with replacement, so that the resamples "
        "differ.",
    ),
]


def check_recipe_interval(function: Callable) -> Verdict:
    """Check a function that returns the 95 % interval of a recipe's mean score.

    Seeds are resampled, because N games of one student do not tell how another seed's plays.

    Args:
        function: takes scores, an array `[S, N]` of N games of each of S seeds' students, and a
            `numpy.random.Generator`; returns the ends (low, high), in points

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (values(seed, 2.0, 5, 30) + values(seed + 9, spread, 5, 1) + 12,)
        for seed, spread in ((0, 3.0), (1, 4.0))
    ]
    praise = "Seeds are resampled, each with all its games."
    return compare_intervals(function, recipe_interval, cases, RECIPE_MISTAKES, praise=praise)


def _paired(s, t, rng):
    drawn = rng.integers(len(s), size=(10_000, len(s)))
    return middle(100 * s[drawn].mean(1) / t[drawn].mean(1))


def _of_ends(s, t, rng, crossed):
    (low, high), teacher = statistics.interval(s, rng), statistics.interval(t, rng)
    below = teacher[::-1] if crossed else teacher
    return 100 * low / below[0], 100 * high / below[1]


PERCENT_MISTAKES = [
    Mistake(
        lambda s, t, rng: middle(100 * resampled_means(s, rng) / t.mean()),
        "This takes the teacher's mean as known exactly. It is a mean of a few games too: "
        "resample its scores as well.",
    ),
    Mistake(
        _paired,
        "Both are resampled with the same indices, which pairs their games. They played different "
        "games: draw twice.",
    ),
    Mistake(
        lambda s, t, rng: _of_ends(s, t, rng, crossed=True),
        "This divides the student's low end by the teacher's high end, and the reverse. Both at "
        "once are far rarer than 5 %: resample, divide, then take the quantiles.",
    ),
    Mistake(
        lambda s, t, rng: _of_ends(s, t, rng, crossed=False),
        "This divides low by low, as if both were always at the same end together. "
        "Resample both, divide, then take the quantiles.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * resampled_means(s / t, rng)),
        "This is a mean of ratios, game by game: one bad game of the teacher makes it huge. The "
        "percentage is the ratio of two means.",
    ),
    Mistake(
        lambda s, t, rng: middle(resampled_means(s, rng) / resampled_means(t, rng)),
        "This is a share; multiply by 100 for percent.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * resampled_means(t, rng) / resampled_means(s, rng)),
        "The teacher's mean is the denominator.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * s.mean() / resampled_means(t, rng)),
        "This takes the student's mean as known exactly. It is a mean of a few games too: resample "
        "its scores as well.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * s / t.mean()),
        "Single games lie between these ends. Resample the games, and divide the means of the "
        "resamples.",
    ),
    Mistake(
        lambda s, t, rng: middle(resampled_means(s, rng) - resampled_means(t, rng)),
        "This is the difference in points. Divide the student's means by the teacher's.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * resampled_means(s, rng) / resampled_means(t, rng) - 100),
        "This is the percent by which they differ: equal agents would get 0. The teacher itself "
        "must get 100.",
    ),
    Mistake(
        lambda s, t, rng: middle(100 * resampled_means(s, rng) / resampled_means(t, rng), 0.9),
        "These ends hold 90 %: 5 % are cut off at each end. For 95 % it is 2.5 %.",
    ),
    Mistake(
        lambda s, t, rng: percent_interval(s, t, rng)[::-1],
        "The ends are swapped: return the low one first.",
    ),
]


def check_percent_interval(function: Callable) -> Verdict:
    """Check a function that returns the 95 % interval of a student's percentage of its teacher.

    Args:
        function: takes the student's and the teacher's scores, both arrays `[N]`, and a
            `numpy.random.Generator`; returns the ends (low, high) in percent, as
            `statistics.percent_interval`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (
            (student + values(seed, 2.0, 1, games).flatten()).sort().values,
            (teacher + values(seed + 5, 2.0, 1, games).flatten()).sort().values,
        )
        for seed, games, student, teacher in ((0, 20, 14.0, 15.0), (1, 40, 11.0, 10.0))
    ]
    praise = "Both means are estimates, and both are resampled."
    return compare_intervals(function, percent_interval, cases, PERCENT_MISTAKES, praise=praise)
