"""Evaluations beside a student's own: its teacher from the same starts, and whether it learnt.

The teacher's episodes are played once for each seed and shared by all its students.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import Evaluation, evaluate
from pdlearn.experiments.scores import Episodes
from pdlearn.experiments.training import fingerprint_of
from pdlearn.presets import EvalConfig
from pdlearn.replay.collecting import collect
from pdlearn.rows import read_rows, write_rows

PROBE_STEPS = 1_000  # states in which outputs are compared


@dataclass(frozen=True)
class TeacherJob:
    """Evaluate a teacher with the seed of its students."""

    game: str
    evaluation: EvalConfig
    folder: Path
    seed: int
    teacher: str = ""  # a file; empty: the shipped one

    @property
    def name(self) -> str:
        return f"evaluate {self.game}'s teacher, seed {self.seed}"

    def progress(self) -> None:
        """Return None: the episodes are written as a whole."""

    def __call__(self) -> None:
        """Evaluate if there is no evaluation."""
        teacher = zoo.load(self.teacher or f"{self.game}/teacher")
        teacher_episodes(teacher, self.evaluation, seed=self.seed, folder=self.folder)


def teacher_episodes(
    teacher: Agent, evaluation: EvalConfig, *, seed: int, folder: Path
) -> Episodes:
    """Return the teacher's episodes, from a file in `folder`; play them if needed."""
    name = f"{teacher.game}-{fingerprint_of([teacher])}-{evaluation.episodes}-{seed}-scores.csv"
    path = folder / name
    if not path.exists():
        played = episodes_of(evaluate(teacher, evaluation, seed))
        columns = zip(played.starts, played.scores, played.steps, strict=True)
        write_rows(
            path,
            [
                {"start": start, "score": score, "steps": steps, "protocol": played.protocol}
                for start, score, steps in columns
            ],
        )
    rows = read_rows(path)
    return Episodes(
        [int(row["start"]) for row in rows], [float(row["score"]) for row in rows],
        [int(row["steps"]) for row in rows], rows[0]["protocol"],
    )  # fmt: skip


def episodes_of(result: Evaluation) -> Episodes:
    """Return the episodes of an evaluation."""
    return Episodes(result.starts, result.scores, result.lengths, result.protocol)


@torch.no_grad()
def has_collapsed(student: Agent, teacher: Agent, seed: int) -> bool:
    """Return whether the student's outputs are the same in all states of the teacher's play.

    Then no hidden unit depends on the observation: the training has failed, and the score says
    nothing about what was to be measured.
    """
    memory = collect(teacher, PROBE_STEPS, num_envs=4, seed=seed, purpose="show")
    states = memory.sample_states(256, torch.Generator().manual_seed(seed))
    outputs = student.network(states.observation.to(student.device)).float()
    return bool((outputs.std(0) <= 1e-5 * outputs.abs().mean(0)).all())
