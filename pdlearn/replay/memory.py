"""The replay memory: a ring buffer of single frames on the learner's device.

A slot is one vector step of E copies. A frame is stored once (7,056 bytes for pixels); a stack is
rebuilt by one `index_select` when it is sampled, and a row of zeros replaces the frames before an
episode's first. The memory stores the *discount*, never a done flag: 0 at the game's end and at a
lost life, gamma at a time limit. An episode's last observation is stored, because a time limit
bootstraps from it. It is never sampled as the start of a transition.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdlearn.hardware import device_of
from pdlearn.networks import MOST_ACTIONS
from pdlearn.presets import MemorySteps, Minibatch
from pdlearn.rollout import Step
from pdlearn.schema import Count, Range, checked, shown


class Transitions(NamedTuple):
    """A minibatch for DQN: n-step transitions from t-1 to t."""

    observation_tm1: Tensor  # [B, ...]
    action_tm1: Tensor  # int64 [B]
    reward_t: Tensor  # float32 [B], discounted sum of n rewards
    discount_t: Tensor  # float32 [B], gamma^n, or 0 after an end
    observation_t: Tensor  # [B, ...]
    row: Tensor | None = None  # int64 [B], of t-1 in a prioritised memory
    weight: Tensor | None = None  # float32 [B], importance weights, at most 1; None: all are 1


class States(NamedTuple):
    """A minibatch for distillation: observations and the teacher's values for them."""

    observation: Tensor  # [B, ...]
    teacher_q: Tensor  # float32 [B, A]


