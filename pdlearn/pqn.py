"""Parallel Q-learning: no replay memory, no target network (Gallici et al. 2024, PQN).

Many copies of the game play a roll-out of a few steps each. Its transitions are learnt twice in
shuffled minibatches, with λ-returns as targets, and then discarded.

    128 copies ──32 steps──▶ roll-out ──λ-returns──▶ 64 minibatches of 128 ──▶ next roll-out

The targets use the values computed while acting. Layer normalisation keeps them from diverging.
"""

import dataclasses
import itertools
import time
from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pdlearn import envs, ranks
from pdlearn.actor import Scores, learnt_outcome
from pdlearn.half_batches import HALF_BATCHES
from pdlearn.learner import Learner
from pdlearn.losses import lambda_returns, td_error
from pdlearn.networks import MultiGameNetwork, QNetwork
from pdlearn.presets import PQNConfig
from pdlearn.qlearning import QLearning, epsilon_at
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, Step, Values, steps_from


class Targets(NamedTuple):
    """A minibatch of steps and what to learn of them; the leading axis `[B]` is the minibatch."""

    observation: Tensor  # [B, ...]
    action: Tensor  # int64 [B]
    target: Tensor  # float32 [B], the λ-return
    valid: Tensor  # float32 [B], 0 where the action was void, else 1


class PQNLearner(Learner):
    """A Q-network that learns λ-returns; it needs no target network."""

    config: PQNConfig

    def loss(self, batch: Targets, network: nn.Module | None = None) -> Tensor:
        """Return half the mean squared error of Q(s, a), a scalar; void actions count as 0.

        `network` is the part that plays the minibatch's game; None means the whole network.
        """
        q = (self.network if network is None else network)(batch.observation)
        error = td_error(q, batch.action, batch.target) * batch.valid
        return 0.5 * error.square().mean()

    def learning_rate(self) -> float:
        """Return the learning rate of the next update: a line from the first to the last."""
        config = self.config
        whole = config.agent_steps * config.epochs / config.minibatch
        done = min(self.updates / whole, 1.0)
        return config.learning_rate + done * (config.learning_rate_final - config.learning_rate)

    def limit_gradient(self) -> None:
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_gradient_norm)


class Rollout:
    """The newest `rollout_steps` of all copies of one game, on the device that learns.

    Two half-batches of copies alternate, so that inference overlaps emulation. Step T is the first
    step of the next roll-out, and its values bootstrap this one.
    """

    def __init__(
        self,
        game: str,
        network: Values,
        config: PQNConfig,
        *,
        generator: torch.Generator,
        seed: int,
    ):
        self.config = config
        self.score = Scores(config.num_envs)
        seeds = envs.env_seeds(seed, "train", config.num_envs)
        halves = np.array_split(np.arange(config.num_envs), min(HALF_BATCHES, config.num_envs))
        self._halves = [slice(half[0], half[-1] + 1) for half in halves]
        self._trackers = [EpisodeTracker(len(half)) for half in halves]
        self._policies = [
            EpsilonGreedy(network, config.epsilon_start, generator, config.longest_hold_steps)
            for _ in halves
        ]
        games = [envs.make(game, len(half)) for half in halves]
        self._plays = [
            steps_from(env, policy, seeds[half])
            for env, policy, half in zip(games, self._policies, self._halves, strict=True)
        ]
        self._newest: list[Step] = []
        time_, copies, device = config.rollout_steps, config.num_envs, generator.device
        shape, num_actions = games[0].observation_shape, games[0].num_actions
        dtype = torch.uint8 if len(shape) == 3 else torch.float32
        self.observation = torch.empty(time_, copies, *shape, dtype=dtype, device=device)
        self.action = torch.empty(time_, copies, dtype=torch.int64, device=device)
        self.q = torch.empty(time_ + 1, copies, num_actions, device=device)
        # Rewards, discounts and `last` are collected on the CPU and moved once a roll-out.
        self.outcome = torch.empty(3, time_, copies)

    def play(self, epsilon: float) -> int:
        """Play the next roll-out with exploration `epsilon`; return how many episodes ended."""
        for policy in self._policies:
            policy.epsilon = epsilon
        if not self._newest:
            self._newest = [next(play) for play in self._plays]
        ended = 0
        for time_ in range(self.config.rollout_steps):
            for half, play in enumerate(self._plays):
                ended += self._store(time_, half)
                self._newest[half] = next(play)
        for copies, step in zip(self._halves, self._newest, strict=True):
            self.q[-1, copies] = step.q
        return ended

    def _store(self, time_: int, half: int) -> int:
        step, copies = self._newest[half], self._halves[half]
        self.observation[time_, copies] = step.observation
        self.action[time_, copies] = step.action
        self.q[time_, copies] = step.q
        outcome = np.stack([*learnt_outcome(step, self.config), step.last])
        self.outcome[:, time_, copies] = torch.from_numpy(outcome.astype(np.float32))
        return self.score.add(self._trackers[half], step)

    def minibatches(self, generator: torch.Generator) -> Iterator[Targets]:
        """Draw every transition once an epoch."""
        config = self.config
        reward, discount, last = self.outcome.to(self.q.device, non_blocking=True)
        target = lambda_returns(
            reward, discount, self.q.max(2).values, last.bool(), lambda_=config.lambda_
        )
        columns = [x.flatten(0, 1) for x in (self.observation, self.action, target, 1 - last)]
        count = len(columns[0])
        for _ in range(config.epochs):
            order = torch.randperm(count, generator=generator, device=self.q.device)
            for chosen in order[: count // config.minibatch * config.minibatch].split(
                config.minibatch
            ):
                yield Targets(*(column[chosen] for column in columns))

    def close(self) -> None:
        """Close the game's copies."""
        for play in self._plays:
            play.close()


