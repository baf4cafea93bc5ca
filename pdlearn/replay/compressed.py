"""A replay memory that deflates what it keeps: ten games' hours in the RAM of one machine.

Every state is deflated by itself, as the stack of frames that the player saw: a stack's four frames
are so alike that three of them cost little room, and a sample is one stack to inflate, whose
frames need not be found in several places. What is sampled is the same, bit for bit, as from a
`Memory`, some ten times smaller and slower.
"""

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pdlearn.replay.memory import Memory

RAW = -zlib.MAX_WBITS  # deflate without header and checksum


class CompressedMemory(Memory):
    """A `Memory` of pixels that keeps them deflated, in the machine's RAM whatever its `device`.

    Raises ValueError for vectors.
    """

    def _make_room(self, rows: int) -> None:
        if not self.pixels:
            raise ValueError(
                f"a compressed memory holds pixels; got observations of {self.observation_shape}"
            )
        self._stacks: list[bytes] = [b""] * rows
        self._threads = ThreadPoolExecutor(os.cpu_count())

    def write(self, slot: int, observation: Tensor) -> None:
        stacks = observation.cpu().contiguous().numpy()
        first = slot * self.num_envs
        self._stacks[first : first + len(stacks)] = self._threads.map(_deflate, stacks)

    def observation(self, slot: Tensor, env: Tensor) -> Tensor:
        rows = (slot * self.num_envs + env).tolist()
        stacks = np.empty((len(rows), *self.observation_shape), np.uint8)

        def inflate(places: range) -> None:
            for place in places:
                data = zlib.decompress(self._stacks[rows[place]], RAW, stacks[0].nbytes)
                stacks[place] = np.frombuffer(data, np.uint8).reshape(self.observation_shape)

        shares = os.cpu_count()
        list(self._threads.map(inflate, (range(k, len(rows), shares) for k in range(shares))))
        return torch.from_numpy(stacks).to(self.device)


def _deflate(stack: np.ndarray) -> bytes:
    return zlib.compress(stack, 1, RAW)


def compress(memory: Memory) -> CompressedMemory:
    """Return a compressed memory of the same contents."""
    packed = CompressedMemory(
        memory.slots * memory.num_envs, memory.num_envs, memory.observation_shape, memory.device,
        num_actions=memory.teacher_q.shape[1],
    )  # fmt: skip
    env = torch.arange(memory.num_envs, device=memory.device)
    for slot in range(min(memory.added_slots, memory.slots)):
        packed.write(slot, memory.observation(torch.full_like(env, slot), env))
    for name in ("action", "reward", "discount", "last", "age", "teacher_q", "added_slots"):
        setattr(packed, name, getattr(memory, name))
    return packed


def too_large(
    agent_steps: int, observation_shape: tuple[int, ...], device: torch.device | str
) -> bool:
    """Return whether the frames of so many agent steps would take over half of the RAM.

    The RAM is the machine's, or a GPU's if they would lie there. Vectors are never too large.
    """
    device = torch.device(device)
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory
    else:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    frame_bytes = math.prod(observation_shape[1:])
    return len(observation_shape) == 3 and agent_steps * frame_bytes > room / 2
