"""The tables of the paper on the shipped teachers: train each student, evaluate it, keep its rows.

An experiment is a table with a line per game and a column per student. A cell is one training with
an evaluation on each of its games; one network for several games is one cell. Each game's result is
a row of `<results>/<name>.csv`. It keeps the episodes of the student and those of its teacher from
the same starts, of which it is a percentage. All students of a game learn from the same recorded
play, except those that take part in it. Rows of other teachers or of another amount of play or
updates belong to other cells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import Evaluation, evaluate
from pdlearn.experiments import driver, tables, weak_teachers
from pdlearn.experiments.comparable import comparable
from pdlearn.experiments.definitions import EXPERIMENTS, Q_LEARNING, Experiment, Student
from pdlearn.experiments.judging import TeacherJob, episodes_of, has_collapsed, teacher_episodes
from pdlearn.experiments.scores import Episodes, episode_columns
from pdlearn.experiments.training import (
    AnyConfig,
    RecordJob,
    amounts,
    config_of,
    fingerprint_of,
    folder_of,
    run_of,
    shares_recordings,
    with_noise,
)
from pdlearn.jobs import Job, Progress
from pdlearn.jobs.training import drive, progress_of_run
from pdlearn.networks import parameter_count
from pdlearn.presets import DistillConfig, DQNConfig, EvalConfig, QLearningConfig

EVALUATIONS = {
    "smoke": EvalConfig(episodes=2), "fast": EvalConfig(), "full": EvalConfig(episodes=120),
}  # fmt: skip


class Cell(NamedTuple):
    """One column of an experiment in one game, or in several together: mostly a training."""

    games: tuple[str, ...]
    student: Student
    seed: int

    @property
    def title(self) -> str:
        return f"{' '.join(self.games)} {self.student.label}, seed {self.seed}"


def tasks(
    name: str, budget: str, games: Sequence[str], seeds: Sequence[int], *, folder: Path,
    precision: str = "auto",
) -> list[driver.Task]:  # fmt: skip
    """Return a task for each cell of the experiment `name`, with a part for each game.

    Empty `games` selects all games of the experiment that have a shipped teacher; `precision` is
    that of `Run`. Raises ValueError if a network for several games has fewer than two.
    """
    experiment = EXPERIMENTS[name]
    found = []
    for cell in cells(experiment, games_of(name, games), seeds):
        files = [_teacher_file(name, game, budget, folder) for game in cell.games]
        teachers = [zoo.load(file) for file in files]
        config = config_of(cell.student, budget, teachers)
        parts = [
            partial(_is_of, game=game, cell=cell, config=config, teacher=fingerprint_of(teachers))
            for game in cell.games
        ]
        where = folder_of(cell.student, config, teachers, seed=cell.seed, folder=folder)
        job = CellJob(
            cell, config, EVALUATIONS[budget], experiment.paper, folder, where, precision,
            tuple(files),
        )  # fmt: skip
        taught = list(zip(cell.games, files, strict=True))
        shared: list[Job] = [
            TeacherJob(game, EVALUATIONS[budget], folder, cell.seed, file) for game, file in taught
        ]
        if isinstance(config, DistillConfig) and shares_recordings(cell.student, config):
            shared += [RecordJob(game, config, folder, cell.seed, file) for game, file in taught]
        found.append(driver.Task(parts, job, shared))
    return found


def told(row: dict) -> str:
    """Return a line on a new row; a percentage of or below zero has no meaning."""
    percent = f", {row['percent']:.1f} % of the teacher" if row["percent"] > 0 else ""
    return (
        f"{row['game']:15s} {row['label']:6s} seed {row['seed']}: {row['mean']:.1f} "
        f"[{row['low']:.1f}, {row['high']:.1f}]{percent}"
    )


def picture(rows: Sequence[dict], name: str) -> Figure | None:
    """Return the figure of all comparable rows; None if no student in them has a percentage."""
    shown, _ = comparable(rows)
    return tables.picture(name, shown)


def table(rows: Sequence[dict], name: str) -> str:
    """Return a Markdown table of the rows; see `tables.table`."""
    return tables.table(name, rows)


def games_of(name: str, games: Sequence[str]) -> list[str]:
    """Return `games`, or those of the experiment `name`, that have a shipped teacher."""
    return zoo.with_teacher(games or EXPERIMENTS[name].games)


def _teacher_file(name: str, game: str, budget: str, folder: Path) -> str:
    """Return the name or the file of the teacher of `game` in the experiment `name`."""
    if EXPERIMENTS[name].weak_teachers:
        return str(weak_teachers.file_of(game, budget, folder))
    return f"{game}/teacher"


def cells(experiment: Experiment, games: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return the cells of the table, seed by seed: all cells of one seed, then of the next.

    Raises ValueError if a network for several games has fewer than two.
    """
    groups: list[tuple[str, ...]] = [(game,) for game in games]
    if experiment.joint:
        if len(games) < 2:
            raise ValueError(
                "expected at least two games with a shipped teacher, for one network to play; "
                f"got {', '.join(games) or 'none'}"
            )
        groups = [tuple(games)]
    return [Cell(g, student, s) for s in seeds for g in groups for student in experiment.students]


