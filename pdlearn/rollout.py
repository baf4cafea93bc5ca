"""Acting: a policy, and the one loop that plays it.

Training, collecting, evaluating and showing are the same loop, cut by whoever reads it. The loop
runs one step ahead of its reader: while a reader learns from step t, the emulators play step t+1.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pdlearn.envs import Environment


class Step(NamedTuple):
    """One vector step; the leading axis `[E]` is the copies of the game.

        first           last
          o ──a──▶ o ──a──▶ o  ┊  o ──a──▶ o
                               └ between `last` and `first` the action is void

    Where `last`, the observation ended its episode: action and reward mean nothing.
    """

    observation: Tensor  # [E, ...] at t, on the policy's device
    action: Tensor  # int64 [E] at t, on the policy's device
    q: Tensor  # float32 [E, A] at t, on the policy's device
    first: np.ndarray  # bool [E], observation starts an episode
    last: np.ndarray  # bool [E], observation ended one
    reward: np.ndarray  # float32 [E] at t+1, raw
    terminated: np.ndarray  # bool [E] at t+1
    truncated: np.ndarray  # bool [E] at t+1
    life_lost: np.ndarray  # bool [E] at t+1


class EpsilonGreedy:
    """Act greedily on a network's values, and at random with probability `epsilon`.

    Set `epsilon` between steps to follow a schedule. `generator` lives on the network's device.

    A random action is held for n steps, n from 1 to `longest_hold_steps` with probability in
    proportion to 1 / n**2 (ez-greedy, Dabney et al. 2021); 1 is plain epsilon-greedy. Holding
    reaches what single random steps hardly ever do, such as the far side of Freeway's road.
    """

    def __init__(
        self, network: nn.Module, epsilon: float, generator: torch.Generator,
        longest_hold_steps: int = 1,
    ):  # fmt: skip
        self.network = network
        self.epsilon = epsilon
        self.generator = generator
        durations = torch.arange(1, longest_hold_steps + 1, device=generator.device)
        self._hold_odds = durations.double() ** -2
        self._held = None  # int64 [E], the action last held by each copy
        self._left = None  # int64 [E], for how many more steps

    @property
    def device(self) -> torch.device:
        return self.generator.device

    @torch.no_grad()
    def __call__(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `[E]` and values `[E, A]` for observations `[E, ...]`."""
        greedy, q = self._choose(observation)
        num_envs, num_actions = q.shape
        chance = torch.rand(num_envs, device=self.device, generator=self.generator)
        anything = torch.randint(
            num_actions, (num_envs,), device=self.device, generator=self.generator
        )
        if len(self._hold_odds) == 1:
            return torch.where(chance < self.epsilon, anything, greedy), q
        if self._left is None:
            self._held, self._left = anything, torch.zeros_like(anything)
        draws = torch.multinomial(self._hold_odds, num_envs, True, generator=self.generator)
        begins = (self._left == 0) & (chance < self.epsilon)
        self._held = torch.where(begins, anything, self._held)
        self._left = torch.where(begins, draws + 1, self._left)
        action = torch.where(self._left > 0, self._held, greedy)
        self._left = (self._left - 1).clamp(min=0)
        return action, q

    def _choose(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is done where nothing is random, and the values."""
        q = self.network(observation)  # [E, A]
        return q.argmax(1), q


class Mixture(EpsilonGreedy):
    """Act for a teacher or, with probability `student_share`, for its student; ask the teacher.

    A coin a step and copy of the game decides who acts, as in DAgger (Ross et al. 2011); share 1 is
    the student alone, as in Actor-Mimic (Parisotto et al. 2016). The values are the teacher's.
    """

    def __init__(
        self, teacher: nn.Module, student: nn.Module, *, student_share: float, epsilon: float,
        generator: torch.Generator,
    ):  # fmt: skip
        super().__init__(teacher, epsilon, generator)
        self.student = student
        self.student_share = student_share

    def _choose(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        choice, q = super()._choose(observation)
        coin = torch.rand(len(q), device=self.device, generator=self.generator)
        students = self.student(observation).argmax(1)
        return torch.where(coin < self.student_share, students, choice), q


class Scripted:
    """Take `actions` one after another in every copy, then action 0; all values are 0."""

    device = torch.device("cpu")

    def __init__(self, actions: Iterable[int], num_actions: int):
        self._actions = iter(actions)
        self.num_actions = num_actions

    def __call__(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `[E]` and values `[E, A]` for observations `[E, ...]`."""
        action = torch.full((len(observation),), int(next(self._actions, 0)))
        return action, torch.zeros(len(observation), self.num_actions)


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch compute with `number` threads for a while, where others need the processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Policy = Callable[[Tensor], tuple[Tensor, Tensor]]


def steps(env: Environment, policy: Policy, seed: int, purpose: str) -> Iterator[Step]:
    """Play `policy` for ever, yielding each vector step once the next one is under way.

    Takes over `env`: closing the iterator, or dropping it, closes the environment.
    """
    try:
        yield from _play(env, policy, env.reset(seed, purpose))
    finally:
        env.close()


def steps_from(env: Environment, policy: Policy, seeds: np.ndarray) -> Iterator[Step]:
    """Play as `steps` does, the copies' emulators started from `seeds`, int64 `[E]`."""
    try:
        yield from _play(env, policy, env.reset_to(seeds))
    finally:
        env.close()


def _play(env: Environment, policy: Policy, shown: np.ndarray) -> Iterator[Step]:
    first = np.ones(env.num_envs, bool)
    last = np.zeros(env.num_envs, bool)
    lives = np.zeros(env.num_envs, int)
    observation = torch.from_numpy(shown).to(policy.device)
    step = None
    while True:
        action, q = policy(observation)
        env.send(action.cpu().numpy())
        try:
            if step is not None:
                yield step
        finally:
            outcome = env.recv()
        life_lost = (outcome.lives < lives) & ~last
        step = Step(
            observation, action, q, first, last,
            outcome.reward, outcome.terminated, outcome.truncated, life_lost,
        )  # fmt: skip
        first, last = last, outcome.terminated | outcome.truncated
        lives = outcome.lives
        observation = torch.from_numpy(outcome.observation).to(policy.device)


class Episode(NamedTuple):
    """A finished episode of one copy of the game."""

    env: int
    score: float  # sum of raw rewards
    steps: int  # agent steps
    truncated: bool  # cut by the frame cap rather than ended by the game


class EpisodeTracker:
    """Add up raw rewards and lengths, and report every episode that ends."""

    def __init__(self, num_envs: int):
        self._score = np.zeros(num_envs)
        self._steps = np.zeros(num_envs, int)

    def add(self, step: Step) -> list[Episode]:
        """Return the episodes that `step` finished."""
        self._score += np.where(step.last, 0.0, step.reward)
        self._steps += ~step.last
        ended = np.flatnonzero(step.terminated | step.truncated)
        episodes = [
            Episode(int(e), float(self._score[e]), int(self._steps[e]), bool(step.truncated[e]))
            for e in ended
        ]
        self._score[ended] = 0.0
        self._steps[ended] = 0
        return episodes
