"""Rows and intervals made of `docs/results` and of the paper's tables (lesson 10)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from pdlearn.experiments import tables
from pdlearn.experiments.comparable import comparable
from pdlearn.games import GAMES, normalise
from pdlearn.lessons.places import folder
from pdlearn.rows import read_rows
from pdlearn.statistics import geometric_mean, middle

DRAWS = 10_000
WIDTH = 3.92  # of a 95 % interval, in standard deviations


def experiments() -> dict[str, list[dict]]:
    """Return the comparable rows of every experiment that was run, by its name."""
    recorded = folder("docs/results")
    rows = {name: comparable(read_rows(recorded / f"{name}.csv"))[0] for name in tables.EXPERIMENTS}
    return {name: found for name, found in rows.items() if found}


def human_normalised(teachers: Mapping[str, Mapping]) -> dict[str, dict[str, str]]:
    """Return rows by game: the published scores of DQN and our teacher's, in percent of a human."""
    rows = {}
    for name, facts in GAMES.items():
        ours = float(teachers[name]["mean"]) if name in teachers else None
        told = "–" if ours is None else f"{ours:.1f}, {normalise(name, ours):.0f} % of human"
        rows[facts.title] = {
            "DQN, no-op starts": f"{facts.dqn:g}",
            "% of human": f"{normalise(name, facts.dqn):.0f}",
            "DQN, human starts": f"{facts.paper_dqn:g}",
            "our teacher, no-op starts": told,
        }
    return rows


def means_of_choices(percents: Mapping[str, float], count: int) -> list[float]:
    """Return the geometric mean over every choice of `count` games."""
    return [geometric_mean(list(chosen)) for chosen in combinations(percents.values(), count)]


def seeds_beside(pairs: Mapping[tuple, Sequence[Mapping]]) -> list[dict[str, str]]:
    """Return a row for each recipe: the scores of its students of several seeds."""
    return [
        {"temperature": rows[0]["temperature"], "teacher_steps": rows[0]["teacher_steps"]}
        | {
            f"seed {row['seed']}": f"{float(row['mean']):.1f} "
            f"[{float(row['low']):.1f}, {float(row['high']):.1f}]"
            for row in rows
        }
        for rows in pairs.values()
    ]


def spreads(pairs: Iterable[Sequence[Mapping]]) -> tuple[list[float], float]:
    """Return how far the means of two seeds are apart, and the deviation of a student's games."""
    pairs = list(pairs)
    apart = [float(rows[0]["mean"]) - float(rows[1]["mean"]) for rows in pairs]
    within = float(np.mean([deviation(row, 1) for rows in pairs for row in rows]))
    return apart, within


def deviation(row: Mapping, episodes: int) -> float:
    """Return the standard deviation of a mean of `episodes` games, from a row's interval."""
    of_mean = (float(row["high"]) - float(row["low"])) / WIDTH
    return of_mean * (int(row["episodes"]) / episodes) ** 0.5


def percent_ends(student: Mapping, teacher: Mapping) -> tuple[float, float]:
    """Return the 95 % interval of a student's percent of its teacher; both means are uncertain."""
    students, teachers = (
        _drawn(row, np.random.default_rng(seed)) for seed, row in enumerate((student, teacher))
    )
    return middle(100 * students / teachers)


def orders(done: Mapping[str, Sequence[dict]], rng: np.random.Generator) -> list[dict[str, str]]:
    """Return a row for each pair of students that the paper has too: is their order the same here?

    Both scores are drawn from their intervals over episodes; the first seed of a student counts.
    """
    return [row for name in done for row in _orders(name, done[name], rng)]


def _orders(name: str, rows: Sequence[dict], rng: np.random.Generator) -> Iterator[dict[str, str]]:
    for game, theirs in tables.EXPERIMENTS[name].paper.items():
        ours = {row["label"]: row for row in reversed(rows) if row["game"] == game}
        for a, b in combinations([label for label in theirs if label in ours], 2):
            better, worse = sorted((a, b), key=lambda label: theirs[label], reverse=True)
            low, high = middle(_drawn(ours[better], rng) - _drawn(ours[worse], rng))
            here = "the same" if low > 0 else "reversed" if high < 0 else "not told apart"
            tied = theirs[a] == theirs[b]
            yield {
                "game": GAMES[game].title,
                "in the paper": f"{better} = {worse}" if tied else f"{better} > {worse}",
                "points apart here": f"{low:.1f} to {high:.1f}",
                "here": "–" if tied else here,
            }


def _drawn(row: Mapping, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(float(row["mean"]), deviation(row, int(row["episodes"])), DRAWS)