def _is_of(row: dict, game: str, cell: Cell, config: AnyConfig | None, teacher: str) -> bool:
    """Return whether `row` is of this game, cell, settings and fingerprint of the teachers."""
    agent_steps, samples = amounts(config, len(cell.games))
    wanted = (game, cell.student.label, cell.seed, teacher, agent_steps)
    found = (
        row["game"], row["label"], int(row["seed"]), row["teacher"], int(row["agent_steps"])
    )  # fmt: skip
    # A resumed DQN has fewer samples, because it fills its replay memory first.
    as_much = cell.student.loss in Q_LEARNING or int(row["samples"]) == samples
    return found == wanted and as_much


class Training(NamedTuple):
    """What a row tells of a training; the defaults are of a teacher that only got noise."""

    temperature: float | str = ""  # nothing where the loss has none
    agent_steps: int = 0
    samples: int = 0
    hours: float = 0.0
    hardware: str = ""
    precision: str = ""

    @classmethod
    def of(cls, config: AnyConfig, agent: Agent) -> "Training":
        """Return what there is to tell of the training of `agent` under `config`."""
        made = agent.card["made"]
        temperature: float | str = ""
        if isinstance(config, DistillConfig) and config.loss in ("kl", "reverse_kl"):
            temperature = config.temperature
        if isinstance(config, DQNConfig) and config.distillation_weight > 0:
            temperature = config.distillation_temperature
        return cls(
            temperature=temperature,
            agent_steps=amounts(config, len(agent.games))[0],
            samples=made["updates"] * config.minibatch,
            hours=round(made["seconds"] / 3600, 3),
            hardware=made["hardware"],
            precision=made["precision"],
        )


@dataclass(frozen=True)
class CellJob:
    """Train and evaluate a cell's student; the result is a row for each of its games."""

    cell: Cell
    config: AnyConfig | None  # None: the noisy teacher is evaluated, without a student
    evaluation: EvalConfig
    paper: dict[str, dict[str, float]]  # percent by game and label
    folder: Path  # of all cells and recordings
    run_folder: Path  # of this cell
    precision: str
    teachers: tuple[str, ...]  # names or files, one for each game

    @property
    def name(self) -> str:
        return self.cell.title

    def progress(self) -> Progress | None:
        """Return the progress of the training."""
        where, config = self.run_folder, self.config
        if config is None:
            return None
        if isinstance(config, QLearningConfig):
            total, figures = config.agent_steps, ("score",)
            return progress_of_run(where, "agent_steps", total, unit="steps", figures=figures)
        total, figures = config.hours * config.updates_per_hour, ("agreement",)
        return progress_of_run(where, "updates", total, unit="updates", figures=figures)

    def __call__(self) -> list[dict]:
        """Train and evaluate, from what there is."""
        cell = self.cell
        teachers = [zoo.load(name) for name in self.teachers]
        agent, training = self._trained(teachers)
        rows = []
        for teacher in teachers:
            student = agent.for_game(teacher.game)
            result = evaluate(student, self.evaluation, cell.seed)
            reference = teacher_episodes(
                teacher, self.evaluation, seed=cell.seed, folder=self.folder
            )
            row = row_of(
                cell, training, agent, teachers,
                result=result, reference=reference, paper=self.paper,
            )  # fmt: skip
            rows.append(row)
        return rows

    def _trained(self, teachers: Sequence[Agent]) -> tuple[Agent, Training]:
        """Return the agent of the cell and what the rows tell of its training."""
        cell = self.cell
        if self.config is None:
            (teacher,) = teachers
            return with_noise(teacher, cell.student.weight_noise, cell.seed), Training()
        run = run_of(
            cell.student, self.config, teachers, seed=cell.seed, folder=self.folder,
            precision=self.precision,
        )  # fmt: skip
        drive(run)
        agent = run.agent()
        return agent, Training.of(self.config, agent)


def row_of(
    cell: Cell, training: Training, agent: Agent, teachers: Sequence[Agent], *,
    result: Evaluation, reference: Episodes, paper: dict[str, dict[str, float]],
) -> dict:  # fmt: skip
    """Return the row of a cell in one game: `result` is its student's, `reference` its teacher's.

    `paper` has the paper's percentages by game and label.
    """
    game = result.game
    (teacher,) = (teacher for teacher in teachers if teacher.game == game)
    low, high = result.interval
    teacher_mean = sum(reference.scores) / len(reference.scores)
    student = cell.student
    together = {"games": " ".join(cell.games)} if len(cell.games) > 1 else {}
    return {
        "game": game,
        **together,
        "label": student.label,
        "network": student.size,
        "parameters": parameter_count(agent.network),
        "loss": student.loss,
        "temperature": training.temperature,
        "seed": cell.seed,
        "agent_steps": training.agent_steps,
        "samples": training.samples,
        "protocol": result.protocol,
        "episodes": result.episodes,
        "mean": round(result.mean, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "teacher": fingerprint_of(teachers),
        "teacher_mean": round(teacher_mean, 3),
        # Of a score that is not above zero a percentage says nothing.
        "percent": round(100 * result.mean / teacher_mean, 2) if teacher_mean > 0 else math.nan,
        "hours": training.hours,
        "hardware": training.hardware,
        "precision": training.precision,
        "version": version("pdlearn"),
        **episode_columns(episodes_of(result), reference),
        "collapsed": has_collapsed(agent.for_game(game), teacher, cell.seed),
        "paper_percent": paper.get(game, {}).get(student.label, ""),
    }
