"""The compressed memory: bit for bit what a plain one gives, in a small part of the room."""

import os
from itertools import islice

import numpy as np
import pytest
import torch
from fakes import GAMMA, SCRIPT, AlternatingPolicy, TapeEnvironment, make_agent

from pdlearn.replay.collecting import collect
from pdlearn.replay.compressed import CompressedMemory, compress, too_large
from pdlearn.replay.memory import Memory
from pdlearn.rollout import steps


def filled(kind, capacity_steps, vector_steps):
    env = TapeEnvironment(SCRIPT)
    memory = kind(capacity_steps, 3, env.observation_shape, num_actions=2)
    for step in islice(steps(env, AlternatingPolicy(), 0, "train"), vector_steps):
        memory.add(step, step.reward, np.where(step.terminated, 0.0, GAMMA))
    return memory


@pytest.mark.parametrize("capacity_steps", [3 * 200, 3 * 40])  # before and after the ring wraps
@pytest.mark.parametrize("convert", [False, True])  # filled compressed, or compressed when full
def test_samples_equal_those_of_an_uncompressed_memory(capacity_steps, convert):
    plain = filled(Memory, capacity_steps, 100)
    packed = compress(plain) if convert else filled(CompressedMemory, capacity_steps, 100)
    assert isinstance(packed, CompressedMemory) and len(packed) == len(plain)
    for draw in (
        lambda memory, generator: memory.sample_states(2_000, generator),
        lambda memory, generator: memory.sample_transitions(2_000, 3, generator),
    ):
        wanted, found = (draw(m, torch.Generator().manual_seed(0)) for m in (plain, packed))
        for one, other in zip(wanted, found, strict=True):
            assert other is None if one is None else torch.equal(one, other)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"holds pixels; got observations of \(5,\)"):
        CompressedMemory(100, 1, (5,))


@pytest.mark.parametrize(("room", "large"), [(7056 * 201, False), (7056 * 199, True)])
def test_frames_that_would_take_over_half_of_the_ram_are_too_large(monkeypatch, room, large):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": room}.get)
    assert too_large(100, (4, 84, 84), "cpu") is large
    assert not too_large(10**9, (5,), "cpu")


def test_compressed_states_of_a_game_are_much_smaller():
    # An untrained agent's play of Pong; ten games of 540,000 states fit 24 GB below 4,400 bytes.
    memory = collect(make_agent(), 390, num_envs=3, epsilon=0.5, kind=CompressedMemory)
    taken = sum(len(stack) for stack in memory.stacks) / len(memory)
    assert 0 < taken < 7056 / 5


def test_samples_do_not_depend_on_the_number_of_processors(monkeypatch):
    memory = filled(CompressedMemory, 3 * 40, 100)
    slot, env = torch.randint(40, (64,)), torch.randint(3, (64,))
    wanted = memory.observation(slot, env)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert torch.equal(memory.observation(slot, env), wanted)
