"""Policy distillation: record teachers' play, train a student on it (paper, section 3, appendix A).

In each round, every teacher plays one paper hour (54,000 agent steps) ε-greedily. Then the student
learns from minibatches, each sampled from the memory of one game. In the paper only the teacher
acts; with a `student_share` above 0 the student acts in that share of the steps, and the teacher
labels all states.
"""

import math
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pdlearn import envs, ranks
from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import Preprocessing, from_card
from pdlearn.games import columns_by_game
from pdlearn.learner import Learner
from pdlearn.losses import (
    advantage_mse_loss,
    kl_loss,
    mse_loss,
    nll_loss,
    reverse_kl_loss,
)
from pdlearn.networks import fingerprint, network_for, part_for
from pdlearn.presets import DistillConfig
from pdlearn.registry import describe_network, refuse_other_outputs
from pdlearn.replay.collecting import begin_recording, collect, record, student_profile
from pdlearn.replay.compressed import CompressedMemory, too_large
from pdlearn.replay.memory import Memory, States
from pdlearn.runs import Run
from pdlearn.schema import checked, shown

RECORD_ROW_STEPS = 2_000
LEARN_ROW_UPDATES = 250
OBSERVATION_KEYS = ("observation_shape", "preprocessing")  # of a card
HELD_OUT_ENVS, HELD_OUT_STEPS = 4, 2_400  # for the agreement


class StudentLearner(Learner):
    """A student network that learns its teachers' policies by the configured loss."""

    config: DistillConfig

    def __init__(self, config: DistillConfig, network: nn.Module, precision: str = "float32"):
        super().__init__(config.settled(), network, precision)

    def loss(self, batch: States, student: nn.Module | None = None) -> Tensor:
        """Return the distillation loss of a minibatch of one game.

        `student` is the part that plays the minibatch's game; None means the whole network.
        """
        output = (self.network if student is None else student)(batch.observation)
        if self.config.loss == "kl":
            return kl_loss(output, batch.teacher_q, self.config.temperature)
        if self.config.loss == "reverse_kl":
            return reverse_kl_loss(output, batch.teacher_q, self.config.temperature)
        if self.config.loss == "nll":
            return nll_loss(output, batch.teacher_q)
        if self.config.loss == "advantage_mse":
            return advantage_mse_loss(output, batch.teacher_q)
        return mse_loss(output, batch.teacher_q)

    def learning_rate(self) -> float:
        """Return the learning rate of the next update: linear decay after a linear warm-up."""
        config = self.config
        whole = config.hours * config.updates_per_hour
        done = min(self.updates / whole, 1.0)
        first = self.first_learning_rate
        decayed = first + done * (config.learning_rate_final - first)
        return decayed * min((self.updates + 1) / max(config.warmup_share * whole, 1.0), 1.0)


@torch.no_grad()
def agreement(network: nn.Module, memory: Memory, generator: torch.Generator) -> float:
    """Return the share of 1,024 sampled states in which network and teacher act alike."""
    batches = [memory.sample_states(256, generator) for _ in range(4)]
    agreed = [network(b.observation).argmax(1) == b.teacher_q.argmax(1) for b in batches]
    return torch.cat(agreed).float().mean().item()


def unseen_states(
    teacher: Agent, epsilon: float, generator: torch.Generator, seed: int, *,
    seen_as: Preprocessing = Preprocessing(),
) -> Memory:  # fmt: skip
    """Return held-out states, played and labelled by `teacher`, as `seen_as` shows them."""
    return collect(
        teacher, HELD_OUT_STEPS, num_envs=HELD_OUT_ENVS, epsilon=epsilon, seed=seed,
        purpose="show", generator=generator, seen_as=seen_as,
    )  # fmt: skip


