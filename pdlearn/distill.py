"""The student's loop: record teachers' play, learn their choices (paper, section 3, appendix A).

Each teacher in its turn plays one paper hour (54,000 agent steps), ε-greedily; then the student
learns a round of minibatches, each drawn from the memory of one game. One game is the list of
length one. In the paper the teacher always plays itself; with a `student_share` above 0 the student
takes that share of the steps, and the teacher says what it would have done.
"""

import hashlib
import math
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pdlearn.checkpoints import Agent
from pdlearn.games import columns_by_game
from pdlearn.learner import Learner
from pdlearn.losses import kl_loss, mse_loss, nll_loss, reverse_kl_loss
from pdlearn.networks import network_for, part_for
from pdlearn.presets import DistillConfig
from pdlearn.replay.compressed import CompressedMemory, too_large
from pdlearn.replay.memory import Memory, States
from pdlearn.replay.recordings import begin_recording, collect, record
from pdlearn.runs import Run

RECORD_ROW_STEPS = 2_000
LEARN_ROW_UPDATES = 250
OBSERVATION_KEYS = ("observation_shape", "preprocessing")  # of a card
HELD_OUT_ENVS, HELD_OUT_STEPS = 4, 2_400  # states that are never learnt from


class StudentLearner(Learner):
    """A network that learns its teachers' choices by the configured loss."""

    config: DistillConfig

    def __init__(self, config: DistillConfig, network: nn.Module, precision: str = "float32"):
        super().__init__(config.settled(), network, precision)
        if config.loss not in ("kl", "reverse_kl", "nll", "mse"):
            raise ValueError(f"unknown loss {config.loss!r}; expected kl, reverse_kl, nll or mse")

    def loss(self, batch: States, student: nn.Module | None = None) -> Tensor:
        """Return the distillation loss of a minibatch of one game.

        `student` is the part of the network that plays the game; None means all of it.
        """
        output = (self.network if student is None else student)(batch.observation)
        if self.config.loss == "kl":
            return kl_loss(output, batch.teacher_q, self.config.temperature)
        if self.config.loss == "reverse_kl":
            return reverse_kl_loss(output, batch.teacher_q, self.config.temperature)
        if self.config.loss == "nll":
            return nll_loss(output, batch.teacher_q)
        return mse_loss(output, batch.teacher_q)

    def learning_rate(self) -> float:
        """Return the learning rate of the next update: a warm-up, then a line down to the last."""
        config = self.config
        whole = config.hours * config.updates_per_hour
        done = min(self.updates / whole, 1.0)
        first = self.first_learning_rate
        falling = first + done * (config.learning_rate_final - first)
        return falling * min((self.updates + 1) / max(config.warmup_share * whole, 1.0), 1.0)


@torch.no_grad()
def agreement(network: nn.Module, memory: Memory, generator: torch.Generator) -> float:
    """Return the share of 1,024 drawn states on which network and teacher choose alike."""
    batches = [memory.sample_states(256, generator) for _ in range(4)]
    agreed = [network(b.observation).argmax(1) == b.teacher_q.argmax(1) for b in batches]
    return torch.cat(agreed).float().mean().item()


def unseen_states(teacher: Agent, epsilon: float, generator: torch.Generator, seed: int) -> Memory:
    """Return states of games that are never learnt from, played and labelled by `teacher`."""
    return collect(
        teacher, HELD_OUT_STEPS, num_envs=HELD_OUT_ENVS, epsilon=epsilon, seed=seed,
        purpose="show", generator=generator,
    )  # fmt: skip


