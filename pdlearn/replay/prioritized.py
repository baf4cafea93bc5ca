"""Prioritised replay (Schaul et al. 2016): transitions are sampled in proportion to priority.

A row's priority is |TD error| to the power of `exponent`. It is 0 for rows that must not be
sampled: an episode's last observation, steps whose n rewards are not all stored yet, and steps
that are overwritten next. A new step gets the highest priority so far, so that each transition is
soon sampled at least once.
"""

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from pdlearn.presets import Minibatch
from pdlearn.replay.memory import Memory, Transitions
from pdlearn.rollout import Step
from pdlearn.schema import Count, Range, checked

IMPORTANCE_EXPONENT = 0.5  # 1 corrects the bias of the mean gradient fully, 0 not at all
SMALLEST_ERROR = 1e-6  # added to |TD error|, so that no priority becomes 0


class PrioritizedMemory(Memory):
    """A `Memory` of n-step transitions, sampled in proportion to their priorities.

    A transition's weight is (lowest priority of the minibatch / its priority) to the power of
    `IMPORTANCE_EXPONENT`. Pass the TD errors of each minibatch to `set_errors`.
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
        self.n_step = checked(n_step, Count, "n_step")
        self.exponent = checked(exponent, Annotated[float, Range(0, 10)], "exponent")
        rows = self.slots * num_envs
        self.priority = torch.zeros(rows, dtype=torch.float64, device=self.device)
        self.highest = torch.ones((), dtype=torch.float64, device=self.device)

    def add(self, step: Step, reward: np.ndarray, discount: np.ndarray) -> None:
        """Store a vector step; the step `n_step` before it can be sampled from now on."""
        newest = self.added_slots
        super().add(step, reward, discount)
        self.priority[self.rows_of(newest)] = 0
        self.priority[self.rows_of(newest + self.stack)] = 0
        if newest >= self.n_step:
            whole = self.rows_of(newest - self.n_step)
            self.priority[whole] = torch.where(self.last[whole], 0.0, self.highest)

    def _draw(
        self, minibatch: int, ahead: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw positions in proportion to their priorities."""
        if ahead > self.n_step:
            raise ValueError(f"cannot look {ahead} steps ahead; expected at most {self.n_step}")
        checked(minibatch, Minibatch, "a minibatch's size")
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
        """Draw `minibatch` n-step transitions with their rows and weights.

        None crosses the end of an episode. Raises ValueError if `n_step` is larger than the
        memory's, or if the memory holds too few slots.
        """
        checked(n_step, Count, "n_step")
        slot, env = self._draw(minibatch, n_step, generator)
        row = slot * self.num_envs + env
        priority = self.priority[row]
        weight = (priority.min() / priority) ** IMPORTANCE_EXPONENT
        batch = self.transitions(slot, env, n_step)
        return batch._replace(row=row, weight=weight.float())

    def set_errors(self, row: Tensor, error: Tensor) -> None:
        """Set the priorities of rows `row` int64 `[B]` from their TD errors `error` `[B]`."""
        priority = (error.double().abs() + SMALLEST_ERROR) ** self.exponent
        self.priority[row] = priority
        self.highest = torch.maximum(self.highest, priority.max())
