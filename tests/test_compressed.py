"""The compressed memory: bit for bit what a plain one gives, in a small part of the room."""

import os
from itertools import islice

import numpy as np
import pytest
import torch
from fakes import AlternatingPolicy, TapeEnvironment, make_agent
from test_memory import GAMMA, SCRIPT

from pdlearn import compressed
from pdlearn.compressed import CompressedMemory, memory_class
from pdlearn.memory import Memory
from pdlearn.recordings import load_recording, record, save_recording, watch
from pdlearn.rollout import steps


def filled(kind, capacity_steps, vector_steps):
    env = TapeEnvironment(SCRIPT)
    memory = kind(capacity_steps, 3, env.observation_shape, num_actions=2)
    for step in islice(steps(env, AlternatingPolicy(), 0, "teach"), vector_steps):
        memory.add(step, step.reward, np.where(step.terminated, 0.0, GAMMA))
    return memory


# Before and after the ring wraps, with blocks complete and with one to three frames waiting.
@pytest.mark.parametrize("capacity_steps", [3 * 200, 3 * 40])
@pytest.mark.parametrize("vector_steps", [100, 101, 102, 103])
def test_it_samples_what_a_plain_memory_samples(capacity_steps, vector_steps):
    plain, packed = (filled(k, capacity_steps, vector_steps) for k in (Memory, CompressedMemory))
    for draw in (
        lambda memory, generator: memory.sample_states(2_000, generator),
        lambda memory, generator: memory.sample_transitions(2_000, 3, generator),
    ):
        wanted, found = (draw(m, torch.Generator().manual_seed(0)) for m in (plain, packed))
        for one, other in zip(wanted, found, strict=True):
            assert torch.equal(one, other)


def test_every_slot_that_is_held_is_right_while_the_oldest_block_is_written_over():
    env = TapeEnvironment(SCRIPT)
    plain, packed = (kind(3 * 8, 3, env.observation_shape) for kind in (Memory, CompressedMemory))
    rows = torch.arange(3 * 8 + 1)  # the last row is the one of zeros
    plain.frames.zero_()
    for count, step in enumerate(islice(steps(env, AlternatingPolicy(), 0, "teach"), 30), start=1):
        for memory in (plain, packed):
            memory.add(step, step.reward, step.reward)
        held = torch.cat([rows[: min(count, 8) * 3], rows[-1:]])
        assert torch.equal(packed.fetch(held), plain.fetch(held)), count


def test_capacity_is_rounded_up_to_whole_blocks():
    assert CompressedMemory(3 * 41, 3, (2, 2, 2)).slots == 44


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"holds pixels; got observations of shape \(5,\)"):
        CompressedMemory(100, 1, (5,))


@pytest.mark.parametrize(("room", "kind"), [(7056 * 201, Memory), (7056 * 199, CompressedMemory)])
def test_more_frames_than_half_of_the_ram_are_compressed(monkeypatch, room, kind):
    facts = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": room}
    monkeypatch.setattr(os, "sysconf", facts.get)
    assert memory_class(100, (4, 84, 84), "cpu") is kind
    assert memory_class(10**9, (5,), "cpu") is Memory


@pytest.fixture(scope="module")
def played():
    """An untrained agent's play of Pong, 3 copies and 130 slots: two blocks of a file and a bit."""
    agent = make_agent()
    generator = torch.Generator().manual_seed(0)
    memory, play = watch(agent, 3, 390, 0.5, generator, 0, "collect", CompressedMemory)
    list(record(play, memory, 390))
    play.close()
    return memory


def test_frames_of_a_game_take_a_small_part_of_the_room(played):
    taken = sum(len(block) for block in played._blocks)
    assert 0 < taken < 7056 * 390 / 10


def test_a_recording_goes_to_a_file_and_into_either_memory(played, tmp_path):
    save_recording(tmp_path / "play.rec", played, {"game": "pong"})
    plain, packed = (
        load_recording(tmp_path / "play.rec", "pong", kind=kind)[0]
        for kind in (Memory, CompressedMemory)
    )
    assert isinstance(packed, CompressedMemory) and packed.added_slots == 130
    rows = torch.arange(390)
    assert torch.equal(plain.fetch(rows), played.fetch(rows))
    assert torch.equal(packed.fetch(rows), played.fetch(rows))


def test_the_share_of_work_does_not_change_what_comes_out(played, monkeypatch):
    rows = torch.randint(390, (64,), generator=torch.Generator().manual_seed(0))
    wanted = played.fetch(rows)
    monkeypatch.setattr(compressed.os, "cpu_count", lambda: 5)
    assert torch.equal(played.fetch(rows), wanted)
