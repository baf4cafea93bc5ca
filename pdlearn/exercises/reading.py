"""Checkers of reading results: normalised scores, two intervals, a sentence on a result."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from pdlearn import statistics
from pdlearn.exercises.losses import values
from pdlearn.exercises.resampling import compare_intervals
from pdlearn.exercises.verdicts import Mistake, Verdict, compare, is_blank
from pdlearn.games import GAMES, normalise
from pdlearn.statistics import middle, percent_interval, resampled_means

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


TOO_MUCH = {
    "reproduc": "One student of one game reproduces no table. Say what was measured.",
    "prove": "A mean over some games proves nothing. Say what was measured.",
    "confirm": "Say what was measured, and let the reader compare it with the claim.",
    "every game": "It played one game.",
    "atari": "It played one game: name it.",
    "significant": "By which test? Give the interval; it says more.",
    "better than the paper": "The paper's percentages are of other teachers, from other starts.",
    "exactly": "No mean of a few games is known exactly.",
}


def check_sentence(sentence: str, facts: Mapping) -> Verdict:
    """Check a sentence on a result: it states all that a reader needs, and claims no more.

    Args:
        sentence: on one result; a number in it may be rounded to an integer
        facts: what was measured: `game`, `student`, `percent` of the teacher's score, `low` and
            `high` in percent, `episodes` and `seed`

    Returns:
        the verdict, with a hint if the sentence lacks a fact or claims too much
    """
    if is_blank(sentence):
        return Verdict("missing", "Write one sentence, between quotation marks.")
    if not isinstance(sentence, str):
        return Verdict("not yet", f"Expected a sentence, a `str`; got {sentence!r}.")
    said = sentence.lower()
    for word, hint in TOO_MUCH.items():
        if found := re.search(rf"{word}\w*", said):
            return Verdict("not yet", f"`{found[0]}` says too much. {hint}")
    numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", said.replace(",", ""))]

    def gives(number: float) -> bool:
        return any(abs(number - told) <= 0.5 for told in numbers)

    states = {
        f"which student it was: `{facts['student']}`": facts["student"].lower() in said,
        f"the game: {facts['game']}": facts["game"].lower() in said,
        "the percentage": gives(facts["percent"]),
        "of what it is a percentage: its teacher's score": "teacher" in said,
        "both ends of the interval": gives(facts["low"]) and gives(facts["high"]),
        f"over how many games: {facts['episodes']}": gives(facts["episodes"]),
        "how many seeds trained it: a single one": "seed" in said,
        "from which starts: no-ops": "no-op" in said,
    }
    for what, is_stated in states.items():
        if not is_stated:
            return Verdict("not yet", f"The sentence does not state {what}.")
    return Verdict(
        "right", "The sentence states what was measured, on what, and with what uncertainty."
    )