class PQN(QLearning):
    """Train a teacher by parallel Q-learning (Gallici et al. 2024); see `QLearning` for rows.

    There is a row per roll-out. Several games take turns, in playing roll-outs and in minibatches.
    `num_envs` and `rollout_steps` are per game; all other settings count the games together.

    Started by torchrun, each process plays its share of the copies, and `updates` counts the
    minibatches of all processes.

    A resumed run begins new games and loses at most one roll-out.

    Args:
        game: a name, or several that one network learns
        config: a `PQNConfig`
        seed, device, precision, folder, resume, minutes: as in `Run`

    Raises:
        ValueError: as `QLearning` does, and for a minibatch larger than a roll-out
    """

    kind = "pqn"
    config: PQNConfig

    def make_learner(self, network: QNetwork | MultiGameNetwork) -> PQNLearner:
        """Make the learner of a network.

        Args:
            network: as `make_network` returned it

        Returns:
            a learner with the run's settings

        Raises:
            ValueError: for a minibatch larger than a roll-out
        """
        config = self.config
        rollout_steps = ranks.share(config.num_envs) * config.rollout_steps
        if config.minibatch > rollout_steps:
            raise ValueError(
                f"expected a minibatch of at most num_envs x rollout_steps = {rollout_steps}; got "
                f"{config.minibatch}"
            )
        return PQNLearner(self.config, network, self.precision)

    def rows(self) -> Generator[dict, None, None]:
        config = self.config
        ranks.draw_apart(self.generator, self.env_seed)
        own = dataclasses.replace(config, num_envs=ranks.share(config.num_envs))
        rollouts = {
            game: Rollout(
                game, self.learner.acting(part), own,
                generator=self.generator, seed=ranks.own_seed(self.env_seed),
            )
            for game, part in self.parts.items()
        }  # fmt: skip
        rollout_steps = config.num_envs * config.rollout_steps
        try:
            while self.agent_steps < config.agent_steps:
                begun, before = time.monotonic(), self.agent_steps
                for rollout in rollouts.values():
                    self.episodes += rollout.play(epsilon_at(config, self.agent_steps))
                    self.agent_steps += rollout_steps
                streams = [
                    zip(rollout.minibatches(self.generator), itertools.repeat(self.parts[game]))
                    for game, rollout in rollouts.items()
                ]
                for turn in zip(*streams, strict=True):
                    for batch, part in turn:
                        self.learner.update(batch, part)
                        self.learner.updates += ranks.world_size() - 1  # minibatches of others
                played = self.agent_steps - before
                finished = self.agent_steps >= config.agent_steps
                due = finished or self.passed(config.evaluation_period_steps, played)
                scores = {game: rollout.score.mean for game, rollout in rollouts.items()}
                rate = played / (time.monotonic() - begun)
                yield self.row(self.learner.mean_loss(), scores, due, rate)
        finally:
            for rollout in rollouts.values():
                rollout.close()
