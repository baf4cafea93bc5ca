"""Teacher play, recorded into a memory from which students learn."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import Preprocessing, from_card
from pdlearn.replay.memory import Memory
from pdlearn.rollout import EpsilonGreedy, Mixture, Step, Values, steps
from pdlearn.schema import Seed, checked


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
    """Begin to record a teacher; `record` and `collect` do it.

    An Atari game is played under the teacher's preprocessing; the observations in the memory show
    the same emulator states as `seen_as` does. The recorded values are always the teacher's.

    Args:
        teacher: an agent for one game
        num_envs: copies of the game
        capacity_steps: agent steps that the memory holds
        epsilon: probability of a random action
        generator: draws the exploration; the memory is on its device
        seed: of the games
        purpose: one of `envs.PURPOSES`; two purposes share no games
        student: acts in `student_share` of the steps, as in DAgger (see `rollout.Mixture`)
        student_share: in 0..1
        kind: the memory's class
        seen_as: the preprocessing of the observations in the memory

    Returns:
        an empty memory, and the teacher's endless play
    """
    played = from_card(teacher.card.get("preprocessing"))
    seen = student_profile(teacher, seen_as)
    two_views = envs.is_atari(teacher.game) and played != played.seen_as(seen_as)
    env = teacher.environment(
        num_envs, preprocessing=played, also_seen_as=seen if two_views else None
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
        network = view(network, slice(shape[0]))
        pupil = None if student is None else view(student, slice(shape[0], None))
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


def view(network: Values, channels: slice) -> Values:
    """Return `network` on its `channels` of observations `[E, 8, 84, 84]` of two views."""
    return lambda observation: network(observation[:, channels])


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
    """Play a teacher ε-greedily and record its play and its values.

    Args:
        teacher: an agent for one game
        agent_steps: to record, over all copies
        num_envs: copies of the game that are played in parallel
        epsilon: probability of a random action
        seed: of the games, and of the exploration if there is no `generator`
        purpose: one of `envs.PURPOSES`; two purposes share no games
        generator: draws the exploration; the memory is on its device
        student: acts in `student_share` of the steps, as in DAgger (see `rollout.Mixture`)
        student_share: in 0..1; the recorded values are always the teacher's
        kind: the memory's class
        seen_as: the preprocessing of the observations in the memory; the game is played under the
            teacher's

    Returns:
        a memory of `agent_steps`, from which students learn

    Raises:
        ValueError: for a number out of range, and for a teacher that does not fit its game
    """
    checked(seed, Seed, "seed")
    if generator is None:
        generator = torch.Generator(teacher.device).manual_seed(seed)
    memory, play = begin_recording(
        teacher, num_envs, agent_steps, epsilon=epsilon, generator=generator, seed=seed,
        purpose=purpose, student=student, student_share=student_share, kind=kind, seen_as=seen_as,
    )  # fmt: skip
    with closing(play):
        for _ in record(play, memory, agent_steps):
            pass
    return memory
