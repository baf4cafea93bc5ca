"""The paper's experiments as tables: which games, which students, what the paper reports for each.

From the rows of a table come the means over games, the Markdown and the picture. A percentage is of
the teacher's score: the paper's of published DQN scores from human starts, ours of our own teachers
from no-op starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from pdlearn import paper
from pdlearn.games import GAMES
from pdlearn.plots import percent_points
from pdlearn.statistics import geometric_mean, interval


@dataclass(frozen=True)
class Student:
    """A column of a table: what is trained, and how; the loss td is DQN's, without a teacher.

    `temperature` None is the budget's; `settings` are further ones of `DistillConfig`.
    `rounds_per_hour` 0 learns from the recorded play that all students of a game share; n records
    for itself, an hour in n rounds. In `mistaken_share` of the shared play's states the values are
    dealt to the actions at random.
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
    """A table of the paper, or one that it calls for."""

    title: str
    games: tuple[str, ...]
    students: tuple[Student, ...]
    paper: dict[str, dict[str, float]]  # percent by game and label; empty if none is printed
    paper_mean: dict[str, float]
    joint: bool = False  # a student plays all the games, not one of them


EXPERIMENTS = {
    "table1": Experiment(
        "Three losses, students of the teacher's size (table 1)",
        tuple(paper.TABLE_1),
        tuple(Student(loss, "teacher", loss) for loss in ("mse", "nll", "kl")),
        paper.TABLE_1,
        paper.TABLE_1_MEAN,
    ),
    "compression": Experiment(
        "Smaller and smaller students, KL (figure 3, table B1)",
        tuple(paper.TABLE_B1),
        tuple(Student(size, size) for size in ("net1", "net2", "net3")),
        paper.TABLE_B1,
        paper.TABLE_B1_MEAN,
    ),
    "temperature": Experiment(
        "The temperatures that the paper chose among (section 3), net3",
        tuple(GAMES),
        tuple(Student(f"{t:g}", "net3", "kl", t) for t in (1.0, 0.1, 0.01, 0.001)),
        {},
        {},
    ),
    "multi3": Experiment(
        "One network for three games: DQN, NLL and KL (figure 4, table B2)",
        tuple(paper.TABLE_B2),
        (Student("dqn", "multi3", "td"), Student("nll", "multi3", "nll"), Student("kl", "multi3")),
        paper.TABLE_B2,
        paper.TABLE_B2_MEAN,
        joint=True,
    ),
    "multi10": Experiment(
        "One network for ten games, KL (table 2)",
        tuple(paper.TABLE_2),
        (Student("kl", "multi10"),),
        paper.TABLE_2,
        paper.TABLE_2_MEAN,
        joint=True,
    ),
    # After the paper.
    "losses": Experiment(
        "KL one way and the other, net3",
        tuple(GAMES),
        tuple(Student(loss, "net3", loss) for loss in ("kl", "reverse_kl")),
        {},
        {},
    ),
    "smaller": Experiment(
        "Students smaller than the paper's, KL",
        tuple(GAMES),
        tuple(Student(size, size) for size in ("net3", "net4", "net5")),
        {},
        {},
    ),
    "states": Experiment(
        "Who plays while the teacher labels: the teacher, a coin, the student; net3",
        tuple(GAMES),
        tuple(
            Student(label, "net3", settings={"student_share": share}, rounds_per_hour=10)
            for label, share in (("teacher", 0.0), ("mixture", 0.5), ("student", 1.0))
        ),
        {},
        {},
    ),
    "mistakes": Experiment(
        "Of how many states the teacher's values are wrong; KL, net3",
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
    """Return, by game, the percent of each seed of the student called `label`."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["label"] == label:
            found.setdefault(row["game"], []).append(float(row["percent"]))
    return found


def mean_over_games(rows: Sequence[dict], label: str) -> tuple[float, float, float] | None:
    """Return the geometric mean of percent over games, with its 95 % interval over games.

    A game's percent is the mean over its seeds. None if a game's is not above zero, or none ran.
    """
    by_game = [float(np.mean(seeds)) for seeds in percents(rows, label).values()]
    if not by_game or min(by_game) <= 0:
        return None
    low, high = np.exp(interval(np.log(by_game), np.random.default_rng(0)))
    return geometric_mean(by_game), float(low), float(high)


def table(name: str, rows: Sequence[dict]) -> str:
    """Return an experiment as a Markdown table: percent of our teacher (percent in the paper).

    The last line is the geometric mean over games, of a student that has played them all; the
    paper's stands there once all games ran.
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
    line = [_cell((means.get(k) or [None])[0], theirs.get(k)) for k in labels]
    many = f"{len(games)} game" + "s" * (len(games) != 1)
    lines.append(f"| **geometric mean, {many}** | " + " | ".join(line) + " |")
    return "\n".join(lines)


def _cell(ours: float | None, theirs: float | None) -> str:
    text = "–" if ours is None else f"{ours:.1f}"
    return text if theirs is None else f"{text} ({theirs:.1f})"


def picture(name: str, rows: Sequence[dict]) -> Figure:
    """Return an experiment as a picture, a panel a game; each seed with its 95 % interval."""
    experiment = EXPERIMENTS[name]
    ours: dict[str, dict[str, list]] = {}
    for game in experiment.games:
        for label in (student.label for student in experiment.students):
            points = [_point(r) for r in rows if (r["game"], r["label"]) == (game, label)]
            if points:
                ours.setdefault(game, {})[label] = points
    return percent_points(ours, experiment.paper, experiment.title)


def _point(row: dict) -> tuple[float, float, float]:
    """Return a row's percent with the low and the high end of its interval over episodes."""
    low, high = (100 * float(row[end]) / float(row["teacher_mean"]) for end in ("low", "high"))
    return float(row["percent"]), low, high
