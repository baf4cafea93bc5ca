"""A replay memory compressed with deflate, so that hours of ten games fit in one machine's RAM.

Each state is compressed by itself, as its whole stack of frames. The four frames are so alike that
three of them cost little space, and a sample needs one short piece to decompress instead of frames
from several blocks. Samples equal those of a `Memory` bit for bit; the memory is about ten times
smaller and slower. docs/results/bench.csv has measurements.
"""

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pdlearn.files import ram_bytes
from pdlearn.replay.memory import Memory

RAW = -zlib.MAX_WBITS  # deflate without header and checksum


class CompressedMemory(Memory):
    """A `Memory` of compressed pixels; they lie in RAM also if `device` is a GPU.

    Raises ValueError for vector observations.
    """

    def _make_frames(self, rows: int) -> None:
        if not self.pixels:
            raise ValueError(
                f"a compressed memory holds pixels; got observations of {self.observation_shape}"
            )
        self.stacks: list[bytes] = [b""] * rows
        self._threads = ThreadPoolExecutor(os.cpu_count())

    def write(self, slot: int, observation: Tensor) -> None:
        stacks = observation.cpu().contiguous().numpy()
        self.stacks[self.rows_of(slot)] = self._threads.map(_deflate, stacks)

    def observation(self, slot: Tensor, env: Tensor) -> Tensor:
        rows = (slot * self.num_envs + env).tolist()
        stacks = np.empty((len(rows), *self.observation_shape), np.uint8)

        def inflate(places: range) -> None:
            for place in places:
                data = zlib.decompress(self.stacks[rows[place]], RAW, stacks[0].nbytes)
                stacks[place] = np.frombuffer(data, np.uint8).reshape(self.observation_shape)

        shares = os.cpu_count() or 1
        list(self._threads.map(inflate, (range(k, len(rows), shares) for k in range(shares))))
        return torch.from_numpy(stacks).to(self.device)


def _deflate(stack: np.ndarray) -> bytes:
    return zlib.compress(stack, 1, RAW)


def compress(memory: Memory) -> CompressedMemory:
    """Return a compressed memory of the same contents."""
    packed = CompressedMemory(
        memory.slots * memory.num_envs, memory.num_envs, memory.observation_shape, memory.device,
        num_actions=memory.teacher_q.shape[1], padding=memory.padding,
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
    """Return whether the frames of `agent_steps` steps would take more than half of the memory.

    The memory is the GPU's if `device` is one, else the machine's RAM. Vectors never count as too
    large.
    """
    device = torch.device(device)
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory
    else:
        room = ram_bytes()
    frame_bytes = math.prod(observation_shape[1:])
    return len(observation_shape) == 3 and agent_steps * frame_bytes > room / 2
