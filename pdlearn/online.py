"""Online distillation: the teacher is the best network so far of a DQN in training (paper, fig. 5).

    DQN ──a round of training──▶ DQN ──a round of training──▶ DQN ──▶ …
     └▶ evaluation: after a new high score this network is the teacher
                                │ plays as many steps
                                ▼
              memory of this teacher only ──minibatches──▶ students

A round has the `steps_per_hour` of the students' settings. Each new teacher starts an empty memory,
so that students learn only from the latest one.
"""

import dataclasses
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor

from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.distill import (
    LEARN_ROW_UPDATES,
    RECORD_ROW_STEPS,
    StudentLearner,
    agreement,
    unseen_states,
)
from pdlearn.dqn import DQN
from pdlearn.evaluation import evaluate
from pdlearn.learner import Learner
from pdlearn.networks import QNetwork
from pdlearn.presets import DistillConfig, DQNConfig, EvalConfig
from pdlearn.replay.collecting import begin_recording, record
from pdlearn.rollout import Step
from pdlearn.runs import Run


class OnlineDistillation(Run):
    """Train a DQN and distil its best network so far (paper, section 4 and figure 5).

    There is one student per seed of `student_seeds`. All students have the same teachers. Each
    evaluation of the DQN also evaluates the teacher and the students, with the same starts. The
    DQN's agent steps determine `hours`, one per round.

    There are rows while the DQN learns (`phase` "train"), while the teacher plays ("record"), while
    the students learn ("learn") and after an evaluation ("evaluate"): phase, agent_steps (the
    DQN's), recorded_steps, updates (a student's), loss, agreement, seconds, and, after an
    evaluation, the mean scores dqn, best_so_far (the DQN's high score), teacher (a new score of the
    network with that high score) and student. With several students, loss, agreement and student
    are means over them, and a column student_SEED follows for each.

    The folder contains the best DQN as `best.safetensors`, the first student as
    `agent.safetensors`, and several students as `student_SEED.safetensors`.

    Args:
        game: a name
        teacher_config: the settings of the DQN
        config: the settings of the students
        student_seeds: of the students' first weights; without any, one student has the run's seed
        seed, device, precision, folder, resume, minutes: as in `Run`

    Raises:
        ValueError: for a DQN that trains less than a round, for equal student seeds, for a
            `student_share` above 0, and as `Run` does
    """

    kind = "online"
    config: DistillConfig

    def __init__(
        self,
        game: str,
        teacher_config: DQNConfig,
        config: DistillConfig,
        student_seeds: Sequence[int] = (),
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        rounds = teacher_config.agent_steps // config.steps_per_hour
        if rounds < 1:
            raise ValueError(
                f"expected a DQN that trains at least a round of {config.steps_per_hour} agent "
                f"steps; got {teacher_config.agent_steps}"
            )
        if config.student_share > 0:
            raise ValueError(
                f"expected student_share 0 in online distillation; got {config.student_share}"
            )
        super().__init__(
            dataclasses.replace(config.settled(), hours=rounds),
            seed=seed, device=device, precision=precision, folder=folder, resume=resume,
            minutes=minutes,
        )  # fmt: skip
        # It stays in memory: this run saves and resumes it together with the students.
        self.teacher_run = DQN(game, teacher_config, seed=seed, device=device, precision=precision)
        self.student_seeds = list(student_seeds) or [self.seed]
        self.students = {f"student_{seed}": self._student(seed) for seed in self.student_seeds}
        if len(self.students) < len(self.student_seeds):
            raise ValueError(f"expected students of different seeds; got {self.student_seeds}")
        self.learner = next(iter(self.students.values()))
        self.teacher: Agent | None = None
        self.play: Generator[Step, None, None]  # of the teacher; set with the first teacher
        self.recorded_steps = 0
        self.skipped_rounds = 0  # rounds before the first teacher
        self.dqn: float | None = None  # the DQN's score, until the students are evaluated

    def _student(self, seed: int) -> StudentLearner:
        teacher = self.teacher_run.agent()
        shape = tuple(teacher.card["observation_shape"])
        generator = torch.Generator().manual_seed(seed)
        network = QNetwork(
            len(teacher.actions), self.config.size, shape, generator,
            normalization=self.config.normalization,
        )  # fmt: skip
        return StudentLearner(self.config, network.to(self.device), self.precision)

    def identity(self) -> dict:
        return self.teacher_run.identity() | {"student_seeds": self.student_seeds}

    def learners(self) -> list[Learner]:
        return [self.teacher_run.learner, *self.students.values()]

    def settings(self) -> dict:
        return super().settings() | {"teacher": dataclasses.asdict(self.teacher_run.config)}

    def counters(self) -> dict:
        dqn = self.teacher_run.counters() | {"precision": self.teacher_run.learner.precision}
        return super().counters() | {
            "recorded_steps": self.recorded_steps,
            "skipped_rounds": self.skipped_rounds,
            "dqn": self.dqn,
            "teacher_run": dqn,
        }

    def load_counters(self, counters: dict) -> None:
        super().load_counters(counters)
        self.recorded_steps = counters["recorded_steps"]
        self.skipped_rounds = counters["skipped_rounds"]
        self.dqn = counters["dqn"]
        self.teacher_run.load_counters(counters["teacher_run"])
        self.teacher_run.learner.precision = counters["teacher_run"]["precision"]
        for student in self.students.values():
            student.updates = counters["updates"]

    @property
    def _parts(self) -> dict[str, DQN | StudentLearner]:
        return {"teacher_run": self.teacher_run, **self.students}

    def state_dict(self) -> dict[str, Tensor]:
        tensors = {
            f"{name}.{key}": tensor
            for name, part in self._parts.items()
            for key, tensor in part.state_dict().items()
        }
        return tensors | {"generator": self.generator.get_state()}

    def moments(self) -> dict[str, Tensor]:
        return {
            f"{name}.{key}": tensor
            for name, part in self._parts.items()
            for key, tensor in part.moments().items()
        }

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        self.generator.set_state(tensors["generator"])
        for name, part in self._parts.items():
            begin = f"{name}."
            part.load_state_dict(
                {k.removeprefix(begin): tensors[k] for k in tensors if k.startswith(begin)}
            )

    def agent(self, student: str | None = None) -> Agent:
        """Return a current student with its card.

        Args:
            student: its name, as in `student_1`; None means the first

        Returns:
            an agent that shares the weights with the run
        """
        learner = self.learner if student is None else self.students[student]
        card = self.teacher_run.agent().card | {
            "size": self.config.size,
            "normalization": self.config.normalization,
            "made": self.made(),
        }
        return Agent(learner.network, card)

    def save(self) -> None:
        if self.folder is not None and self.teacher_run.best is not None:
            save_agent(self.folder / "best.safetensors", self.teacher_run.best)
        super().save()
        if self.folder is not None and len(self.students) > 1:
            for name in self.students:
                save_agent(self.folder / f"{name}.safetensors", self.agent(name))

    def rows(self) -> Generator[dict, None, None]:
        if self.resume and self.folder is not None:
            self._load_teacher(self.folder / "best.safetensors")
        try:
            yield from self._catch_up()
            if self.agent_steps >= self.teacher_run.config.agent_steps:
                return
            with closing(self.teacher_run.rows()) as dqn_rows:
                for row in dqn_rows:
                    self.agent_steps = self.teacher_run.agent_steps
                    if not math.isnan(row["evaluation"]):
                        self.dqn = row["evaluation"]
                    best = self.teacher_run.best
                    if best is not None and best is not self.teacher:
                        self._follow(best)
                    yield self._row("train")
                    yield from self._catch_up()
        finally:
            if self.teacher is not None:
                self.play.close()

    def _load_teacher(self, path: Path) -> None:
        """Load the best DQN of the run before; the file may be newer than the state."""
        if path.exists():
            best = read_agent(path, device=self.device)
            self.teacher_run.best = best
            self.teacher_run.best_evaluation = best.card["chosen_by"][best.game]["mean"]
            self._follow(best)

    def _follow(self, teacher: Agent) -> None:
        """Make `teacher` the teacher, with an empty memory."""
        config = self.config
        if self.teacher is not None:
            self.play.close()
        if self.learner.updates == 0:
            # The first round that is learnt is the one that ends with the first high score.
            self.skipped_rounds = max(self.agent_steps // config.steps_per_hour - 1, 0)
        seed = self.seed + 1_000 * self.agent_steps  # different for each teacher
        self.teacher = teacher
        self.memory, self.play = begin_recording(
            teacher, config.num_envs, config.memory_hours * config.steps_per_hour,
            epsilon=config.collection_epsilon, generator=self.generator, seed=seed,
            purpose="collect",
        )  # fmt: skip
        self.unseen = unseen_states(teacher, config.collection_epsilon, self.generator, seed)

    def _catch_up(self) -> Iterator[dict]:
        """Train the students for the rounds that are due; evaluate them if the DQN just was."""
        if self.teacher is not None:
            rounds = self.agent_steps // self.config.steps_per_hour - self.skipped_rounds
            while self.learner.updates < rounds * self.config.updates_per_hour:
                yield from self._record()
                yield from self._learn()
        if self.teacher is not None and self.dqn is not None:
            row = self._evaluate(self.teacher, self.dqn)
            self.dqn = None
            yield row

    def _record(self) -> Iterator[dict]:
        before = self.recorded_steps
        for recorded in record(self.play, self.memory, self.config.steps_per_hour):
            self.recorded_steps = before + recorded
            if recorded % RECORD_ROW_STEPS < self.config.num_envs:
                yield self._row("record")

    def _learn(self) -> Iterator[dict]:
        """Learn to the end of the round, of which a resumed run may have learnt a part."""
        updates = self.config.updates_per_hour
        until = (self.learner.updates // updates + 1) * updates
        while self.learner.updates < until:
            for student in self.students.values():
                student.precision = self.learner.precision  # all use the first one's
                batch = self.memory.sample_states(self.config.minibatch, self.generator)
                student.update(batch)
            if self.learner.updates % LEARN_ROW_UPDATES == 0 or self.learner.updates == until:
                agreements = [
                    agreement(student.network, self.unseen, self.generator)
                    for student in self.students.values()
                ]
                losses = [student.mean_loss() for student in self.students.values()]
                loss = sum(losses) / len(losses)
                yield self._row("learn", loss=loss, agreement=sum(agreements) / len(agreements))

    def _evaluate(self, teacher: Agent, dqn: float) -> dict:
        """Evaluate teacher and students; return their row with `dqn`, the DQN's score."""
        taught = self.teacher_run.config
        config = EvalConfig(episodes=taught.evaluation_episodes, epsilon=taught.evaluation_epsilon)

        def score(agent: Agent) -> float:
            return evaluate(agent, config, self.seed + self.agent_steps).mean

        scores = {name: score(self.agent(name)) for name in self.students}
        return self._row(
            "evaluate", dqn=dqn, best_so_far=self.teacher_run.best_evaluation,
            teacher=score(teacher), student=sum(scores.values()) / len(scores),
            **(scores if len(scores) > 1 else {}),
        )  # fmt: skip

    def _row(self, phase: str, **figures: float) -> dict:
        names = ["loss", "agreement", "dqn", "best_so_far", "teacher", "student"]
        if len(self.students) > 1:
            names += self.students
        return {
            "phase": phase,
            "agent_steps": self.agent_steps,
            "recorded_steps": self.recorded_steps,
            "updates": self.learner.updates,
            **dict.fromkeys(names, math.nan),
            "seconds": self.seconds,
            **figures,
        }
