"""Learning curves of students: score and regret at several points of one distillation.

Each row of `<results>/learning-curves.csv` is a point of one student's training, at a share of its
updates. Final scores of several sizes can be equal; their curves show how fast each one learns. The
regret is the mean value, by the teacher's values, that the student's choices lose in held-out
states of the teacher's play.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import torch
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation, unseen_states
from pdlearn.evaluation import evaluate
from pdlearn.experiments import curve_tables, driver
from pdlearn.experiments.cells import EVALUATIONS
from pdlearn.experiments.curve_tables import LABELS, STATES
from pdlearn.experiments.definitions import Student
from pdlearn.experiments.training import RecordJob, amounts, config_of, recording
from pdlearn.games import GAMES
from pdlearn.jobs import Progress
from pdlearn.jobs.training import kept, progress_of_run
from pdlearn.losses import regret
from pdlearn.networks import fingerprint, parameter_count
from pdlearn.presets import DistillConfig
from pdlearn.replay.compressed import compress, too_large
from pdlearn.replay.memory import States
from pdlearn.rows import GrowingRows, read_rows
from pdlearn.run_files import STATE

# At "fast" and "full", twice the updates of a student in the tables.
UPDATES = {"smoke": 40, "fast": 20_000, "full": 200_000}
PARTS = 40  # a run has a row after each
POINTS_AT = (2, 5, 10, 20, 40)  # parts after which a student is evaluated
POINTS = "points.csv"


def tasks(
    name: str, budget: str, games: Sequence[str], seeds: Sequence[int], *, folder: Path,
    labels: Sequence[str] = LABELS,
) -> list[driver.Task]:  # fmt: skip
    """Return a task for each student, with a part for each point.

    `name` is learning-curves. Empty `games` selects all games with a shipped teacher; `labels` are
    the students' sizes.
    """
    found = []
    for seed in seeds:
        for game in zoo.with_teacher(games or tuple(GAMES)):
            teacher = fingerprint(zoo.load(f"{game}/teacher").network)
            for label in labels:
                job = CurveJob(game, label, budget, seed, teacher, folder)
                parts = [partial(_is_of, wanted=job.settings(updates)) for updates in job.points()]
                play = RecordJob(game, job.shared, folder, seed)
                found.append(driver.Task(parts, job, [play]))
    return found


def told(row: dict) -> str:
    """Return a line on a new row."""
    return (
        f"{row['game']:15s} {row['label']} seed {row['seed']}, {row['updates']} updates: "
        f"{row['mean']} [{row['low']}, {row['high']}], regret {row['regret']}"
    )


def picture(rows: Sequence[dict], name: str) -> Figure:
    """Return the figure of all rows."""
    return curve_tables.picture(rows)


def table(rows: Sequence[dict], name: str) -> str:
    """Return a Markdown table of the rows."""
    return curve_tables.table(rows)


def _is_of(row: dict, wanted: dict) -> bool:
    return all(row[key] == str(value) for key, value in wanted.items())


@dataclass(frozen=True)
class CurveJob:
    """Train a student and evaluate it on the way; the result is a row for each point."""

    game: str
    label: str
    budget: str
    seed: int
    teacher: str  # its fingerprint
    folder: Path  # of all students and recordings

    @property
    def name(self) -> str:
        return f"curve {self.game} {self.label}, seed {self.seed}"

    @property
    def shared(self) -> DistillConfig:
        """The settings of the tables for this size, whose recorded play this student shares."""
        teacher = zoo.load(f"{self.game}/teacher")
        config = config_of(Student(self.label, self.label), self.budget, [teacher])
        assert isinstance(config, DistillConfig)  # its loss is KL
        return config

    @property
    def config(self) -> DistillConfig:
        """The settings of the run; its rounds are short, so that it has a row at each point."""
        updates = UPDATES[self.budget] // PARTS
        return dataclasses.replace(self.shared, hours=PARTS, updates_per_hour=updates)

    @property
    def run_folder(self) -> Path:
        words = ("curve", self.game, self.teacher, UPDATES[self.budget], self.seed, self.label)
        return self.folder / "-".join(map(str, words))

    def points(self) -> list[int]:
        """Return the numbers of updates after which the student is evaluated."""
        return [part * UPDATES[self.budget] // PARTS for part in POINTS_AT]

    def settings(self, updates: int) -> dict:
        """Return the columns that identify a point."""
        return {
            "game": self.game, "label": self.label, "updates": updates, "seed": self.seed,
            "run_updates": UPDATES[self.budget], "teacher": self.teacher,
        }  # fmt: skip

    def progress(self) -> Progress | None:
        """Return the updates so far."""
        total = UPDATES[self.budget]
        figures = ("agreement",)
        return progress_of_run(self.run_folder, "updates", total, unit="updates", figures=figures)

    def __call__(self) -> list[dict]:
        """Train and evaluate, from what there is, and return the rows."""
        teacher = zoo.load(f"{self.game}/teacher")
        shared = self.shared
        memory = recording(teacher, shared, self.folder, self.seed)
        if too_large(amounts(shared, 1)[0], memory.observation_shape, "cpu"):
            memory = compress(memory)
        run = Distillation(
            teacher, self.config, memory, seed=self.seed, folder=self.run_folder,
            resume=(self.run_folder / STATE).exists(),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(self.seed)
        unseen = unseen_states(teacher, shared.collection_epsilon, generator, self.seed)
        states = unseen.sample_states(STATES, generator)
        path = self.run_folder / POINTS
        with kept(run) as rows, GrowingRows(path) as file:
            missing = set(self.points()) - {int(row["updates"]) for row in read_rows(path)}
            # A run that was stopped during an evaluation is resumed at the point itself.
            for _ in chain([None], rows):
                if run.learner.updates in missing:
                    missing.remove(run.learner.updates)
                    file.add(self._point(run, states))
        return read_rows(path)

    def _point(self, run: Distillation, states: States) -> dict:
        """Return the row of the student as it is now."""
        agent = run.agent()
        result = evaluate(agent, EVALUATIONS[self.budget], self.seed)
        low, high = result.interval
        return {
            **self.settings(run.learner.updates),
            "mean": round(result.mean, 3),
            "low": round(low, 3),
            "high": round(high, 3),
            **_by_the_teacher(agent, states),
            "episodes": result.episodes,
            "protocol": result.protocol,
            "teacher_mean": round(run.teachers[self.game].score["mean"], 3),
            "parameters": parameter_count(agent.network),
            "minibatch": run.config.minibatch,
            "hardware": agent.card["made"]["hardware"],
            "precision": agent.card["made"]["precision"],
            "version": version("pdlearn"),
        }


@torch.no_grad()
def _by_the_teacher(agent: Agent, states: States) -> dict:
    """Return the mean regret and the agreement of a student in held-out states."""
    parts = zip(states.observation.split(256), states.teacher_q.split(256), strict=True)
    pairs = [(agent.network(observation), q) for observation, q in parts]
    lost = torch.cat([regret(output, q) for output, q in pairs])
    alike = torch.cat([output.argmax(1) == q.argmax(1) for output, q in pairs])
    return {
        "regret": round(lost.mean().item(), 5),
        "agreement": round(alike.float().mean().item(), 4),
    }
