"""Prioritised replay (Schaul et al. 2016): what surprised the learner is drawn more often.

Convention: a row's priority is |TD error| to the power of `exponent`, and 0 where nothing may be
drawn: an episode's last observation, steps whose n rewards are not all in yet, and those next to
be overwritten. A new step has the highest priority there was, so that each is soon learnt once.
"""

import numpy as np
import torch
from torch import Tensor

from pdlearn.replay.memory import Memory, Transitions
from pdlearn.rollout import Step

IMPORTANCE_EXPONENT = 0.5  # 1 would undo the preference in the mean gradient, 0 leave it as it is
SMALLEST_ERROR = 1e-6  # nothing is forgotten for good


class PrioritizedMemory(Memory):
    """A `Memory` of n-step transitions, drawn in proportion to their priorities.

    The weight is (lowest priority of the minibatch / the row's priority) to the power of
    `IMPORTANCE_EXPONENT`. Tell the memory the TD errors of what was learnt with `set_errors`.
    """

    def __init__(
        self,
        capacity_steps: int,
        num_envs: int,
        observation_shape: tuple[int, ...],
        device: torch.device | str = "cpu",
        *,
        n_step: int,
        exponent: float,
    ):
        super().__init__(capacity_steps, num_envs, observation_shape, device)
        self.n_step = n_step
        self.exponent = exponent
        rows = self.slots * num_envs
        self.priority = torch.zeros(rows, dtype=torch.float64, device=self.device)
        self.highest = torch.ones((), dtype=torch.float64, device=self.device)

    def add(self, step: Step, reward: np.ndarray, discount: np.ndarray) -> None:
        """Store a vector step; the one `n_step` before it may be drawn from now on."""
        newest = self.added_slots
        super().add(step, reward, discount)
        self.priority[self._rows(newest)] = 0
        self.priority[self._rows(newest + self.stack)] = 0
        if newest >= self.n_step:
            whole = self._rows(newest - self.n_step)
            self.priority[whole] = torch.where(self.last[whole], 0.0, self.highest)

    def _rows(self, added: int) -> slice:
        """Return the rows of the vector step that was, or will be, the `added`-th."""
        start = added % self.slots * self.num_envs
        return slice(start, start + self.num_envs)

    def _draw(self, minibatch: int, ahead: int, generator: torch.Generator):
        """Draw positions in proportion to their priorities."""
        if ahead > self.n_step:
            raise ValueError(f"cannot look {ahead} steps ahead; expected at most {self.n_step}")
        if self.added_slots <= self.n_step:
            raise ValueError(f"cannot sample from {self.added_slots} slots, {self.n_step} ahead")
        cumulative = self.priority.cumsum(0)
        draws = torch.rand(
            minibatch, dtype=torch.float64, generator=generator, device=self.device
        )  # fmt: skip
        rows = torch.searchsorted(cumulative, draws * cumulative[-1], right=True)
        rows = rows.clamp(max=len(cumulative) - 1)
        return rows // self.num_envs, rows % self.num_envs

    def sample_transitions(
        self, minibatch: int, n_step: int, generator: torch.Generator
    ) -> Transitions:
        """Draw `minibatch` n-step transitions, with `row` and a `weight` of at most 1.

        None crosses the edge of an episode.
        """
        slot, env = self._draw(minibatch, n_step, generator)
        row = slot * self.num_envs + env
        priority = self.priority[row]
        weight = (priority.min() / priority) ** IMPORTANCE_EXPONENT
        return self.transitions(slot, env, n_step)._replace(row=row, weight=weight.float())

    def set_errors(self, row: Tensor, error: Tensor) -> None:
        """Give the rows `row` `[B]` of a minibatch the priorities of their TD errors `[B]`."""
        priority = (error.double().abs() + SMALLEST_ERROR) ** self.exponent
        self.priority[row] = priority
        self.highest = torch.maximum(self.highest, priority.max())
