"""The results of the experiments of `definitions`: means over games, tables and figures of rows.

Percentages are of the teacher's score. The paper's teachers are published DQN scores from
human starts, ours are our own teachers, evaluated with their students. Intervals are of 95 %, by a
bootstrap over training seeds, starts and episodes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from pdlearn.experiments.definitions import EXPERIMENTS
from pdlearn.experiments.scores import is_paired, paired_scores
from pdlearn.games import GAMES, percent_of_range
from pdlearn.plots import percent_points
from pdlearn.rows import markdown_table
from pdlearn.statistics import (
    geometric_mean,
    interquartile_mean,
    middle,
    probability_of_improvement,
    resampled_percents,
)

MARGIN = 90.0  # percent of the teacher's score below which a student is inferior


class Percent(NamedTuple):
    """A student's percent of its teacher's score, with the ends of its interval."""

    mean: float
    low: float
    high: float
    draws: np.ndarray | None  # of the bootstrap; None for a row of scores that are not paired


def percent_of(rows: Sequence[dict]) -> Percent | None:
    """Return the percentage of a student in one game from its rows, one for each training seed.

    None without rows, for a training that has collapsed, and for a teacher whose mean score is not
    above zero, of which a percentage says nothing. The interval is NaN where that holds for the
    teacher's mean in some resample. Rows of an earlier protocol have no episodes; their interval is
    that of their mean over the episodes of the newest seed.
    """
    if not rows or any(has_failed(row) for row in rows):
        return None
    if all(is_paired(row) for row in rows):
        student, teacher = paired_scores(rows)
        if teacher.mean() <= 0:
            return None
        # A stream of its own for each game, so that the draws of two games are independent.
        stream = np.random.default_rng(list(rows[0]["game"].encode()))
        draws = resampled_percents(student, teacher, stream)
        mean = 100 * float(student.mean() / teacher.mean())
        if np.isnan(draws).any():
            return Percent(mean, np.nan, np.nan, None)
        return Percent(mean, *middle(draws), draws)
    mean = float(np.mean([float(row["percent"]) for row in rows]))
    low, high = (
        100 * float(rows[-1][end]) / float(rows[-1]["teacher_mean"]) for end in ("low", "high")
    )
    return Percent(mean, low, high, None)


def has_failed(row: dict) -> bool:
    """Return whether the outputs of a row's student are the same in all states."""
    return row.get("collapsed") == "True"


def percents(rows: Sequence[dict], label: str) -> dict[str, Percent]:
    """Return the percentage of the student called `label` by game."""
    found = {}
    for game in dict.fromkeys(row["game"] for row in rows):
        of_student = [row for row in rows if (row["game"], row["label"]) == (game, label)]
        if (percent := percent_of(of_student)) is not None:
            found[game] = percent
    return found


def over_games(by_game: dict[str, Percent], games: Sequence[str]) -> Percent | None:
    """Return the geometric mean over `games` of a student's percentages, with its interval.

    None for a student without a score in some game, and where a percentage is not above zero. The
    interval is NaN where some score is not paired or some draw is not above zero.
    """
    found = [by_game[game] for game in games if game in by_game]
    if not games or len(found) < len(games) or min(each.mean for each in found) <= 0:
        return None
    mean = geometric_mean([each.mean for each in found])
    draws = [each.draws for each in found if each.draws is not None]
    if len(draws) < len(games) or min(each.min() for each in draws) <= 0:
        return Percent(mean, np.nan, np.nan, None)
    together = np.exp(np.log(np.stack(draws)).mean(0))
    return Percent(mean, *middle(together), together)


def means_over_games(name: str, rows: Sequence[dict]) -> dict[str, Percent | None]:
    """Return the geometric mean of percent over the games shown, for each student by label."""
    games = games_in(name, rows)
    labels = [student.label for student in EXPERIMENTS[name].students]
    return {label: over_games(percents(rows, label), games) for label in labels}


def middle_share(name: str, rows: Sequence[dict], label: str) -> float | None:
    """Return the interquartile mean over games and seeds of a student's share of the way.

    The share of the way is in percent of the distance from random play to the teacher (Agarwal et
    al. 2021, with the teacher in the human's place). None for a student without a score in some
    game, as of `over_games`, and where a teacher scores no more than random play.
    """
    games = games_in(name, rows)
    played = [row for row in rows if row["label"] == label and row["game"] in games]
    if not games or {row["game"] for row in played} < set(games) or any(map(has_failed, played)):
        return None
    ends = [(GAMES[row["game"]].random, float(row["teacher_mean"])) for row in played]
    if any(teacher <= random for random, teacher in ends):
        return None
    return interquartile_mean([
        percent_of_range(float(row["mean"]), *both)
        for row, both in zip(played, ends, strict=True)
    ])  # fmt: skip


class Comparison(NamedTuple):
    """A student against the one in the column before."""

    difference: Percent | None  # in points of percent, mean over games; None where unpaired
    chance: float  # probability that it scores higher


def comparisons(name: str, rows: Sequence[dict]) -> dict[tuple[str, str], Comparison]:
    """Compare each student with the one in the column before, in the games that both have played.

    The differences are paired: both students have the same training seeds and starts in each
    resample. The probability is over training seeds (Agarwal et al. 2021).
    """
    found = {}
    for before, after in pairwise(student.label for student in EXPERIMENTS[name].students):
        both = [_scores_of(rows, game, (before, after)) for game in games_in(name, rows)]
        shared = [(x, y) for x, y in both if x and y]
        if shared:
            earlier, later = zip(*shared, strict=True)
            chance = probability_of_improvement(later, earlier)
            found[before, after] = Comparison(_difference(rows, before, after), chance)
    return found


