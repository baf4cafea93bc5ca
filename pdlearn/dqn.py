"""Deep Q-learning with a replay memory (Mnih et al. 2015).

A `DQNConfig` selects Nature DQN or later improvements: double and n-step targets, prioritised
replay, quantiles of the return (QR-DQN, Dabney et al. 2018). One network can learn several games in
turn, each from its own replay memory (Rusu et al. 2015, section 3.3: Multi-DQN). A teacher's policy
can be a term of the loss (`kickstarting`).
"""

import copy
import itertools
import math
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pdlearn.actor import ReplayActor
from pdlearn.checkpoints import Agent
from pdlearn.kickstarting import TeacherTerm, refuse_unsuited_teacher, weight_at
from pdlearn.learner import Learner, load_part
from pdlearn.losses import td_error, td_loss, td_target
from pdlearn.networks import MultiGameNetwork, QNetwork, fingerprint, same_part
from pdlearn.presets import DQNConfig, QLearningConfig
from pdlearn.qlearning import QLearning, epsilon_at
from pdlearn.quantiles import QuantileNetwork, quantile_loss, quantile_target
from pdlearn.replay.memory import Memory, Transitions
from pdlearn.replay.prioritized import PrioritizedMemory


class DQNLearner(Learner):
    """A Q-network and its target network."""

    config: DQNConfig

    def __init__(
        self,
        config: DQNConfig,
        network: QNetwork | MultiGameNetwork,
        precision: str = "float32",
    ):
        super().__init__(config, network, precision)
        self.target = copy.deepcopy(network).requires_grad_(False)
        self.error = torch.empty(0)  # float32 [B], TD errors of the latest minibatch
        self.term: TeacherTerm | None = None
        self.kls: list[Tensor] = []  # of the teacher's term, as `losses`

    def loss(self, batch: Transitions, network: nn.Module | None = None) -> Tensor:
        """Return the TD loss of a minibatch, with the teacher's term if there is one, a scalar.

        `network` is the part that plays the minibatch's game; None means the whole network.
        """
        network = self.network if network is None else network
        target = same_part(self.target, network)
        with torch.no_grad():
            online_q_t = network(batch.observation_t) if self.config.double else None
            target_q_t = target(batch.observation_t)
            goal = td_target(batch.reward_t, batch.discount_t, target_q_t, online_q_t)
        q_tm1 = network(batch.observation_tm1)
        self.error = td_error(q_tm1.detach(), batch.action_tm1, goal)
        loss = td_loss(q_tm1, batch.action_tm1, goal, batch.weight)
        return self.with_term(loss, q_tm1, batch)

    def with_term(self, loss: Tensor, q_tm1: Tensor, batch: Transitions) -> Tensor:
        """Return `loss` plus the teacher's term for the student's values `[B, A]`."""
        if self.term is None or self.term.weight == 0:
            return loss
        return loss + self.term(q_tm1, batch.observation_tm1)

    def learning_rate(self) -> float:
        """Return the learning rate of the next update: lower in the run's last quarter."""
        config = self.config
        learnt = self.updates * config.minibatch
        late = learnt >= 0.75 * config.agent_steps * config.samples_per_step
        return config.learning_rate_final if late else config.learning_rate

    def update(self, *batch: Any) -> Tensor:
        """Take one optimiser step; every `target_period_updates` copy the network to the target."""
        loss = super().update(*batch)
        if self.term is not None and self.term.weight > 0:
            self.kls.append(self.term.kl)
        if self.updates % self.config.target_period_updates == 0:
            self.target.load_state_dict(self.network.state_dict())
        return loss

    def mean_kl(self) -> float:
        """Return the mean KL to the teacher since the last call, unweighted; NaN without any."""
        kls, self.kls = self.kls, []
        return torch.stack(kls).mean().item() if kls else math.nan

    def state_dict(self) -> dict[str, Tensor]:
        target = {f"target.{k}": v for k, v in self.target.state_dict().items()}
        return super().state_dict() | target

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        super().load_state_dict(tensors)
        load_part(self.target, "target.", tensors)


class QuantileLearner(DQNLearner):
    """A network that learns quantiles of the return, and its target network, for one game."""

    network: QuantileNetwork
    target: QuantileNetwork

    def loss(self, batch: Transitions, network: nn.Module | None = None) -> Tensor:
        """Return the quantile Huber loss of a minibatch, with the teacher's term, a scalar."""
        with torch.no_grad():
            online_q_t = self.network(batch.observation_t) if self.config.double else None
            target_z_t = self.target.quantiles(batch.observation_t)  # [B, N, A]
            goal = quantile_target(batch.reward_t, batch.discount_t, target_z_t, online_q_t)
        z_tm1 = self.network.quantiles(batch.observation_tm1)
        q_tm1 = z_tm1.mean(1)  # [B, A]
        self.error = td_error(q_tm1.detach(), batch.action_tm1, goal.mean(1))
        loss = quantile_loss(z_tm1, batch.action_tm1, goal, batch.weight)
        return self.with_term(loss, q_tm1, batch)


