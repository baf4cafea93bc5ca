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
from pdlearn.rows import markdown_table
from pdlearn.statistics import geometric_mean


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
    # Percent by game and label; empty if not in the paper.
    paper: dict[str, dict[str, float]] = field(default_factory=dict)
    joint: bool = False  # each student plays all games


EXPERIMENTS = {
    "table1": Experiment(
        TITLES["table1"],
        tuple(paper.TABLE_1),
        tuple(Student(loss, "teacher", loss) for loss in ("mse", "nll", "kl")),
        paper.TABLE_1,
    ),
    "compression": Experiment(
        TITLES["compression"],
        tuple(paper.TABLE_B1),
        tuple(Student(size, size) for size in ("net1", "net2", "net3")),
        paper.TABLE_B1,
    ),
    "temperature": Experiment(
        TITLES["temperature"],
        tuple(GAMES),
        tuple(Student(f"{t:g}", "net3", "kl", t) for t in (1.0, 0.1, 0.01, 0.001)),
    ),
    "multi3": Experiment(
        TITLES["multi3"],
        tuple(paper.TABLE_B2),
        (Student("dqn", "multi3", "td"), Student("nll", "multi3", "nll"), Student("kl", "multi3")),
        paper.TABLE_B2,
        joint=True,
    ),
    "multi10": Experiment(
        TITLES["multi10"],
        tuple(paper.TABLE_2),
        (Student("kl", "multi10"),),
        paper.TABLE_2,
        joint=True,
    ),
    # Not in the paper.
    "losses": Experiment(
        TITLES["losses"],
        tuple(GAMES),
        tuple(Student(loss, "net3", loss) for loss in ("kl", "reverse_kl")),
    ),
    "smaller": Experiment(
        TITLES["smaller"],
        tuple(GAMES),
        tuple(Student(size, size) for size in ("net3", "net4", "net5")),
    ),
    "states": Experiment(
        TITLES["states"],
        tuple(GAMES),
        tuple(
            Student(label, "net3", settings={"student_share": share}, rounds_per_hour=10)
            for label, share in (("teacher", 0.0), ("mixture", 0.5), ("student", 1.0))
        ),
    ),
    "mistakes": Experiment(
        TITLES["mistakes"],
        tuple(GAMES),
        tuple(
            Student(f"{share:.0%}", "net3", mistaken_share=share)
            for share in (0.0, 0.25, 0.5, 0.75)
        ),
    ),
}


def percents(rows: Sequence[dict], label: str) -> dict[str, list[float]]:
    """Return the percentages of the student called `label` by game, one for each seed."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["label"] == label:
            found.setdefault(row["game"], []).append(float(row["percent"]))
    return found


def percent_ends(row: dict) -> tuple[float, float]:
    """Return both ends of the interval over episodes in percent of the teacher's score."""
    low, high = (100 * float(row[end]) / float(row["teacher_mean"]) for end in ("low", "high"))
    return low, high


def means_over_games(name: str, rows: Sequence[dict]) -> dict[str, float | None]:
    """Return the geometric mean of percent over the games shown, for each student by label.

    A game's percentage is the mean over its seeds. The mean is None for a student without a score
    in some game, and where a game's percentage is not above zero.
    """
    games = games_in(name, rows)
    means: dict[str, float | None] = {}
    for student in EXPERIMENTS[name].students:
        by_game = [float(np.mean(seeds)) for seeds in percents(rows, student.label).values()]
        complete = bool(games) and len(by_game) == len(games) and min(by_game) > 0
        means[student.label] = geometric_mean(by_game) if complete else None
    return means


def games_in(name: str, rows: Sequence[dict]) -> list[str]:
    """Return the games of an experiment that have rows."""
    return [game for game in EXPERIMENTS[name].games if any(row["game"] == game for row in rows)]


def table(name: str, rows: Sequence[dict]) -> str:
    """Return an experiment as a Markdown table: percent of our teacher (percent in the paper).

    Below several games is the geometric mean over them, ours and the paper's. Then follow how many
    of our 95 % intervals reach the teacher's score and contain the paper's percentage.
    """
    paper = EXPERIMENTS[name].paper
    labels = [student.label for student in EXPERIMENTS[name].students]
    games = games_in(name, rows)
    lines = []
    ours = {label: percents(rows, label) for label in labels}
    for game in games:
        means = {k: float(np.mean(ours[k][game])) for k in labels if game in ours[k]}
        theirs = paper.get(game, {})
        cells = [_cell(means.get(k), theirs.get(k)) for k in labels]
        lines.append([GAMES[game].title, *cells])
    theirs = {k: geometric_mean([paper[game][k] for game in games]) for k in labels if paper}
    cells = [_cell(mean, theirs.get(k)) for k, mean in means_over_games(name, rows).items()]
    if len(games) > 1:
        lines.append([f"**geometric mean, {len(games)} games**", *cells])
    scores = {label: [row for row in rows if row["label"] == label] for label in labels}
    reach = [[percent_ends(row)[1] >= 100 for row in scores[k]] for k in labels]
    lines.append(["intervals that reach 100 %", *map(_share, reach)])
    if paper:
        contain = [[_contains(row, paper[row["game"]][k]) for row in scores[k]] for k in labels]
        lines.append(["intervals that contain the paper's value", *map(_share, contain)])
    return markdown_table(["game", *labels], lines)


def _contains(row: dict, percent: float) -> bool:
    low, high = percent_ends(row)
    return low <= percent <= high


def _share(found: Sequence[bool]) -> str:
    return f"{sum(found)} of {len(found)}" if found else "–"


def _cell(ours: float | None, theirs: float | None) -> str:
    """Return a cell; a percentage below 0, of a score below 0, has no meaning as a number."""
    text = "–" if ours is None else "below 0" if ours < 0 else f"{ours:.1f}"
    return text if theirs is None else f"{text} ({theirs:.1f})"


def picture(name: str, rows: Sequence[dict]) -> Figure:
    """Return a figure of an experiment: a panel per game, a point per seed with its interval."""
    experiment = EXPERIMENTS[name]
    ours: dict[str, dict[str, list]] = {}
    for game in experiment.games:
        for label in (student.label for student in experiment.students):
            points = [
                (float(row["percent"]), *percent_ends(row))
                for row in rows
                if (row["game"], row["label"]) == (game, label)
            ]
            if points:
                ours.setdefault(game, {})[label] = points
    return percent_points(ours, experiment.paper, experiment.title)