def fingerprint(network: nn.Module) -> str:
    """Return 16 hexadecimal digits that tell one set of weights from another."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()[:16]


class Distillation(Run):
    """Distil a teacher, or one a game, into a student of `config.size`; see `Run` for the options.

    Rows come while a teacher plays (`phase` "record", every 2,000 agent steps) and while the
    student learns ("learn", every 250 updates): phase, hour, agent_steps (of all teachers
    together), updates, loss, agreement (share of states of unseen games on which both choose the
    same action), samples_per_second, seconds. With several teachers, agreement is the mean over
    games, and two kinds of column follow: game (whose teacher plays; empty while the student
    learns) and agreement_GAME for each game.

    Memories whose frames would fill more than half of the RAM are kept compressed.

    A `recording` of each teacher, from `load_recording`, is learnt from instead of new play. A
    resumed run lets the teachers play an hour first, since their memories were not kept.

    Raises ValueError for two teachers of one game, for teachers that see different things, for a
    size that does not suit the number of games, for too few or too many recordings, and for a
    student's share of the play beside recordings.
    """

    kind = "distill"
    config: DistillConfig

    def __init__(
        self,
        teacher: Agent | Sequence[Agent],
        config: DistillConfig,
        recording: Memory | Sequence[Memory] | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        super().__init__(
            config.settled(), seed=seed, device=device, precision=precision, folder=folder,
            resume=resume, minutes=minutes,
        )  # fmt: skip
        teachers = [teacher] if isinstance(teacher, Agent) else list(teacher)
        recordings = [recording] if isinstance(recording, Memory) else recording
        _refuse_ill_matched(teachers)
        if config.student_share > 0 and recordings is not None:
            raise ValueError(
                f"a recording holds a teacher's play alone; got student_share "
                f"{config.student_share}, expected 0"
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
        network = network_for(
            {game: len(teacher.actions) for game, teacher in self.teachers.items()},
            config.size, tuple(teachers[0].card["observation_shape"]),
            torch.Generator().manual_seed(self.seed), normalization=config.normalization,
        ).to(self.device)  # fmt: skip
        self.learner = StudentLearner(self.config, network, self.precision)
        self.students = {game: part_for(network, game) for game in self.teachers}

    def identity(self) -> dict:
        teachers = [fingerprint(teacher.network) for teacher in self.teachers.values()]
        return {"games": list(self.teachers), "seed": self.seed, "teachers": teachers}

    def agent(self) -> Agent:
        first = next(iter(self.teachers.values()))
        card = {
            "games": {game: teacher.actions for game, teacher in self.teachers.items()},
            **{key: first.card[key] for key in OBSERVATION_KEYS},
            "size": self.config.size,
            "normalization": self.config.normalization,
            "made": self.made(),
        }
        return Agent(self.learner.network, card)

    def rows(self) -> Generator[dict, None, None]:
        config = self.config
        hours = range(self.learner.updates // config.updates_per_hour, config.hours)
        held_out = {
            game: unseen_states(teacher, config.collection_epsilon, self.generator, self.seed)
            for game, teacher in self.teachers.items()
        }
        if self.recordings is not None:
            for hour in hours:
                yield from self._learn(hour, self.recordings, held_out)
            return
        hour_steps = -(-config.steps_per_hour // config.num_envs) * config.num_envs
        capacity_steps = min(config.hours, config.memory_hours) * hour_steps
        shape = next(iter(held_out.values())).observation_shape
        large = too_large(len(self.teachers) * capacity_steps, shape, self.device)
        kind = CompressedMemory if large else Memory
        memories, plays = {}, {}
        for game in self.teachers:
            memories[game], plays[game] = begin_recording(
                self.teachers[game], config.num_envs, capacity_steps,
                epsilon=config.collection_epsilon, generator=self.generator, seed=self.env_seed,
                purpose="collect",
                student=self.students[game], student_share=config.student_share, kind=kind,
            )  # fmt: skip
        try:
            for hour in hours:
                for game, play in plays.items():
                    before = self.agent_steps
                    for recorded in record(play, memories[game], config.steps_per_hour):
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
        # Drawn for the whole hour at once: on a GPU, a draw a minibatch would wait for the device.
        choices = np.random.default_rng([self.seed, hour]).integers(len(memories), size=updates)
        games = [list(memories)[choice] for choice in choices]
        until = (hour + 1) * updates
        losses, since = [], time.monotonic()
        while self.learner.updates < until:
            game = games[self.learner.updates % updates]
            batch = memories[game].sample_states(self.config.minibatch, self.generator)
            losses.append(self.learner.update(batch, self.students[game]))
            if self.learner.updates % LEARN_ROW_UPDATES == 0 or self.learner.updates == until:
                loss = torch.stack(losses).mean().item()
                rate = len(losses) * self.config.minibatch / (time.monotonic() - since)
                shared = {
                    game: agreement(self.students[game], unseen, self.generator)
                    for game, unseen in held_out.items()
                }
                yield self._row(
                    "learn", hour, "", loss=loss, agreements=shared, samples_per_second=rate
                )
                losses, since = [], time.monotonic()

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
    """Raise ValueError unless a single student can learn from all `teachers`."""
    games = [teacher.game for teacher in teachers]
    if not games or len(set(games)) < len(games):
        raise ValueError(f"expected teachers of different games; got {', '.join(games) or 'none'}")
    for teacher in teachers[1:]:
        for key in OBSERVATION_KEYS:
            if teacher.card[key] != teachers[0].card[key]:
                raise ValueError(
                    f"expected teachers that see alike; {key} is {teacher.card[key]} for "
                    f"{teacher.game!r} and {teachers[0].card[key]} for {games[0]!r}"
                )
