"""The paper's experiments as tables: games, students, and the results in the paper.

This file also computes means over games, the Markdown table and the figure from the rows of a
table. Percentages are of the teacher's score. The paper's teachers are published DQN scores from
human starts, ours are our own teachers from no-op starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from pdlearn import paper
from pdlearn.experiments import TITLES
from pdlearn.games import GAMES
from pdlearn.plots import percent_points
from pdlearn.statistics import geometric_mean, interval


@dataclass(frozen=True)
class Student:
    """A column of a table: a network and its training; the loss td is DQN without a teacher.

    `temperature` None means the budget's; `settings` are further settings of `DistillConfig`.
    With `rounds_per_hour` 0 the student learns from the recorded play that all students of a game
    share. With n it records its own play, an hour in n rounds. `mistaken_share` is the share of the
    recorded states in which the teacher's values are permuted at random.
    """

    label: str
    size: str
    loss: str = "kl"
    temperature: float | None = None
    settings: dict = field(default_factory=dict)
    rounds_per_hour: int = 0
    mistaken_share: float = 0.0


@dataclass(frozen=True)
class Experiment:
    """A table of the paper or a later one."""

    title: str
    games: tuple[str, ...]
    students: tuple[Student, ...]
    paper: dict[str, dict[str, float]]  # percent by game and label; empty if not in the paper
    paper_mean: dict[str, float]
    joint: bool = False  # each student plays all games


EXPERIMENTS = {
    "table1": Experiment(
        TITLES["table1"],
        tuple(paper.TABLE_1),
        tuple(Student(loss, "teacher", loss) for loss in ("mse", "nll", "kl")),
        paper.TABLE_1,
        paper.TABLE_1_MEAN,
    ),
    "compression": Experiment(
        TITLES["compression"],
        tuple(paper.TABLE_B1),
        tuple(Student(size, size) for size in ("net1", "net2", "net3")),
        paper.TABLE_B1,
        paper.TABLE_B1_MEAN,
    ),
    "temperature": Experiment(
        TITLES["temperature"],
        tuple(GAMES),
        tuple(Student(f"{t:g}", "net3", "kl", t) for t in (1.0, 0.1, 0.01, 0.001)),
        {},
        {},
    ),
    "multi3": Experiment(
        TITLES["multi3"],
        tuple(paper.TABLE_B2),
        (Student("dqn", "multi3", "td"), Student("nll", "multi3", "nll"), Student("kl", "multi3")),
        paper.TABLE_B2,
        paper.TABLE_B2_MEAN,
        joint=True,
    ),
    "multi10": Experiment(
        TITLES["multi10"],
        tuple(paper.TABLE_2),
        (Student("kl", "multi10"),),
        paper.TABLE_2,
        paper.TABLE_2_MEAN,
        joint=True,
    ),
    # Not in the paper.
    "losses": Experiment(
        TITLES["losses"],
        tuple(GAMES),
        tuple(Student(loss, "net3", loss) for loss in ("kl", "reverse_kl")),
        {},
        {},
    ),
    "smaller": Experiment(
        TITLES["smaller"],
        tuple(GAMES),
        tuple(Student(size, size) for size in ("net3", "net4", "net5")),
        {},
        {},
    ),
    "states": Experiment(
        TITLES["states"],
        tuple(GAMES),
        tuple(
            Student(label, "net3", settings={"student_share": share}, rounds_per_hour=10)
            for label, share in (("teacher", 0.0), ("mixture", 0.5), ("student", 1.0))
        ),
        {},
        {},
    ),
    "mistakes": Experiment(
        TITLES["mistakes"],
        tuple(GAMES),
        tuple(
            Student(f"{share:.0%}", "net3", mistaken_share=share)
            for share in (0.0, 0.25, 0.5, 0.75)
        ),
        {},
        {},
    ),
}


def percents(rows: Sequence[dict], label: str) -> dict[str, list[float]]:
    """Return the percentages of the student called `label` by game, one for each seed."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["label"] == label:
            found.setdefault(row["game"], []).append(float(row["percent"]))
    return found


def mean_over_games(rows: Sequence[dict], label: str) -> tuple[float, float, float] | None:
    """Return the geometric mean of percent over games, with its 95 % interval over games.

    A game's percentage is the mean over its seeds. Returns None without rows and if a game's
    percentage is not above zero.
    """
    by_game = [float(np.mean(seeds)) for seeds in percents(rows, label).values()]
    if not by_game or min(by_game) <= 0:
        return None
    low, high = np.exp(interval(np.log(by_game), np.random.default_rng(0)))
    return geometric_mean(by_game), float(low), float(high)


def table(name: str, rows: Sequence[dict]) -> str:
    """Return an experiment as a Markdown table: percent of our teacher (percent in the paper).

    The last line is the geometric mean over games, for students with a score in every game shown.
    It includes the paper's mean if all games of the experiment are shown.
    """
    experiment = EXPERIMENTS[name]
    labels = [student.label for student in experiment.students]
    ours = {label: percents(rows, label) for label in labels}
    games = [game for game in experiment.games if any(game in ours[label] for label in labels)]
    lines = ["| | " + " | ".join(labels) + " |", "| --- |" + " --- |" * len(labels)]
    for game in games:
        theirs = experiment.paper.get(game, {})
        line = [
            _cell(float(np.mean(ours[k][game])) if game in ours[k] else None, theirs.get(k))
            for k in labels
        ]
        lines.append(f"| {GAMES[game].title} | " + " | ".join(line) + " |")
    theirs = experiment.paper_mean if set(games) == set(experiment.games) else {}
    means = {k: mean_over_games(rows, k) for k in labels if len(ours[k]) == len(games)}
    line = [_cell(mean[0] if (mean := means.get(k)) else None, theirs.get(k)) for k in labels]
    title = f"**geometric mean, {counted(len(games), 'game')}**"
    lines.append(f"| {title} | " + " | ".join(line) + " |")
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """Return `number` with `noun` in the singular or the plural."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def _cell(ours: float | None, theirs: float | None) -> str:
    text = "–" if ours is None else f"{ours:.1f}"
    return text if theirs is None else f"{text} ({theirs:.1f})"


def picture(name: str, rows: Sequence[dict]) -> Figure:
    """Return a figure of an experiment: a panel per game, a point per seed with its interval."""
    experiment = EXPERIMENTS[name]
    ours: dict[str, dict[str, list]] = {}
    for game in experiment.games:
        for label in (student.label for student in experiment.students):
            points = [_point(r) for r in rows if (r["game"], r["label"]) == (game, label)]
            if points:
                ours.setdefault(game, {})[label] = points
    return percent_points(ours, experiment.paper, experiment.title)


def _point(row: dict) -> tuple[float, float, float]:
    """Return a row's percentage with both ends of its interval over episodes."""
    low, high = (100 * float(row[end]) / float(row["teacher_mean"]) for end in ("low", "high"))
    return float(row["percent"]), low, high