class Memory:
    """Hold the newest agent steps of copies of one game.

    Args:
        capacity_steps: agent steps over all copies; pixels take 7,056 bytes each, which a CPU
            allocates as the memory fills
        num_envs: number of copies E
        observation_shape: `(S, H, W)` stores one uint8 frame a step and rebuilds stacks of S;
            `(D,)` stores the float32 vector
        device: where the memory lies
        num_actions: A, to store the teacher's values too; 0 stores none
        padding: what fills the stacks of first observations, "zeros" or copies of the "first" frame

    Raises:
        ValueError: for a memory of no more slots than a stack has frames, for numbers out of range,
            and for one that the device has no room for
    """

    def __init__(
        self,
        capacity_steps: int,
        num_envs: int,
        observation_shape: tuple[int, ...],
        device: torch.device | str = "cpu",
        *,
        num_actions: int = 0,
        padding: str = "zeros",
    ):
        checked(num_envs, Count, "num_envs")
        checked(capacity_steps, MemorySteps, "capacity_steps")
        checked(num_actions, Annotated[int, Range(0, MOST_ACTIONS)], "num_actions")
        observation_shape = checked(observation_shape, tuple[Count, ...], "observation_shape")
        if len(observation_shape) not in (1, 3):
            raise ValueError(
                f"expected observations of shape (S, H, W) or (D,); got {shown(observation_shape)}"
            )
        self.padding = checked(padding, Literal["zeros", "first"], "padding")
        self.pixels = len(observation_shape) == 3
        self.stack = observation_shape[0] if self.pixels else 1
        self.slots = capacity_steps // num_envs
        if self.slots <= self.stack:
            raise ValueError(
                f"a memory of {capacity_steps} steps for {num_envs} copies has {self.slots} slots; "
                f"expected more than {self.stack}"
            )
        self.num_envs = num_envs
        self.observation_shape = tuple(observation_shape)
        self.device = device_of(device)
        self.added_slots = 0
        rows = self.slots * num_envs
        try:
            self._make_room(rows, num_actions)
        except (RuntimeError, MemoryError) as error:
            raise ValueError(
                f"{self.device} has no room for a memory of {capacity_steps:,} steps"
            ) from error

    def _make_room(self, rows: int, num_actions: int) -> None:
        self._make_frames(rows)
        self.action = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self.reward = torch.zeros(rows, device=self.device)
        self.discount = torch.zeros(rows, device=self.device)
        self.last = torch.zeros(rows, dtype=torch.bool, device=self.device)
        self.age = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self.teacher_q = torch.zeros(rows, num_actions, device=self.device)

    def _make_frames(self, rows: int) -> None:
        frame_size = int(np.prod(self.observation_shape)) // self.stack
        dtype = torch.uint8 if self.pixels else torch.float32
        # One extra row of zeros pads the stacks of an episode's first observations.
        self.frames = torch.empty(rows + 1, frame_size, dtype=dtype, device=self.device)
        self.frames[rows] = 0

    def __len__(self) -> int:
        """Return the number of agent steps held."""
        return min(self.added_slots, self.slots) * self.num_envs

    def rows_of(self, added: int) -> slice:
        """Return the rows of a vector step.

        Args:
            added: its number, past or future

        Returns:
            a slice of E rows
        """
        start = added % self.slots * self.num_envs
        return slice(start, start + self.num_envs)

    def add(self, step: Step, reward: np.ndarray, discount: np.ndarray) -> None:
        """Store a vector step.

        Args:
            step: observations, actions, ends and, with `num_actions`, the teacher's values; that of
                an action that is not available is -inf
            reward: float32 `[E]`, what the learner uses
            discount: float32 `[E]`, what the learner uses

        Raises:
            ValueError: for a step that would not come back as it is: other shapes or types, numbers
                that are not finite, and stacks that are padded by other than zeros or whose newest
                frame is not the last
        """
        self._refuse_wrong(step, reward, discount)
        rows, before = self.rows_of(self.added_slots), self.rows_of(self.added_slots - 1)
        self.write(self.added_slots % self.slots, step.observation)
        self.action[rows] = step.action
        outcome = np.stack([reward, discount, step.last, step.first]).astype(np.float32)
        moved = torch.from_numpy(outcome).to(self.device, non_blocking=True)
        self.reward[rows], self.discount[rows], last, first = moved
        self.last[rows] = last.bool()
        # Steps since the episode began, at most the length of a stack.
        self.age[rows] = torch.where(first.bool(), 0, (self.age[before] + 1).clamp(max=self.stack))
        if self.teacher_q.shape[1]:
            self.teacher_q[rows] = step.q
        self.added_slots += 1
        if self.pixels and (self.added_slots <= self.stack + 1 or step.first.any()):
            self._refuse_other_stacks(step.observation)

    def _refuse_wrong(self, step: Step, reward: np.ndarray, discount: np.ndarray) -> None:
        shape = (self.num_envs, *self.observation_shape)
        dtype = torch.uint8 if self.pixels else torch.float32
        if step.observation.shape != shape or step.observation.dtype != dtype:
            raise ValueError(
                f"expected observations as {str(dtype).removeprefix('torch.')} {list(shape)}; got "
                f"{str(step.observation.dtype).removeprefix('torch.')} "
                f"{list(step.observation.shape)}"
            )
        named = {"reward": reward, "discount": discount}
        if not self.pixels:
            named["observation"] = step.observation.cpu().numpy()
        if self.teacher_q.shape[1]:
            self._refuse_no_best_action(step.q.cpu())
        for name, values in named.items():
            finite = np.isfinite(values).reshape(self.num_envs, -1).all(1)
            if not finite.all():
                env = int(finite.argmin())
                raise ValueError(
                    f"expected finite numbers; copy {env} of the game has a {name} of "
                    f"{shown(np.asarray(values)[env].tolist())} at its step {self.added_slots}"
                )

    def _refuse_no_best_action(self, q: Tensor) -> None:
        """Raise ValueError unless each row of `q` `[E, A]` has finite values, -inf beside them."""
        best = q.amax(1)
        if not best.isfinite().all():
            env = int(best.isfinite().int().argmin())
            raise ValueError(
                "expected finite numbers, or -inf for some actions; copy "
                f"{env} of the game has a teacher's values of {shown(q[env].tolist())} at its step "
                f"{self.added_slots}"
            )

    def _refuse_other_stacks(self, observation: Tensor) -> None:
        """Raise ValueError unless the newest slot comes back as `observation` `[E, ...]`."""
        env = torch.arange(self.num_envs, device=self.device)
        slot = torch.full_like(env, (self.added_slots - 1) % self.slots)
        if not torch.equal(self.observation(slot, env), observation.to(self.device)):
            raise ValueError(
                f"expected stacks of {self.stack} frames, the newest last, with zeros before an "
                "episode's first; got others, which a memory of single frames cannot give back"
            )

    def write(self, slot: int, observation: Tensor) -> None:
        """Store the observations of all copies.

        Args:
            slot: ring position
            observation: `[E, ...]`
        """
        newest = observation[:, -1] if self.pixels else observation
        self.frames[self.rows_of(slot)] = newest.reshape(self.num_envs, -1)

    def observation(self, slot: Tensor, env: Tensor) -> Tensor:
        """Return observations as they were added.

        Args:
            slot: ring positions, int64 `[B]`
            env: copies, int64 `[B]`

        Returns:
            uint8 `[B, S, H, W]` or float32 `[B, D]`
        """
        if not self.pixels:
            return self.frames.index_select(0, slot * self.num_envs + env)
        back = torch.arange(self.stack - 1, -1, -1, device=self.device)  # oldest first
        age = self.age[slot * self.num_envs + env].unsqueeze(1)  # [B, 1]
        if self.padding == "first":
            back = torch.minimum(back, age)  # [B, S]
        rows = (slot.unsqueeze(1) - back) % self.slots * self.num_envs + env.unsqueeze(1)  # [B, S]
        rows = torch.where(back <= age, rows, self.slots * self.num_envs)
        return self.frames.index_select(0, rows.flatten()).view(-1, *self.observation_shape)

    def _draw(
        self, minibatch: int, ahead: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw ring positions `slot`, `env` int64 `[B]`, uniformly over steps.

        A step needs a whole stack of older slots and `ahead` newer ones. An episode's last
        observation is not a step. Where the first draw hits one, a second draw replaces it; where
        the second hits one too, the step before it is taken.
        """
        checked(minibatch, Minibatch, "a minibatch's size")
        held = min(self.added_slots, self.slots)
        behind = self.stack if self.added_slots > self.slots else 0
        if held - behind - ahead < 1:
            raise ValueError(f"cannot sample from {held} slots with {behind + ahead} at the edges")
        oldest = self.added_slots - held + behind
        draws = torch.randint(
            (held - behind - ahead) * self.num_envs, (2, minibatch),
            generator=generator, device=self.device,
        )  # fmt: skip
        rows = (draws + oldest * self.num_envs) % (self.slots * self.num_envs)
        rows = torch.where(self.last[rows[0]], rows[1], rows[0])
        slot, env = rows // self.num_envs, rows % self.num_envs
        slot = torch.where(self.last[rows], slot - 1, slot) % self.slots
        return slot, env

    def sample_transitions(
        self, minibatch: int, n_step: int, generator: torch.Generator
    ) -> Transitions:
        """Draw n-step transitions uniformly; none crosses the end of an episode.

        Args:
            minibatch: number of transitions B
            n_step: number of rewards that are summed
            generator: on the memory's device

        Returns:
            a minibatch

        Raises:
            ValueError: if the memory holds too few slots, and for numbers out of range
        """
        checked(n_step, Count, "n_step")
        slot, env = self._draw(minibatch, n_step, generator)
        return self.transitions(slot, env, n_step)

    def transitions(self, slot: Tensor, env: Tensor, n_step: int) -> Transitions:
        """Return n-step transitions from given positions.

        Args:
            slot: ring positions, int64 `[B]`
            env: copies, int64 `[B]`
            n_step: number of rewards that are summed

        Returns:
            a minibatch
        """
        first_row = slot * self.num_envs + env
        reward = torch.zeros(len(slot), device=self.device)
        discount = torch.ones(len(slot), device=self.device)
        to_slot = slot
        going = torch.ones(len(slot), dtype=torch.bool, device=self.device)
        for _ in range(n_step):
            row = to_slot * self.num_envs + env
            reward = torch.where(going, reward + discount * self.reward[row], reward)
            discount = torch.where(going, discount * self.discount[row], discount)
            to_slot = torch.where(going, to_slot + 1, to_slot) % self.slots
            going = going & ~self.last[to_slot * self.num_envs + env]
        return Transitions(
            self.observation(slot, env), self.action[first_row], reward, discount,
            self.observation(to_slot, env),
        )  # fmt: skip

    def sample_states(self, minibatch: int, generator: torch.Generator) -> States:
        """Draw states with the teacher's values, uniformly.

        Args:
            minibatch: number of states B
            generator: on the memory's device

        Returns:
            a minibatch

        Raises:
            ValueError: if the memory holds too few slots, and for a number out of range
        """
        slot, env = self._draw(minibatch, 0, generator)
        return States(self.observation(slot, env), self.teacher_q[slot * self.num_envs + env])
