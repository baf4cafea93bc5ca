"""How an experiment's networks are trained: settings, recorded play and folders.

Students learn from recorded play. There is one file per teacher, seed and length, and all students
of that teacher share it. The losses td and pqn are Q-learning without a teacher: DQN, or PQN. The
loss td_kl is DQN that begins with the teacher's policy. They get as many agent steps as the
students learn from in total, or as many as all teachers learnt from. `permute_values` and
`with_noise` make a teacher worse.
"""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation
from pdlearn.dqn import DQN
from pdlearn.experiments.definitions import Q_LEARNING, UNTRAINED, Student
from pdlearn.experiments.weak_teachers import kickstarted
from pdlearn.networks import fingerprint
from pdlearn.pqn import PQN
from pdlearn.presets import BUDGETS, DISTILL_BUDGETS, DistillConfig, DQNConfig, PQNConfig
from pdlearn.replay.collecting import collect
from pdlearn.replay.compressed import compress, too_large
from pdlearn.replay.memory import Memory
from pdlearn.replay.recordings import load_recording, save_recording
from pdlearn.run_files import STATE

AnyConfig = DistillConfig | DQNConfig | PQNConfig
AnyRun = Distillation | DQN | PQN


def config_of(student: Student, budget: str, teachers: Sequence[Agent]) -> AnyConfig | None:
    """Return the settings of `student` under `budget`; None without a training.

    With several teachers, each game gets as many minibatches as a student of that game alone.
    Q-learning without a teacher holds its random actions as long as a teacher did.
    """
    if student.loss == UNTRAINED:
        return None
    config = DISTILL_BUDGETS[budget]
    played_steps = config.hours * config.steps_per_hour
    num_games = len(teachers)
    if student.loss in Q_LEARNING:
        learnt = [teacher.card["made"] for teacher in teachers]
        agent_steps = played_steps * num_games
        if student.teachers_steps:
            agent_steps = sum(made["agent_steps"] for made in learnt)
        holds = [made.get("config", {}).get("longest_hold_steps", 1) for made in learnt]
        q_learning = replace(
            BUDGETS["pqn" if student.loss == "pqn" else "dqn"][budget],
            size=student.size, agent_steps=agent_steps, longest_hold_steps=max(holds),
        )  # fmt: skip
        if isinstance(q_learning, DQNConfig):
            capacity = min(q_learning.memory_steps, agent_steps // num_games)
            q_learning = replace(q_learning, memory_steps=capacity)
            return kickstarted(q_learning) if student.loss == "td_kl" else q_learning
        return q_learning
    if student.temperature is not None:
        config = replace(config, temperature=student.temperature)
    rounds = student.rounds_per_hour or 1
    return replace(
        config, size=student.size, loss=student.loss, **student.settings,  # type: ignore[arg-type]
        hours=config.hours * rounds, memory_hours=config.memory_hours * rounds,
        steps_per_hour=round(config.steps_per_hour * student.play_share) // rounds,
        updates_per_hour=round(config.updates_per_hour * student.updates_share)
        // rounds * num_games,
    )  # fmt: skip


def amounts(config: AnyConfig | None, num_games: int) -> tuple[int, int]:
    """Return the numbers of agent steps and of samples under `config`, of all games together."""
    if config is None:
        return 0, 0
    if isinstance(config, PQNConfig):
        return config.agent_steps, config.agent_steps * config.epochs
    if isinstance(config, DQNConfig):
        return config.agent_steps, int(config.agent_steps * config.samples_per_step)
    agent_steps = config.hours * config.steps_per_hour * num_games
    return agent_steps, config.hours * config.updates_per_hour * config.minibatch


def fingerprint_of(teachers: Sequence[Agent]) -> str:
    """Return 16 hexadecimal digits that identify the weights of one or several teachers."""
    found = [fingerprint(teacher.network) for teacher in teachers]
    if len(found) == 1:
        return found[0]
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:16]


def folder_of(
    student: Student, config: AnyConfig | None, teachers: Sequence[Agent], *,
    seed: int, folder: Path,
) -> Path:  # fmt: skip
    """Return the subfolder of `folder` in which `student` is trained."""
    games = [teacher.game for teacher in teachers]
    agent_steps, samples = amounts(config, len(games))
    name = f"{'-'.join(games)}-{fingerprint_of(teachers)}-{agent_steps}-{seed}"
    return folder / f"{name}-{student.size}-{student.label}-{samples}"


