"""The student's loop: record a teacher's play, learn its choices (paper, section 3, appendix A).

The teacher plays one paper hour (54,000 agent steps) at a time, ε-greedily and always itself; after
each hour the student learns a round of minibatches from the memory.
"""

import hashlib
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from pdlearn.checkpoints import Agent
from pdlearn.learner import Learner
from pdlearn.losses import kl_loss, mse_loss, nll_loss
from pdlearn.memory import Memory, States
from pdlearn.networks import QNetwork
from pdlearn.presets import DistillConfig
from pdlearn.recordings import record, watch
from pdlearn.runs import Run

RECORD_ROW_STEPS = 2_000
LEARN_ROW_UPDATES = 250
HELD_OUT_ENVS, HELD_OUT_STEPS = 4, 2_400  # states that are never learnt from


class StudentLearner(Learner):
    """A network that learns a teacher's choices by the configured loss."""

    def __init__(self, config: DistillConfig, network: QNetwork, precision: str = "float32"):
        super().__init__(config, network, precision)
        if config.loss not in ("kl", "nll", "mse"):
            raise ValueError(f"unknown loss {config.loss!r}; expected kl, nll or mse")

    def loss(self, batch: States) -> Tensor:
        """Return the distillation loss of a minibatch."""
        output = self.network(batch.observation)
        if self.config.loss == "kl":
            return kl_loss(output, batch.teacher_q, self.config.temperature)
        if self.config.loss == "nll":
            return nll_loss(output, batch.teacher_q)
        return mse_loss(output, batch.teacher_q)

    def learning_rate(self) -> float:
        """Return the step size now: linear from the first to the last over the whole run."""
        config = self.config
        done = min(self.updates / (config.hours * config.updates_per_hour), 1.0)
        return config.learning_rate + done * (config.learning_rate_final - config.learning_rate)


@torch.no_grad()
def agreement(network: QNetwork, memory: Memory, generator: torch.Generator) -> float:
    """Return the share of 1,024 drawn states on which network and teacher choose alike."""
    batches = [memory.sample_states(256, generator) for _ in range(4)]
    agreed = [network(b.observation).argmax(1) == b.teacher_q.argmax(1) for b in batches]
    return torch.cat(agreed).float().mean().item()


def fingerprint(network: QNetwork) -> str:
    """Return 16 hexadecimal digits that tell one set of weights from another."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()[:16]


class Distillation(Run):
    """Distil `teacher` into a student of `config.size`; see `Run` for the keywords.

    Rows come while the teacher plays (`phase` "record", every 2,000 agent steps) and while the
    student learns ("learn", every 250 updates): phase, hour, agent_steps, updates, loss, agreement
    (share of states of unseen games on which both choose the same action), samples_per_second,
    seconds.

    A `recording`, from `load_recording`, is learnt from instead of new play. A resumed run lets the
    teacher play an hour first, since its memory was not kept.
    """

    kind = "distill"

    def __init__(
        self, teacher: Agent, config: DistillConfig, recording: Memory | None = None, **keywords
    ):
        super().__init__(config, **keywords)
        self.teacher = teacher
        self.recording = recording
        network = QNetwork(
            len(teacher.card["actions"]), config.size, tuple(teacher.card["observation_shape"]),
            torch.Generator().manual_seed(self.seed),
        )  # fmt: skip
        self.learner = StudentLearner(config, network.to(self.device), self.precision)

    def facts(self) -> dict:
        return {
            "game": self.teacher.game,
            "seed": self.seed,
            "teacher": fingerprint(self.teacher.network),
        }

    def agent(self) -> Agent:
        kept = ("game", "actions", "observation_shape", "preprocessing")
        card = {key: self.teacher.card[key] for key in kept}
        card |= {"size": self.config.size, "made": self.made()}
        return Agent(self.learner.network, card)

    def rows(self) -> Iterator[dict]:
        config = self.config
        held_out = self._held_out()
        if self.recording is not None:
            for hour in range(self.learner.updates // config.updates_per_hour, config.hours):
                yield from self._learn(hour, self.recording, held_out)
            return
        memory, play = self._watch(
            config.num_envs, config.memory_hours * config.steps_per_hour, self.env_seed, "collect"
        )
        try:
            for hour in range(self.learner.updates // config.updates_per_hour, config.hours):
                before = self.agent_steps
                for recorded in record(play, memory, config.steps_per_hour):
                    self.agent_steps = before + recorded
                    if recorded % RECORD_ROW_STEPS < config.num_envs:
                        yield self._row("record", hour)
                yield from self._learn(hour, memory, held_out)
        finally:
            play.close()

    def _learn(self, hour: int, memory: Memory, held_out: Memory) -> Iterator[dict]:
        until = (hour + 1) * self.config.updates_per_hour
        losses, since = [], time.monotonic()
        while self.learner.updates < until:
            batch = memory.sample_states(self.config.minibatch, self.generator)
            losses.append(self.learner.update(batch))
            if self.learner.updates % LEARN_ROW_UPDATES == 0 or self.learner.updates == until:
                loss = torch.stack(losses).mean().item()
                rate = len(losses) * self.config.minibatch / (time.monotonic() - since)
                shared = agreement(self.learner.network, held_out, self.generator)
                yield self._row("learn", hour, loss, shared, rate)
                losses, since = [], time.monotonic()

    def _row(
        self, phase: str, hour: int, loss=math.nan, agreement=math.nan, samples_per_second=math.nan
    ) -> dict:
        return {
            "phase": phase,
            "hour": hour,
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "loss": loss,
            "agreement": agreement,
            "samples_per_second": samples_per_second,
            "seconds": self.seconds,
        }

    def _watch(self, num_envs: int, capacity_steps: int, seed: int, purpose: str):
        return watch(
            self.teacher, num_envs, capacity_steps, self.config.collection_epsilon,
            self.generator, seed, purpose,
        )  # fmt: skip

    def _held_out(self) -> Memory:
        """Return states of games that are never learnt from."""
        memory, play = self._watch(HELD_OUT_ENVS, HELD_OUT_STEPS, self.seed, "show")
        for _ in record(play, memory, HELD_OUT_STEPS):
            pass
        play.close()
        return memory
