"""Recordings: memories of teacher play in files.

A file holds what the memory holds, its frames compressed in blocks of consecutive frames of one
copy of the game, with a card that names the teacher and what it saw. One paper hour of Pong
(54,000 agent steps, 381 MB of frames) takes a few megabytes. A file whose card and contents differ
is refused before memory is allocated for it.
"""

import itertools
import math
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch

from pdlearn import envs
from pdlearn.cards import typed_card
from pdlearn.envs.preprocessing import from_card
from pdlearn.files import ram_bytes
from pdlearn.games import GAMES
from pdlearn.presets import Copies, MemorySteps
from pdlearn.replay.memory import Memory
from pdlearn.schema import Count, CountOrZero, Name, Range, Seed, Share
from pdlearn.tensor_files import naming, read_file, refuse_other_tensors, write_file

BLOCK_FRAMES = 64
MOST_EXPANSION = 1_032  # the largest ratio at which deflate compresses


@dataclass(frozen=True)
class RecordingCard:
    """The card of a recording; see `schema.checked`."""

    game: Name
    num_envs: Copies
    slots: MemorySteps
    observation_shape: Annotated[tuple[Count, ...], Range(1, 3)]
    kind: Literal["recording"] = "recording"
    actions: tuple[Name, ...] | None = None
    preprocessing: dict[str, Any] | None = None
    teacher: str | None = None
    epsilon: Share | None = None
    seed: Seed | None = None
    steps_by_person: CountOrZero | None = None
    score: float | None = None

    @property
    def rows(self) -> int:
        return self.slots * self.num_envs

    @property
    def frame_bytes(self) -> int:
        if len(self.observation_shape) == 3:
            return math.prod(self.observation_shape[1:])
        return 4 * self.observation_shape[0]

    @property
    def stack(self) -> int:
        return self.observation_shape[0] if len(self.observation_shape) == 3 else 1

    def refuse(self, tensors: dict[str, torch.Tensor]) -> None:
        """Raise ValueError unless `tensors` are what this card says and of this game."""
        known = self.actions if self.game not in GAMES else GAMES[self.game].actions
        envs.refuse_mismatch(self.game, actions=self.actions, preprocessing=self.preprocessing)
        if len(self.observation_shape) == 2:
            raise ValueError(
                f"expected observations (S, H, W) or (D,); got {self.observation_shape}"
            )
        data = tensors.get("frames", torch.empty(0))
        expanded = self.rows * self.frame_bytes
        if expanded > MOST_EXPANSION * data.numel() or expanded > ram_bytes():
            raise ValueError(
                f"expected frames for {self.rows:,} steps, {expanded:,} bytes; {data.numel():,} "
                "bytes hold less, or this machine has no room for them"
            )
        q = tensors.get("teacher_q", torch.empty(0))
        num_actions = len(known) if known is not None else q.shape[-1] if q.ndim else 0
        if num_actions == 0:
            raise ValueError("expected a teacher's values; got none")
        blocks = -(-self.slots // BLOCK_FRAMES) * self.num_envs
        masked = {"teacher_q": q.masked_fill(q == -math.inf, 0)}  # actions that are not available
        refuse_other_tensors({**tensors, **masked}, {
            "frames": (torch.uint8, tuple(data.shape[:1])),
            "block_bytes": (torch.int64, (blocks,)),
            "teacher_q": (torch.float32, (self.rows, num_actions)),
            "action": (torch.uint8, (self.rows,)),
            "last": (torch.bool, (self.rows,)),
            "age": (torch.uint8, (self.rows,)),
        })  # fmt: skip
        if q.amax(1).min() == -math.inf:
            raise ValueError("expected a value of an action in each state; got -inf alone")
        sizes = tensors["block_bytes"]
        if sizes.min() < 1 or sizes.max() > data.numel() or sizes.sum() != data.numel():
            raise ValueError("expected blocks whose sizes add up to the frames'; got others")
        if tensors["action"].max() >= num_actions:
            raise ValueError(f"expected actions in 0..{num_actions - 1}; got others")
        last = tensors["last"].view(self.slots, self.num_envs)
        age = tensors["age"].view(self.slots, self.num_envs).int()
        grown = torch.where(last[:-1], 0, (age[:-1] + 1).clamp(max=self.stack))
        fits = age[1:] == grown
        if from_card(self.preprocessing).restart_after_life:
            fits |= age[1:] == 0
        if age[0].max() > self.stack or not fits.all():
            raise ValueError("expected ages that count the steps of each episode; got others")


def save_recording(path: str | Path, memory: Memory, card: dict) -> None:
    """Write the pixels, values, actions and episode edges that a memory holds, oldest first.

    Args:
        path: of the file
        memory: of a teacher's play, with its values
        card: entries of `RecordingCard`, at least the game

    Raises:
        ValueError: for an empty memory, for entries that are not of a recording's card and for
            values that are not finite; -inf is the value of an action that is not available
    """
    held = min(memory.added_slots, memory.slots)
    oldest = memory.added_slots - held
    slots = torch.arange(oldest, memory.added_slots) % memory.slots
    rows = slots.unsqueeze(1) * memory.num_envs + torch.arange(memory.num_envs)  # [T, E]

    def compress(block: torch.Tensor) -> bytes:
        return zlib.compress(memory.frames[block.to(memory.device)].cpu().numpy(), 6)

    with ThreadPoolExecutor() as pool:
        by_env = [rows[:, env].split(BLOCK_FRAMES) for env in range(memory.num_envs)]
        blocks = list(pool.map(compress, itertools.chain(*by_env)))
    flat = rows.flatten().to(memory.device)
    age = memory.age[flat].view(held, memory.num_envs)
    tensors = {
        "frames": torch.frombuffer(bytearray(b"".join(blocks)), dtype=torch.uint8),
        "block_bytes": torch.tensor([len(block) for block in blocks]),
        "teacher_q": memory.teacher_q[flat],
        "action": memory.action[flat].to(torch.uint8),
        "last": memory.last[flat],
        "age": age.flatten().to(torch.uint8),
    }
    card = card | {
        "kind": "recording",
        "num_envs": memory.num_envs,
        "slots": held,
        "observation_shape": list(memory.observation_shape),
    }
    with naming(path):
        typed_card(card, RecordingCard).refuse({k: v.cpu() for k, v in tensors.items()})
    write_file(path, tensors, card)


def load_recording(
    path: str | Path, game: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Memory, dict]:
    """Read a file that `save_recording` wrote.

    Args:
        path: of the file
        game: that it must be of; None allows any
        device: of the memory

    Returns:
        the memory and the file's card

    Raises:
        CheckpointError: if the file is damaged, is no recording, is of another game, or holds other
            than what a recording of its game can hold
    """
    tensors, entries = read_file(path)
    with naming(path):
        card = typed_card(entries, RecordingCard)
        if game is not None and card.game != game:
            raise ValueError(f"recorded from {card.game!r}; expected {game!r}")
        card.refuse(tensors)
        memory = _expand(card, tensors, device)
    return memory, entries


def _expand(
    card: RecordingCard, tensors: dict[str, torch.Tensor], device: torch.device | str
) -> Memory:
    held, num_envs = card.slots, card.num_envs
    # Sampling needs more slots than a stack has frames.
    slots = max(held, card.stack + 1)
    memory = Memory(
        slots * num_envs, num_envs, card.observation_shape, device,
        num_actions=tensors["teacher_q"].shape[1], padding=from_card(card.preprocessing).padding,
    )  # fmt: skip
    data = tensors["frames"].numpy()
    ends = tensors["block_bytes"].cumsum(0).tolist()
    frames = memory.frames[:-1].view(slots, num_envs, -1)
    dtype = np.uint8 if memory.pixels else np.float32
    positions = itertools.product(range(num_envs), range(0, held, BLOCK_FRAMES))

    def expand(position: tuple[int, int], begin: int, end: int) -> None:
        env, start = position
        count = min(BLOCK_FRAMES, held - start)
        numbers = np.frombuffer(_inflate(data[begin:end], count * card.frame_bytes), dtype)
        if not memory.pixels and not np.isfinite(numbers).all():
            raise ValueError("expected finite observations; got others")
        block = torch.from_numpy(numbers.copy()).view(count, -1)
        frames[start : start + count, env] = block.to(frames.device)

    with ThreadPoolExecutor() as pool:
        list(pool.map(expand, positions, [0, *ends[:-1]], ends))
    rows = slice(0, held * num_envs)
    memory.teacher_q[rows] = tensors["teacher_q"].to(memory.device)
    memory.action[rows] = tensors["action"].to(memory.device, torch.int64)
    memory.last[rows] = tensors["last"].to(memory.device)
    memory.age[rows] = tensors["age"].to(memory.device, torch.int64)
    memory.added_slots = held
    if tensors["age"][:num_envs].any():
        # Recorded by a ring that had wrapped: the first stacks lack frames. They are never sampled
        # from a ring that has wrapped.
        memory.added_slots += slots
    return memory


def _inflate(data: np.ndarray, size: int) -> bytes:
    """Return what `data` expands to; raise ValueError unless it is a whole stream of `size` bytes.

    No more than that is ever expanded.
    """
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data.tobytes(), size)
        more = stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError(f"a block of frames is damaged ({error})") from error
    if len(found) != size or more or not stream.eof or stream.unused_data:
        raise ValueError(f"expected {size:,} bytes of frames in a block; got more or fewer")
    return found
