"""Policies, and the one loop that plays them.

Training, recording, evaluation and clips iterate over the same loop and stop it when they are done.
The loop runs one step ahead: while the caller learns from step t, the emulators compute step t+1.
On a GPU this hides the time of emulation; on a CPU it costs nothing.
"""

import math
from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from pdlearn.envs import Environment
from pdlearn.presets import Few
from pdlearn.schema import Share, checked

Values = Callable[[Tensor], Tensor]  # of observations [B, ...], float32 [B, A]


class Step(NamedTuple):
    """One vector step; the leading axis `[E]` counts the copies of the game.

        first           last
          o ──a──▶ o ──a──▶ o  ┊  o ──a──▶ o
                               └ between `last` and `first` the action is void

    Where `last` is true, the observation ended its episode, and action and reward have no meaning.
    The environment resets at the next step (Gymnasium's NEXT_STEP autoreset).
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
    """Take the action with the highest value; with probability `epsilon` take a random one.

    Set `epsilon` between steps to follow a schedule. `generator` is on the network's device. The
    value -inf marks an action that is not available; it is never taken.

    A random action is repeated for n steps. n is drawn from 1 to `longest_hold_steps` with
    probability proportional to 1 / n**2 (ez-greedy, Dabney et al. 2021); a longest hold of 1 is
    epsilon-greedy. Repeated actions reach states that single random steps rarely reach, such as
    the far side of the road in Freeway.
    """

    def __init__(
        self, network: Values, epsilon: float, generator: torch.Generator,
        longest_hold_steps: int = 1,
    ):  # fmt: skip
        self.network = network
        self.epsilon = checked(epsilon, Share, "epsilon")
        self.generator = generator
        checked(longest_hold_steps, Few, "longest_hold_steps")
        durations = torch.arange(1, longest_hold_steps + 1, device=generator.device)
        self._hold_odds = durations.double() ** -2
        self._held: Tensor | None = None  # int64 [E], the random action that each copy repeats
        self._left: Tensor | None = None  # int64 [E], the steps for which it is still repeated

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
            return available(torch.where(chance < self.epsilon, anything, greedy), q), q
        if self._held is None or self._left is None:
            self._held, self._left = anything, torch.zeros_like(anything)
        draws = torch.multinomial(self._hold_odds, num_envs, True, generator=self.generator)
        begins = (self._left == 0) & (chance < self.epsilon)
        self._held = torch.where(begins, anything, self._held)
        self._left = torch.where(begins, draws + 1, self._left)
        action = torch.where(self._left > 0, self._held, greedy)
        self._left = (self._left - 1).clamp(min=0)
        return available(action, q), q

    def _choose(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return the non-random actions `[E]` and the values `[E, A]`."""
        q = self.network(observation)  # [E, A]
        return q.argmax(1), q


def available(action: Tensor, q: Tensor) -> Tensor:
    """Return actions `[E]`, the best one instead of each with the value -inf in `q` `[E, A]`."""
    masked = q.gather(1, action.unsqueeze(1)).squeeze(1) == -math.inf
    return torch.where(masked, q.argmax(1), action)


class Mixture(EpsilonGreedy):
    """Take the student's action with probability `student_share`, else the teacher's.

    The choice is drawn for every step and copy of the game, as in DAgger (Ross et al. 2011). Share
    1 is the student alone, as in Actor-Mimic (Parisotto et al. 2016). The values returned are
    always the teacher's.
    """

    def __init__(
        self, teacher: Values, student: Values, *, student_share: float, epsilon: float,
        generator: torch.Generator,
    ):  # fmt: skip
        super().__init__(teacher, epsilon, generator)
        self.student = student
        self.student_share = checked(student_share, Share, "student_share")

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


class Policy(Protocol):
    """What `steps` plays: observations `[E, ...]` to actions `[E]` and values `[E, A]`."""

    @property
    def device(self) -> torch.device: ...

    def __call__(self, observation: Tensor, /) -> tuple[Tensor, Tensor]: ...


def steps(env: Environment, policy: Policy, seed: int, purpose: str) -> Generator[Step, None, None]:
    """Play `policy` without end; yield each vector step after the next one has been sent.

    `seed` and `purpose` seed the emulators (see `envs`). The iterator owns `env`: closing or
    dropping the iterator closes the environment.
    """
    try:
        yield from _play(env, policy, env.reset(seed, purpose))
    finally:
        env.close()


def steps_from(env: Environment, policy: Policy, seeds: np.ndarray) -> Generator[Step, None, None]:
    """Play as `steps` does, with the emulator seed of each copy given: `seeds` int64 `[E]`."""
    try:
        yield from _play(env, policy, env.reset_to(seeds))
    finally:
        env.close()


def _play(env: Environment, policy: Policy, shown: np.ndarray) -> Generator[Step, None, None]:
    first = np.ones(env.num_envs, bool)
    last = np.zeros(env.num_envs, bool)
    lives = np.zeros(env.num_envs, int)
    observation = torch.from_numpy(shown).to(policy.device)
    step = None
    taken_steps = 0
    while True:
        action, q = policy(observation)
        _refuse_wrong_values(env, q, taken_steps)
        env.send(action.cpu().numpy())
        try:
            if step is not None:
                yield step
        finally:
            outcome = env.recv()
        taken_steps += 1
        life_lost = (outcome.lives < lives) & ~last
        step = Step(
            observation, action, q, first, last,
            outcome.reward, outcome.terminated, outcome.truncated, life_lost,
        )  # fmt: skip
        first, last = last, outcome.terminated | outcome.truncated
        lives = outcome.lives
        observation = torch.from_numpy(outcome.observation).to(policy.device)


def _refuse_wrong_values(env: Environment, q: Tensor, taken_steps: int) -> None:
    """Raise ValueError unless `q` holds a value of each action for each copy, and not only -inf."""
    if q.shape != (env.num_envs, env.num_actions):
        raise ValueError(
            f"{env.name} has the actions {', '.join(env.action_names[:18])}; expected a policy "
            f"with values {[env.num_envs, env.num_actions]}, got {list(q.shape)}"
        )
    if not q.amax(1).isfinite().all():
        raise ValueError(
            f"{env.name}: the policy's values are not finite at step {taken_steps}; expected "
            "finite numbers, and a network of finite weights"
        )


class Episode(NamedTuple):
    """A finished episode of one copy of the game."""

    env: int
    score: float  # sum of raw rewards
    steps: int  # agent steps
    truncated: bool  # ended by the frame cap, not by the game


class EpisodeTracker:
    """Sum raw rewards and lengths, and report each finished episode."""

    def __init__(self, num_envs: int):
        self._score = np.zeros(num_envs)
        self._steps = np.zeros(num_envs, int)

    def add(self, step: Step) -> list[Episode]:
        """Add a vector step; return the episodes that it finished."""
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
