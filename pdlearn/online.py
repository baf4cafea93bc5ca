"""Online distillation: the teacher is the best so far of a DQN that still learns (paper, fig. 5).

    DQN ──learns a round──▶ DQN ──learns a round──▶ DQN ──▶ …
     └▶ evaluation: a new high score? its network is the teacher from now on
                                │ plays as many steps
                                ▼
              memory of this teacher alone ──minibatches──▶ students

A round is the `steps_per_hour` of the students' settings. A student never learns from a teacher
that was surpassed: a new one begins an empty memory.
"""

import copy
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
from pdlearn.networks import QNetwork
from pdlearn.presets import DistillConfig, DQNConfig, EvalConfig, describe
from pdlearn.replay.recordings import begin_recording, record
from pdlearn.rollout import Step
from pdlearn.runs import Run


class OnlineDistillation(Run):
    """Train a DQN on `game` and distil the best of it so far; see `Run` for the options.

    `student_seeds` gives each of several students of the same teachers its first weights; none
    means one student, of the run's own seed. They are judged together with the DQN, on the same
    games. `hours` follows from the DQN's agent steps: a round each.

    Rows come while the DQN learns (`phase` "train"), while its best plays ("record"), while the
    students learn ("learn") and when all are judged ("judge"): phase, agent_steps (the DQN's),
    recorded_steps, updates (a student's), loss, agreement, seconds, and, when judged, the mean
    scores dqn, best_so_far (the DQN's high score), teacher (the network of that high score, judged
    afresh) and student. With several students, loss, agreement and student are means over them,
    and student_SEED follows for each.

    The best DQN is kept as `best.safetensors`, the first student as `agent.safetensors`, several as
    `student_SEED.safetensors`. Raises ValueError for a DQN that learns less than a round, for
    students of one seed, and for a student's share of the play, which is its teacher's alone here.
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
                f"expected a DQN that learns at least a round of {config.steps_per_hour} agent "
                f"steps; got {teacher_config.agent_steps}"
            )
        if config.student_share > 0:
            raise ValueError(
                f"online, the teacher plays alone; got student_share {config.student_share}, "
                "expected 0"
            )
        super().__init__(
            dataclasses.replace(config.settled(), hours=rounds),
            seed=seed, device=device, precision=precision, folder=folder, resume=resume,
            minutes=minutes,
        )  # fmt: skip
        self.teacher_run = DQN(
            game, teacher_config,
            seed=seed, device=device, precision=precision, folder=folder, resume=resume,
            minutes=minutes,
        )  # fmt: skip
        self.student_seeds = list(student_seeds) or [self.seed]
        self.students = {f"student_{seed}": self._student(seed) for seed in self.student_seeds}
        if len(self.students) < len(self.student_seeds):
            raise ValueError(f"expected students of different seeds; got {self.student_seeds}")
        self.learner = next(iter(self.students.values()))
        self.teacher: Agent | None = None
        self.play: Generator[Step, None, None]  # the teacher's, from the first teacher on
        self.recorded_steps = 0
        self.skipped_rounds = 0  # that passed before there was a teacher
        self.dqn: float | None = None  # an evaluation that the students' has yet to join

    def _student(self, seed: int) -> StudentLearner:
        teacher = self.teacher_run.agent()
        shape = tuple(teacher.card["observation_shape"])
        generator = torch.Generator().manual_seed(seed)
        network = QNetwork(
            len(teacher.actions), self.config.size, shape, generator,
            normalization=self.config.normalization,
        )  # fmt: skip
        return StudentLearner(self.config, network.to(self.device), self.precision)

    # What a run says of itself.

    def identity(self) -> dict:
        return self.teacher_run.identity() | {"student_seeds": self.student_seeds}

    def settings(self) -> dict:
        return super().settings() | {"teacher": describe(self.teacher_run.config)}

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

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        self.generator.set_state(tensors["generator"])
        for name, part in self._parts.items():
            begin = f"{name}."
            part.load_state_dict(
                {k.removeprefix(begin): tensors[k] for k in tensors if k.startswith(begin)}
            )

    def agent(self, student: str | None = None) -> Agent:
        """Return the student of that name, as `student_1`, as it stands; none means the first."""
        learner = self.learner if student is None else self.students[student]
        card = self.teacher_run.agent().card | {
            "size": self.config.size,
            "normalization": self.config.normalization,
            "made": self.made(),
        }
        return Agent(learner.network, card)

    def save(self) -> None:
        super().save()
        if self.folder is not None and len(self.students) > 1:
            for name in self.students:
                save_agent(self.folder / f"{name}.safetensors", self.agent(name))

    # What happens.

    def rows(self) -> Generator[dict, None, None]:
        if self.resume:
            self._find_teacher()
        try:
            yield from self._catch_up()
            if self.agent_steps >= self.teacher_run.config.agent_steps:
                return
            with closing(self.teacher_run.rows()) as dqn_rows:
                for row in dqn_rows:
                    self.agent_steps = self.teacher_run.agent_steps
                    if not math.isnan(row["evaluation"]):
                        self.dqn = row["evaluation"]
                        if self.dqn == row["best_evaluation"]:
                            self._follow(self._snapshot())
                    yield self._row("train")
                    yield from self._catch_up()
        finally:
            if self.teacher is not None:
                self.play.close()

    def _snapshot(self) -> Agent:
        """Return a copy of the DQN as it stands, which goes on learning."""
        agent = self.teacher_run.agent()
        return Agent(copy.deepcopy(agent.network).requires_grad_(False), agent.card)

    def _find_teacher(self) -> None:
        """Take up the best DQN of the run's earlier legs; the file may be newer than the state."""
        path = None if self.folder is None else self.folder / "best.safetensors"
        if path is not None and path.exists():
            best = read_agent(path, device=self.device)
            self.teacher_run.best_evaluation = best.card["chosen_by"][best.game]["mean"]
            self._follow(best)

    def _follow(self, teacher: Agent) -> None:
        """Make `teacher` the one to learn from, and forget what another has shown."""
        config = self.config
        if self.teacher is not None:
            self.play.close()
        if self.learner.updates == 0:
            # The round that ends with the first high score is the first to be learnt.
            self.skipped_rounds = max(self.agent_steps // config.steps_per_hour - 1, 0)
        seed = self.seed + 1_000 * self.agent_steps  # no teacher plays the games of another
        self.teacher = teacher
        self.memory, self.play = begin_recording(
            teacher, config.num_envs, config.memory_hours * config.steps_per_hour,
            epsilon=config.collection_epsilon, generator=self.generator, seed=seed,
            purpose="collect",
        )  # fmt: skip
        self.unseen = unseen_states(teacher, config.collection_epsilon, self.generator, seed)

    def _catch_up(self) -> Iterator[dict]:
        """Let the students learn the rounds that are due, then judge them if the DQN was judged."""
        if self.teacher is not None:
            rounds = self.agent_steps // self.config.steps_per_hour - self.skipped_rounds
            while self.learner.updates < rounds * self.config.updates_per_hour:
                yield from self._record()
                yield from self._learn()
        if self.teacher is not None and self.dqn is not None:
            row = self._judge(self.teacher, self.dqn)
            self.dqn = None
            yield row

    def _record(self) -> Iterator[dict]:
        before = self.recorded_steps
        for recorded in record(self.play, self.memory, self.config.steps_per_hour):
            self.recorded_steps = before + recorded
            if recorded % RECORD_ROW_STEPS < self.config.num_envs:
                yield self._row("record")

    def _learn(self) -> Iterator[dict]:
        """Learn to the end of the round, which a stopped run may have begun."""
        updates = self.config.updates_per_hour
        until = (self.learner.updates // updates + 1) * updates
        losses = []
        while self.learner.updates < until:
            for student in self.students.values():
                student.precision = self.learner.precision  # the first has chosen it for all
                batch = self.memory.sample_states(self.config.minibatch, self.generator)
                losses.append(student.update(batch))
            if self.learner.updates % LEARN_ROW_UPDATES == 0 or self.learner.updates == until:
                agreements = [
                    agreement(student.network, self.unseen, self.generator)
                    for student in self.students.values()
                ]
                loss = torch.stack(losses).mean().item()
                yield self._row("learn", loss=loss, agreement=sum(agreements) / len(agreements))
                losses.clear()

    def _judge(self, teacher: Agent, dqn: float) -> dict:
        """Return the row of the DQN's newest evaluation, its best's and its students'."""
        taught = self.teacher_run.config
        config = EvalConfig(episodes=taught.evaluation_episodes, epsilon=taught.evaluation_epsilon)

        def score(agent: Agent) -> float:
            return evaluate(agent, config, self.seed + self.agent_steps).mean

        scores = {name: score(self.agent(name)) for name in self.students}
        return self._row(
            "judge", dqn=dqn, best_so_far=self.teacher_run.best_evaluation,
            teacher=score(teacher), student=sum(scores.values()) / len(scores),
            **(scores if len(scores) > 1 else {}),
        )  # fmt: skip

    def _row(self, phase: str, **figures: float) -> dict:
        unknown = dict.fromkeys(
            ("loss", "agreement", "dqn", "best_so_far", "teacher", "student"), math.nan
        )
        if len(self.students) > 1:
            unknown |= dict.fromkeys(self.students, math.nan)
        return {
            "phase": phase,
            "agent_steps": self.agent_steps,
            "recorded_steps": self.recorded_steps,
            "updates": self.learner.updates,
            **unknown,
            "seconds": self.seconds,
            **figures,
        }