def _difference(rows: Sequence[dict], before: str, after: str) -> Percent | None:
    """Return the mean over games of `after` minus `before`, over the seeds that both have.

    None if they share no game, and if some scores are not paired.
    """
    gaps = []
    for game in dict.fromkeys(row["game"] for row in rows):
        of_game = [row for row in rows if row["game"] == game]
        seeds = [{r["seed"] for r in of_game if r["label"] == k} for k in (before, after)]
        one, other = (
            percent_of([r for r in of_game if r["label"] == k and r["seed"] in seeds[0] & seeds[1]])
            for k in (before, after)
        )
        if one is not None and other is not None:
            if one.draws is None or other.draws is None:
                return None
            # Both draws come from one stream, so that they have the same seeds and starts.
            gaps.append((other.mean - one.mean, other.draws - one.draws))
    if not gaps:
        return None
    means, draws = zip(*gaps, strict=True)
    together = np.mean(draws, axis=0)
    return Percent(float(np.mean(means)), *middle(together), together)


def _scores_of(
    rows: Sequence[dict], game: str, labels: tuple[str, str]
) -> tuple[list[float], list[float]]:
    """Return the mean scores of two students in a game, one for each seed that did not collapse."""
    first, second = (
        [
            float(row["mean"])
            for row in rows
            if (row["game"], row["label"]) == (game, label) and not has_failed(row)
        ]
        for label in labels
    )
    return first, second


def games_in(name: str, rows: Sequence[dict]) -> list[str]:
    """Return the games that have rows: those of the experiment first, in its order."""
    played = dict.fromkeys(row["game"] for row in rows)
    of_experiment = [game for game in EXPERIMENTS[name].games if game in played]
    return [*of_experiment, *(game for game in played if game not in of_experiment)]


def table(name: str, rows: Sequence[dict]) -> str:
    """Return an experiment as a Markdown table: percent of our teacher (percent in the paper).

    A cell has the 95 % interval in square brackets where the scores are paired. Below several games
    are the geometric mean over them, ours and the paper's, and the interquartile mean of the share
    of the way. Then follow how many students are not inferior to their teacher by more than
    `MARGIN` allows, and how many of our intervals contain the paper's percentage.
    """
    paper = EXPERIMENTS[name].paper
    labels = [student.label for student in EXPERIMENTS[name].students]
    games = games_in(name, rows)
    ours = {label: percents(rows, label) for label in labels}
    lines = []
    for game in games:
        failed = {row["label"] for row in rows if row["game"] == game and has_failed(row)}
        cells = [
            "collapsed" if k in failed else _cell(ours[k].get(game), paper.get(game, {}).get(k))
            for k in labels
        ]
        lines.append([GAMES[game].title, *cells])
    if len(games) > 1:
        theirs = {
            k: geometric_mean([paper[game][k] for game in games])
            for k in labels
            if all(k in paper.get(game, {}) for game in games)
        }
        cells = [_cell(mean, theirs.get(k)) for k, mean in means_over_games(name, rows).items()]
        lines.append([f"**geometric mean, {len(games)} games**", *cells])
        shares = [middle_share(name, rows, k) for k in labels]
        words = ["–" if share is None else f"{share:.1f}" for share in shares]
        lines.append(["interquartile mean, share of the way", *words])
    counted = [[each.low >= MARGIN for each in ours[k].values()] for k in labels]
    lines.append([f"not below {MARGIN:.0f} % of the teacher", *map(_share, counted)])
    if paper:
        contain = [
            [
                each.low <= paper[game][k] <= each.high
                for game, each in ours[k].items()
                if k in paper.get(game, {})
            ]
            for k in labels
        ]
        lines.append(["intervals that contain the paper's value", *map(_share, contain)])
    return markdown_table(["game", *labels], lines)


def _share(found: Sequence[bool]) -> str:
    return f"{sum(found)} of {len(found)}" if found else "–"


def _cell(ours: Percent | None, theirs: float | None) -> str:
    """Return a cell; a percentage below 0, of a score below 0, has no meaning as a number."""
    if ours is None:
        text = "–"
    elif ours.mean < 0:
        text = "below 0"
    else:
        text = f"{ours.mean:.1f}"
        if ours.draws is not None:
            text += f" [{ours.low:.0f}, {ours.high:.0f}]"
    return text if theirs is None else f"{text} ({theirs:.1f})"


def picture(name: str, rows: Sequence[dict]) -> Figure | None:
    """Return a figure of an experiment: a panel per game, a point per seed with its interval.

    None if no student has a percentage.
    """
    experiment = EXPERIMENTS[name]
    ours: dict[str, dict[str, list]] = {}
    for game in games_in(name, rows):
        for label in (student.label for student in experiment.students):
            found = [
                percent_of([row]) for row in rows if (row["game"], row["label"]) == (game, label)
            ]
            points = [(each.mean, each.low, each.high) for each in found if each is not None]
            if points:
                ours.setdefault(game, {})[label] = points
    return percent_points(ours, experiment.paper, experiment.title) if ours else None