def run_of(
    student: Student,
    config: AnyConfig,
    teachers: Sequence[Agent],
    *,
    seed: int,
    folder: Path,
    precision: str = "auto",
) -> AnyRun:
    """Return the run that trains `student` in a subfolder of `folder`, resumed if it exists."""
    games = [teacher.game for teacher in teachers]
    run_folder = folder_of(student, config, teachers, seed=seed, folder=folder)
    resume = (run_folder / STATE).exists()
    where: dict[str, Any] = {
        "seed": seed, "folder": run_folder, "resume": resume, "precision": precision,
    }  # fmt: skip
    if isinstance(config, PQNConfig):
        return PQN(games, config, **where)
    if isinstance(config, DQNConfig):
        teacher = teachers[0] if student.loss == "td_kl" else None
        return DQN(games, config, teacher=teacher, **where)
    teachers = [with_noise(teacher, student.weight_noise, seed) for teacher in teachers]
    recordings = None
    if shares_recordings(student, config):
        shape = tuple(teachers[0].card["observation_shape"])
        recordings = [recording(teacher, config, folder, seed) for teacher in teachers]
        if too_large(amounts(config, len(games))[0], shape, "cpu"):
            recordings = [compress(memory) for memory in recordings]
        for memory in recordings:
            permute_values(memory, student.mistaken_share, seed)
    return Distillation(teachers, config, recordings, **where)


def shares_recordings(student: Student, config: AnyConfig) -> bool:
    """Return whether `student` learns from play that students of its teacher share.

    Then the memory must hold all play, which is without the student.
    """
    return (
        isinstance(config, DistillConfig)
        and config.hours <= config.memory_hours
        and not student.rounds_per_hour
    )


def permute_values(memory: Memory, share: float, seed: int) -> None:
    """Permute the teacher's values over the actions at random in `share` of the states of `memory`.

    The permutation of a state is drawn once, so that its target is the same in every minibatch. The
    best action can remain the best by chance.
    """
    q = memory.teacher_q  # [N, A]
    generator = torch.Generator(q.device).manual_seed(seed)
    wrong = torch.rand(len(q), device=q.device, generator=generator) < share
    order = torch.rand(q.shape, device=q.device, generator=generator).argsort(1)
    q[wrong] = q.gather(1, order)[wrong]


@torch.no_grad()
def with_noise(teacher: Agent, share: float, seed: int) -> Agent:
    """Return `teacher` with Gaussian noise in its weights; with a `share` of 0, itself.

    The noise of each tensor has `share` times the tensor's own standard deviation. With one seed,
    the noise of a larger share is a multiple of that of a smaller one.
    """
    if share == 0:
        return teacher
    network = copy.deepcopy(teacher.network)
    generator = torch.Generator().manual_seed(seed)
    for weights in network.parameters():
        drawn = torch.randn(weights.shape, generator=generator).to(weights.device)
        weights.add_(share * weights.std(correction=0) * drawn)
    return teacher.with_network(network, teacher.outputs)


def recording(teacher: Agent, config: DistillConfig, folder: Path, seed: int) -> Memory:
    """Return the play that all students of this teacher and seed share; record it if needed."""
    path = recording_path(teacher, config, folder, seed)
    if not path.exists():
        memory = collect(
            teacher, amounts(config, 1)[0], num_envs=config.num_envs,
            epsilon=config.collection_epsilon, seed=seed,
        )  # fmt: skip
        card = {"game": teacher.game, "teacher": fingerprint_of([teacher]), "seed": seed}
        save_recording(path, memory, card)
    return load_recording(path, teacher.game)[0]


def recording_path(teacher: Agent, config: DistillConfig, folder: Path, seed: int) -> Path:
    """Return the file of the play that all students of this teacher and seed share."""
    agent_steps, _ = amounts(config, 1)
    return folder / f"{teacher.game}-{fingerprint_of([teacher])}-{agent_steps}-{seed}.rec"


@dataclass(frozen=True)
class RecordJob:
    """Record the play that all students of a game's teacher and a seed share."""

    game: str
    config: DistillConfig
    folder: Path
    seed: int
    teacher: str = ""  # a file; empty: the shipped one

    @property
    def name(self) -> str:
        return f"record {self.game}, seed {self.seed}"

    def progress(self) -> None:
        """Return None: a recording is written as a whole."""

    def __call__(self) -> None:
        """Record the play if there is none."""
        teacher = zoo.load(self.teacher or f"{self.game}/teacher")
        if not recording_path(teacher, self.config, self.folder, self.seed).exists():
            recording(teacher, self.config, self.folder, self.seed)