class Distillation(Run):
    """Distil one teacher, or one per game, into a student (paper, section 3 and appendix A).

    There are rows while a teacher plays (`phase` "record", every 2,000 agent steps) and while the
    student learns ("learn", every 250 updates): phase, hour, agent_steps (of all teachers
    together), updates, loss, agreement (share of held-out states in which student and teacher
    choose the same action), samples_per_second, seconds. With several teachers, agreement is the
    mean over games, and more columns follow: game (that is being recorded) and agreement_GAME.

    Memories whose frames would take more than half of the RAM are compressed. A resumed run without
    recordings records an hour first, because the memories are not saved. Started by torchrun, each
    process plays its share of the copies and learns from minibatches of its own; see `ranks`.

    Args:
        teacher: an agent for one game, or several; one with other preprocessing than pdlearn's
            plays under its own, and the student sees the same states as
            `config.student_preprocessing` says
        config: the settings
        recording: a memory of each teacher's play, from `load_recording`; then no teacher plays
        student: a module of your own from observations to float32 `[B, A]`; None: a new network of
            `config.size`
        seed, device, precision, folder, resume, minutes: as in `Run`

    Raises:
        ValueError: for two teachers of one game, for teachers with different observations, for a
            size that does not suit the number of games, for a number of recordings that is not the
            teachers', for a `student_share` above 0 with recordings, for a policy's logits at
            another temperature than 1 or with mse, for a `student` with other outputs than its
            game's actions, and as `Run` does
    """

    kind = "distill"
    config: DistillConfig

    def __init__(
        self,
        teacher: Agent | Sequence[Agent],
        config: DistillConfig,
        recording: Memory | Sequence[Memory] | None = None,
        *,
        student: nn.Module | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        settled = config.settled() if isinstance(config, DistillConfig) else config
        super().__init__(
            settled, seed=seed, device=device, precision=precision, folder=folder,
            resume=resume, minutes=minutes,
        )  # fmt: skip
        teachers = checked(
            [teacher] if isinstance(teacher, Agent) else teacher, list[Agent], "teacher"
        )
        recordings = [recording] if isinstance(recording, Memory) else recording
        if not isinstance(recordings, list | tuple | None) or not all(
            isinstance(each, Memory) for each in recordings or ()
        ):
            raise ValueError(f"expected recordings as memories; got {shown(recordings)}")
        _refuse_ill_matched(teachers)
        _refuse_unsuited(teachers, config)
        if config.student_share > 0 and recordings is not None:
            raise ValueError(
                f"expected student_share 0 with recordings; got {config.student_share}"
            )
        self.teachers = {teacher.game: teacher for teacher in teachers}
        self.recordings = None
        if recordings is not None:
            if len(recordings) != len(teachers):
                raise ValueError(
                    f"expected a recording of each of {', '.join(self.teachers)}; "
                    f"got {len(recordings)}"
                )
            self.recordings = dict(zip(self.teachers, recordings, strict=True))
        self.own_student = student is not None
        if student is None:
            student = network_for(
                {game: len(teacher.actions) for game, teacher in self.teachers.items()},
                config.size, tuple(teachers[0].card["observation_shape"]),
                torch.Generator().manual_seed(self.seed), normalization=config.normalization,
            )  # fmt: skip
        else:
            if len(teachers) > 1:
                raise ValueError(f"a student of your own plays one game; got {len(teachers)}")
            first = teachers[0]
            refuse_other_outputs(
                student, tuple(first.card["observation_shape"]), len(first.actions)
            )
        network = student.to(self.device)
        self.learner = StudentLearner(self.config, network, self.precision)
        self.students = {game: part_for(network, game) for game in self.teachers}

    def identity(self) -> dict:
        teachers = [fingerprint(teacher.network) for teacher in self.teachers.values()]
        identity = {"games": list(self.teachers), "seed": self.seed, "teachers": teachers}
        if self.own_student:
            identity["student"] = type(self.learner.network).__name__
        return identity

    def seen_as(self, teacher: Agent) -> Preprocessing:
        """Return the preprocessing that shows the student a teacher's games.

        Args:
            teacher: one of the run's teachers

        Returns:
            pdlearn's own preprocessing or the teacher's, as the settings say
        """
        if self.config.student_preprocessing == "teacher":
            return from_card(teacher.card["preprocessing"])
        return Preprocessing()

    def agent(self) -> Agent:
        first = next(iter(self.teachers.values()))
        card = {
            "games": {game: teacher.actions for game, teacher in self.teachers.items()},
            **{key: first.card[key] for key in OBSERVATION_KEYS},
            "size": self.config.size,
            "normalization": self.config.normalization,
            "made": self.made(),
        }
        if envs.is_atari(first.game) and not from_card(first.card["preprocessing"]).is_ours:
            card["preprocessing"] = student_profile(first, self.seen_as(first)).card()
        if self.own_student:
            described = describe_network(self.learner.network)
            card |= {"size": described["class"], "network": described}
            del card["normalization"]
        return Agent(self.learner.network, card)

    def rows(self) -> Generator[dict, None, None]:
        config = self.config
        hours = range(self.learner.updates // config.updates_per_hour, config.hours)
        held_out = {
            game: unseen_states(
                teacher, config.collection_epsilon, self.generator, self.seed,
                seen_as=self.seen_as(teacher),
            )
            for game, teacher in self.teachers.items()
        }  # fmt: skip
        ranks.draw_apart(self.generator, self.env_seed + self.learner.updates)
        if self.recordings is not None:
            for hour in hours:
                yield from self._learn(hour, self.recordings, held_out)
            return
        num_envs = ranks.share(config.num_envs)
        vector_steps = -(-config.steps_per_hour // config.num_envs)  # of an hour
        capacity_steps = min(config.hours, config.memory_hours) * vector_steps * num_envs
        shape = next(iter(held_out.values())).observation_shape
        all_steps = len(self.teachers) * capacity_steps * ranks.world_size()
        kind = CompressedMemory if too_large(all_steps, shape, self.device) else Memory
        memories, plays = {}, {}
        for game in self.teachers:
            memories[game], plays[game] = begin_recording(
                self.teachers[game], num_envs, capacity_steps,
                epsilon=config.collection_epsilon, generator=self.generator,
                seed=ranks.own_seed(self.env_seed), purpose="collect",
                student=self.students[game], student_share=config.student_share, kind=kind,
                seen_as=self.seen_as(self.teachers[game]),
            )  # fmt: skip
        try:
            for hour in hours:
                for game, play in plays.items():
                    before = self.agent_steps
                    for own_steps in record(play, memories[game], vector_steps * num_envs):
                        recorded = own_steps * ranks.world_size()
                        self.agent_steps = before + recorded
                        if recorded % RECORD_ROW_STEPS < config.num_envs:
                            yield self._row("record", hour, game)
                yield from self._learn(hour, memories, held_out)
        finally:
            for play in plays.values():
                play.close()

    def _learn(
        self, hour: int, memories: dict[str, Memory], held_out: dict[str, Memory]
    ) -> Iterator[dict]:
        updates = self.config.updates_per_hour
        # All choices of an hour are drawn at once: a draw per minibatch would wait for a GPU.
        choices = np.random.default_rng([self.seed, hour]).integers(len(memories), size=updates)
        games = [list(memories)[choice] for choice in choices]
        until = (hour + 1) * updates
        learnt, since = self.learner.updates, time.monotonic()
        while self.learner.updates < until:
            game = games[self.learner.updates % updates]
            batch = memories[game].sample_states(self.config.minibatch, self.generator)
            self.learner.update(batch, self.students[game])
            if self.learner.updates % LEARN_ROW_UPDATES == 0 or self.learner.updates == until:
                loss = self.learner.mean_loss()
                samples = (self.learner.updates - learnt) * self.config.minibatch
                rate = samples / (time.monotonic() - since)
                shared = {
                    game: agreement(self.students[game], unseen, self.generator)
                    for game, unseen in held_out.items()
                }
                yield self._row(
                    "learn", hour, "", loss=loss, agreements=shared, samples_per_second=rate
                )
                learnt, since = self.learner.updates, time.monotonic()

    def _row(
        self, phase: str, hour: int, game: str, *, loss: float = math.nan,
        agreements: dict[str, float] | None = None, samples_per_second: float = math.nan,
    ) -> dict:  # fmt: skip
        agreements = agreements or dict.fromkeys(self.teachers, math.nan)
        return {
            "phase": phase,
            "hour": hour,
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "loss": loss,
            "agreement": sum(agreements.values()) / len(agreements),
            "samples_per_second": samples_per_second,
            "seconds": self.seconds,
            **({"game": game} if len(agreements) > 1 else {}),
            **columns_by_game("agreement", agreements),
        }


def _refuse_ill_matched(teachers: list[Agent]) -> None:
    """Raise ValueError unless one student can learn from all `teachers`."""
    games = [teacher.game for teacher in teachers]
    if not games or len(set(games)) < len(games):
        raise ValueError(f"expected teachers of different games; got {', '.join(games) or 'none'}")
    for teacher in teachers[1:]:
        for key in OBSERVATION_KEYS:
            if teacher.card[key] != teachers[0].card[key]:
                raise ValueError(
                    f"expected teachers with the same {key}; got {teachers[0].card[key]} for "
                    f"{games[0]!r} and {teacher.card[key]} for {teacher.game!r}"
                )


def _refuse_unsuited(teachers: list[Agent], config: DistillConfig) -> None:
    """Raise ValueError for a policy that is sharpened."""
    for teacher in teachers:
        if teacher.card.get("outputs") != "logits" or config.loss == "nll":
            continue
        if config.loss in ("mse", "advantage_mse") or config.temperature != 1:
            raise ValueError(
                f"the teacher of {teacher.game!r} has a policy's logits; expected loss kl or "
                f"reverse_kl at temperature 1, or nll; got {config.loss} at {config.temperature}"
            )