class DQN(QLearning):
    """Train a DQN teacher (Mnih et al. 2015); see `QLearning` for rows.

    There is a row every `row_steps` agent steps. Several games take turns: one vector step each,
    and one minibatch each. `memory_steps` and `num_envs` are per game; all other settings count
    the games together.

    A resumed run fills its replay memories again with the current network before it learns.

    With a teacher, the loss has a term that makes the network play like it, with a weight that
    decreases to zero (kickstarting, Schmitt et al. 2018; see `pdlearn.kickstarting`). Rows then
    have two more columns: distillation_weight, and distillation_loss (the mean KL without it; NaN
    once the weight is zero). The column loss is of the whole loss.

    Args:
        game: a name, or several that one network learns (paper, section 3.3: Multi-DQN)
        config: a `DQNConfig`
        teacher: an agent of the same game, also of another size; None: learn from rewards alone
        seed, device, precision, folder, resume, minutes: as in `Run`

    Raises:
        ValueError: as `QLearning` does, for quantiles with several games, for a teacher without a
            `distillation_weight` or a weight without a teacher, for a teacher with several games,
            and for a teacher of another game, with other actions or observations, or whose outputs
            are logits
    """

    kind = "dqn"
    config: DQNConfig
    learner: DQNLearner
    row_steps = 2_000

    def __init__(
        self,
        game: str | Sequence[str],
        config: QLearningConfig,
        *,
        teacher: Agent | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        super().__init__(
            game, config, seed=seed, device=device, precision=precision, folder=folder,
            resume=resume, minutes=minutes,
        )  # fmt: skip
        self.teacher = teacher
        refuse_unsuited_teacher(teacher, self.config, self.envs)
        if teacher is not None:
            self.learner.term = TeacherTerm(self.config, teacher, self.device)

    def identity(self) -> dict:
        if self.teacher is None:
            return super().identity()
        return super().identity() | {"teachers": [fingerprint(self.teacher.network)]}

    def make_learner(self, network: QNetwork | MultiGameNetwork) -> DQNLearner:
        """Make the learner of a network, or of one of quantiles.

        Args:
            network: as `make_network` returned it

        Returns:
            a learner with the run's settings
        """
        kind = QuantileLearner if isinstance(network, QuantileNetwork) else DQNLearner
        return kind(self.config, network, self.precision)

    def make_network(
        self, num_actions: dict[str, int], shape: tuple[int, ...], generator: torch.Generator
    ) -> QNetwork | MultiGameNetwork:
        """Make the network to train, with its first weights.

        Args:
            num_actions: the number of actions by game
            shape: of an observation
            generator: draws the weights

        Returns:
            a network for these games

        Raises:
            ValueError: for a size that does not suit the number of games, and for quantiles with
                several
        """
        config = self.config
        if config.quantiles <= 1:
            return super().make_network(num_actions, shape, generator)
        if len(num_actions) > 1:
            raise ValueError(f"expected one game with quantiles; got {', '.join(num_actions)}")
        (count,) = num_actions.values()
        return QuantileNetwork(
            count, config.size, shape, generator,
            normalization=config.normalization, quantiles=config.quantiles,
        )  # fmt: skip

    def agent(self) -> Agent:
        """Return the current network with its card; quantiles are collapsed to their means.

        Returns:
            an agent; it shares the weights with the run unless quantiles were collapsed
        """
        agent = super().agent()
        if isinstance(agent.network, QuantileNetwork):
            return Agent(agent.network.collapsed(), agent.card)
        return agent

    def rows(self) -> Generator[dict, None, None]:
        config = self.config
        actors = {
            game: ReplayActor(
                game, self.learner.acting(part), config,
                generator=self.generator, seed=self.env_seed,
            )
            for game, part in self.parts.items()
        }  # fmt: skip
        learn_start_steps = self.agent_steps + config.learn_start_steps
        owed = 0.0  # samples that are due but not yet learnt
        row_at = time.monotonic()
        turns = itertools.cycle(actors.values())
        try:
            while self.agent_steps < config.agent_steps:
                self.episodes += next(turns).advance(epsilon_at(config, self.agent_steps))
                self.agent_steps += config.num_envs

                if self.agent_steps > learn_start_steps:
                    owed += config.num_envs * config.samples_per_step
                while owed >= config.minibatch:
                    game = list(self.parts)[self.learner.updates % len(self.parts)]
                    self._learn(actors[game].memory, self.parts[game])
                    owed -= config.minibatch

                finished = self.agent_steps >= config.agent_steps
                evaluation_due = bool(self.learner.losses) and self.passed(
                    config.evaluation_period_steps, config.num_envs
                )
                if self.passed(self.row_steps, config.num_envs) or evaluation_due or finished:
                    rate = self.row_steps / (time.monotonic() - row_at)
                    loss = self.learner.mean_loss()
                    scores = {game: actor.score for game, actor in actors.items()}
                    row = self.row(loss, scores, evaluation_due, rate)
                    if self.learner.term is not None:
                        row["distillation_weight"] = weight_at(config, self.agent_steps)
                        row["distillation_loss"] = self.learner.mean_kl()
                    yield row
                    row_at = time.monotonic()
        finally:
            for actor in actors.values():
                actor.close()

    def _learn(self, memory: Memory, network: nn.Module) -> None:
        """Learn a minibatch of one game."""
        config = self.config
        if self.learner.term is not None:
            self.learner.term.weight = weight_at(config, self.agent_steps)
        batch = memory.sample_transitions(config.minibatch, config.n_step, self.generator)
        self.learner.update(batch, network)
        if isinstance(memory, PrioritizedMemory) and batch.row is not None:
            memory.set_errors(batch.row, self.learner.error)
