"""Recorded teacher play: filling a memory, and keeping one in a file.

A file holds what the memory holds, its frames compressed in blocks of consecutive frames of one
copy of the game, with a card that names the teacher and what it saw. One paper hour of Pong
(54,000 agent steps, 381 MB of frames) takes a few megabytes.
"""

import itertools
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pdlearn import envs
from pdlearn.checkpoints import Agent, CheckpointError, read_file, write_file
from pdlearn.envs.preprocessing import Preprocessing, from_card
from pdlearn.replay.memory import Memory
from pdlearn.rollout import EpsilonGreedy, Mixture, Step, Values, steps

BLOCK_FRAMES = 64


def student_profile(teacher: Agent, seen_as: Preprocessing = Preprocessing()) -> Preprocessing:
    """Return the preprocessing of a student: its teacher's games, shown as `seen_as` shows them."""
    profile = from_card(teacher.card.get("preprocessing")).seen_as(seen_as)
    return replace(profile, evaluation_epsilon=seen_as.evaluation_epsilon)


def begin_recording(
    teacher: Agent,
    num_envs: int,
    capacity_steps: int,
    *,
    epsilon: float,
    generator: torch.Generator,
    seed: int,
    purpose: str,
    student: nn.Module | None = None,
    student_share: float = 0.0,
    kind: type[Memory] = Memory,
    seen_as: Preprocessing = Preprocessing(),
) -> tuple[Memory, Generator[Step, None, None]]:
    """Return an empty memory on the generator's device, and the teacher's endless play.

    With a `student_share` above 0, the `student` takes so large a share of the steps. What is
    recorded are the teacher's values either way. An Atari game is played under the teacher's
    preprocessing; the observations in the memory show the same emulator states as `seen_as` does.
    """
    played = from_card(teacher.card.get("preprocessing"))
    seen = student_profile(teacher, seen_as)
    two_views = envs.is_atari(teacher.game) and played != played.seen_as(seen_as)
    env = envs.make(
        teacher.game, num_envs, preprocessing=played, also_seen_as=seen if two_views else None
    )
    device = generator.device
    shape = env.observation_shape
    if two_views:
        shape = (shape[0] // 2, *shape[1:])
    memory = kind(
        capacity_steps, num_envs, shape, device, num_actions=env.num_actions, padding=seen.padding
    )
    network: Values = teacher.network.to(device)
    pupil: Values | None = student
    if two_views:
        network = View(network, slice(shape[0]))
        pupil = None if student is None else View(student, slice(shape[0], None))
    policy: EpsilonGreedy
    if pupil is not None and student_share > 0:
        policy = Mixture(
            network, pupil, student_share=student_share, epsilon=epsilon, generator=generator
        )
    else:
        policy = EpsilonGreedy(network, epsilon, generator)
    play = steps(env, policy, seed, purpose)
    if two_views or seen.restart_after_life:
        play = as_seen(play, shape[0], seen.restart_after_life)
    return memory, play


class View:
    """A network that sees its channels of an observation `[E, 8, 84, 84]` of two views."""

    def __init__(self, network: Values, channels: slice):
        self.network, self.channels = network, channels

    def __call__(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the network's values `[E, A]`."""
        return self.network(observation[:, self.channels])


def as_seen(
    play: Generator[Step, None, None], frames: int, restart_after_life: bool
) -> Generator[Step, None, None]:
    """Pass on the steps of `play` with the last `frames` frames of each observation alone.

    With `restart_after_life` a step after a lost life begins a stack, so it is marked as a first.
    """
    with closing(play):
        lost: np.ndarray | bool = False
        for step in play:
            observation = step.observation[:, -frames:]
            yield step._replace(observation=observation, first=step.first | lost)
            if restart_after_life:
                lost = step.life_lost & ~(step.terminated | step.truncated)


def record(play: Iterator[Step], memory: Memory, agent_steps: int) -> Iterator[int]:
    """Add `agent_steps` of `play` to `memory`, yielding the steps recorded so far."""
    nothing = np.zeros(memory.num_envs, np.float32)  # students learn from values, not rewards
    vector_steps = -(-agent_steps // memory.num_envs)
    for count, step in enumerate(itertools.islice(play, vector_steps), start=1):
        memory.add(step, nothing, nothing)
        yield count * memory.num_envs


def collect(
    teacher: Agent,
    agent_steps: int,
    *,
    num_envs: int = 16,
    epsilon: float = 0.05,
    seed: int = 0,
    purpose: str = "collect",
    generator: torch.Generator | None = None,
    student: nn.Module | None = None,
    student_share: float = 0.0,
    kind: type[Memory] = Memory,
    seen_as: Preprocessing = Preprocessing(),
) -> Memory:
    """Play `teacher` ε-greedily and return a memory of `agent_steps` of its play and values.

    `num_envs` copies of the game are played side by side. `seed` gives the games and the
    exploration; a `generator` draws the exploration instead, and its device holds the memory.
    `purpose` is one of `envs.PURPOSES`: games of two purposes are never the same.
    `student`, `student_share` and `seen_as` are those of `begin_recording`; `kind` is the memory's
    class.
    """
    if generator is None:
        weights = teacher.network.parameters()
        device = next((weight.device for weight in weights), torch.device("cpu"))
        generator = torch.Generator(device).manual_seed(seed)
    memory, play = begin_recording(
        teacher, num_envs, agent_steps, epsilon=epsilon, generator=generator, seed=seed,
        purpose=purpose, student=student, student_share=student_share, kind=kind, seen_as=seen_as,
    )  # fmt: skip
    with closing(play):
        for _ in record(play, memory, agent_steps):
            pass
    return memory


def save_recording(path: str | Path, memory: Memory, card: dict) -> None:
    """Write the pixels, values, actions and episode edges that `memory` holds, oldest first."""
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
    facts = {
        "kind": "recording",
        "num_envs": memory.num_envs,
        "slots": held,
        "observation_shape": list(memory.observation_shape),
    }
    write_file(path, tensors, {**card, **facts})


def load_recording(
    path: str | Path, game: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Memory, dict]:
    """Read a memory and its card from a file that `save_recording` wrote.

    Raises CheckpointError if the file is damaged, is no recording, or is of another game.
    """
    tensors, card = read_file(path)
    if card.get("kind") != "recording":
        raise CheckpointError(f"{path}: holds {card.get('kind')!r}; expected a recording")
    if game is not None and card["game"] != game:
        raise CheckpointError(f"{path}: recorded from {card['game']!r}; expected {game!r}")
    held, num_envs = card["slots"], card["num_envs"]
    num_actions = tensors["teacher_q"].shape[1]
    # Sampling needs more slots than a stack has frames.
    slots = max(held, card["observation_shape"][0] + 1)
    memory = Memory(
        slots * num_envs,
        num_envs,
        card["observation_shape"],
        device,
        num_actions=num_actions,
        padding=from_card(card.get("preprocessing")).padding,
    )
    data = tensors["frames"].numpy()
    ends = tensors["block_bytes"].cumsum(0).tolist()
    frames = memory.frames[:-1].view(slots, num_envs, -1)
    dtype = np.uint8 if memory.pixels else np.float32
    positions = itertools.product(range(num_envs), range(0, held, BLOCK_FRAMES))

    def expand(position: tuple[int, int], begin: int, end: int) -> None:
        env, start = position
        numbers = np.frombuffer(zlib.decompress(data[begin:end]), dtype)
        block = torch.from_numpy(numbers.copy()).view(-1, frames.shape[2])
        frames[start : start + len(block), env] = block.to(frames.device)

    with ThreadPoolExecutor() as pool:
        list(pool.map(expand, positions, [0, *ends[:-1]], ends))
    rows = slice(0, held * num_envs)
    memory.teacher_q[rows] = tensors["teacher_q"].to(memory.device)
    memory.action[rows] = tensors["action"].to(memory.device, torch.int64)
    memory.last[rows] = tensors["last"].to(memory.device)
    memory.age[rows] = tensors["age"].to(memory.device, torch.int64)
    memory.added_slots = held
    return memory, card
