"""A replay memory whose frames are compressed: ten games' hours in a tenth of the room.

Four consecutive frames of one copy of the game are a block, deflated once they are complete: a
stack of four touches two blocks at most, and the last three frames of a block cost little beside
its first. What is sampled is the same, bit for bit, as from a `Memory`; it takes longer.
"""

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pdlearn.memory import Memory

BLOCK_SLOTS = 4
RAW = -zlib.MAX_WBITS  # deflate without header and checksum, which would take a sixth of the time


class CompressedMemory(Memory):
    """A `Memory` of pixels that keeps its frames deflated in RAM, whatever its `device`.

    It holds `capacity_steps`, rounded up to whole blocks. Raises ValueError for vectors.
    """

    def __init__(self, capacity_steps: int, num_envs: int, observation_shape, *rest, **keywords):
        if len(observation_shape) != 3:
            raise ValueError(
                f"a compressed memory holds pixels; got observations of shape {observation_shape}"
            )
        block_steps = BLOCK_SLOTS * num_envs
        capacity_steps = -(-capacity_steps // block_steps) * block_steps
        super().__init__(capacity_steps, num_envs, observation_shape, *rest, **keywords)

    def _make_room(self, rows: int, frame_size: int) -> None:
        self._newest = np.zeros((self.num_envs, BLOCK_SLOTS, frame_size), np.uint8)
        self._blocks: list[bytes] = [b""] * (rows // BLOCK_SLOTS)
        self._threads = ThreadPoolExecutor(os.cpu_count())

    def write(self, slot: int, frames: Tensor) -> None:
        """Store the frames `[E, F]` of all copies at a slot of the ring, the one after the last."""
        self._newest[:, slot % BLOCK_SLOTS] = frames.cpu().numpy()
        if slot % BLOCK_SLOTS == BLOCK_SLOTS - 1:
            first = slot // BLOCK_SLOTS * self.num_envs
            for env, block in enumerate(self._newest):
                self._blocks[first + env] = zlib.compress(block, 1, RAW)

    def write_copy(self, env: int, slot: int, frames: Tensor) -> None:
        """Store consecutive frames `[T, F]` of one copy from a slot on that begins a block."""
        for start, block in enumerate(frames.cpu().split(BLOCK_SLOTS), start=slot // BLOCK_SLOTS):
            if len(block) < BLOCK_SLOTS:
                self._newest[env, : len(block)] = block
            else:
                data = zlib.compress(block.numpy(), 1, RAW)
                self._blocks[start * self.num_envs + env] = data

    def fetch(self, rows: Tensor) -> Tensor:
        """Return the frames `[N, F]` of ring rows `[N]`; the row after the last is all zero."""
        slot, env = np.divmod(rows.cpu().numpy(), self.num_envs)
        frames = np.zeros((len(slot), self._newest.shape[2]), np.uint8)
        begun, newest = divmod(self.added_slots % self.slots, BLOCK_SLOTS)
        waits = (slot // BLOCK_SLOTS == begun) & (slot % BLOCK_SLOTS < newest)
        frames[waits] = self._newest[env[waits], slot[waits] % BLOCK_SLOTS]
        kept = np.flatnonzero(~waits & (slot < self.slots))
        blocks = slot[kept] // BLOCK_SLOTS * self.num_envs + env[kept]
        order = np.argsort(blocks)
        edges = np.flatnonzero(np.diff(blocks[order])) + 1
        groups = np.split(kept[order], edges)  # of frames in one block

        def expand(groups: list[np.ndarray]) -> None:
            for group in groups:
                block = slot[group[0]] // BLOCK_SLOTS * self.num_envs + env[group[0]]
                data = zlib.decompress(self._blocks[block], RAW, self._newest[0].nbytes)
                parts = np.frombuffer(data, np.uint8).reshape(BLOCK_SLOTS, -1)
                frames[group] = parts[slot[group] % BLOCK_SLOTS]

        if len(kept):
            shares = os.cpu_count()
            list(self._threads.map(expand, (groups[share::shares] for share in range(shares))))
        return torch.from_numpy(frames).to(self.device)


def memory_class(
    agent_steps: int, observation_shape: tuple[int, ...], device: torch.device | str
) -> type[Memory]:
    """Return `Memory`, or `CompressedMemory` if so many frames would take over half of the RAM.

    `agent_steps` are those of all memories together, `device` is where they would lie: in the RAM
    of the machine, or of a GPU. Vectors are never compressed.
    """
    device = torch.device(device)
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory
    else:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    too_much = agent_steps * math.prod(observation_shape[1:]) > room / 2
    return CompressedMemory if len(observation_shape) == 3 and too_much else Memory
